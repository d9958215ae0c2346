//! Puts the console into the binary: every file of `console/` as it is and
//! compressed, under one address that changes whenever any of them does.
//!
//! Modules import each other by relative names, so it is their folder that is
//! named after their content, and nothing inside them has to be rewritten. What
//! docs/problems.md says goes along as data: the console explains errors in the
//! words of the documentation.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Result, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// What the page's own text calls the folder of its assets.
const FOLDER: &str = "/assets/dev/";
/// Where the page names the modules that are wanted at once.
const PRELOADS: &str = "<!-- preloads -->";
/// What a first visit needs: the parts of every page, but no page.
const AT_ONCE: &[&str] = &["app.js", "lib/", "shell/", "sync/"];
/// How the page names a style sheet. They become one, in the order in which it names them.
const STYLE: &str = "<link rel=\"stylesheet\" href=\"";

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let console = root.join("console");
    let problems = root.join("docs/problems.md");
    println!("cargo::rerun-if-changed={}", console.display());
    println!("cargo::rerun-if-changed={}", problems.display());
    println!("cargo::rerun-if-changed=build.rs");

    let mut files = BTreeMap::new();
    gather(&console, &console, &mut files)?;
    files.insert("problems.json".to_owned(), explained(&fs::read_to_string(problems)?).into_bytes());
    let page = files.remove("index.html").unwrap_or_default();
    let page = one_style(&String::from_utf8_lossy(&page), &mut files);
    let mut hasher = DefaultHasher::new();
    (&page, &files).hash(&mut hasher);
    let version = format!("{:016x}", hasher.finish());
    let page = page.replace(PRELOADS, &preloads(&files)).replace(FOLDER, &format!("/assets/{version}/"));
    let out = out();
    let mut list = format!("/// Changes whenever any file of the console does.\npub(super) const VERSION: &str = \"{version}\";\n");
    list += &format!("pub(super) const PAGE: Asset = {};\n", written(&out, "index.html", page.as_bytes())?);
    list += "pub(super) const ASSETS: &[Asset] = &[\n";
    for (name, bytes) in &files {
        list += &format!("    {},\n", written(&out, name, bytes)?);
    }
    list += "];\n";
    fs::write(out.join("console.rs"), list)
}

#[expect(clippy::disallowed_methods, clippy::expect_used, reason = "it is how Cargo tells a build script where to write")]
fn out() -> PathBuf {
    PathBuf::from(std::env::var_os("OUT_DIR").expect("Cargo runs this"))
}

fn gather(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(root, &path, files)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            files.insert(name.to_string_lossy().replace('\\', "/"), fs::read(&path)?);
        }
    }
    Ok(())
}

/// Joins the style sheets that the page names.
fn one_style(page: &str, files: &mut BTreeMap<String, Vec<u8>>) -> String {
    let (mut style, mut left) = (Vec::new(), String::new());
    for line in page.lines() {
        let named = line.strip_prefix(STYLE).and_then(|rest| rest.strip_prefix(FOLDER)).and_then(|rest| rest.split('"').next());
        match named.and_then(|name| files.remove(name)) {
            Some(text) => style.extend(text),
            None => left += &format!("{line}\n"),
        }
    }
    files.insert("style.css".to_owned(), style);
    left.replace(PRELOADS, &format!("{STYLE}{FOLDER}style.css\">\n{PRELOADS}"))
}

fn preloads(files: &BTreeMap<String, Vec<u8>>) -> String {
    let wanted = |name: &&String| AT_ONCE.iter().any(|start| name.starts_with(start));
    files
        .keys()
        .filter(wanted)
        .fold(String::new(), |links, name| links + &format!("<link rel=\"modulepreload\" href=\"{FOLDER}{name}\">\n"))
}

/// Writes a file as it is and compressed; the expression that is its asset.
fn written(out: &Path, name: &str, bytes: &[u8]) -> Result<String> {
    let stem = name.replace('/', "+");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    fs::write(out.join(&stem), bytes)?;
    fs::write(out.join(format!("{stem}.gz")), encoder.finish()?)?;
    let kind = match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let include = |file: &str| format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\"))");
    Ok(format!("Asset {{ name: \"{name}\", kind: \"{kind}\", plain: {}, packed: {} }}", include(&stem), include(&format!("{stem}.gz"))))
}

/// The tables of docs/problems.md: of each code what it means and what to do.
fn explained(text: &str) -> String {
    let mut entries = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let ([_, code, _, means, next] | [code, means, next]) = cells[..] else { continue };
        entries.push(format!("{}:{{\"means\":{},\"next\":{}}}", quoted(code.trim_matches('`')), quoted(means), quoted(next)));
    }
    format!("{{{}}}", entries.join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
