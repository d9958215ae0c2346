//! Whether a reader finds what they ask for: fifty questions in plain words about a public crate, whose sources are on
//! every machine that has built this program. Whoever changes the embedder or the ranking sees here what it is worth.

use std::fs;
use std::path::{Path, PathBuf};

use super::chunk::chunks;
use super::embed::embed;
use super::rank::{Candidate, rank};

const QUESTIONS: &str = include_str!("questions.txt");

/// As many chunks as a search hands to the ranking.
const NEAREST: usize = 100;

/// The folder of the crate the list's first line names, where cargo has unpacked it.
fn folder() -> PathBuf {
    let name = QUESTIONS.lines().next().expect("a first line").trim_start_matches("# ").replace(' ', "-");
    let cargo = option_env!("CARGO_HOME").map_or_else(|| std::env::home_dir().expect("a home").join(".cargo"), PathBuf::from);
    let registries = fs::read_dir(cargo.join("registry/src")).expect("cargo's registry");
    let mut found = registries.map(|registry| registry.expect("a registry").path().join(&name)).filter(|folder| folder.exists());
    found.next().unwrap_or_else(|| panic!("{name} is not here: run `cargo fetch`, and see that the list names the version of Cargo.lock"))
}

/// Every source file below a folder, by its path from `root`, in order.
fn sources(root: &Path, folder: &Path) -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources.extend(self::sources(root, &path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).expect("below the root").to_str().expect("a name in Unicode").replace('\\', "/");
            sources.push((name, fs::read_to_string(&path).expect("a text")));
        }
    }
    sources.sort();
    sources
}

/// What of the questions was found.
#[derive(Debug, PartialEq)]
struct Found {
    asked: usize,
    /// The file's best chunk is the best of all.
    first: usize,
    among_five: usize,
    /// One of its chunks is among the nearest.
    at_all: usize,
}

fn found(sources: &[(String, String)]) -> Found {
    let chunks: Vec<(&str, &str)> =
        sources.iter().flat_map(|(path, text)| chunks(text).into_iter().map(move |chunk| (path.as_str(), chunk.text))).collect();
    let vectors: Vec<Vec<f32>> = chunks.iter().map(|(_, text)| embed(text)).collect();
    let mut found = Found { asked: 0, first: 0, among_five: 0, at_all: 0 };
    for (answer, question) in QUESTIONS.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once('\t').expect("a tab")) {
        assert!(sources.iter().any(|(path, _)| path == answer), "{answer}");
        let asked = embed(question);
        let cosine = |vector: &[f32]| vector.iter().zip(&asked).map(|(one, other)| one * other).sum::<f32>();
        let mut near: Vec<(usize, f32)> = vectors.iter().map(|vector| cosine(vector)).enumerate().collect();
        near.sort_by(|one, other| other.1.total_cmp(&one.1));
        let near = near[..NEAREST.min(near.len())].iter();
        let candidates: Vec<Candidate<'_>> =
            near.map(|(index, similarity)| Candidate { path: chunks[*index].0, text: chunks[*index].1, similarity: *similarity }).collect();
        let mut files: Vec<&str> = Vec::new();
        for (index, _) in rank(question, &candidates) {
            if !files.contains(&candidates[index].path) {
                files.push(candidates[index].path);
            }
        }
        let place = files.iter().position(|path| *path == answer);
        found.asked += 1;
        found.first += usize::from(place == Some(0));
        found.among_five += usize::from(place.is_some_and(|place| place < 5));
        found.at_all += usize::from(place.is_some());
        if place.is_none_or(|place| place >= 5) {
            println!("not among five: {place:?} {answer}: {question}");
        }
    }
    found
}

/// Four of five questions lead to the file that answers them within the first five files shown.
#[test]
fn most_questions_are_answered_by_the_first_five_files() {
    let root = folder();
    let sources = sources(&root, &root.join("src"));
    assert!(sources.len() >= 60, "a crate of some size");
    let found = found(&sources);
    println!("{found:?}");
    assert_eq!(found.asked, 50);
    assert!(found.among_five >= 40, "{found:?}");
}
