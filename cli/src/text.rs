//! Words and numbers for people. What came from elsewhere passes [`shown`], so
//! that no character of it can act on the terminal.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pullcord_core::clock::Moment;

/// Text from elsewhere on one line: what would move the cursor, colour, turn the
/// direction of writing or hide is written as an escape.
pub fn shown(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' if letters.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\t' => harmless.push(' '),
            acting if acts(acting) => harmless.push_str(&format!("\\u{{{:x}}}", u32::from(acting))),
            letter => harmless.push(letter),
        }
    }
    harmless
}

/// Whether a character does something instead of being seen.
fn acts(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// JSON as it came, with such characters as the escapes that JSON has for them:
/// they can stand in strings only, so it says the same.
pub fn shown_json(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for letter in text.chars() {
        if acts(letter) && !matches!(letter, '\n' | '\r' | '\t') {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                harmless.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            harmless.push(letter);
        }
    }
    harmless
}

/// An argument as a shell takes it.
pub fn quoted(argument: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

/// 12345 as 12,345.
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// "1 item", "1,204 items".
pub fn count(value: u64, one: &str) -> String {
    format!("{} {one}{}", number(value), if value == 1 { "" } else { "s" })
}

/// "never_synced" as "never synced".
pub fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// "840 ms", "3.2 s", "12 s", "3 min 20 s", "2 h 5 min", "4 d".
pub fn span(span: Duration) -> String {
    let millis = span.as_millis();
    let seconds = (millis + 500) / 1000;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match () {
        () if millis < 950 => format!("{millis} ms"),
        () if millis < 9_950 => format!("{:.1} s", span.as_secs_f64()),
        () if seconds < 60 => format!("{seconds} s"),
        () if minutes < 10 && !seconds.is_multiple_of(60) => format!("{minutes} min {} s", seconds % 60),
        () if minutes < 60 => format!("{minutes} min"),
        () if hours < 10 && !minutes.is_multiple_of(60) => format!("{hours} h {} min", minutes % 60),
        () if hours < 48 => format!("{hours} h"),
        () => format!("{} d", hours / 24),
    }
}

/// "3 min ago", "in 2 h".
pub fn relative(at: Moment, now: Moment) -> String {
    let (off, ahead) = if at > now { (at.since(now), true) } else { (now.since(at), false) };
    let seconds = (off.as_millis() as u64 + 500) / 1000;
    let size = match seconds {
        0..5 => return if ahead { "in a moment" } else { "just now" }.to_owned(),
        5..90 => format!("{seconds} s"),
        90..3_600 => format!("{} min", (seconds + 30) / 60),
        3_600..172_800 => format!("{} h", (seconds + 1_800) / 3_600),
        _ => format!("{} d", seconds / 86_400),
    };
    if ahead { format!("in {size}") } else { format!("{size} ago") }
}

/// A moment as the clock on the wall has it, with the day if that is another.
pub fn clock(at: Moment, now: Moment) -> String {
    let zoned = |moment: Moment| Timestamp::from_millisecond(moment.0).unwrap_or_default().to_zoned(TimeZone::system());
    let (at, now) = (zoned(at), zoned(now));
    if at.date() == now.date() { at.strftime("%H:%M:%S") } else { at.strftime("%Y-%m-%d %H:%M") }.to_string()
}

/// "14:07:11 (in 3 min)".
pub fn moment(at: Moment, now: Moment) -> String {
    format!("{} ({})", clock(at, now), relative(at, now))
}

/// A sentence of the API with its times as a clock on the wall has them.
pub fn readable(sentence: &str, now: Moment) -> String {
    let time = |word: &str| {
        let bare = word.trim_end_matches([',', '.', ';']);
        let at = (bare.len() >= 20 && bare.ends_with('Z')).then(|| Moment::parse(bare))??;
        Some(format!("{}{}", clock(at, now), &word[bare.len()..]))
    };
    let words = sentence.split(' ').map(|word| time(word).unwrap_or_else(|| word.to_owned()));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_is_seen_instead() {
        assert_eq!(shown("plain, naïve, 日本語 👩‍💻"), "plain, naïve, 日本語 👩‍💻");
        assert_eq!(shown("\u{1b}[31mred\u{7}\u{9b}2J"), r"\u{1b}[31mred\u{7}\u{9b}2J");
        assert_eq!(shown("abc\u{202e}fed\u{2066}x\u{200f}"), r"abc\u{202e}fed\u{2066}x\u{200f}");
        assert_eq!(shown("one\r\ntwo\tthree"), "one two three");
    }

    #[test]
    fn json_says_the_same_without_them() {
        let value = serde_json::json!({"title": "a\u{202e}b\u{9b}\u{1b}c\u{e0041}"});
        let text = shown_json(&value.to_string());
        assert!(text.chars().all(|letter| !acts(letter)), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn spans_and_moments_read_as_people_say_them() {
        let said = |seconds: f64| span(Duration::from_secs_f64(seconds));
        assert_eq!(
            ["840 ms", "3.2 s", "12 s", "3 min 20 s", "2 h 5 min"],
            [0.84, 3.2, 12.0, 200.0, 7_500.0].map(said).each_ref().map(String::as_str)
        );
        assert_eq!(span(Duration::from_hours(100)), "4 d");
        let now = Moment(1_000_000_000);
        assert_eq!(relative(now.plus(Duration::from_mins(3)), now), "in 3 min");
        assert_eq!(relative(now.minus(Duration::from_secs(40)), now), "40 s ago");
        assert_eq!(relative(now, now), "just now");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(count(1, "item"), "1 item");
    }

    #[test]
    fn an_argument_survives_a_shell() {
        assert_eq!(quoted("demo-web"), "demo-web");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
