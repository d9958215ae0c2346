//! Cuts a source file into the pieces that are embedded and found. Where to cut is decided by what stands there and
//! not by counting from the file's start, so that an edit changes the piece it falls in and leaves the others, and
//! their vectors, as they were.
//!
//! Every line a piece could begin with has a rank: how well it begins one, and, among equals, a hash of what it says.
//! The file is cut at its best line, the two halves at theirs, and so on while a half is too long. An edit elsewhere
//! changes neither rank nor order, so the same lines are cut at again.

use super::fnv;

/// A piece of a file: whole lines, unless one line alone is too long. It neither begins nor ends with a blank line,
/// and its text ends before the last line's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Counted from 1.
    pub start_line: u32,
    /// The last line that belongs to it.
    pub end_line: u32,
    pub text: &'a str,
}

/// How long a piece may be.
#[derive(Clone, Copy)]
struct Limit {
    lines: usize,
    bytes: usize,
}

/// What is longer is cut where a new item begins. Halves being what they are, most pieces come out at half as much.
const ENOUGH: Limit = Limit { lines: 60, bytes: 2_200 };
/// What is longer is cut at any blank line.
const LONG: Limit = Limit { lines: 70, bytes: 2_600 };
/// Nothing is longer.
const LONGEST: Limit = Limit { lines: 80, bytes: 3_000 };
/// What is shorter stays with its neighbour.
const SHORTEST: usize = 300;

/// An indentation up to this is that of an item: a function, or a method in its type.
const ITEM_INDENT: u8 = 4;
/// Deeper lines are all alike.
const DEEPEST_INDENT: u8 = 40;
/// As many lines say which of two equally good beginnings goes first: one alone may be the same all over a file
/// (`#[test]`, `return x;`).
const TELLING_LINES: usize = 5;

/// One line that is not blank.
struct Line {
    number: u32,
    start: usize,
    /// After its last character, before its line end.
    end: usize,
    /// How well a piece begins here, and among equals a number of its own.
    rank: u64,
    limit: Limit,
}

/// The pieces of a file, in its order. Every line that is not blank is in exactly one.
pub fn chunks(text: &str) -> Vec<Chunk<'_>> {
    let lines = lines(text);
    let mut pieces = Vec::new();
    let mut from = 0;
    for cut in cuts(&lines).into_iter().chain([lines.len()]) {
        fit(text, &lines[from..cut], &mut pieces);
        from = cut;
    }
    pieces
}

/// The lines that are not blank, each with its rank.
fn lines(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut hashes = Vec::new();
    let (mut start, mut blank_before, mut holds) = (0, true, false);
    for (index, whole) in text.split_inclusive('\n').enumerate() {
        let said = whole.trim();
        if said.is_empty() {
            blank_before = true;
        } else {
            let (level, limit) = beginning(whole, said, blank_before, holds);
            let end = start + whole.trim_end_matches(['\n', '\r']).len();
            lines.push(Line { number: index as u32 + 1, start, end, rank: u64::from(level), limit });
            hashes.push(fnv::hash(said.as_bytes()));
            (blank_before, holds) = (false, holds_the_next(said));
        }
        start += whole.len();
    }
    for (index, line) in lines.iter_mut().enumerate() {
        let telling = &hashes[index..hashes.len().min(index + TELLING_LINES)];
        let hash = telling.iter().fold(0, |all, one| fnv::spread(all ^ one));
        line.rank = line.rank << 56 | hash >> 8;
    }
    lines
}

/// How well a piece begins with this line, the higher the better: after a blank line and little indented best of all,
/// deep inside or right below its own comment or attribute worst. And how long a piece must be to be cut there: the worse
/// the place, the longer.
fn beginning(whole: &str, said: &str, blank_before: bool, held: bool) -> (u8, Limit) {
    let indent = whole.bytes().map_while(|byte| match byte {
        b' ' => Some(1_u8),
        b'\t' => Some(4),
        _ => None,
    });
    let indent = indent.fold(0_u8, u8::saturating_add).min(DEEPEST_INDENT);
    let closes = said.starts_with(['}', ')', ']', '{']) || said.starts_with("</") || ["end", "else", "EOF"].contains(&said);
    match (closes, blank_before, held) {
        (true, ..) => (0, LONGEST),
        (_, true, _) if indent <= ITEM_INDENT => (100 - indent, ENOUGH),
        (_, true, _) => (100 - indent, LONG),
        (_, _, true) => (1, LONGEST),
        _ => (50 - indent, LONGEST),
    }
}

/// Whether the line is about the one below it: a comment, an attribute, a decorator.
fn holds_the_next(said: &str) -> bool {
    ["//", "#", "@", "/*", "*", "--", "\"\"\"", ";;", "%"].iter().any(|mark| said.starts_with(mark))
}

/// Before which lines to cut. The best line of a stretch cuts it, if the stretch is long enough to be cut at a line
/// like that and neither side becomes too short; then each side is treated alike.
fn cuts(lines: &[Line]) -> Vec<usize> {
    let (children, Some(root)) = best_first(lines) else { return Vec::new() };
    let mut cuts = Vec::new();
    let mut waiting = vec![(root, 0, lines.len())];
    while let Some((best, from, to)) = waiting.pop() {
        let (left, right) = children[best];
        if within(&lines[from..to], lines[best].limit) {
            continue;
        }
        // What lies between a line too near an end and that end is nearer still.
        let too_near_start = best == from || length(&lines[from..best]) < SHORTEST;
        let too_near_end = length(&lines[best..to]) < SHORTEST;
        if !too_near_start && !too_near_end {
            cuts.push(best);
        }
        let (left_end, right_start) = if too_near_start || too_near_end { (to, from) } else { (best, best) };
        waiting.extend(left.filter(|_| !too_near_start).map(|left| (left, from, left_end)));
        waiting.extend(right.filter(|_| !too_near_end).map(|right| (right, right_start, to)));
    }
    cuts.sort_unstable();
    cuts
}

type Children = (Option<usize>, Option<usize>);

/// For every line the best line before it and the best after it, up to the next that is better than itself; and the
/// best of all. (A Cartesian tree: made in one pass, so that a long file costs no more per line than a short one.)
fn best_first(lines: &[Line]) -> (Vec<Children>, Option<usize>) {
    let mut children: Vec<Children> = vec![(None, None); lines.len()];
    let mut open: Vec<usize> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let mut left = None;
        while let Some(last) = open.pop_if(|last| lines[*last].rank < line.rank) {
            left = Some(last);
        }
        children[index].0 = left;
        if let Some(above) = open.last() {
            children[*above].1 = Some(index);
        }
        open.push(index);
    }
    (children, open.first().copied())
}

fn length(lines: &[Line]) -> usize {
    match lines {
        [first, .., last] => last.end - first.start,
        [only] => only.end - only.start,
        [] => 0,
    }
}

fn within(lines: &[Line], limit: Limit) -> bool {
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return true };
    length(lines) <= limit.bytes && ((last.number - first.number) as usize) < limit.lines
}

/// The stretch as one piece; or, where no line in it could be cut at, as many as it takes.
fn fit<'a>(text: &'a str, lines: &[Line], pieces: &mut Vec<Chunk<'a>>) {
    let mut rest = lines;
    while let [first, ..] = rest {
        let count = if within(rest, LONGEST) {
            rest.len()
        } else {
            // Short ones only: the stretch that fits has at most as many lines as the longest piece.
            (1..rest.len()).find(|count| !within(&rest[..=*count], LONGEST)).unwrap_or(1)
        };
        let (piece, later) = rest.split_at(count);
        let end = piece.last().map_or(first.end, |last| last.end);
        let (start_line, end_line) = (first.number, piece.last().map_or(first.number, |last| last.number));
        pieces.extend(bits(&text[first.start..end]).map(|text| Chunk { start_line, end_line, text }));
        rest = later;
    }
}

/// The text as it is, or, when it is one line that is too long, in bits that are not, cut between two words or signs
/// where there is such a place near the end, and never inside a character.
fn bits(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.len() > LONGEST.bytes {
            let furthest = rest.floor_char_boundary(LONGEST.bytes);
            let nearest = rest.floor_char_boundary(LONGEST.bytes / 2);
            let place = rest[nearest..furthest].rfind([' ', ',', ';', '}', '>', '.']).map(|place| nearest + place + 1);
            let (bit, later) = rest.split_at(place.unwrap_or(furthest));
            rest = later;
            return Some(bit);
        }
        (!rest.is_empty()).then(|| std::mem::take(&mut rest))
    })
    .filter(|bit| !bit.trim().is_empty())
}

#[cfg(test)]
#[path = "chunk_tests.rs"]
mod tests;
