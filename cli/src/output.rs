//! What is shown: lines and tables on a terminal or in a file, or the API's JSON.
//!
//! Everything that is printed passes here and is made harmless on the way; tones
//! are put around it afterwards.

use std::io::{IsTerminal, Write};

use console::{Style, Term};
use serde_json::Value;

use crate::table::Table;
use crate::text::{shown, shown_json};

/// How a piece of a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Strong,
    Faint,
    Good,
    Warn,
    Bad,
}

impl Tone {
    fn paint(self, text: &str, coloured: bool) -> String {
        let style = match self {
            Self::Plain => return text.to_owned(),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dim(),
            Self::Good => Style::new().green(),
            Self::Warn => Style::new().yellow(),
            Self::Bad => Style::new().red(),
        };
        style.force_styling(coloured).apply_to(text).to_string()
    }
}

/// A line of pieces.
#[derive(Clone, Debug, Default)]
pub struct Line(Vec<(Tone, String)>);

impl Line {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn then(mut self, tone: Tone, text: impl AsRef<str>) -> Self {
        self.0.push((tone, shown(text.as_ref())));
        self
    }

    #[must_use]
    pub fn plain(self, text: impl AsRef<str>) -> Self {
        self.then(Tone::Plain, text)
    }

    #[must_use]
    pub fn strong(self, text: impl AsRef<str>) -> Self {
        self.then(Tone::Strong, text)
    }

    #[must_use]
    pub fn faint(self, text: impl AsRef<str>) -> Self {
        self.then(Tone::Faint, text)
    }

    pub(crate) fn rendered(&self, coloured: bool) -> String {
        self.0.iter().map(|(tone, text)| tone.paint(text, coloured)).collect()
    }
}

impl<Text: AsRef<str>> From<Text> for Line {
    fn from(text: Text) -> Self {
        Self::new().plain(text)
    }
}

/// Where output goes, and how.
#[derive(Clone, Debug)]
pub struct Screen {
    pub json: bool,
    colour_out: bool,
    colour_notes: bool,
    /// How wide a line may be; none if it is no terminal.
    width: Option<usize>,
    /// Whether bars can be drawn.
    pub bars: bool,
}

impl Screen {
    pub fn new(json: bool, without_colour: bool) -> Self {
        if without_colour {
            console::set_colors_enabled(false);
            console::set_colors_enabled_stderr(false);
        }
        let out = Term::stdout();
        let width = out.is_term().then(|| out.size_checked()).flatten().map(|(_, columns)| usize::from(columns));
        Self {
            json,
            colour_out: !without_colour && console::colors_enabled(),
            colour_notes: !without_colour && console::colors_enabled_stderr(),
            width,
            bars: std::io::stderr().is_terminal() && !console::is_dumb(),
        }
    }

    /// A line of the result. A reader that went away is no failure of ours.
    pub fn say(&self, line: impl Into<Line>) {
        drop(writeln!(std::io::stdout(), "{}", line.into().rendered(self.colour_out)));
    }

    /// A line beside the result: progress, hints, failures.
    pub fn note(&self, line: impl Into<Line>) {
        drop(writeln!(std::io::stderr(), "{}", line.into().rendered(self.colour_notes)));
    }

    pub fn table(&self, table: &Table) {
        for line in table.rendered(self.width, self.colour_out) {
            drop(writeln!(std::io::stdout(), "{line}"));
        }
    }

    /// JSON as the API wrote it.
    pub fn json(&self, text: &str) {
        if !text.is_empty() {
            drop(writeln!(std::io::stdout(), "{}", shown_json(text)));
        }
    }

    /// JSON of our own, where the API has no answer of that shape.
    pub fn value(&self, value: &Value) {
        self.json(&value.to_string());
    }
}

/// Whether somebody can be asked.
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}
