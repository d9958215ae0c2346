//! The language of queries: from text to a tree.

use serde_json::{Value, json};

use super::tree::{Arguments, Choice, Declared, Document, Field, Fragment, Literal, Operation, Selection, Spot};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) spot: Spot,
}

impl Document {
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        let mut parser = Parser { tokens: tokens(text)?, place: 0 };
        let mut document = Self::default();
        while parser.peek() != &Token::End {
            if parser.peek() == &Token::Name("fragment") {
                parser.step();
                let name = parser.name()?;
                parser.word("on")?;
                document.fragments.push(Fragment { name, on: parser.name()?, selections: parser.selections()? });
            } else {
                document.operations.push(parser.operation()?);
            }
        }
        Ok(document)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token<'a> {
    Name(&'a str),
    Number(&'a str),
    Text(String),
    Mark(char),
    Spread,
    End,
}

fn tokens(text: &str) -> Result<Vec<(Token<'_>, Spot)>, Fault> {
    let mut found = Vec::new();
    let (mut rest, mut spot) = (text, Spot { line: 1, column: 1 });
    while let Some(first) = rest.chars().next() {
        let word = |part: fn(char) -> bool| rest.find(|letter| !part(letter)).unwrap_or(rest.len());
        let (token, length) = match first {
            '#' => (None, rest.find('\n').unwrap_or(rest.len())),
            _ if first.is_whitespace() || first == ',' => (None, first.len_utf8()),
            _ if rest.starts_with("...") => (Some(Token::Spread), 3),
            '"' => {
                let (text, length) = quoted(rest).ok_or_else(|| Fault { message: unexpected("\""), spot })?;
                (Some(Token::Text(text)), length)
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = word(|letter| letter.is_ascii_alphanumeric() || letter == '_');
                (Some(Token::Name(&rest[..length])), length)
            }
            '-' | '0'..='9' => {
                let length = word(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '+' | '.'));
                (Some(Token::Number(&rest[..length])), length)
            }
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '=' | '!' | '$' | '@' | '|' | '&' => (Some(Token::Mark(first)), 1),
            _ => return Err(Fault { message: unexpected(&first.to_string()), spot }),
        };
        if let Some(token) = token {
            found.push((token, spot));
        }
        for letter in rest[..length].chars() {
            spot = if letter == '\n' { Spot { line: spot.line + 1, column: 1 } } else { Spot { column: spot.column + 1, ..spot } };
        }
        rest = &rest[length..];
    }
    found.push((Token::End, spot));
    Ok(found)
}

/// A text with its quotes, and how many bytes it is long. What JSON escapes, this does too.
fn quoted(rest: &str) -> Option<(String, usize)> {
    if let Some(block) = rest.strip_prefix("\"\"\"") {
        let end = block.find("\"\"\"")?;
        return Some((block[..end].trim().to_owned(), end + 6));
    }
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, letter)| {
        let ends = *letter == '"' && !escaped;
        escaped = *letter == '\\' && !escaped;
        ends
    });
    let length = end?.0 + 1;
    Some((serde_json::from_str(&rest[..length]).ok()?, length))
}

fn unexpected(what: &str) -> String {
    format!("Parse error on {what:?}")
}

struct Parser<'a> {
    tokens: Vec<(Token<'a>, Spot)>,
    place: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> &Token<'a> {
        &self.tokens[self.place].0
    }

    fn spot(&self) -> Spot {
        self.tokens[self.place].1
    }

    /// The last token is the end, which is never passed.
    fn step(&mut self) -> Token<'a> {
        let token = self.peek().clone();
        self.place = (self.place + 1).min(self.tokens.len() - 1);
        token
    }

    fn fault<T>(&self) -> Result<T, Fault> {
        let message = match self.peek() {
            Token::Name(word) | Token::Number(word) => unexpected(word),
            Token::Text(text) => unexpected(text),
            Token::Mark(mark) => unexpected(&mark.to_string()),
            Token::Spread => unexpected("..."),
            Token::End => "Unexpected end of document".to_owned(),
        };
        let spot = self.spot();
        Err(Fault { message: format!("{message} at [{}, {}]", spot.line, spot.column), spot })
    }

    fn takes(&mut self, mark: char) -> bool {
        let there = self.peek() == &Token::Mark(mark);
        if there {
            self.step();
        }
        there
    }

    fn mark(&mut self, mark: char) -> Result<(), Fault> {
        if self.takes(mark) { Ok(()) } else { self.fault() }
    }

    fn name(&mut self) -> Result<String, Fault> {
        match self.peek() {
            Token::Name(word) => {
                let word = (*word).to_owned();
                self.step();
                Ok(word)
            }
            _ => self.fault(),
        }
    }

    fn word(&mut self, wanted: &str) -> Result<(), Fault> {
        if self.peek() == &Token::Name(wanted) {
            self.step();
            return Ok(());
        }
        self.fault()
    }

    /// Until the closing mark, and at least one.
    fn many<T>(&mut self, close: char, mut one: impl FnMut(&mut Self) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
        let mut all = vec![one(self)?];
        while !self.takes(close) {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn operation(&mut self) -> Result<Operation, Fault> {
        if self.peek() == &Token::Mark('{') {
            return Ok(Operation { kind: "query".to_owned(), name: None, variables: Vec::new(), selections: self.selections()? });
        }
        if !matches!(self.peek(), Token::Name("query" | "mutation" | "subscription")) {
            return self.fault();
        }
        let kind = self.name()?;
        let name = if matches!(self.peek(), Token::Name(_)) { Some(self.name()?) } else { None };
        let variables = if self.takes('(') { self.many(')', Self::declared)? } else { Vec::new() };
        self.directives()?;
        Ok(Operation { kind, name, variables, selections: self.selections()? })
    }

    fn declared(&mut self) -> Result<Declared, Fault> {
        let spot = self.spot();
        self.mark('$')?;
        let name = self.name()?;
        self.mark(':')?;
        let kind = self.kind()?;
        let default = if self.takes('=') { Some(self.literal()?) } else { None };
        Ok(Declared { name, kind, default, spot })
    }

    fn kind(&mut self) -> Result<String, Fault> {
        let mut kind = if self.takes('[') {
            let inner = self.kind()?;
            self.mark(']')?;
            format!("[{inner}]")
        } else {
            self.name()?
        };
        if self.takes('!') {
            kind.push('!');
        }
        Ok(kind)
    }

    fn selections(&mut self) -> Result<Vec<Selection>, Fault> {
        self.mark('{')?;
        self.many('}', Self::selection)
    }

    fn selection(&mut self) -> Result<Selection, Fault> {
        let spot = self.spot();
        if self.peek() != &Token::Spread {
            return self.field(spot);
        }
        self.step();
        let on = match self.peek() {
            Token::Name("on") => {
                self.step();
                Some(self.name()?)
            }
            Token::Name(_) => {
                let name = self.name()?;
                return Ok(Selection { choice: Choice::Spread { name, spot }, directives: self.directives()? });
            }
            _ => None,
        };
        let directives = self.directives()?;
        Ok(Selection { choice: Choice::Inline { on, selections: self.selections()? }, directives })
    }

    fn field(&mut self, spot: Spot) -> Result<Selection, Fault> {
        let first = self.name()?;
        let (alias, name) = if self.takes(':') { (Some(first), self.name()?) } else { (None, first) };
        let arguments = self.arguments()?;
        let directives = self.directives()?;
        let selections = if self.peek() == &Token::Mark('{') { self.selections()? } else { Vec::new() };
        Ok(Selection { choice: Choice::Field(Field { alias, name, arguments, selections, spot }), directives })
    }

    fn arguments(&mut self) -> Result<Arguments, Fault> {
        if self.takes('(') { self.many(')', Self::argument) } else { Ok(Vec::new()) }
    }

    fn argument(&mut self) -> Result<(String, Literal), Fault> {
        let name = self.name()?;
        self.mark(':')?;
        Ok((name, self.literal()?))
    }

    fn directives(&mut self) -> Result<Vec<(String, Arguments)>, Fault> {
        let mut all = Vec::new();
        while self.takes('@') {
            all.push((self.name()?, self.arguments()?));
        }
        Ok(all)
    }

    fn literal(&mut self) -> Result<Literal, Fault> {
        let token = self.peek().clone();
        match token {
            Token::Mark('$') => {
                self.step();
                return Ok(Literal::Variable(self.name()?));
            }
            Token::Mark('[') => {
                self.step();
                return Ok(Literal::List(if self.takes(']') { Vec::new() } else { self.many(']', Self::literal)? }));
            }
            Token::Mark('{') => {
                self.step();
                return Ok(Literal::Object(if self.takes('}') { Vec::new() } else { self.many('}', Self::argument)? }));
            }
            _ => {}
        }
        let literal = match token {
            Token::Name("true") => Literal::Plain(json!(true)),
            Token::Name("false") => Literal::Plain(json!(false)),
            Token::Name("null") => Literal::Plain(Value::Null),
            Token::Name(word) => Literal::Enum(word.to_owned()),
            Token::Text(text) => Literal::Plain(json!(text)),
            Token::Number(digits) => match serde_json::from_str(digits) {
                Ok(number) => Literal::Plain(number),
                Err(_) => return self.fault(),
            },
            _ => return self.fault(),
        };
        self.step();
        Ok(literal)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    #[test]
    fn a_query_is_read_whole() {
        let text = r#"
            # The usual one.
            query Found($path: ID!, $first: Int = 50) @live {
              project(fullPath: $path) { ...Named, found: vulnerabilities(first: $first, severity: [HIGH, LOW], after: "a\"b") { nodes { id } } }
            }
            fragment Named on Project { name @include(if: false) ... on Project { path } }
        "#;
        let document = Document::read(text).unwrap();
        let operation = document.operation(None).unwrap();
        assert_eq!((operation.name.as_deref(), operation.variables[0].kind.as_str()), (Some("Found"), "ID!"));
        assert_eq!(operation.fill(&Map::new())["first"], 50);
        let Choice::Field(project) = &operation.selections[0].choice else { panic!("{operation:?}") };
        assert_eq!(project.spot, Spot { line: 4, column: 15 });
        let Choice::Field(found) = &project.selections[1].choice else { panic!("{project:?}") };
        assert_eq!((found.key(), found.name.as_str()), ("found", "vulnerabilities"));
        assert_eq!(found.argument("after").unwrap().value(&Map::new()), Some(json!("a\"b")));
        assert_eq!(found.argument("severity").unwrap().value(&Map::new()), Some(json!(["HIGH", "LOW"])));
        let named = &document.fragment("Named").unwrap().selections;
        assert!(!named[0].is_wanted(&Map::new()) && named[1].is_wanted(&Map::new()));
    }

    #[test]
    fn a_fault_says_where_it_is() {
        let table = [
            ("{ project( }", "Parse error on \"}\" at [1, 12]"),
            ("{\n  a(b: %) }", "Parse error on \"%\""),
            ("query {", "Unexpected end of document at [1, 8]"),
            ("hello", "Parse error on \"hello\" at [1, 1]"),
        ];
        for (text, message) in table {
            assert_eq!(Document::read(text).unwrap_err().message, message, "{text}");
        }
    }
}
