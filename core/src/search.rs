//! Look something up in the code that is indexed.

use crate::error::Error;
use crate::index::embed;
use crate::index::rank::{Candidate, rank, snippet};
use crate::model::{IndexedBranch, SourceId, SourceKind};
use crate::plane::Plane;
use crate::status;
use crate::store::keys;
use crate::trigger::Asker;

/// As many as a vector index tells; what is nearest is put in order by its words.
const NEAREST: i32 = 100;
/// Longer questions say nothing more.
const LONGEST_QUESTION: usize = 1_000;

/// A place that answers a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub path: String,
    pub start_line: u32,
    pub end_line: u32,
    /// From 0 to 1.
    pub score: f32,
    pub snippet: String,
}

/// The places of a branch that answer a question best, best first.
pub async fn search(
    plane: &Plane,
    asker: &Asker,
    id: &SourceId,
    question: &str,
    branch: Option<&str>,
    most: usize,
) -> Result<Vec<Hit>, Error> {
    let source = status::source(plane, asker, id).await?.source;
    if source.kind != SourceKind::Index {
        return Err(Error::NotFound("source"));
    }
    if question.trim().is_empty() || question.chars().count() > LONGEST_QUESTION {
        return Err(Error::invalid("q", format!("must be 1 to {LONGEST_QUESTION} characters")));
    }
    if branch.is_some_and(str::is_empty) {
        return Err(Error::invalid("branch", "names no branch"));
    }
    let known = plane.store.branches(id).await?;
    let indexed: Vec<&IndexedBranch> = known.iter().filter(|branch| branch.manifest.is_some()).collect();
    let preferred = source.branches.first().map(String::as_str);
    let found = match branch {
        Some(name) => Some(indexed.iter().find(|known| known.branch == name).ok_or(Error::NotFound("branch"))?),
        None => indexed
            .iter()
            .find(|known| Some(known.branch.as_str()) == preferred)
            .or_else(|| indexed.iter().max_by_key(|one| one.indexed_at)),
    };
    let vector = embed::embed(question);
    let (Some(found), true) = (found, vector.iter().any(|number| *number != 0.0)) else { return Ok(Vec::new()) };
    let nearest = plane.store.nearest(&keys::tree(id, &found.branch), &vector, NEAREST).await?;
    let candidates: Vec<Candidate<'_>> = nearest
        .iter()
        // The index tells how far off a piece is.
        .map(|(piece, distance)| Candidate { path: &piece.path, text: &piece.text, similarity: (1.0 - distance) as f32 })
        .collect();
    let ranked = rank(question, &candidates).into_iter().take(most);
    let hit = |(place, score): (usize, f32)| {
        let piece = &nearest.get(place)?.0;
        let (snippet, start_line, end_line) = snippet(question, &piece.text, piece.start_line);
        Some(Hit { path: piece.path.clone(), start_line, end_line, score, snippet })
    };
    Ok(ranked.filter_map(hit).collect())
}
