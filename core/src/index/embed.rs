//! The embedder that comes with the program: it needs no download, no key and no other machine. Texts that use the
//! same words, or words of the same families, get vectors that lie near each other; it knows nothing of meaning.
//!
//! Vectors are stored, and compared with others made years later on another machine. So nothing in here may differ
//! between machines: no hash but our own, and no arithmetic whose last digit is left to a mathematics library.

use super::fnv;
use super::words::{self, Form, Term};

/// Vectors are compared only with vectors of the same embedder: this name changes whenever [`embed`] does.
pub const NAME: &str = "built-in-1";

/// How many numbers a vector has. Of the fifty questions in `questions.rs` 38 are answered with 128, 42 with 256, as
/// many with 384 and 44 with 512: so each doubling buys less, for twice the storage.
pub const DIMENSIONS: usize = 256;

/// Where the text's words place it: a vector of length 1, in thousandths, most of them zero. A question is placed the
/// same way, and the nearer a text lies to it (the cosine), the more they share. A text without words is nowhere: all
/// zeros.
pub fn embed(text: &str) -> Vec<f32> {
    let mut terms = Vec::with_capacity(text.len() / 4);
    words::each(text, |term, weight| {
        if let Some(share) = share(term.form) {
            terms.push((term, share * weight));
        }
    });
    terms.sort_unstable_by_key(|(term, _)| *term);
    let mut vector = vec![0.0_f32; DIMENSIONS];
    for same in terms.chunk_by(|one, other| one.0 == other.0) {
        let (term, weight) = same[0];
        let (place, sign) = place(term);
        // The tenth time a word is said tells less than the first.
        vector[place] += sign * weight * (same.len() as f32).sqrt();
    }
    round(&mut vector);
    vector
}

/// How much a form of a word counts. Pairs are many and seldom met again: they would only fill the vector up.
fn share(form: Form) -> Option<f32> {
    match form {
        Form::Stem => Some(1.0),
        Form::Beginning | Form::Kin => Some(0.5),
        Form::Pair => None,
    }
}

/// Which number of the vector a word falls on, and whether it makes it larger or smaller: of the words that meet on one
/// number as many pull one way as the other.
fn place(term: Term) -> (usize, f32) {
    let form = match term.form {
        Form::Stem => 0,
        Form::Beginning => 1,
        Form::Kin => 2,
        Form::Pair => 3,
    };
    let hash = fnv::spread(term.id.wrapping_add(form));
    ((hash % DIMENSIONS as u64) as usize, if hash >> 63 == 0 { 1.0 } else { -1.0 })
}

/// To length 1, in thousandths: they are stored as decimal numbers, and short ones do.
fn round(vector: &mut [f32]) {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    if length > 0.0 {
        // Adding zero makes an ordinary zero of a negative one.
        for number in vector {
            *number = (*number / length * 1_000.0).round() / 1_000.0 + 0.0;
        }
    }
}

#[cfg(test)]
#[path = "embed_tests.rs"]
mod tests;
