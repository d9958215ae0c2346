//! The code index: what of a git repository can be searched.
//!
//! Nothing here knows the table, a run or the clock. `git` reads repositories, the rest
//! is arithmetic: which files changed, where a file is cut, what a piece of text is as
//! numbers, and which pieces answer a question.

pub mod chunk;
pub mod embed;
pub mod git;
pub mod ignoring;
pub mod manifest;
pub mod rank;

mod fnv;
mod words;

#[cfg(test)]
mod questions;
