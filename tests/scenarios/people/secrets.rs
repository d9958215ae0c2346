//! A credential goes in and does not come out.

use pullcord_forge::{Behaviour, Fault};
use serde_json::json;

use super::{audit, sync};
use crate::scenarios::operations::{Names, operations, perform};
use crate::world::{Answer, Session, World, fresh};

crate::scenarios![a_credential_is_never_seen_again, a_credential_that_its_provider_repeats_is_never_seen_again,];

/// What every GET about these names answers.
async fn everything(world: &World, who: &Session<'_>, names: &Names) -> Vec<String> {
    let mut texts = Vec::new();
    for operation in operations(world).await.iter().filter(|operation| operation.method == "GET") {
        texts.push(perform(who, operation, &names.fill(&operation.path)).await.text);
    }
    texts
}

/// S2.83: a credential goes in and does not come out, but for its last four
/// characters.
async fn a_credential_is_never_seen_again(world: &World) {
    let tenant = world.tenant().await;
    let (admin, canary) = (tenant.admin(), format!("ghp_{}_Zq9w", fresh("canary")));
    let mut names = Names::of(&tenant).await;
    let sources = format!("/v1/workspaces/{}/sources", tenant.slug);
    let repository = format!("acme/{}", fresh("aviary"));
    world.forge.repository(&repository).seed_issues(3);
    let new = json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": repository,
        "base_url": world.forge.base_url(), "credential": {"token": canary}});
    names.source = new["id"].as_str().unwrap().to_owned();
    let source = format!("/v1/sources/{}", names.source);

    let mut texts = Vec::new();
    let mut heard = |answer: Answer, status: u16| {
        texts.push(answer.text.clone());
        answer.is(status)
    };
    let shown = heard(admin.post(&sources, new.clone()).await, 201)["credential"].clone();
    assert_eq!((&shown["set"], &shown["last4"]), (&json!(true), &json!("Zq9w")));
    let run = heard(sync(&admin, &names.source, json!({"wait": "PT20S"})).await, 200);
    assert_eq!(run["status"], "completed", "{run}");
    names.run = run["id"].as_str().unwrap().to_owned();
    heard(sync(&admin, &names.source, json!({})).await, 429);
    heard(admin.post(&sources, new.clone()).await, 409);
    heard(admin.patch(&source, json!({"credential": {"token": format!("{canary} ")}})).await, 400);
    for wrong in
        [json!({"credential": canary}), json!({"credential": [canary]}), json!({"token": canary}), json!({"name": {"token": canary}})]
    {
        heard(admin.patch(&source, wrong).await, 400);
    }
    let again = heard(admin.patch(&source, json!({"credential": {"token": format!("{canary}5678")}})).await, 200);
    // What its provider makes of it may be known already.
    let mut shown = again["credential"].as_object().unwrap().clone();
    shown.retain(|key, _| !matches!(key.as_str(), "accepted" | "checked_at"));
    assert_eq!(json!(shown), json!({"set": true, "last4": "5678"}));
    texts.extend(everything(world, &admin, &names).await);
    texts.push(json!(audit(&tenant).await).to_string());
    texts.push(world.ops(json!({"op": "status", "source": names.source})).await.to_string());
    texts.push(world.ops(json!({"op": "status", "run": names.run})).await.to_string());
    texts.push(admin.patch(&source, json!({"credential": null})).await.text);
    assert!(texts.last().unwrap().contains(r#""credential":{"set":false}"#), "{texts:?}");
    let told: Vec<&String> = texts.iter().filter(|text| text.contains(&canary)).collect();
    assert!(told.is_empty(), "{told:#?}");
    assert!(world.forge.requests_to(&format!("/repos/{repository}/*")).iter().all(|entry| entry.credential.is_some()));
}

/// S2.83: nor if a provider repeats it in its complaint.
async fn a_credential_that_its_provider_repeats_is_never_seen_again(world: &World) {
    let tenant = world.tenant().await;
    let (admin, canary) = (tenant.admin(), format!("ghp_{}_Zq9w", fresh("canary")));
    let mut names = Names::of(&tenant).await;
    let repository = format!("acme/{}", fresh("parrot"));
    names.source = tenant.repository_with(&repository, json!({"credential": {"token": canary}})).await;
    let complaint = json!({"message": format!("Bad credentials: {canary}")});
    world.forge.script(Fault::on(format!("/repos/{repository}/issues"), Behaviour::json(401, &complaint)).forever());

    let run = admin.sync(&names.source, json!({})).await;
    assert_eq!(run["status"], "failed", "{run}");
    names.run = run["id"].as_str().unwrap().to_owned();
    let texts = everything(world, &admin, &names).await;
    let told: Vec<&String> = texts.iter().filter(|text| text.contains(&canary)).collect();
    assert!(told.is_empty(), "{told:#?}");
}
