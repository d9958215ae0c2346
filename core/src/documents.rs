//! A folder of documents: what is in it, and what each file says of itself.
//!
//! Reads files and nothing else. What was stored before and what to do about
//! the difference is the engine's business.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use walkdir::WalkDir;

use crate::clock::Moment;
use crate::digest::hex;
use crate::model::{Item, ItemType};

/// What is taken in when a source names no patterns.
pub const DEFAULT_PATTERNS: &[&str] = &["**/*.md"];
/// How much of a file is looked at for its title.
const TITLE_BYTES: usize = 64 * 1024;

/// Why a folder cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// There is no such folder, or it is not one.
    NotFound,
    /// It lies outside what the operator allowed.
    NotAllowed,
}

/// The names in a folder, in order.
#[derive(Debug, Default)]
pub struct Listing {
    /// Relative to the folder, with `/` between the parts.
    pub paths: Vec<String>,
    /// What could not be looked at; if there is any, the listing proves nothing
    /// about what is absent.
    pub unread: Vec<Skipped>,
    /// What was left out on purpose.
    pub skipped: Vec<Skipped>,
}

/// Something that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub path: String,
    pub why: String,
}

/// A file as an item, and what is odd about it.
#[derive(Debug)]
pub struct Document {
    pub item: Item,
    pub oddity: Option<String>,
}

/// Resolves a folder, through every link, to where it really is, and checks that
/// this lies under one of the roots.
pub fn resolve(path: &str, roots: &[PathBuf]) -> Result<PathBuf, Unusable> {
    let lexically = |root: &PathBuf| Path::new(path).starts_with(root);
    let Ok(real) = Path::new(path).canonicalize() else {
        // Of a folder that is not there only its name can be judged.
        let plain = !Path::new(path).components().any(|part| part == std::path::Component::ParentDir);
        let named = roots.iter().any(|root| lexically(root) || root.canonicalize().is_ok_and(|root| lexically(&root)));
        return Err(if plain && named { Unusable::NotFound } else { Unusable::NotAllowed });
    };
    let allowed = roots.iter().filter_map(|root| root.canonicalize().ok()).any(|root| real.starts_with(root));
    match (allowed, real.is_dir()) {
        (false, _) => Err(Unusable::NotAllowed),
        (true, false) => Err(Unusable::NotFound),
        (true, true) => Ok(real),
    }
}

/// Compiles patterns; the error says which is wrong and how.
pub fn patterns(texts: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    let defaults = DEFAULT_PATTERNS.iter().map(|pattern| (*pattern).to_owned());
    let texts: Vec<String> = if texts.is_empty() { defaults.collect() } else { texts.to_vec() };
    for text in texts {
        let glob = GlobBuilder::new(&text).literal_separator(true).build();
        set.add(glob.map_err(|why| format!("\"{text}\" is not a pattern: {}", why.kind()))?);
    }
    set.build().map_err(|why| why.to_string())
}

/// Lists the files of a folder that match. Links are not followed: what they
/// lead to is either listed where it is, or lies outside.
pub fn list(folder: &Path, patterns: &GlobSet) -> Listing {
    let mut listing = Listing::default();
    for entry in WalkDir::new(folder).follow_links(false).min_depth(1) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(why) => {
                let path = why.path().map(|path| relative(folder, path).0).unwrap_or_default();
                let why = why.io_error().map_or_else(|| "cannot be read".to_owned(), ToString::to_string);
                listing.unread.push(Skipped { path, why });
                continue;
            }
        };
        let (path, is_text) = relative(folder, entry.path());
        let matches = patterns.is_match(&path);
        if entry.file_type().is_symlink() && matches {
            listing.skipped.push(Skipped { path, why: "is a link, and links are not followed".into() });
        } else if entry.file_type().is_file() && matches {
            if is_text {
                listing.paths.push(path);
            } else {
                listing.skipped.push(Skipped { path, why: "has a name that is not UTF-8".into() });
            }
        }
    }
    listing.paths.sort_unstable();
    listing
}

fn relative(folder: &Path, path: &Path) -> (String, bool) {
    let path = path.strip_prefix(folder).unwrap_or(path);
    match path.to_str() {
        Some(text) => (text.replace(std::path::MAIN_SEPARATOR, "/"), true),
        None => (path.to_string_lossy().into_owned(), false),
    }
}

/// Reads one file. `None` means that it is gone since it was listed.
pub fn read(folder: &Path, path: &str) -> std::io::Result<Option<Document>> {
    let full = folder.join(path);
    // The file may have become a link since it was listed.
    match full.symlink_metadata() {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Ok(None),
        Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(other) => return Err(other),
    }
    let mut file = File::open(&full)?;
    let modified = file.metadata()?.modified().ok();
    let (mut hash, mut size, mut head, mut is_text) = (Context::new(&SHA256), 0u64, Vec::new(), Utf8::default());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        let bytes = &buffer[..count];
        if count == 0 {
            break;
        }
        hash.update(bytes);
        size += count as u64;
        is_text.push(bytes);
        head.extend_from_slice(&bytes[..count.min(TITLE_BYTES.saturating_sub(head.len()))]);
    }
    let heading = title(&String::from_utf8_lossy(&head));
    let stem = Path::new(path).file_stem().map_or_else(|| path.to_owned(), |stem| stem.to_string_lossy().into_owned());
    let oddity = (!is_text.is_whole()).then(|| "is not UTF-8: it is listed under its file name".to_owned());
    let title = if oddity.is_some() { stem } else { heading.unwrap_or(stem) };
    let item = Item {
        kind: ItemType::Document,
        external_id: format!("document:{path}"),
        title,
        body: None,
        state: "open".into(),
        labels: Vec::new(),
        assignees: Vec::new(),
        author: None,
        url: None,
        severity: None,
        priority: None,
        created_at: None,
        updated_at: modified.and_then(|at| jiff::Timestamp::try_from(at).ok()).map(|at| Moment(at.as_millisecond())),
        path: Some(path.to_owned()),
        sha256: Some(hex(hash.finish().as_ref())),
        size: Some(size),
    };
    Ok(Some(Document { item, oddity }))
}

/// Whether bytes that come in pieces are UTF-8.
#[derive(Default)]
struct Utf8 {
    tail: Vec<u8>,
    broken: bool,
}

impl Utf8 {
    fn push(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        self.tail.extend_from_slice(bytes);
        let keep = match std::str::from_utf8(&self.tail) {
            Ok(_) => self.tail.len(),
            Err(error) => {
                self.broken = error.error_len().is_some();
                error.valid_up_to()
            }
        };
        self.tail.drain(..keep);
    }

    fn is_whole(&self) -> bool {
        !self.broken && self.tail.is_empty()
    }
}

/// The first heading of a Markdown text: not a comment in a code block, and not
/// a line of the front matter.
fn title(text: &str) -> Option<String> {
    let mut lines = text.trim_start_matches('\u{feff}').lines().peekable();
    if lines.peek() == Some(&"---") {
        lines.next();
        lines.by_ref().find(|line| *line == "---");
    }
    let mut fence: Option<&str> = None;
    let mut before: Option<&str> = None;
    for line in lines {
        let plain = line.trim();
        if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| plain.starts_with(mark)) {
            fence = match fence {
                None => Some(mark),
                Some(open) if open == mark => None,
                other => other,
            };
            before = None;
            continue;
        }
        if fence.is_some() {
            continue;
        }
        let text = plain.trim_start_matches('#');
        let level = plain.len() - text.len();
        if (1..=6).contains(&level) && (text.is_empty() || text.starts_with([' ', '\t'])) {
            let text = text.trim().trim_end_matches('#').trim();
            if !text.is_empty() {
                return Some(shorten(text));
            }
        }
        let underlined = !plain.is_empty() && (plain.chars().all(|c| c == '=') || (plain.len() > 2 && plain.chars().all(|c| c == '-')));
        if let Some(above) = before.filter(|_| underlined) {
            return Some(shorten(above));
        }
        before = Some(plain).filter(|plain| !plain.is_empty());
    }
    None
}

fn shorten(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
#[path = "documents_tests.rs"]
mod tests;
