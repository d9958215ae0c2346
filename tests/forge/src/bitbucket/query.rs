//! The language of Bitbucket's `q`: comparisons of fields with values, joined by `AND` and `OR`. What it cannot read is
//! refused as a whole, so that a client's slip does not pass for an empty list.

use std::borrow::Cow;

use jiff::{Timestamp, civil, tz::TimeZone};

use super::vocabulary::{issue_state, kind, moment, priority, pull_request_state};
use crate::issue::Issue;

/// What a field of an item holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(i64),
    Time(Timestamp),
    Nothing,
}

impl<'a> Value<'a> {
    fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    fn maybe(text: Option<&'a str>) -> Self {
        text.map_or(Self::Nothing, Self::text)
    }
}

/// A field that can be filtered by, and where its value is.
pub(super) type Field = (&'static str, for<'a> fn(&'a Issue) -> Value<'a>);

pub(super) const ISSUE_FIELDS: &[Field] = &[
    ("id", |issue| Value::Number(issue.number as i64)),
    ("title", |issue| Value::text(&issue.title)),
    ("state", |issue| Value::text(issue_state(issue))),
    ("kind", |issue| Value::text(kind(issue))),
    ("priority", |issue| Value::text(priority(issue))),
    ("content.raw", |issue| Value::text(issue.body.as_deref().unwrap_or_default())),
    ("reporter.nickname", |issue| Value::text(&issue.author)),
    ("assignee", |issue| Value::maybe(issue.assignees.first().map(String::as_str))),
    ("assignee.nickname", |issue| Value::maybe(issue.assignees.first().map(String::as_str))),
    ("created_on", |issue| Value::Time(moment(issue.created_at, issue.number))),
    ("updated_on", |issue| Value::Time(moment(issue.updated_at, issue.number))),
];

pub(super) const PULL_REQUEST_FIELDS: &[Field] = &[
    ("id", |pull| Value::Number(pull.number as i64)),
    ("title", |pull| Value::text(&pull.title)),
    ("state", |pull| Value::text(pull_request_state(pull))),
    ("author.nickname", |pull| Value::text(&pull.author)),
    ("created_on", |pull| Value::Time(moment(pull.created_at, pull.number))),
    ("updated_on", |pull| Value::Time(moment(pull.updated_at, pull.number))),
];

pub(super) enum Expression {
    All(Vec<Self>),
    Any(Vec<Self>),
    Compare { get: for<'a> fn(&'a Issue) -> Value<'a>, operator: Operator, values: Vec<Literal> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Contains,
    Lacks,
    Below,
    UpTo,
    Above,
    From,
    In,
    NotIn,
}

/// A value as it was written; of what kind it is, the field decides.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Nothing,
}

impl Expression {
    /// The error is the sentence to refuse the query with.
    pub(super) fn read(text: &str, fields: &[Field]) -> Result<Self, String> {
        let mut reader = Reader { tokens: tokens(text)?, place: 0, fields };
        let expression = reader.any()?;
        match reader.peek() {
            None => Ok(expression),
            Some(token) => Err(format!("Unexpected \"{}\" in query", token.text)),
        }
    }

    pub(super) fn takes(&self, item: &Issue) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.takes(item)),
            Self::Any(parts) => parts.iter().any(|part| part.takes(item)),
            Self::Compare { get, operator, values } => {
                let value = get(item);
                let holds = |literal| compare(&value, *operator, literal);
                if *operator == Operator::NotIn { values.iter().all(holds) } else { values.iter().any(holds) }
            }
        }
    }
}

fn compare(value: &Value<'_>, operator: Operator, literal: &Literal) -> bool {
    let ordering = match (value, literal) {
        (Value::Nothing, Literal::Nothing) => Some(std::cmp::Ordering::Equal),
        (Value::Text(value), Literal::Text(text)) => {
            if matches!(operator, Operator::Contains | Operator::Lacks) {
                return value.to_lowercase().contains(&text.to_lowercase()) == (operator == Operator::Contains);
            }
            Some(value.as_ref().cmp(text))
        }
        (Value::Number(value), Literal::Text(text)) => text.parse().ok().map(|number| value.cmp(&number)),
        (Value::Time(value), Literal::Text(text)) => time(text).map(|time| value.cmp(&time)),
        _ => None,
    };
    match operator {
        Operator::Equal | Operator::In => ordering.is_some_and(std::cmp::Ordering::is_eq),
        Operator::Unequal | Operator::NotIn => !ordering.is_some_and(std::cmp::Ordering::is_eq),
        Operator::Below => ordering.is_some_and(std::cmp::Ordering::is_lt),
        Operator::UpTo => ordering.is_some_and(std::cmp::Ordering::is_le),
        Operator::Above => ordering.is_some_and(std::cmp::Ordering::is_gt),
        Operator::From => ordering.is_some_and(std::cmp::Ordering::is_ge),
        Operator::Contains => false,
        Operator::Lacks => true,
    }
}

/// With an offset or without one, which is UTC, and a day is its first moment.
fn time(text: &str) -> Option<Timestamp> {
    let zoned = text.parse::<Timestamp>().ok();
    let without_offset = || text.parse::<civil::DateTime>().ok().filter(|_| !text.contains(' '));
    zoned.or_else(|| without_offset()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp()))
}

struct Token {
    text: String,
    is_quoted: bool,
}

/// A plus sign that was not encoded comes as a space and ends the word it was in.
fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut word = String::from(letter);
        match letter {
            _ if letter.is_whitespace() => continue,
            '"' => {
                word.clear();
                loop {
                    match letters.next() {
                        Some('"') => break,
                        Some('\\') => word.extend(letters.next()),
                        Some(letter) => word.push(letter),
                        None => return Err("Unterminated string in query".to_owned()),
                    }
                }
                tokens.push(Token { text: word, is_quoted: true });
                continue;
            }
            '(' | ')' | ',' | '~' | '=' => {}
            '!' | '<' | '>' => word.extend(letters.next_if(|next| *next == '=' || letter == '!' && *next == '~')),
            _ => {
                while let Some(next) = letters.next_if(|next| !next.is_whitespace() && !"()=!~<>,\"".contains(*next)) {
                    word.push(next);
                }
            }
        }
        tokens.push(Token { text: word, is_quoted: false });
    }
    Ok(tokens)
}

struct Reader<'a> {
    tokens: Vec<Token>,
    place: usize,
    fields: &'a [Field],
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.place)
    }

    /// Goes past the next token if it is this word or sign.
    fn skip(&mut self, word: &str) -> bool {
        let is_next = self.peek().is_some_and(|token| !token.is_quoted && token.text.eq_ignore_ascii_case(word));
        self.place += usize::from(is_next);
        is_next
    }

    fn next(&mut self) -> Result<&Token, String> {
        let token = self.tokens.get(self.place).ok_or("Unexpected end of query")?;
        self.place += 1;
        Ok(token)
    }

    fn any(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.all()?];
        while self.skip("OR") {
            parts.push(self.all()?);
        }
        Ok(Expression::Any(parts))
    }

    fn all(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.term()?];
        while self.skip("AND") {
            parts.push(self.term()?);
        }
        Ok(Expression::All(parts))
    }

    fn term(&mut self) -> Result<Expression, String> {
        if self.skip("(") {
            let inner = self.any()?;
            return if self.skip(")") { Ok(inner) } else { Err("Expected \")\" in query".to_owned()) };
        }
        let name = self.next()?.text.clone();
        let field = self.fields.iter().find(|(field, _)| *field == name);
        let get = field.ok_or_else(|| format!("Field \".{name}\" does not support filtering"))?.1;
        let operator = self.operator()?;
        let values = if matches!(operator, Operator::In | Operator::NotIn) { self.list()? } else { vec![self.literal()?] };
        let expects_time = matches!(get(&Issue::blank(1, Timestamp::UNIX_EPOCH)), Value::Time(_));
        let is_wrong = |literal: &&Literal| matches!(literal, Literal::Text(text) if expects_time && time(text).is_none());
        match values.iter().find(is_wrong) {
            Some(Literal::Text(text)) => Err(format!("\"{text}\" is not a valid datetime")),
            _ => Ok(Expression::Compare { get, operator, values }),
        }
    }

    fn operator(&mut self) -> Result<Operator, String> {
        let table = [
            ("=", Operator::Equal),
            ("!=", Operator::Unequal),
            ("~", Operator::Contains),
            ("!~", Operator::Lacks),
            ("<", Operator::Below),
            ("<=", Operator::UpTo),
            (">", Operator::Above),
            (">=", Operator::From),
            ("IN", Operator::In),
        ];
        if self.skip("NOT") && self.skip("IN") {
            return Ok(Operator::NotIn);
        }
        let found = table.into_iter().find(|(sign, _)| self.skip(sign));
        found.map(|(_, operator)| operator).ok_or_else(|| "Expected an operator in query".to_owned())
    }

    fn list(&mut self) -> Result<Vec<Literal>, String> {
        let mut values = Vec::new();
        if !self.skip("(") {
            return Err("Expected \"(\" in query".to_owned());
        }
        loop {
            values.push(self.literal()?);
            if self.skip(")") {
                return Ok(values);
            }
            if !self.skip(",") {
                return Err("Expected \",\" in query".to_owned());
            }
        }
    }

    fn literal(&mut self) -> Result<Literal, String> {
        let token = self.next()?;
        let is_null = !token.is_quoted && token.text.eq_ignore_ascii_case("null");
        Ok(if is_null { Literal::Nothing } else { Literal::Text(token.text.clone()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::IssueState;

    fn issue() -> Issue {
        Issue {
            title: "The Export times out".to_owned(),
            labels: vec!["bug".to_owned(), "priority: high".to_owned()],
            assignees: vec!["benl".to_owned()],
            state: IssueState::Open,
            ..Issue::blank(7, Timestamp::constant(1_795_176_000, 0))
        }
    }

    #[test]
    fn comparisons_and_their_joints() {
        let table = [
            ("id = 7", true),
            ("id != 7", false),
            ("title ~ \"export\" AND title !~ \"import\"", true),
            ("state = \"open\" or state = \"new\"", true),
            ("(state=\"new\" OR state=\"on hold\") AND id>1", false),
            ("state = \"new\" OR state = \"open\" AND id > 100", false),
            ("state IN (\"new\", \"open\")", true),
            ("state NOT IN (\"new\", \"open\")", false),
            ("priority=\"critical\" AND kind=\"bug\"", true),
            ("assignee = null", false),
            ("assignee != null AND assignee.nickname = \"benl\"", true),
            ("updated_on > \"2026-11-20T12:00:00+00:00\"", true),
            ("updated_on > 2026-11-20T12:00:00.000007+00:00", false),
            ("updated_on >= 2026-11-20T12:00:00.000007Z", true),
            ("updated_on >= \"2026-11-20T13:00:00.000007+01:00\"", true),
            ("updated_on < 2026-11-21", true),
            ("created_on <= 2026-11-20T11:59:59", false),
        ];
        for (text, expected) in table {
            let expression = Expression::read(text, ISSUE_FIELDS).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(expression.takes(&issue()), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let texts = [
            "",
            "id",
            "id =",
            "id = 7 AND",
            "(id = 7",
            "id = 7 8",
            "title = \"open",
            "colour = \"red\"",
            "state IN \"new\"",
            "updated_on > yesterday",
            "updated_on > 2026-11-20T12:00:00 00:00",
            "updated_on > \"2026-11-20T12:00:00 00:00\"",
        ];
        for text in texts {
            assert!(Expression::read(text, ISSUE_FIELDS).is_err(), "{text}");
        }
    }
}
