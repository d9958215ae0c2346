//! A git repository somewhere else, for what reads one: a bare repository in a folder
//! of its own, written with git's own tools and served over smart HTTP by git's own
//! backend, on loopback as the forge is. Names, dates and settings are fixed, so that
//! the same story gives the same commits on every machine.
//!
//! One repository is one server. It can ask for a token, refuse, fall silent and be
//! away; what it was asked is in its journal.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use self::serving::{Door, Serving};

pub mod serving;

pub use self::serving::{Asked, Wanted};

/// The moment of the first commit, in seconds; each further one is a minute later.
const BEGAN: u64 = 1_767_225_600;

/// Where the repository lies below the root of its server.
const NAME: &str = "acme/web.git";

/// One change of a commit.
#[derive(Clone, Copy, Debug)]
pub enum Change<'text> {
    /// A file is there, with these contents.
    Put(&'text str, &'text [u8]),
    Remove(&'text str),
    Rename(&'text str, &'text str),
    /// A symbolic link, and where it leads.
    Link(&'text str, &'text str),
    /// A submodule, and the commit it stands at.
    Module(&'text str, &'text str),
}

/// A repository that others fetch from.
pub struct GitRemote {
    folder: TempDir,
    door: Arc<Door>,
    serving: Serving,
    commits: AtomicU64,
}

impl GitRemote {
    /// An empty repository whose HEAD is main.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bare = folder.path().join(NAME);
        std::fs::create_dir_all(&bare).unwrap();
        let door = Arc::new(Door::of(folder.path()));
        let serving = Serving::start(door.clone(), None).await;
        let remote = Self { folder, door, serving, commits: AtomicU64::new(0) };
        remote.git(&["init", "--quiet", "--bare", "--initial-branch", "main", "."]);
        // As the forges let one do.
        remote.git(&["config", "uploadpack.allowFilter", "true"]);
        remote.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
        remote
    }

    /// A repository with these files on main.
    pub async fn with(files: &[(&str, &str)]) -> Self {
        let remote = Self::start().await;
        let puts: Vec<_> = files.iter().map(|(path, text)| (*path, Some(*text))).collect();
        remote.commit("main", &puts, "What there was");
        remote
    }

    /// What a source says of it.
    pub fn url(&self) -> String {
        format!("http://{}/{NAME}", self.serving.address())
    }

    /// Where it lies on this machine.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(NAME)
    }

    /// Commits files with their contents, or their removal, to a branch, which begins
    /// with this commit if it was not there; the commit's id.
    pub fn commit(&self, branch: &str, files: &[(&str, Option<&str>)], message: &str) -> String {
        let changes: Vec<Change<'_>> = files
            .iter()
            .map(|(path, contents)| contents.map_or(Change::Remove(path), |contents| Change::Put(path, contents.as_bytes())))
            .collect();
        self.record(branch, &changes, message)
    }

    /// Renames one file in a commit of its own.
    pub fn rename(&self, branch: &str, from: &str, to: &str) -> String {
        self.record(branch, &[Change::Rename(from, to)], "Another name")
    }

    /// Commits any changes to a branch.
    pub fn record(&self, branch: &str, changes: &[Change<'_>], message: &str) -> String {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        let mut stream = format!("commit refs/heads/{branch}\n");
        writeln!(stream, "committer Mona Demo <mona@example.com> {} +0000", BEGAN + 60 * number).unwrap();
        writeln!(stream, "data {}\n{message}", message.len()).unwrap();
        if self.tip(branch).is_some() {
            writeln!(stream, "from refs/heads/{branch}^0").unwrap();
        }
        let mut stream = stream.into_bytes();
        for change in changes {
            change.write(&mut stream);
        }
        self.import(stream);
        self.head(branch)
    }

    /// As many files as wanted in one commit, each with something to find in it:
    /// [`many_path`] and [`many_contents`].
    pub fn many(&self, branch: &str, count: usize) -> String {
        let files: Vec<(String, String)> = (0..count).map(|number| (many_path(number), many_contents(number))).collect();
        let changes: Vec<Change<'_>> = files.iter().map(|(path, contents)| Change::Put(path, contents.as_bytes())).collect();
        self.record(branch, &changes, "Many files")
    }

    /// A branch that begins where another stands.
    pub fn branch(&self, name: &str, from: &str) {
        self.git(&["update-ref", &format!("refs/heads/{name}"), &self.head(from)]);
    }

    /// Puts a branch somewhere else, whatever it was: what a forced push does.
    pub fn reset(&self, branch: &str, commit: &str) {
        self.git(&["update-ref", &format!("refs/heads/{branch}"), commit]);
    }

    /// Begins a branch anew with a commit that has no parent, as a history that was
    /// rewritten and pushed by force. What was there is forgotten.
    pub fn force_push(&self, branch: &str, files: &[(&str, &str)], message: &str) -> String {
        let aside = format!("{branch}-rewritten");
        let puts: Vec<_> = files.iter().map(|(path, text)| (*path, Some(*text))).collect();
        let commit = self.commit(&aside, &puts, message);
        self.reset(branch, &commit);
        self.delete_branch(&aside);
        self.git(&["gc", "--quiet", "--prune=now"]);
        commit
    }

    pub fn delete_branch(&self, name: &str) {
        self.git(&["update-ref", "-d", &format!("refs/heads/{name}")]);
    }

    /// Which branch a clone is of that names none.
    pub fn set_head(&self, branch: &str) {
        self.git(&["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")]);
    }

    /// The commit that a branch stands at.
    pub fn head(&self, branch: &str) -> String {
        self.tip(branch).unwrap_or_else(|| panic!("there is no branch {branch}"))
    }

    fn tip(&self, branch: &str) -> Option<String> {
        let mut asked = git(&self.path());
        asked.args(["rev-parse", "--quiet", "--verify", &format!("refs/heads/{branch}")]);
        let output = asked.output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    /// Runs git in the repository; what it printed.
    pub fn git(&self, arguments: &[&str]) -> String {
        ran(git(&self.path()).args(arguments), Vec::new())
    }

    fn import(&self, stream: Vec<u8>) {
        ran(git(&self.path()).args(["fast-import", "--quiet", "--date-format=raw"]), stream);
    }

    /// Nobody is let in without this from now on; nothing lets everybody in.
    pub fn wants(&self, wanted: Option<Wanted>) {
        self.door.wants(wanted);
    }

    /// Every request is answered with this status until it recovers.
    pub fn fails_with(&self, status: u16) {
        self.door.fails_with(Some(status), usize::MAX);
    }

    /// The next request is answered with this status.
    pub fn fails_once(&self, status: u16) {
        self.door.fails_with(Some(status), 1);
    }

    pub fn recovers(&self) {
        self.door.fails_with(None, 0);
    }

    /// Everybody is sent to another repository from now on.
    pub fn leads_to(&self, url: &str) {
        self.door.leads_to(url);
    }

    /// Answers nobody until it is released; requests are taken all the same.
    pub fn hold(&self) {
        self.door.hold(true);
    }

    /// Answers all who wait, and everybody who comes.
    pub fn release(&self) {
        self.door.hold(false);
    }

    /// Once so many requests have come, answered or not.
    pub async fn wait_for(&self, count: usize) {
        self.door.once(|asked| asked.len() >= count).await;
    }

    /// What it was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.door.asked()
    }

    /// Nobody can reach it any more. Requests that are held have to be released before.
    pub async fn goes_away(&mut self) {
        self.serving.end().await;
    }

    /// It can be reached again, where it was.
    pub async fn comes_back(&mut self) {
        let address = self.serving.address();
        self.serving = Serving::start(self.door.clone(), Some(address)).await;
    }
}

impl Change<'_> {
    /// Writes the change as `git fast-import` reads it.
    fn write(&self, stream: &mut Vec<u8>) {
        let mut put = |mode: &str, path: &str, contents: &[u8]| {
            stream.extend(format!("M {mode} inline {}\ndata {}\n", quoted(path), contents.len()).into_bytes());
            stream.extend(contents);
            stream.push(b'\n');
        };
        match self {
            Self::Put(path, contents) => put("100644", path, contents),
            Self::Link(path, target) => put("120000", path, target.as_bytes()),
            Self::Module(path, commit) => stream.extend(format!("M 160000 {commit} {}\n", quoted(path)).into_bytes()),
            Self::Remove(path) => stream.extend(format!("D {}\n", quoted(path)).into_bytes()),
            Self::Rename(from, to) => stream.extend(format!("R {} {}\n", quoted(from), quoted(to)).into_bytes()),
        }
    }
}

/// A path in the quotes of C, whatever is in it.
fn quoted(path: &str) -> String {
    format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// The path of one file of many: a hundred to a folder.
pub fn many_path(number: usize) -> String {
    format!("src/part_{:04}/file_{number:06}.rs", number / 100)
}

/// What is in one file of many, with a word that no other has.
pub fn many_contents(number: usize) -> String {
    let word = word(number);
    format!("//! About {word}.\n\n/// Weighs the {word} of a shipment.\npub fn weigh_{word}() -> u32 {{\n    {number}\n}}\n")
}

/// A word of its own for every number: six syllables, which no other number shares.
pub fn word(number: usize) -> String {
    const SYLLABLES: [&str; 10] = ["ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu"];
    (0..6).rev().map(|place| SYLLABLES[number / 10_usize.pow(place) % 10]).collect()
}

/// What stands in a repository for a file that lies in large file storage.
pub const LARGE_FILE_POINTER: &str = "version https://git-lfs.github.com/spec/v1\n\
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

/// Git as it is on every machine: no settings but the repository's own, no questions,
/// and one author.
pub fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder);
    // What is set where the tests run in a hook.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_CONFIG"] {
        command.env_remove(name);
    }
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_SYSTEM", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "Mona Demo"),
        ("GIT_AUTHOR_EMAIL", "mona@example.com"),
        ("GIT_AUTHOR_DATE", "1767225600 +0000"),
        ("GIT_COMMITTER_NAME", "Mona Demo"),
        ("GIT_COMMITTER_EMAIL", "mona@example.com"),
        ("GIT_COMMITTER_DATE", "1767225600 +0000"),
        ("HOME", "/nowhere"),
        ("LC_ALL", "C"),
        ("TZ", "UTC"),
    ] {
        command.env(name, value);
    }
    command
}

/// Runs a command to its end with this to read; what it printed.
fn ran(command: &mut Command, input: Vec<u8>) -> String {
    let (output, told) = fed(command, input);
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    told.unwrap_or_else(|why| panic!("{command:?} did not read: {why}"));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Runs a command with this to read, and reads meanwhile what it prints.
fn fed(command: &mut Command, input: Vec<u8>) -> (std::process::Output, std::io::Result<()>) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}; the tests need git"));
    let mut pipe = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut pipe, &input));
    let output = child.wait_with_output().unwrap();
    (output, writer.join().unwrap())
}
