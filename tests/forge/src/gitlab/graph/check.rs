//! Whether a query fits the schema, and how much it asks for. Every fault is told as the real forge tells it, because
//! clients are known to learn from the words and codes what a forge is too old or too cheap for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Graph, schema, title,
    tree::{Choice, Declared, Field, Literal, Operation, Selection, Spot},
};

/// A connection's page that says no size has this one, and none has more.
pub(super) const LARGEST_PAGE: u64 = 100;

pub(super) struct Check {
    pub(super) complexity: u64,
    pub(super) depth: u64,
}

impl Check {
    pub(super) fn of(graph: &Graph<'_>, operation: &Operation) -> Result<Self, Vec<Value>> {
        let mut walk = Walk {
            graph,
            operation,
            path: vec![title(operation)],
            fragments: Vec::new(),
            spread: BTreeSet::new(),
            used: BTreeSet::new(),
            without_vulnerabilities: false,
            faults: Vec::new(),
        };
        let root = if operation.kind == "query" { "Query" } else { "Mutation" };
        let size = walk.selections(&operation.selections, root);
        walk.unused();
        if walk.faults.is_empty() { Ok(size) } else { Err(walk.faults) }
    }
}

struct Walk<'a> {
    graph: &'a Graph<'a>,
    operation: &'a Operation,
    path: Vec<String>,
    /// The fragments that are being walked through.
    fragments: Vec<&'a str>,
    spread: BTreeSet<&'a str>,
    used: BTreeSet<&'a str>,
    without_vulnerabilities: bool,
    faults: Vec<Value>,
}

impl<'a> Walk<'a> {
    fn fault(&mut self, message: &str, spot: Spot, mut extensions: Value, code: &str) {
        extensions["code"] = json!(code);
        self.faults.push(json!({
            "message": message,
            "locations": [{ "line": spot.line, "column": spot.column }],
            "path": self.path,
            "extensions": extensions,
        }));
    }

    fn selections(&mut self, selections: &'a [Selection], of: &str) -> Check {
        let mut size = Check { complexity: 0, depth: 0 };
        for selection in selections {
            for (_, arguments) in &selection.directives {
                for (_, literal) in arguments {
                    self.note(literal);
                }
            }
            let part = match &selection.choice {
                Choice::Field(field) => self.field(field, of),
                Choice::Inline { on, selections } => self.within(&format!("... on {}", on.as_deref().unwrap_or(of)), |walk| {
                    walk.selections(selections, on.as_deref().unwrap_or(of))
                }),
                Choice::Spread { name, spot } => self.spread(name, *spot),
            };
            size = Check { complexity: size.complexity + part.complexity, depth: size.depth.max(part.depth) };
        }
        size
    }

    fn within<T>(&mut self, step: &str, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step.to_owned());
        let result = inside(self);
        self.path.pop();
        result
    }

    fn spread(&mut self, name: &'a str, spot: Spot) -> Check {
        let nothing = Check { complexity: 0, depth: 0 };
        self.spread.insert(name);
        let graph = self.graph;
        let Some(fragment) = graph.document.fragment(name) else {
            let message = format!("Fragment {name} was used, but not defined");
            self.fault(&message, spot, json!({ "fragmentName": name }), "useAndDefineFragment");
            return nothing;
        };
        if self.fragments.contains(&name) {
            let message = format!("Fragment {name} contains an infinite loop");
            self.fault(&message, spot, json!({ "fragmentName": name }), "infiniteLoop");
            return nothing;
        }
        self.fragments.push(name);
        let path = std::mem::replace(&mut self.path, vec![format!("fragment {name}")]);
        let size = self.selections(&fragment.selections, &fragment.on);
        self.path = path;
        self.fragments.pop();
        size
    }

    fn field(&mut self, field: &'a Field, of: &str) -> Check {
        self.within(field.key(), |walk| walk.known_field(field, of))
    }

    fn known_field(&mut self, field: &'a Field, of: &str) -> Check {
        let leaf = Check { complexity: 1, depth: 1 };
        let name = field.name.as_str();
        if name == "__typename" {
            return leaf;
        }
        let hidden = of == "Project" && name == "vulnerabilities" && self.without_vulnerabilities;
        let Some(member) = schema::members(of).iter().find(|member| member.name == name && !hidden) else {
            let message = format!("Field '{name}' doesn't exist on type '{of}'");
            self.fault(&message, field.spot, json!({ "typeName": of, "fieldName": name }), "undefinedField");
            return leaf;
        };
        self.arguments(field, member.takes);
        let object = schema::is_object(member.of);
        if object == field.selections.is_empty() {
            let problem = if object {
                format!(
                    "Field must have selections (field '{name}' returns {0} but has no selections. Did you mean '{name} {{ ... }}'?)",
                    member.of
                )
            } else {
                format!("Selections can't be made on scalars (field '{name}' returns {} but has selections)", member.of)
            };
            let node = json!({ "nodeName": format!("field '{name}'"), "typeName": member.of });
            self.fault(&problem, field.spot, node, "selectionMismatch");
            return leaf;
        }
        let outer = self.without_vulnerabilities;
        self.without_vulnerabilities |= of == "Query" && name == "project" && self.graph.is_without_vulnerabilities(field);
        let inner = self.selections(&field.selections, member.of);
        self.without_vulnerabilities = outer;
        // A connection weighs more the more it gives.
        let weight = if member.of == "VulnerabilityConnection" { 100 + self.page_size(field) } else { 100 };
        Check { complexity: ((1 + inner.complexity) * weight).div_ceil(100), depth: 1 + inner.depth }
    }

    fn page_size(&self, field: &Field) -> u64 {
        let asked = ["first", "last"].into_iter().filter_map(|name| field.argument(name)?.value(&self.graph.variables)?.as_u64());
        asked.min().unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE)
    }

    fn arguments(&mut self, field: &'a Field, takes: &[(&str, &str)]) {
        for (name, literal) in &field.arguments {
            self.note(literal);
            if let Some((_, kind)) = takes.iter().find(|(known, _)| known == name) {
                self.argument(field, name, literal, kind);
            } else {
                let message = format!("Field '{}' doesn't accept argument '{name}'", field.name);
                let about = json!({ "name": field.name, "typeName": "Field", "argumentName": name });
                self.fault(&message, field.spot, about, "argumentNotAccepted");
            }
        }
        for (name, kind) in takes {
            if kind.ends_with('!') && field.argument(name).is_none() {
                let message = format!("Field '{}' is missing required arguments: {name}", field.name);
                let about = json!({ "className": "Field", "name": field.name, "arguments": name });
                self.fault(&message, field.spot, about, "missingRequiredArguments");
            }
        }
    }

    fn argument(&mut self, field: &Field, name: &str, literal: &Literal, kind: &str) {
        let Literal::Variable(variable) = literal else {
            if !fits(literal, kind) {
                let message =
                    format!("Argument '{name}' on Field '{}' has an invalid value ({literal}). Expected type '{kind}'.", field.name);
                self.fault(&message, field.spot, json!({ "typeName": "Field", "argumentName": name }), "argumentLiteralsIncompatible");
            }
            return;
        };
        let Some(declared) = self.operation.variables.iter().find(|declared| declared.name == *variable) else {
            return;
        };
        if let Some(mismatch) = mismatch(declared, kind) {
            let message = format!("{mismatch} mismatch on variable ${variable} and argument {name} ({} / {kind})", declared.kind);
            let about = json!({
                "variableName": variable, "typeName": declared.kind, "argumentName": name, "errorMessage": format!("{mismatch} mismatch"),
            });
            self.fault(&message, field.spot, about, "variableMismatch");
        }
    }

    /// Remembers the variables of a value.
    fn note(&mut self, literal: &'a Literal) {
        match literal {
            Literal::Variable(name) => {
                self.used.insert(name);
            }
            Literal::List(items) => items.iter().for_each(|item| self.note(item)),
            Literal::Object(fields) => fields.iter().for_each(|(_, field)| self.note(field)),
            Literal::Enum(_) | Literal::Plain(_) => {}
        }
    }

    fn unused(&mut self) {
        let (graph, operation) = (self.graph, self.operation);
        let whose = operation.name.clone().unwrap_or_else(|| format!("anonymous {}", operation.kind));
        let is_declared = |name: &&str| operation.variables.iter().any(|declared| declared.name == **name);
        for name in self.used.clone().into_iter().filter(|name| !is_declared(name)) {
            let message = format!("Variable ${name} is used by {whose} but not declared");
            self.fault(&message, Spot { line: 1, column: 1 }, json!({ "variableName": name }), "variableNotDefined");
        }
        for declared in operation.variables.iter().filter(|declared| !self.used.contains(declared.name.as_str())).collect::<Vec<_>>() {
            let message = format!("Variable ${} is declared by {whose} but not used", declared.name);
            self.fault(&message, declared.spot, json!({ "variableName": declared.name }), "variableNotUsed");
        }
        for fragment in graph.document.fragments.iter().filter(|fragment| !self.spread.contains(fragment.name.as_str())).collect::<Vec<_>>()
        {
            let message = format!("Fragment {} was defined, but not used", fragment.name);
            self.fault(&message, Spot { line: 1, column: 1 }, json!({ "fragmentName": fragment.name }), "useAndDefineFragment");
        }
    }
}

/// Whether a value that is written out is of a type.
fn fits(literal: &Literal, kind: &str) -> bool {
    let (inner, required) = kind.strip_suffix('!').map_or((kind, false), |inner| (inner, true));
    if let Some(item) = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        return match literal {
            Literal::List(items) => items.iter().all(|one| fits(one, item)),
            Literal::Plain(Value::Null) => !required,
            one => fits(one, item),
        };
    }
    match literal {
        Literal::Variable(_) => true,
        Literal::Enum(word) => schema::words(inner).is_some_and(|words| words.contains(&word.as_str())),
        Literal::Plain(Value::Null) => !required,
        Literal::Plain(Value::String(_)) => matches!(inner, "String" | "ID"),
        Literal::Plain(Value::Number(number)) => matches!(inner, "Int" | "ID") && !number.is_f64(),
        Literal::Plain(_) | Literal::List(_) | Literal::Object(_) => false,
    }
}

/// In what a variable's type is not that of the argument it is given to.
fn mismatch(declared: &Declared, kind: &str) -> Option<&'static str> {
    let plain = |kind: &str| kind.replace('!', "");
    if plain(&declared.kind) != plain(kind) {
        return Some("Type");
    }
    let inner = |kind: &str| kind.trim_end_matches('!').contains('!');
    let outer = |kind: &str| kind.ends_with('!');
    let null = outer(kind) && !outer(&declared.kind) && declared.default.is_none() || inner(kind) && !inner(&declared.kind);
    null.then_some("Nullability")
}
