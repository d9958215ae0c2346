//! A folder of documents: what is in it, and what each file says of itself.
//!
//! Reads files and nothing else. What was stored before and what to do about
//! the difference is the engine's business.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
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
    let is_allowed = |real: &Path| roots.iter().filter_map(|root| root.canonicalize().ok()).any(|root| real.starts_with(root));
    let Ok(real) = Path::new(path).canonicalize() else {
        // A folder that is not there is judged by where it would be: under the
        // deepest folder on its way that is there.
        let plain = !Path::new(path).components().any(|part| part == std::path::Component::ParentDir);
        let parent = Path::new(path).ancestors().skip(1).find_map(|above| above.canonicalize().ok());
        let would_be =
            plain && parent.is_some_and(|parent| is_allowed(&parent) || roots.iter().any(|root| Path::new(path).starts_with(root)));
        return Err(if would_be { Unusable::NotFound } else { Unusable::NotAllowed });
    };
    match (is_allowed(&real), real.is_dir()) {
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
    if !folder.is_dir() && listing.unread.is_empty() {
        listing.unread.push(Skipped { path: String::new(), why: "the folder is not a folder any more".into() });
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
    // The file, or a folder on its way, may have become a link since it was
    // listed: what is read must still lie in the folder.
    let Some(mut file) =
        present(full.canonicalize())?.filter(|real| *real == full && real.is_file()).map(File::open).transpose().or_else(gone)?
    else {
        return Ok(None);
    };
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
        updated_at: modified.and_then(|at| jiff::Timestamp::try_from(at).ok()).map(|at| Moment(at.as_millisecond())),
        path: Some(path.to_owned()),
        sha256: Some(hex(hash.finish().as_ref())),
        size: Some(size),
        ..Item::new(ItemType::Document, format!("document:{path}"), title, "open".into())
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

/// The first heading of a Markdown text. What stands in code, in a comment or in
/// the front matter is none.
fn title(text: &str) -> Option<String> {
    let mut title: Option<String> = None;
    for event in Parser::new_ext(text.trim_start_matches('\u{feff}'), Options::ENABLE_YAML_STYLE_METADATA_BLOCKS) {
        match (event, &mut title) {
            (Event::Start(Tag::Heading { .. }), _) => title = Some(String::new()),
            (Event::End(TagEnd::Heading(_)), Some(text)) if text.trim().is_empty() => title = None,
            (Event::End(TagEnd::Heading(_)), _) => break,
            (Event::Text(text) | Event::Code(text), Some(so_far)) => so_far.push_str(&text),
            (Event::SoftBreak | Event::HardBreak, Some(so_far)) => so_far.push(' '),
            _ => {}
        }
    }
    title.map(|title| shorten(title.trim()))
}

/// What is there; that it is not, or not any more, is no error.
fn present<T>(found: std::io::Result<T>) -> std::io::Result<Option<T>> {
    found.map(Some).or_else(gone)
}

fn gone<T>(why: std::io::Error) -> std::io::Result<Option<T>> {
    match why.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Ok(None),
        _ => Err(why),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
#[path = "documents_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "documents_reading_tests.rs"]
mod reading_tests;
