//! Signing in, and a doctor who says what is wrong.

use std::os::unix::fs::PermissionsExt;

use pullcord_forge::{Behaviour, Fault};
use serde_json::{Value, json};

use super::{Given, Said, given, is_as_before, said};
use crate::tests;

tests![
    a_login_is_stored_for_its_owner_alone,
    a_token_that_does_not_work_is_not_stored,
    the_local_administrator_signs_in_without_typing,
    the_doctor_finds_what_is_wrong,
    no_token_is_on_a_command_line,
];

/// Types a command with nothing in the environment that says where or who.
fn bare(given: &Given, words: &str, typed: &str) -> Said {
    let mut command = given.command(&words.split(' ').collect::<Vec<_>>());
    command.env_remove("PULLCORD_URL").env_remove("PULLCORD_TOKEN");
    said(command, typed)
}

async fn a_login_is_stored_for_its_owner_alone() {
    let given = given().await;
    let url = given.url();
    let signed_in = bare(&given, &format!("login {url}"), &format!("{}\n", given.token)).ends(0);
    assert!(signed_in.out.contains("as admin, an operator"), "{}", signed_in.out);
    assert!(!signed_in.out.contains(&given.token) && !signed_in.err.contains(&given.token));
    let path = given.config();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    bare(&given, "source show web", "").ends(0);
    // It goes where it was stored for and nowhere else.
    let elsewhere = bare(&given, "--url http://localhost:1 doctor --json", "").ends(4);
    assert!(!elsewhere.out.contains(&given.token));
    // A home of another kind.
    let mut command = given.command(&["login", &url]);
    command.env("XDG_CONFIG_HOME", given.home.path().join("elsewhere"));
    let warned = said(command, &given.token).ends(0);
    assert!(given.home.path().join("elsewhere/pullcord/config.json").exists());
    assert!(warned.err.contains("PULLCORD_TOKEN is set"), "{}", warned.err);
}

async fn a_token_that_does_not_work_is_not_stored() {
    let given = given().await;
    let refused = bare(&given, &format!("login {}", given.url()), "wrong\n").ends(3);
    assert!(refused.err.contains("pullcord login"), "{}", refused.err);
    bare(&given, &format!("login {}", given.url()), "").ends(2);
    bare(&given, "login http://127.0.0.1:1", "some-token\n").ends(4);
    assert!(!given.config().exists());
}

async fn the_local_administrator_signs_in_without_typing() {
    let given = given().await;
    let data = given.world.data();
    let words = format!("login {} --local --data {}", given.url(), data.display());
    assert!(bare(&given, &words, "").ends(0).out.contains("signed in"));
    let far = bare(&given, "login https://pullcord.example --local", "").ends(2);
    assert!(far.err.contains("not on this machine"), "{}", far.err);
    // Without any login, the folder that `up` was started in is enough.
    std::fs::remove_file(given.config()).unwrap();
    let folder = given.home.path().join(".pullcord");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(data.join("admin-token"), folder.join("admin-token")).unwrap();
    let mut command = given.command(&["source", "show", "web"]);
    command.env_remove("PULLCORD_TOKEN");
    said(command, "").ends(0);
}

fn finding<'d>(doctor: &'d Value, check: &str) -> &'d Value {
    doctor["checks"].as_array().unwrap().iter().find(|found| found["check"] == check).unwrap_or_else(|| panic!("no {check} in {doctor:#}"))
}

async fn the_doctor_finds_what_is_wrong() {
    let given = given().await;
    let well = given.types("doctor").ends(0);
    is_as_before("doctor.txt", &given.steady(&well.out));
    let mut command = given.command(&["doctor"]);
    command.env("PULLCORD_TOKEN", "wrong");
    let wrong = said(command, "").ends(3);
    is_as_before("doctor-wrong-token.txt", &given.steady(&wrong.out));
    let nobody = given.types("--url http://127.0.0.1:1 doctor").ends(4);
    is_as_before("doctor-nobody.txt", &given.steady(&nobody.out));
    // A credential that its forge does not take.
    given.world.forge.script(Fault::on("/*", Behaviour::status(401)).forever());
    given
        .admin()
        .post(
            "/v1/workspaces/acme/sources",
            json!({"id": "shut", "kind": "repository", "provider": "github", "repository": "acme/shut",
        "base_url": given.world.forge.base_url(), "credential": {"token": "refused"}}),
        )
        .await
        .is(201);
    given.admin().looked_at("shut").await;
    let found = given.types("doctor --json").ends(3).json();
    let shut = found["checks"].as_array().unwrap().iter().find(|found| found["ok"] == false).unwrap();
    assert_eq!((shut["check"].as_str(), shut["what_to_do"].as_str()), (Some("credential"), Some("pullcord source set shut --credential")));
    assert_eq!(finding(&found, "token")["ok"], true);
    // A file that others can read.
    said(given.command(&["login"]), &given.token).ends(0);
    std::fs::set_permissions(given.config(), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(finding(&given.types("doctor --json").ends(3).json(), "file")["ok"], false);
}

/// There is no option that takes a token: a command line is seen by everybody on
/// the machine, and kept by shells.
async fn no_token_is_on_a_command_line() {
    let given = given().await;
    for words in [&["login", "--token", "pct_x"][..], &["--token", "pct_x", "runs"], &["source", "set", "web", "--credential", "secret"]] {
        said(given.command(words), "").ends(2);
    }
}
