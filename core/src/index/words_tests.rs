//! What counts as one word, and as the same word.

use std::collections::HashMap;

use super::*;

fn pieces(identifier: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    take_apart(identifier, &mut String::new(), |piece| pieces.push(piece.to_owned()));
    pieces
}

fn has(text: &str, wanted: Form) -> Vec<u64> {
    let mut ids = Vec::new();
    each(text, |term, _| ids.extend((term.form == wanted).then_some(term.id)));
    ids
}

/// However an identifier is written, it is taken apart into the same words.
#[test]
fn identifiers_are_taken_apart() {
    assert_eq!(pieces("retryDelay"), ["retry", "delay"]);
    assert_eq!(pieces("RETRY_DELAY"), ["retry", "delay"]);
    assert_eq!(pieces("HTTPServer2_name"), ["http", "server", "2", "name"]);
    assert_eq!(pieces("__a"), ["a"]);
    assert_eq!(pieces("straßeÜberÉcole"), ["straße", "über", "école"]);
    assert_eq!(pieces("解析"), ["解析"]);
    assert_eq!(pieces("_"), [""; 0]);
}

/// Number and tense do not make another word; short and foreign words are left alone.
#[test]
fn endings_are_cut_off() {
    for family in [
        &["retry", "retries", "retried", "retrying"][..],
        &["stop", "stops", "stopped", "stopping"],
        &["cache", "caches", "cached", "caching"],
        &["try", "tries", "tried"],
    ] {
        let stems: Vec<&str> = family.iter().map(|word| stem(word)).collect();
        assert!(stems.iter().all(|one| *one == stems[0]), "{stems:?}");
    }
    assert_eq!(["class", "status", "this", "yes", "größen"].map(stem), ["class", "status", "this", "yes", "größen"]);
}

/// Relatives share a beginning, and words of one meaning a family; a pair is one however it is written.
#[test]
fn words_have_relatives() {
    assert_eq!(has("decryption", Form::Beginning), has("decrypter", Form::Beginning));
    assert_eq!(has("delete", Form::Kin), has("removed", Form::Kin));
    assert_ne!(has("delete", Form::Kin), has("insert", Form::Kin));
    assert_eq!(has("retryDelay", Form::Pair), has("retries: delay", Form::Pair));
    assert!(has("retry of the delay", Form::Pair).is_empty());
}

/// Grammar is not heard, the words all programs are made of hardly, and what is no word at all is skipped.
#[test]
fn common_words_weigh_little() {
    let weight = |word: &str| {
        let mut weights = vec![0.0];
        each(word, |term, weight| weights.extend((term.form == Form::Stem).then_some(weight)));
        (weights.into_iter().fold(0.0, f32::max) * 10.0).round() as u32
    };
    assert_eq!(["the", "returns", "messages", "certificate"].map(weight), [0, 2, 5, 10]);
    assert_eq!(weight(&"a1".repeat(40)), 0);
}

/// A word stands in one list and in one family only: of two the program would silently choose one.
#[test]
fn no_word_is_listed_twice() {
    let mut families: HashMap<&str, &str> = HashMap::new();
    for line in KIN.lines().filter(|line| !line.is_empty()) {
        for word in line.split_whitespace() {
            let other = families.insert(stem(word), line);
            assert!(other.is_none_or(|other| other == line), "{word} is in {other:?} and in {line:?}");
        }
    }
    let mut lists: HashMap<&str, usize> = HashMap::new();
    for (list, words) in [GRAMMAR, EVERYWHERE, FREQUENT].iter().enumerate() {
        for word in words.split_whitespace() {
            let other = lists.insert(stem(word), list);
            assert!(other.is_none_or(|other| other == list), "{word}");
        }
    }
}
