//! What is in a tree, as far as a difference needs it: each path and the name of its
//! content.
//!
//! Kept for each branch that is indexed. The difference of two of them is the work of a
//! run, and it is found without asking anyone.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// A content's name: git's hash of it.
pub type Blob = [u8; 20];

/// The first byte of one that is kept.
const FORM: u8 = 1;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest(pub BTreeMap<String, Blob>);

/// What is to be done about a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Added(Blob),
    Modified(Blob),
    /// The same content was at this path, and is there no more.
    Renamed(Blob, String),
    /// It is as it was; what the index has of it may not be.
    Again(Blob),
    Removed,
    /// It is elsewhere now, where it was taken along to.
    Left,
    /// It is in neither tree; an unfinished run may have written it.
    Stray,
}

impl Change {
    /// The content that is to be indexed; none where what there is goes.
    pub fn blob(&self) -> Option<Blob> {
        match self {
            Self::Added(blob) | Self::Modified(blob) | Self::Renamed(blob, _) | Self::Again(blob) => Some(*blob),
            Self::Removed | Self::Left | Self::Stray => None,
        }
    }
}

/// What is to be done, in its order: what goes does so last, for its vectors may be
/// wanted elsewhere before.
pub type Work = Vec<(String, Change)>;

impl Manifest {
    /// What leads from this one to another. Paths in `doubted` are done again, even where
    /// both agree: an earlier run may have changed them and not come to its end.
    pub fn work(&self, target: &Self, doubted: &dyn Fn(&str) -> bool) -> Work {
        let mut gone: BTreeMap<Blob, Vec<&String>> = BTreeMap::new();
        for (path, blob) in self.0.iter().filter(|(path, _)| !target.0.contains_key(*path)).rev() {
            gone.entry(*blob).or_default().push(path);
        }
        let (mut work, mut left) = (Vec::new(), Vec::new());
        for (path, blob) in &target.0 {
            let change = match self.0.get(path) {
                Some(before) if before != blob => Change::Modified(*blob),
                Some(_) if doubted(path) => Change::Again(*blob),
                Some(_) => continue,
                None => match gone.entry(*blob) {
                    Entry::Occupied(mut from) => match from.get_mut().pop() {
                        Some(from) => {
                            left.push(from);
                            Change::Renamed(*blob, from.clone())
                        }
                        None => Change::Added(*blob),
                    },
                    Entry::Vacant(_) => Change::Added(*blob),
                },
            };
            work.push((path.clone(), change));
        }
        let removed = gone.into_values().flatten().map(|path| (path.clone(), Change::Removed));
        let mut leaving: Work = removed.chain(left.into_iter().map(|path| (path.clone(), Change::Left))).collect();
        leaving.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        work.extend(leaving);
        work
    }

    /// Paths at which two of them differ.
    pub fn differs_at(&self, other: &Self, path: &str) -> bool {
        self.0.get(path) != other.0.get(path)
    }

    /// As few bytes as it can be kept in: neighbours share the beginnings of their names.
    pub fn encode(&self) -> std::io::Result<Vec<u8>> {
        let mut packed = DeflateEncoder::new(vec![FORM], Compression::default());
        let mut before: &[u8] = &[];
        for (path, blob) in &self.0 {
            let path = path.as_bytes();
            let shared = before.iter().zip(path).take_while(|(one, other)| one == other).count().min(usize::from(u16::MAX));
            let rest = path.len() - shared;
            packed.write_all(&u16::try_from(shared).unwrap_or(u16::MAX).to_be_bytes())?;
            packed.write_all(&u32::try_from(rest).map_err(std::io::Error::other)?.to_be_bytes())?;
            packed.write_all(&path[shared..])?;
            packed.write_all(blob)?;
            before = path;
        }
        packed.finish()
    }

    pub fn decode(bytes: &[u8]) -> std::io::Result<Self> {
        let Some((&FORM, packed)) = bytes.split_first() else {
            return Err(std::io::Error::other("a manifest of a form that this build does not know"));
        };
        let mut plain = Vec::new();
        DeflateDecoder::new(packed).read_to_end(&mut plain)?;
        let (mut files, mut before, mut at) = (BTreeMap::new(), Vec::<u8>::new(), 0);
        let mut take = |count: usize| {
            let taken = plain.get(at..at + count).ok_or(std::io::ErrorKind::UnexpectedEof);
            at += count;
            taken
        };
        while let Ok(shared) = take(2) {
            let shared = usize::from(u16::from_be_bytes([shared[0], shared[1]]));
            let rest = take(4)?;
            let rest = u32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
            before.truncate(shared);
            before.extend_from_slice(take(rest)?);
            let blob: Blob = take(20)?.try_into().map_err(std::io::Error::other)?;
            files.insert(String::from_utf8(before.clone()).map_err(std::io::Error::other)?, blob);
        }
        Ok(Self(files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: &[(&str, u8)]) -> Manifest {
        Manifest(files.iter().map(|(path, blob)| ((*path).to_owned(), [*blob; 20])).collect())
    }

    fn work(before: &[(&str, u8)], target: &[(&str, u8)]) -> Vec<(String, Change)> {
        manifest(before).work(&manifest(target), &|_| false)
    }

    /// S1.18, S1.21: the difference names what changed and nothing else; what goes comes last.
    #[test]
    fn the_difference_is_the_work() {
        use Change::{Added, Left, Modified, Removed, Renamed};
        let change = |path: &str, change| (path.to_owned(), change);
        assert_eq!(work(&[("a", 1), ("b", 2)], &[("a", 1), ("b", 2)]), []);
        assert_eq!(work(&[], &[("a", 1)]), [change("a", Added([1; 20]))]);
        assert_eq!(work(&[("a", 1)], &[("a", 2)]), [change("a", Modified([2; 20]))]);
        assert_eq!(work(&[("a", 1)], &[]), [change("a", Removed)]);
        assert_eq!(work(&[("a", 1)], &[("z", 1)]), [change("z", Renamed([1; 20], "a".into())), change("a", Left)]);
        // A copy is no renaming, and each that went is renamed once.
        assert_eq!(work(&[("a", 1)], &[("a", 1), ("b", 1)]), [change("b", Added([1; 20]))]);
        assert_eq!(
            work(&[("a", 1), ("b", 1)], &[("y", 1), ("z", 1), ("x", 1)]),
            [
                change("x", Renamed([1; 20], "a".into())),
                change("y", Renamed([1; 20], "b".into())),
                change("z", Added([1; 20])),
                change("a", Left),
                change("b", Left),
            ]
        );
    }

    /// What an unfinished run may have touched is done again.
    #[test]
    fn what_is_doubted_is_done_again() {
        let (before, target) = (manifest(&[("a", 1), ("b", 2)]), manifest(&[("a", 1), ("b", 2)]));
        assert_eq!(before.work(&target, &|path| path == "b"), [("b".to_owned(), Change::Again([2; 20]))]);
    }

    /// Doing the work on what was gives what is, whatever both are.
    #[test]
    fn the_work_leads_from_one_to_the_other() {
        let mut seed = 7_u32;
        let mut next = |most: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % most
        };
        for _ in 0..500 {
            let mut some = || -> Manifest {
                let count = next(12);
                Manifest((0..count).map(|_| (format!("p{}", next(9)), [u8::try_from(next(5)).expect("small"); 20])).collect())
            };
            let (before, target) = (some(), some());
            let mut reached = before.0.clone();
            for (path, change) in before.work(&target, &|_| false) {
                if let Change::Renamed(blob, from) = &change {
                    assert_eq!(reached.get(from), Some(blob), "what is taken along is still there");
                }
                match change.blob() {
                    Some(blob) => drop(reached.insert(path, blob)),
                    None => drop(reached.remove(&path)),
                }
            }
            assert_eq!(Manifest(reached), target);
        }
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let many = (0..2_000).map(|number| (format!("src/deep/er/file-{number}.rs"), [u8::try_from(number % 251).expect("small"); 20]));
        let odd = [("", 1), ("a b", 2), ("ünï/cödé", 3), ("ünï/cödf", 4)].map(|(path, blob)| (path.to_owned(), [blob; 20]));
        let manifest = Manifest(many.chain(odd).collect());
        let bytes = manifest.encode().expect("it is encoded");
        assert_eq!(Manifest::decode(&bytes).expect("it is read"), manifest);
        assert!(bytes.len() < 60_000, "{} bytes", bytes.len());
        assert_eq!(Manifest::decode(&Manifest::default().encode().expect("it is encoded")).expect("it is read"), Manifest::default());
        assert!(Manifest::decode(&[9, 9]).is_err());
        assert!(Manifest::decode(&[]).is_err());
    }
}
