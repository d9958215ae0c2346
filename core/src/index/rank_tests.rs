//! What comes first, and what is shown of it.

use super::*;

fn candidate<'a>(path: &'a str, text: &'a str) -> Candidate<'a> {
    Candidate { path, text, similarity: 0.5 }
}

fn best<'a>(question: &str, candidates: &[Candidate<'a>]) -> &'a str {
    candidates[rank(question, candidates)[0].0].path
}

/// A rare word of the question decides over common ones, whichever is said more often.
#[test]
fn rare_words_decide() {
    let common = "let request = request.send(request);";
    let candidates =
        [candidate("a.rs", common), candidate("b.rs", common), candidate("c.rs", "let pagination = request;"), candidate("d.rs", common)];
    assert_eq!(best("pagination of the request", &candidates), "c.rs");
}

/// The path counts, and so does nearness, where the texts say the same.
#[test]
fn path_and_nearness_count() {
    let candidates = [candidate("src/io.rs", "fn run() {}"), candidate("src/retry_delay.rs", "fn run() {}")];
    assert_eq!(best("delay before a retry", &candidates), "src/retry_delay.rs");
    let candidates = [candidate("far.rs", "fn run() {}"), Candidate { similarity: 0.9, ..candidate("near.rs", "fn run() {}") }];
    assert_eq!(best("delay before a retry", &candidates), "near.rs");
}

/// Words that stand together are worth more than the same words apart.
#[test]
fn words_close_together_count_more() {
    let apart = format!("link{}header", "\nx();".repeat(30));
    let together = format!("link header{}", "\nx();".repeat(30));
    assert_eq!(best("parse the link header", &[candidate("apart.rs", &apart), candidate("together.rs", &together)]), "together.rs");
}

/// Tests come after what they test, unless they are asked for.
#[test]
fn tests_come_later() {
    let candidates = [candidate("tests/retry.rs", "fn retry() { delay() }"), candidate("src/again.rs", "fn retry() { delay() }")];
    assert_eq!(best("delay", &candidates), "src/again.rs");
    assert_eq!(best("test of the retry delay", &candidates), "tests/retry.rs");
    for (path, text, test) in
        [("src/latest.rs", "", false), ("a/RetryTest.java", "", true), ("retry.test.ts", "", true), ("a.py", "def test_retry():", true)]
    {
        assert_eq!(is_test(&candidate(path, text)), test, "{path}");
    }
}

/// Every candidate comes back once, with a score between 0 and 1, whatever was found or asked.
#[test]
fn scores_are_between_nothing_and_one() {
    assert_eq!(rank("delay", &[]), []);
    let odd = [f32::NAN, -1.0, 0.0, f32::INFINITY, 1.0].map(|similarity| Candidate { similarity, ..candidate("a.rs", "delay") });
    for question in ["", "the", "delay", "{}", "delay delay 解析"] {
        let ranked = rank(question, &odd);
        let mut indexes: Vec<usize> = ranked.iter().map(|(index, _)| *index).collect();
        indexes.sort_unstable();
        assert_eq!(indexes, [0, 1, 2, 3, 4]);
        assert!(ranked.iter().all(|(_, score)| (0.0..=1.0).contains(score)), "{ranked:?}");
        assert!(ranked.is_sorted_by(|one, other| one.1 >= other.1));
    }
    assert_eq!(rank("delay", &[candidate("a.rs", ""), candidate("", "")]).len(), 2);
    let best = [Candidate { similarity: 1.0, ..candidate("retry_delay.rs", "retry delay") }];
    assert!(rank("retry delay", &best)[0].1 > 0.99);
}

/// The matching line is shown, with a little above it and more below, and with its own line numbers.
#[test]
fn a_snippet_shows_the_matching_line() {
    let text = (0..40)
        .map(|line| if line == 20 { "    let delay = retry();".to_owned() } else { format!("    step({line});") })
        .collect::<Vec<_>>()
        .join("\n");
    let (shown, first, last) = snippet("retry delay", &text, 101);
    assert_eq!((first, last), (118, 127));
    assert_eq!(shown.lines().count(), 10);
    assert_eq!(shown.lines().nth(121 - 118), Some("    let delay = retry();"));
}

/// At the edges it is moved and not cut short; without a match it is the beginning; blank lines around it are left out.
#[test]
fn a_snippet_stays_inside_its_text() {
    let text = format!("delay\n{}delay of a retry", "x\n".repeat(18));
    assert_eq!((snippet("retry", &text, 1).1, snippet("retry", &text, 1).2), (11, 20));
    assert_eq!((snippet("pagination", &text, 5).1, snippet("pagination", &text, 5).2), (5, 14));
    assert_eq!(snippet("retry", "\n\nretry\r\n\n", 7), ("retry".to_owned(), 9, 9));
    assert_eq!(snippet("retry", "", 7), (String::new(), 7, 7));
    assert_eq!(snippet("retry", "\n\n", 7).0.trim(), "");
}
