//! Puts the chunks a vector search found into the order a reader wants. The search compares hashes of words and does
//! not know which words are rare; here the words themselves are looked at, in a hundred texts instead of all.

use std::collections::HashMap;

use super::words::{self, Form, Term};

/// A chunk that a vector search found.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub path: &'a str,
    pub text: &'a str,
    /// The cosine between its vector and the question's.
    pub similarity: f32,
}

// What counts how much. Together they are 1, so that no score is more.
/// How near it lies, compared with the nearest.
const SIMILARITY: f32 = 0.2;
/// How much of the question it holds, compared with the one that holds most.
const TEXT: f32 = 0.3;
/// How much of the question stands close together, compared with the best such place.
const PLACE: f32 = 0.2;
/// How much of the question its path holds.
const PATH: f32 = 0.2;
/// How good the file's chunks are together: what is about the question seldom says so only once.
const FILE: f32 = 0.1;

/// Tests use the words of what they test, and more often. Who does not ask for them wants the thing itself.
const TESTS: f32 = 0.8;
/// So many lines are close together.
const CLOSE: usize = 5;
/// How much a candidate's length counts against what it holds.
const LENGTH: f32 = 0.4;

/// The candidates by their index, best first, each with a score between 0 and 1. Equals stay as they came.
pub fn rank(question: &str, candidates: &[Candidate<'_>]) -> Vec<(usize, f32)> {
    let asked = asked(question);
    let held: Vec<Held> = candidates.iter().map(|candidate| held(&asked, candidate)).collect();
    let rarity = rarity(&asked, &held);
    let words = asked.iter().zip(&rarity).filter(|((term, _), _)| term.form == Form::Stem);
    let whole_question: f32 = words.map(|(_, rarity)| rarity).sum();
    let length = candidates.iter().map(|candidate| candidate.text.len()).sum::<usize>() as f32 / candidates.len().max(1) as f32;

    let similarity = shares(candidates.iter().map(|candidate| candidate.similarity.clamp(0.0, 1.0)));
    let text = shares(held.iter().zip(candidates).map(|(held, candidate)| held.in_text(&rarity, candidate.text.len() as f32 / length)));
    let place = shares(held.iter().map(|held| held.in_one_place(&rarity)));
    let path = held.iter().map(|held| (held.in_path(&rarity) / whole_question.max(f32::MIN_POSITIVE)).min(1.0));
    let asks_for_tests = question.to_lowercase().split_whitespace().any(|word| word.starts_with("test"));
    let own: Vec<f32> = path
        .enumerate()
        .map(|(index, path)| {
            let score = SIMILARITY * similarity[index] + TEXT * text[index] + PLACE * place[index] + PATH * path;
            if !asks_for_tests && is_test(&candidates[index]) { score * TESTS } else { score }
        })
        .collect();

    let mut files: HashMap<&str, f32> = HashMap::new();
    for (candidate, own) in candidates.iter().zip(&own) {
        *files.entry(candidate.path).or_default() += own * own;
    }
    let file = shares(candidates.iter().map(|candidate| files[candidate.path].sqrt()));
    let scores = own.iter().zip(file).map(|(own, file)| (own + FILE * file).clamp(0.0, 1.0));
    let mut ranked: Vec<(usize, f32)> = scores.enumerate().collect();
    ranked.sort_by(|one, other| other.1.total_cmp(&one.1));
    ranked
}

/// Whether it is a test, by the customs of the commoner languages.
fn is_test(candidate: &Candidate<'_>) -> bool {
    let mut names = candidate.path.split(|letter: char| !letter.is_alphanumeric());
    names.any(|name| ["test", "tests", "spec", "specs"].contains(&name) || name.ends_with("Test") || name.ends_with("Tests"))
        || ["#[test]", "@Test", "def test_", "func Test"].iter().any(|mark| candidate.text.contains(mark))
}

/// Every number as a share of the largest; what is not above zero has none.
fn shares(numbers: impl Iterator<Item = f32>) -> Vec<f32> {
    // `max` also takes care of what is not a number.
    let numbers: Vec<f32> = numbers.map(|number| number.max(0.0)).collect();
    let largest = numbers.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    numbers.into_iter().map(|number| number / largest).collect()
}

/// The question's words in all their forms, each once and in order, with what they weigh.
fn asked(question: &str) -> Vec<(Term, f32)> {
    let mut asked = Vec::new();
    words::each(question, |term, weight| {
        let form = match term.form {
            Form::Stem => 1.0,
            Form::Beginning | Form::Pair => 0.5,
            Form::Kin => 0.4,
        };
        // Of a common word the candidates tell themselves that it is not rare: half of that is enough here.
        asked.push((term, form * weight.sqrt()));
    });
    asked.sort_unstable_by_key(|(term, _)| *term);
    asked.dedup_by_key(|(term, _)| *term);
    asked
}

/// What a candidate holds of the question, by the place of the words in [`asked`].
struct Held {
    times: Vec<f32>,
    in_path: Vec<bool>,
    lines: Vec<Vec<usize>>,
}

fn held(asked: &[(Term, f32)], candidate: &Candidate<'_>) -> Held {
    let mut in_path = vec![false; asked.len()];
    words::each(candidate.path, |term, _| {
        if let Some(place) = place(asked, term) {
            in_path[place] = true;
        }
    });
    let lines = by_line(asked, candidate.text);
    let mut times = vec![0.0; asked.len()];
    lines.iter().flatten().for_each(|place| times[*place] += 1.0);
    Held { times, in_path, lines }
}

fn by_line(asked: &[(Term, f32)], text: &str) -> Vec<Vec<usize>> {
    let words_of = |line| {
        let mut words = Vec::new();
        words::each(line, |term, _| words.extend(place(asked, term)));
        words
    };
    text.lines().map(words_of).collect()
}

fn place(asked: &[(Term, f32)], term: Term) -> Option<usize> {
    asked.binary_search_by_key(&term, |(term, _)| *term).ok()
}

/// What each of the question's words is worth: its weight, and more the fewer candidates hold it.
fn rarity(asked: &[(Term, f32)], held: &[Held]) -> Vec<f32> {
    let all = held.len() as f32;
    let worth = |(index, (_, weight)): (usize, &(Term, f32))| {
        let holding = held.iter().filter(|held| held.times[index] > 0.0).count() as f32;
        weight * (1.0 + (all - holding + 0.5) / (holding + 0.5)).ln()
    };
    asked.iter().enumerate().map(worth).collect()
}

impl Held {
    /// The worth of the words in the text: a word said often counts a little more, and one in a long text less. (BM25.)
    fn in_text(&self, rarity: &[f32], relative_length: f32) -> f32 {
        let length = 1.0 - LENGTH + LENGTH * relative_length;
        self.times.iter().zip(rarity).map(|(times, rarity)| rarity * times * 2.0 / (times + length)).sum()
    }

    /// The worth of the different words that stand close together, where most do.
    fn in_one_place(&self, rarity: &[f32]) -> f32 {
        let here = |from: usize| {
            let close = &self.lines[from..self.lines.len().min(from + CLOSE)];
            let mut seen = vec![false; rarity.len()];
            close.iter().flatten().for_each(|place| seen[*place] = true);
            rarity.iter().zip(seen).filter(|(_, seen)| *seen).map(|(rarity, _)| rarity).sum()
        };
        (0..self.lines.len()).map(here).fold(0.0, f32::max)
    }

    fn in_path(&self, rarity: &[f32]) -> f32 {
        self.in_path.iter().zip(rarity).filter(|(held, _)| **held).map(|(_, rarity)| rarity).sum()
    }
}

/// A snippet is no longer than this,
const SNIPPET_LINES: usize = 10;
/// of which so many stand above the line that matches best: what a comment says is explained below it.
const LINES_ABOVE: usize = 3;

/// The lines of a text, whose first has the given number, around the one that matches the question best; with the
/// numbers of the first and the last. Where nothing matches it is the beginning.
pub fn snippet(question: &str, text: &str, start_line: u32) -> (String, u32, u32) {
    let asked = asked(question);
    let lines: Vec<&str> = text.lines().collect();
    let words = by_line(&asked, text);
    let mut holding = vec![0.0_f32; asked.len()];
    for word in words.iter().flat_map(|line| distinct(line)) {
        holding[word] += 1.0;
    }
    let worth: Vec<f32> = words.iter().map(|line| distinct(line).map(|word| asked[word].1 / holding[word].sqrt()).sum()).collect();
    // A line among others that match is better than one that stands alone.
    let around =
        |index: usize| worth[index] + 0.5 * (worth.get(index + 1).unwrap_or(&0.0) + worth.get(index.wrapping_sub(1)).unwrap_or(&0.0));
    let best = (0..lines.len()).fold(0, |best, index| if worth[index] > 0.0 && around(index) > around(best) { index } else { best });

    let mut from = best.saturating_sub(LINES_ABOVE).min(lines.len().saturating_sub(SNIPPET_LINES));
    let mut to = lines.len().min(from + SNIPPET_LINES);
    let blank = |index: usize| lines[index].trim().is_empty();
    while from + 1 < to && blank(from) {
        from += 1;
    }
    while from + 1 < to && blank(to - 1) {
        to -= 1;
    }
    let last = start_line + to.saturating_sub(1).max(from) as u32;
    (lines[from..to].join("\n"), start_line + from as u32, last)
}

/// Each word of a line once.
fn distinct(line: &[usize]) -> impl Iterator<Item = usize> {
    line.iter().enumerate().filter(|(index, word)| !line[..*index].contains(word)).map(|(_, word)| *word)
}

#[cfg(test)]
#[path = "rank_tests.rs"]
mod tests;
