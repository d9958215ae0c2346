//! What is wrong with a source of another forge is said with what would be right.

use serde_json::{Value, json};

use super::{Bitbucket, GitHub, GitLab, Provider};
use crate::world::{Answer, Tenant, World, fresh};

crate::scenarios![
    a_stream_is_one_that_its_provider_has,
    a_repository_is_named_as_its_provider_does_it,
    a_trigger_names_streams_of_its_source,
];

/// Why a request is not valid, which it is in this place and no other.
#[track_caller]
fn why(answer: Answer, at: &str) -> String {
    let problem = answer.problem(400, "VALIDATION_FAILED");
    let [error] = &problem["errors"].as_array().unwrap()[..] else { panic!("not one error: {problem:#}") };
    assert_eq!(error["at"], at, "{problem:#}");
    error["why"].as_str().unwrap().to_owned()
}

/// A source that is to be made, with this of it.
fn new(provider: Provider, field: &str, value: &Value) -> Value {
    let mut new = json!({"id": fresh("source"), "kind": "repository", "provider": provider.name(), "repository": "acme/web"});
    new[field] = value.clone();
    new
}

/// A source that reads its provider's first stream; its path.
async fn there(tenant: &Tenant<'_>, provider: Provider) -> String {
    let base_url = provider.base_url(&tenant.world.forge);
    let more = json!({"provider": provider.name(), "base_url": base_url});
    format!("/v1/sources/{}", tenant.repository_with("acme/web", more).await)
}

/// S2.11, S2.46: answers 400 to a stream that nobody has and to one that this provider
/// does not have, and says which it has.
async fn a_stream_is_one_that_its_provider_has(world: &World) {
    let tenant = world.tenant().await;
    let (admin, sources) = (tenant.admin(), format!("/v1/workspaces/{}/sources", tenant.slug));
    let table = [
        (GitHub, json!(["stars"])),
        (GitHub, json!(["issues", "findings"])),
        (GitLab, json!(["merge_requests"])),
        (GitLab, json!(["Issues"])),
        (Bitbucket, json!(["alerts"])),
        (Bitbucket, json!(["pull_requests", "pipelines"])),
    ];
    for (provider, streams) in table {
        let path = there(&tenant, provider).await;
        let before = admin.get(&path).await.is(200);
        for answer in
            [admin.post(&sources, new(provider, "streams", &streams)).await, admin.patch(&path, json!({"streams": streams})).await]
        {
            let why = why(answer, "streams");
            assert!(provider.streams().iter().all(|stream| why.contains(stream.name())), "{provider:?} {streams}: {why}");
        }
        assert_eq!(admin.get(&path).await.is(200), before);
    }
}

/// S2.84: answers 400 to what is no name of a repository there, and says of which form
/// one is.
async fn a_repository_is_named_as_its_provider_does_it(world: &World) {
    let tenant = world.tenant().await;
    let (admin, sources) = (tenant.admin(), format!("/v1/workspaces/{}/sources", tenant.slug));
    let everywhere =
        ["", "/", "acme", "acme/", "/web", "acme//web", "acme/..", "acme/we b", "acme/web?x=1", "acme/web#x", "acme%2Fweb", "acme/web\n"];
    let table: [(Provider, &[&str]); 3] = [
        (GitHub, &["acme/platform/web", "https://github.com/acme/web"]),
        (GitLab, &["acme/platform/", "acme/../web", "acme//platform/web", "https://gitlab.com/acme/web", "acme/web/-/issues"]),
        (Bitbucket, &["acme/platform/web", "https://bitbucket.org/acme/web", "acme/web/pull-requests"]),
    ];
    for (provider, more) in table {
        let path = there(&tenant, provider).await;
        let before = admin.get(&path).await.is(200);
        for repository in everywhere.iter().chain(more) {
            let wrong = json!(repository);
            for answer in
                [admin.post(&sources, new(provider, "repository", &wrong)).await, admin.patch(&path, json!({"repository": wrong})).await]
            {
                let why = why(answer, "repository");
                assert!(why.contains('/'), "{provider:?} {repository:?}: {why}");
            }
        }
        assert_eq!(admin.get(&path).await.is(200), before);
    }
}

/// S2.46: answers 400 to a stream that this source does not read, though its provider
/// may have it.
async fn a_trigger_names_streams_of_its_source(world: &World) {
    let tenant = world.tenant().await;
    let admin = tenant.admin();
    let table = [(GitHub, "alerts"), (GitHub, "stars"), (GitLab, "pull_requests"), (Bitbucket, "issues"), (Bitbucket, "alerts")];
    for (provider, stream) in table {
        let path = there(&tenant, provider).await;
        let why = why(admin.post(&format!("{path}/sync"), json!({"streams": [stream]})).await, "streams");
        assert!(why.contains(stream), "{provider:?}: {why}");
        assert_eq!(admin.get(&path).await.is(200)["status"], "never_synced");
    }
}
