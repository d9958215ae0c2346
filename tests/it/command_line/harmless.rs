//! What providers and users write cannot act on the terminal of whoever reads it.

use serde_json::json;

use super::{Given, given, said};
use crate::tests;

tests![what_others_wrote_is_seen_and_does_nothing];

/// Colours, a title for the window, a bell, a cleared screen, both kinds of
/// control characters, turned writing, and letters that nobody sees.
const PLANTED: &str = "\u{1b}[31mred\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}2J \u{202e}txt.exe\u{2066} \u{200b}\u{feff}\u{e0041} <script>alert(1)</script> \r\nnext";

/// Every character that acts instead of being seen.
fn acting(text: &str) -> Vec<char> {
    let unseen = ['\u{200b}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}', '\u{2060}', '\u{feff}', '\u{61c}'];
    let acts = |letter: &char| {
        (letter.is_control() && *letter != '\n')
            || ('\u{202a}'..='\u{202e}').contains(letter)
            || ('\u{2066}'..='\u{2069}').contains(letter)
            || ('\u{e0000}'..='\u{e007f}').contains(letter)
            || unseen.contains(letter)
    };
    text.chars().filter(acts).collect()
}

async fn planted() -> Given {
    let given = given().await;
    given.world.forge.repository("acme/web").add_issue(|issue| {
        issue.title = format!("Harmless? {PLANTED}");
        issue.labels = vec![format!("label {PLANTED}")];
        issue.author = "octo\u{202e}cat".into();
    });
    let named = format!("Name {}", PLANTED.replace("\r\n", ""));
    // Whatever of it the API takes.
    for (path, body) in [
        ("/v1/sources/web", json!({"name": named})),
        ("/v1/sources/web", json!({"name": "Name \u{202e}txt.exe \u{200b}<b>bold</b>"})),
        ("/v1/workspaces/acme", json!({"name": "Team \u{202e}txt.exe \u{200b}<b>bold</b>"})),
    ] {
        let reply = given.admin().patch(path, body).await;
        assert!([200, 400].contains(&reply.status), "{}", reply.text);
    }
    for name in ["nightly \u{1b}[31m", "nightly \u{202e}yltsegral"] {
        let reply = given.admin().post("/v1/workspaces/acme/tokens", json!({"name": name, "role": "viewer"})).await;
        assert!([201, 400].contains(&reply.status), "{}", reply.text);
    }
    given
}

async fn what_others_wrote_is_seen_and_does_nothing() {
    let given = planted().await;
    let path = given.world.folder(&[("note.md", &format!("# Note {PLANTED}\n"))]);
    said(given.command(&["source", "add", "papers", "--name", "\u{1b}[31mPapers\u{202e}", "--path", path.to_str().unwrap()]), "");
    for words in ["sync web --wait --reason \u{1b}[31mwhy\u{202e}", "sync papers --wait"] {
        let said = said(given.command(&words.split(' ').collect::<Vec<_>>()), "");
        assert_eq!((acting(&said.out), acting(&said.err)), (Vec::new(), Vec::new()), "{words}: {said:?}");
    }
    for words in [
        "items web",
        "items papers",
        "source list",
        "source show web",
        "workspace list",
        "workspace show",
        "member list",
        "token list",
        "schedule web",
        "runs",
        "runs web",
        "audit",
        "explain web",
        "doctor",
        "held web",
        "sync \u{1b}[31mx\u{202e}",
    ] {
        for form in ["", " --json"] {
            let said = given.types(&format!("{words}{form}"));
            assert_eq!((acting(&said.out), acting(&said.err)), (Vec::new(), Vec::new()), "{words}{form}: {said:?}");
        }
    }
    let items = given.types("items web -q Harmless").ends(0).out;
    assert!(items.contains(r"\u{1b}[31mred\u{1b}]0;owned\u{7}") && items.contains(r"\u{202e}txt.exe"), "it is seen instead: {items}");
    // In JSON it is still what it was.
    let title = given.types("items web -q Harmless --json").ends(0).json()["items"][0]["title"].as_str().unwrap().to_owned();
    assert_eq!(
        Some(title),
        given
            .admin()
            .items("web")
            .await
            .iter()
            .find_map(|item| item["title"].as_str().filter(|title| title.starts_with("Harmless")).map(str::to_owned))
    );
}
