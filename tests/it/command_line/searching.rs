//! Code by command: a repository taken in, and searched.

use pullcord_tests::git_remote::GitRemote;

use super::{given, said};
use crate::tests;

tests![code_is_indexed_and_searched];

/// With the same fields as over the API, and places as editors know them.
async fn code_is_indexed_and_searched() {
    let given = given().await;
    let umbrella = "/// Opens the umbrella when it rains in Bergen.\npub fn open_umbrella() {}\n";
    let remote =
        GitRemote::with(&[("src/umbrella.rs", umbrella), ("src/giraffe.rs", "/// Measures the giraffe.\npub fn measure() {}\n")]).await;
    let add = given.types(&format!("source add code --git {} --branch main --ignore *.lock --ignore /vendor/ --json", remote.url()));
    let added = add.ends(0).json();
    assert_eq!((added["kind"].as_str(), added["git"]["url"].as_str()), (Some("index"), Some(remote.url().as_str())));
    assert_eq!(added["ignore_patterns"], serde_json::json!(["*.lock", "/vendor/"]));
    assert!(given.types("search code umbrella").ends(0).out.contains("nothing like that"));

    given.types("sync code --wait").ends(0);

    let found = given.types("search code when does it rain --limit 1").ends(0).out;
    assert!(found.starts_with("src/umbrella.rs:1\n     1  /// Opens the umbrella"), "{found}");
    assert_eq!(given.types("search code umbrella --brief --limit 1").ends(0).out, "src/umbrella.rs:1\n");
    assert_eq!(given.types("search code umbrella --json").ends(0).json()["results"][0]["path"], "src/umbrella.rs");
    assert!(given.types("search code umbrella --branch develop").ends(3).err.contains("branch"));
    assert!(said(given.command(&["search", "code"]), "").ends(2).err.contains("QUESTION"));
    given.types("search web umbrella").ends(3);
}
