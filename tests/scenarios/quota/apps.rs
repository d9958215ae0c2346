//! A GitHub App instead of a token: its key mints tokens, which all sources with the
//! same key share, and which are renewed before they end.

use jiff::SignedDuration;
use pullcord_forge::Seed;
use serde_json::{Value, json};

use super::{Given, given, pages};
use crate::world::{World, fresh};

crate::scenarios![
    a_token_is_minted_once_for_all_sources_of_an_app,
    a_token_is_renewed_before_it_ends,
    a_key_that_was_replaced_says_so,
    an_app_that_is_not_installed_says_so,
    a_key_is_looked_at_when_it_is_given,
];

struct App {
    name: String,
    installation: String,
    key: String,
}

fn app(given: &Given<'_>) -> App {
    let installation: String = fresh("i").bytes().filter(u8::is_ascii_hexdigit).map(|byte| char::from(b'0' + byte % 10)).take(12).collect();
    let name = fresh("Iv1.app");
    let key = given.world.forge.make_app(&name, &installation);
    App { name, installation, key }
}

impl App {
    fn credential(&self) -> Value {
        json!({"app": self.name, "installation": self.installation, "private_key": self.key})
    }

    fn minted(&self, given: &Given<'_>) -> usize {
        given.world.forge.requests_to(&format!("/app/installations/{}/access_tokens", self.installation)).len()
    }
}

/// Whose limit it is follows from the installation, and a source that did not change
/// costs a request that the forge recognises: each token has answers of its own.
async fn a_token_is_minted_once_for_all_sources_of_an_app(world: &World) {
    let given = given(world).await;
    let app = app(&given);
    let mut sources = Vec::new();
    for _ in 0..2 {
        sources.push(given.source_with(&pages(1), json!({"credential": app.credential()})).await);
    }

    for source in &sources {
        let run = given.admin.sync(source, json!({})).await;
        assert_eq!((&run["status"], &run["error"]), (&json!("completed"), &Value::Null), "{run:#}");
        let again = given.admin.sync(source, json!({})).await;
        assert_eq!((&again["status"], &again["calls"]["made"]), (&json!("completed"), &json!(1)), "{again:#}");
        // The policies of the emulator know no encryption context: there nothing that was minted can be kept.
        if world.is_local() {
            assert_eq!(again["calls"]["not_modified"], 1, "{again:#}");
        }

        let shown = given.look(source).await;
        let credential = &shown["credential"];
        assert_eq!((&credential["accepted"], &credential["login"]), (&json!(true), &json!(format!("installation-{}", app.installation))));
        assert!(
            app.installation.ends_with(credential["last4"].as_str().unwrap()) && !shown.to_string().contains("PRIVATE KEY"),
            "{shown:#}"
        );
    }
    if world.is_local() {
        assert_eq!(app.minted(&given), 1);
    }
}

/// A token is good for an hour. Who finds it nearly over takes a new one first.
async fn a_token_is_renewed_before_it_ends(world: &World) {
    if !world.is_local() {
        return;
    }
    let given = given(world).await;
    let app = app(&given);
    let source = given.source_with(&Seed::of(3), json!({"credential": app.credential()})).await;
    for (minutes, minted) in [(0, 1), (45, 1), (10, 2), (65, 3)] {
        world.clock.turn(SignedDuration::from_mins(minutes));
        let run = given.admin.sync(&source, json!({})).await;
        assert_eq!(run["status"], "completed", "{run:#}");
        assert_eq!(app.minted(&given), minted, "after {minutes} minutes more");
    }
}

/// What was minted before stays good; the next token is refused, and a new key helps
/// at once.
async fn a_key_that_was_replaced_says_so(world: &World) {
    let given = given(world).await;
    let mut app = app(&given);
    let old = app.credential();
    app.key = world.forge.make_app(&app.name, &app.installation);

    let source = given.source_with(&pages(1), json!({"credential": old})).await;

    let credential = given.look(&source).await["credential"].clone();
    assert_eq!(credential["accepted"], false, "{credential:#}");
    assert!(credential["why"].as_str().unwrap().contains("the key of the app was refused"), "{credential:#}");
    let run = given.admin.sync(&source, json!({})).await;
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("CREDENTIAL_REJECTED")), "{run:#}");

    given.admin.patch(&format!("/v1/sources/{source}"), json!({"credential": app.credential()})).await.is(200);
    assert_eq!(given.admin.looked_at(&source).await["credential"]["accepted"], true);
    assert_eq!(given.admin.sync(&source, json!({})).await["status"], "completed");
}

/// Taken out of the organisation, or suspended: neither is "no data".
async fn an_app_that_is_not_installed_says_so(world: &World) {
    for suspended in [true, false] {
        let given = given(world).await;
        let mut app = app(&given);
        if suspended {
            world.forge.suspend_installation(&app.installation);
        } else {
            app.installation = format!("9{}", app.installation);
        }
        let source = given.source_with(&pages(1), json!({"credential": app.credential()})).await;

        let run = given.admin.sync(&source, json!({})).await;

        let error = &run["error"];
        assert_eq!((&run["status"], &error["code"]), (&json!("failed"), &json!("CREDENTIAL_REJECTED")), "{run:#}");
        assert!(error["message"].as_str().unwrap().contains(&format!("no installation {}", app.installation)), "{run:#}");
    }
}

/// S2.84: all of it at once, and the key is in no answer.
async fn a_key_is_looked_at_when_it_is_given(world: &World) {
    let given = given(world).await;
    let app = app(&given);
    let sources = format!("/v1/workspaces/{}/sources", given.tenant.slug);
    let but = |field: &str, value: &str| {
        let mut credential = app.credential();
        credential[field] = json!(value);
        credential
    };
    let half = json!({"app": app.name, "installation": app.installation});
    for (provider, credential, at) in [
        ("github", half, "credential"),
        ("github", but("token", "ghp_1"), "credential"),
        ("github", json!({}), "credential"),
        ("github", but("private_key", "no key"), "credential.private_key"),
        ("github", but("private_key", &format!("{}{}", app.key, " ".repeat(4000))), "credential.private_key"),
        ("github", but("installation", "acme"), "credential.installation"),
        ("github", but("app", "../.."), "credential.app"),
        ("gitlab", app.credential(), "credential"),
    ] {
        let new =
            json!({"id": fresh("keyed"), "kind": "repository", "provider": provider, "repository": "acme/web", "credential": credential});
        let refused = given.admin.post(&sources, new).await.is(400);
        assert_eq!(refused["errors"][0]["at"], at, "{refused:#}");
        assert!(!refused.to_string().contains("PRIVATE KEY"), "{refused:#}");
    }
}
