//! Why a command did not do what it was asked, and the exit code that says so.

use serde_json::Value;

use crate::advice;
use crate::output::{Line, Screen, Tone};
use crate::text::words;

/// The run failed, or was cancelled.
pub const FAILED: u8 = 1;
/// The command line is not right, or what the API was sent.
pub const USAGE: u8 = 2;
/// The API said no.
pub const REFUSED: u8 = 3;
/// Nobody answered, or nobody who is Pullcord.
pub const UNREACHABLE: u8 = 4;
/// Ctrl-C, as shells count it.
pub const INTERRUPTED: u8 = 130;

#[derive(Debug)]
pub enum Failure {
    /// What was typed, or a file of ours, is not right.
    Usage(String),
    Refused(Box<Refused>),
    Unreachable {
        why: String,
        next: Option<String>,
    },
    /// It has been told already.
    Told(u8),
}

/// A reply that is a no: a problem document.
#[derive(Debug)]
pub struct Refused {
    pub status: u16,
    pub problem: Value,
    /// As it came.
    pub text: String,
    /// Whether a token was sent along.
    pub with_token: bool,
}

impl Refused {
    pub fn code(&self) -> &str {
        self.problem["code"].as_str().unwrap_or_default()
    }

    pub fn detail(&self) -> &str {
        self.problem["detail"].as_str().or(self.problem["title"].as_str()).unwrap_or("it was refused without a reason")
    }

    /// A field of the problem that is text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.problem[name].as_str()
    }

    pub fn exit(&self) -> u8 {
        match self.status {
            400 | 405 | 413 | 415 | 422 => USAGE,
            500.. => UNREACHABLE,
            _ => REFUSED,
        }
    }
}

impl Failure {
    pub fn unreachable(why: impl Into<String>, next: Option<&str>) -> Self {
        Self::Unreachable { why: why.into(), next: next.map(str::to_owned) }
    }

    /// Says what went wrong and what to do, and gives the exit code.
    pub fn tell(self, screen: &Screen) -> u8 {
        match self {
            Self::Told(code) => code,
            Self::Usage(why) => {
                headline(screen, &why);
                USAGE
            }
            Self::Unreachable { why, next } => {
                headline(screen, &why);
                if let Some(next) = next {
                    advise(screen, &next);
                }
                UNREACHABLE
            }
            Self::Refused(refused) => {
                if screen.json {
                    screen.json(&refused.text);
                }
                tell_refused(screen, &refused);
                refused.exit()
            }
        }
    }
}

fn advise(screen: &Screen, next: &str) {
    screen.note(Line::new().faint("  what to do: ").plain(next));
}

pub fn headline(screen: &Screen, why: &str) {
    screen.note(Line::new().then(Tone::Bad, "pullcord: ").plain(why));
}

fn tell_refused(screen: &Screen, refused: &Refused) {
    headline(screen, refused.detail());
    let complaints = refused.problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    for complaint in complaints.iter().filter(|_| complaints.len() > 1) {
        let (at, why) = (complaint["at"].as_str().unwrap_or_default(), complaint["why"].as_str().unwrap_or_default());
        screen.note(Line::new().plain("  ").strong(at).plain(" ").plain(why));
    }
    if let Some(next) = advice::of_refusal(refused) {
        advise(screen, &next);
    }
    if refused.status >= 500 {
        if let Some(id) = refused.field("request_id") {
            screen.note(Line::new().faint("  request ").plain(id));
        }
    }
    if refused.code().is_empty() {
        screen.note(Line::new().faint(format!("  HTTP {} ({})", refused.status, words("no problem document"))));
    }
}
