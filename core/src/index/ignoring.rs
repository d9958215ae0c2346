//! Which files are left out, by patterns as they stand in a `.gitignore`.

use gix::bstr::BStr;
use gix::glob::pattern::Case;
use gix::ignore::Search;
use gix::ignore::search::Ignore;

/// Patterns of a source, and of a run: what comes later overrules what came before.
pub struct Ignored(Search);

impl Ignored {
    pub fn by(patterns: &[String]) -> Self {
        Self(Search::from_overrides(patterns, Ignore { support_precious: false }))
    }

    /// Whether a path is left out: by itself, or with a folder that it lies in, out of which
    /// no pattern can take it back.
    pub fn has(&self, path: &str) -> bool {
        let folders = path.match_indices('/').map(|(end, _)| (&path[..end], true));
        folders.chain([(path, false)]).any(|(path, is_folder)| self.matches(path, is_folder))
    }

    fn matches(&self, path: &str, is_folder: bool) -> bool {
        let found = self.0.pattern_matching_relative_path(BStr::new(path), Some(is_folder), Case::Sensitive);
        found.is_some_and(|found| !found.pattern.is_negative())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S1.32: patterns mean what they mean in a `.gitignore`.
    #[test]
    fn patterns_mean_what_git_means() {
        let table: &[(&[&str], &[&str], &[&str])] = &[
            (&["*.pyc"], &["a.pyc", "deep/er/b.pyc"], &["a.py", "pyc"]),
            (&["build/"], &["build/a", "deep/build/b/c"], &["build", "builder/a"]),
            (&["/docs"], &["docs", "docs/a.md"], &["deep/docs/a.md"]),
            (&["docs/*.md"], &["docs/a.md"], &["deep/docs/a.md", "docs/deep/a.md"]),
            (&["**/gen/**"], &["gen/a", "a/gen/b/c"], &["general/a"]),
            (&["*.log", "!keep.log"], &["a.log", "deep/b.log"], &["keep.log", "deep/keep.log"]),
            (&["logs/", "!logs/keep.log"], &["logs/keep.log"], &["log"]),
            (&["# nothing", "", "a b"], &["a b"], &["# nothing", "a"]),
            (&["[ab].c", "x?.c"], &["a.c", "xy.c"], &["c.c", "x.c"]),
        ];
        for (patterns, ignored, kept) in table {
            let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            let set = Ignored::by(&patterns);
            for path in *ignored {
                assert!(set.has(path), "{patterns:?} leave {path} out");
            }
            for path in *kept {
                assert!(!set.has(path), "{patterns:?} keep {path}");
            }
        }
    }
}
