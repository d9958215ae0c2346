//! Who may have code indexed, who may look, and in which order it is said why not.

use serde_json::json;

use super::{FILES, found, given, id, says};
use crate::world::{Answer, World, fresh};

crate::scenarios![
    maintainers_index_and_everybody_looks,
    what_is_not_there_is_not_found,
    a_stranger_is_told_what_nobody_is_told,
    a_source_of_another_kind_is_no_repository,
    checks_come_in_their_order,
    who_may_index_may_cancel,
];

/// S1.1, S1.4, S1.46: admins and maintainers, whom some call owners, may; every role may
/// look and search.
async fn maintainers_index_and_everybody_looks(world: &World) {
    let given = given(world, &FILES).await;
    let first = given.indexed(json!({})).await;
    for (role, may) in
        [("admin", true), ("maintainer", true), ("owner", true), ("coordinator", false), ("member", false), ("viewer", false)]
    {
        let who = given.tenant.join(&format!("a-{role}"), role).await;
        let answer = who.press(&given.trigger()).await;
        if may {
            let accepted = answer.is(202);
            assert_eq!(given.ended(id(&accepted)).await["status"], "completed", "{role}");
        } else {
            let problem = answer.problem(403, "FORBIDDEN");
            says(&problem, "Access denied");
            who.press(&format!("/v1/sources/{}/sync", given.source)).await.problem(403, "FORBIDDEN");
        }
        assert_eq!(who.get(&given.path()).await.is(200)["status"], "synced", "{role}");
        who.get(&format!("{}/{}", given.trigger(), id(&first))).await.is(200);
        assert_eq!(found(&who, &given.source, "umbrella", "").await.is(200)["results"][0]["path"], "src/umbrella.rs", "{role}");
    }
}

/// S1.45: neither a repository nor a job of it that nobody knows is found.
async fn what_is_not_there_is_not_found(world: &World) {
    let given = given(world, &FILES).await;
    let (job, other) = (given.indexed(json!({})).await, super::given(world, &FILES).await);
    let nothing = format!("/api/repositories/{}", fresh("nothing"));
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";

    let problem = given.admin.press(&format!("{nothing}/sync")).await.problem(404, "NOT_FOUND");
    says(&problem, "Repository not found");
    for path in [nothing.clone(), format!("{nothing}/search?q=umbrella"), format!("{nothing}/sync/{}", id(&job))] {
        given.admin.get(&path).await.problem(404, "NOT_FOUND");
    }
    for job in [unknown, "seven", id(&job)] {
        // A job is its own repository's.
        let path = format!("/api/repositories/{}/sync/{job}", other.source);
        other.admin.get(&path).await.problem(404, "NOT_FOUND");
        other.admin.delete(&path).await.problem(404, "NOT_FOUND");
    }
    given.admin.get(&format!("{}/{unknown}", given.trigger())).await.problem(404, "NOT_FOUND");
}

/// S1.45, S1.46: who is no member learns nothing, not even that there is something.
async fn a_stranger_is_told_what_nobody_is_told(world: &World) {
    let given = given(world, &FILES).await;
    let job = given.indexed(json!({})).await;
    let (stranger, nothing) = (world.user(&fresh("stranger")), fresh("nothing"));
    let ways = |source: &str| {
        let path = format!("/api/repositories/{source}");
        [
            ("POST", format!("{path}/sync")),
            ("GET", path.clone()),
            ("GET", format!("{path}/search?q=umbrella")),
            ("GET", format!("{path}/sync/{}", id(&job))),
            ("DELETE", format!("{path}/sync/{}", id(&job))),
        ]
    };
    for ((method, path), (_, other)) in ways(&given.source).into_iter().zip(ways(&nothing)) {
        let refused = Answer::of(method, &path, stranger.request(method, &path)).await.problem(404, "NOT_FOUND");
        let unknown = Answer::of(method, &other, stranger.request(method, &other)).await.problem(404, "NOT_FOUND");
        for field in ["title", "message", "detail", "error"] {
            assert_eq!(refused.get(field), unknown.get(field), "{method} {path}");
        }
        let nobody = Answer::of(method, &path, world.nobody().request(method, &path)).await;
        assert!(!nobody.header("www-authenticate").is_empty());
        nobody.problem(401, "UNAUTHENTICATED");
    }
}

/// S1.45: issues and documents are not indexed here.
async fn a_source_of_another_kind_is_no_repository(world: &World) {
    let tenant = world.tenant().await;
    let repository = tenant.repository(&format!("acme/{}", fresh("other"))).await;
    let documents = tenant.project(&world.folder(&[("a.md", "# A")])).await;
    for source in [repository, documents] {
        let path = format!("/api/repositories/{source}");
        let problem = tenant.admin().press(&format!("{path}/sync")).await.problem(404, "NOT_FOUND");
        says(&problem, "Repository not found");
        tenant.admin().get(&path).await.problem(404, "NOT_FOUND");
        tenant.admin().get(&format!("{path}/search?q=a")).await.problem(404, "NOT_FOUND");
    }
}

/// S1.47, S1.48: the shape of the request, then whether there is such a repository, then
/// whether one may, then whether it runs.
async fn checks_come_in_their_order(world: &World) {
    let given = given(world, &FILES).await;
    let viewer = given.tenant.join("viewer", "viewer").await;
    let running = given.held(json!({})).await;
    let (nothing, malformed) = (format!("/api/repositories/{}/sync", fresh("nothing")), json!({"force": "yes"}));

    viewer.post(&nothing, malformed.clone()).await.problem(400, "VALIDATION_FAILED");
    viewer.post(&given.trigger(), malformed).await.problem(400, "VALIDATION_FAILED");
    viewer.press(&nothing).await.problem(404, "NOT_FOUND");
    for body in [json!({}), json!({"force": true})] {
        viewer.post(&given.trigger(), body).await.problem(403, "FORBIDDEN");
    }
    given.ask(json!({})).await.problem(409, "SYNC_IN_PROGRESS");

    let job = given.let_go(&running).await;
    assert_eq!(job["status"], "completed", "{job:#}");
}

/// Cancelling a job needs the right that asking for it needs.
async fn who_may_index_may_cancel(world: &World) {
    let given = given(world, &FILES).await;
    let (member, maintainer) = (given.tenant.join("member", "member").await, given.tenant.join("mia", "maintainer").await);
    let running = given.held(json!({})).await;
    let path = format!("{}/{}", given.trigger(), id(&running));

    member.delete(&path).await.problem(403, "FORBIDDEN");
    assert_eq!(given.job(id(&running)).await["status"], "running");
    maintainer.delete(&path).await.is(202);

    assert_eq!(given.let_go(&running).await["status"], "cancelled");
}
