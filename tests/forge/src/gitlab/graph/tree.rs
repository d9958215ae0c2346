//! A query as a tree, without knowing any schema: what it selects, under which conditions, with which values.

use std::fmt;

use serde_json::{Map, Value, json};

/// Where a word stands, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Variable(String),
    Enum(String),
    /// A number, a text, a truth or nothing.
    Plain(Value),
    List(Vec<Literal>),
    Object(Vec<(String, Literal)>),
}

impl Literal {
    /// `None` for a variable that has no value, which counts as an argument that was not given.
    pub(crate) fn value(&self, variables: &Map<String, Value>) -> Option<Value> {
        match self {
            Self::Variable(name) => variables.get(name).cloned(),
            Self::Enum(word) => Some(json!(word)),
            Self::Plain(value) => Some(value.clone()),
            Self::List(items) => Some(items.iter().map(|item| item.value(variables).unwrap_or_default()).collect()),
            Self::Object(fields) => {
                Some(Value::Object(fields.iter().filter_map(|(name, field)| Some((name.clone(), field.value(variables)?))).collect()))
            }
        }
    }
}

/// As it is written in a query.
impl fmt::Display for Literal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |parts: Vec<String>| parts.join(", ");
        match self {
            Self::Variable(name) => write!(formatter, "${name}"),
            Self::Enum(word) => write!(formatter, "{word}"),
            Self::Plain(value) => write!(formatter, "{value}"),
            Self::List(items) => write!(formatter, "[{}]", joined(items.iter().map(ToString::to_string).collect())),
            Self::Object(fields) => {
                write!(formatter, "{{{}}}", joined(fields.iter().map(|(name, field)| format!("{name}: {field}")).collect()))
            }
        }
    }
}

pub(crate) type Arguments = Vec<(String, Literal)>;

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) alias: Option<String>,
    pub(crate) name: String,
    pub(crate) arguments: Arguments,
    pub(crate) selections: Vec<Selection>,
    pub(crate) spot: Spot,
}

impl Field {
    pub(crate) fn key(&self) -> &str {
        self.alias.as_ref().unwrap_or(&self.name)
    }

    pub(crate) fn argument(&self, name: &str) -> Option<&Literal> {
        self.arguments.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

#[derive(Debug)]
pub(crate) enum Choice {
    Field(Field),
    Spread { name: String, spot: Spot },
    Inline { on: Option<String>, selections: Vec<Selection> },
}

#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) choice: Choice,
    /// `@include` and `@skip` with their conditions.
    pub(crate) directives: Vec<(String, Arguments)>,
}

impl Selection {
    pub(crate) fn is_wanted(&self, variables: &Map<String, Value>) -> bool {
        self.directives.iter().all(|(name, arguments)| {
            let condition = arguments.iter().find(|(known, _)| known == "if").and_then(|(_, value)| value.value(variables));
            match (name.as_str(), condition) {
                ("include", Some(condition)) => condition == true,
                ("skip", Some(condition)) => condition != true,
                _ => true,
            }
        })
    }
}

/// A variable as an operation declares it.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) name: String,
    /// As it is written: `ID!`, `[VulnerabilitySeverity!]`.
    pub(crate) kind: String,
    pub(crate) default: Option<Literal>,
    pub(crate) spot: Spot,
}

#[derive(Debug)]
pub(crate) struct Operation {
    /// `query` or `mutation`.
    pub(crate) kind: String,
    pub(crate) name: Option<String>,
    pub(crate) variables: Vec<Declared>,
    pub(crate) selections: Vec<Selection>,
}

impl Operation {
    /// The values given, and the defaults of those that were not.
    pub(crate) fn fill(&self, given: &Map<String, Value>) -> Map<String, Value> {
        let value = |declared: &Declared| {
            let default = || declared.default.as_ref().and_then(|default| default.value(&Map::new()));
            given.get(&declared.name).cloned().or_else(default)
        };
        self.variables.iter().filter_map(|declared| Some((declared.name.clone(), value(declared)?))).collect()
    }

    /// The faults of variables that have to have a value and have none, or have one of a wrong kind.
    pub(crate) fn missing(&self, given: &Map<String, Value>) -> Vec<Value> {
        let faults = self.variables.iter().filter_map(|declared| {
            let value = given.get(&declared.name).unwrap_or(&Value::Null);
            let kind = declared.kind.trim_end_matches('!');
            let problem = match (kind, value) {
                (_, Value::Null) if declared.kind.ends_with('!') && declared.default.is_none() => {
                    "Expected value to not be null".to_owned()
                }
                ("String", Value::Number(_) | Value::Bool(_)) | ("Int", Value::String(_) | Value::Bool(_)) => {
                    format!("Could not coerce value {value} to {kind}")
                }
                _ => return None,
            };
            Some(json!({
                "message": format!("Variable ${} of type {} was provided invalid value", declared.name, declared.kind),
                "locations": [{ "line": declared.spot.line, "column": declared.spot.column }],
                "extensions": { "value": value, "problems": [{ "path": [], "explanation": problem }] },
            }))
        });
        faults.collect()
    }
}

#[derive(Debug)]
pub(crate) struct Fragment {
    pub(crate) name: String,
    pub(crate) on: String,
    pub(crate) selections: Vec<Selection>,
}

#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) operations: Vec<Operation>,
    pub(crate) fragments: Vec<Fragment>,
}

impl Document {
    pub(crate) fn operation(&self, name: Option<&str>) -> Result<&Operation, String> {
        match (name.filter(|name| !name.is_empty()), self.operations.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err("An operation name is required".to_owned()),
            (Some(name), all) => {
                let named = all.iter().find(|operation| operation.name.as_deref() == Some(name));
                named.ok_or_else(|| format!("No operation named \"{name}\""))
            }
        }
    }

    pub(crate) fn fragment(&self, name: &str) -> Option<&Fragment> {
        self.fragments.iter().find(|fragment| fragment.name == name)
    }
}
