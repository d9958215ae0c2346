//! Who may do what: tokens, roles, members, operators, settings and secrets.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pullcord_forge::{Behaviour, Fault, Quota};
use serde_json::{Value, json};

use crate::world::{Answer, SECRET, Session, Tenant, World, fresh, token};

crate::scenarios![
    without_a_token_nobody_gets_in,
    only_tokens_of_this_deployment_count,
    a_role_that_is_claimed_counts_for_nothing,
    viewers_look_and_members_sync,
    only_admins_administer,
    an_owner_is_a_maintainer,
    to_strangers_nothing_exists,
    a_membership_elsewhere_does_not_help,
    the_first_operators_are_granted,
    nobody_makes_themselves_an_operator,
    only_operators_create_workspaces,
    an_open_deployment_lets_everyone_create_workspaces,
    members_come_and_go,
    a_removed_member_is_out_at_once,
    an_api_token_is_shown_once_and_speaks_for_its_role,
    a_revoked_api_token_is_none,
    an_api_token_ends_when_it_expires,
    a_cooldown_of_the_workspace_counts_from_the_next_trigger,
    a_setting_that_is_null_is_the_deployments,
    a_quota_floor_of_the_workspace_counts_from_the_next_trigger,
    an_admin_passes_over_a_cooldown_on_record,
    only_admins_pass_over_a_cooldown,
    a_change_of_a_source_lifts_its_cooldown,
    every_change_is_on_record,
    a_credential_is_never_seen_again,
];

/// An operation that the API publishes.
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) path: String,
    /// Whether it asks for a bearer token.
    pub(super) guarded: bool,
    /// The names of its query's parameters.
    pub(super) query: BTreeSet<String>,
}

/// Every operation that the API publishes.
pub(super) async fn operations(world: &World) -> Vec<Operation> {
    let description = world.nobody().get("/openapi.json").await.is(200);
    let mut operations = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let query = parameters.filter(|one| one["in"] == "query").map(|one| one["name"].as_str().unwrap().to_owned());
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                guarded: operation.get("security").is_none(),
                query: query.collect(),
            });
        }
    }
    assert!(operations.len() > 20, "{}", operations.len());
    operations
}

/// What can be named in a path.
#[derive(Clone)]
pub(super) struct Names {
    pub(super) workspace: String,
    pub(super) project: String,
    pub(super) source: String,
    pub(super) run: String,
    pub(super) user: String,
}

impl Names {
    /// Of a tenant that has a bit of everything.
    pub(super) async fn of(tenant: &Tenant<'_>) -> Self {
        let project = tenant.project(&tenant.world.folder(&[("a.md", "# A")])).await;
        let run = tenant.admin().sync(&project, json!({})).await["id"].as_str().unwrap().to_owned();
        let source = tenant.repository(&format!("acme/{}", fresh("named"))).await;
        Self { workspace: tenant.slug.clone(), project, source, run, user: tenant.name("admin") }
    }

    /// Names of nothing.
    fn unknown() -> Self {
        let run = "01890a5d-ac96-774b-bcce-b302099a8057".to_owned();
        Self { workspace: fresh("none"), project: fresh("none"), source: fresh("none"), run, user: fresh("none") }
    }

    /// An operation's path with these names in it.
    pub(super) fn fill(&self, template: &str) -> String {
        let parts = template.split('/').map(|part| match part {
            "{workspace}" | "{org_id}" => &self.workspace,
            "{slug}" if template.starts_with("/api/workspaces/") => &self.workspace,
            "{slug}" | "{projectId}" => &self.project,
            "{source}" | "{repositoryId}" | "{repo_id}" => &self.source,
            "{run}" | "{job_id}" | "{operationId}" => &self.run,
            "{user}" => &self.user,
            other => other,
        });
        parts.collect::<Vec<_>>().join("/").replace(['{', '}'], "")
    }

    /// A text without them.
    fn hide(&self, text: &str) -> String {
        [&self.workspace, &self.project, &self.source, &self.run, &self.user]
            .iter()
            .fold(text.to_owned(), |text, name| text.replace(*name, "…"))
    }
}

/// A body that is well formed for an operation.
pub(super) fn body(operation: &Operation) -> Option<Value> {
    let path = operation.path.as_str();
    match operation.method.as_str() {
        "GET" | "DELETE" => None,
        "POST" if path == "/v1/workspaces" => Some(json!({"slug": fresh("ws"), "name": "A workspace"})),
        "POST" if path.ends_with("/projects") => Some(json!({"id": fresh("plan"), "name": "A plan"})),
        "POST" if path.ends_with("/sources") => {
            Some(json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": "acme/web"}))
        }
        "POST" if path.ends_with("/tokens") => Some(json!({"name": "A script", "role": "viewer"})),
        "PUT" if path.ends_with("/members/{user}") => Some(json!({"role": "viewer"})),
        _ => Some(json!({})),
    }
}

/// Does an operation on something.
pub(super) async fn perform(who: &Session<'_>, operation: &Operation, path: &str) -> Answer {
    let request = who.request(&operation.method, path);
    let request = match body(operation) {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    };
    Answer::of(&operation.method, path, request).await
}

/// All that an admin sees of what a tenant has, the audit apart.
pub(super) async fn seen(tenant: &Tenant<'_>) -> Vec<Value> {
    let mut seen = Vec::new();
    for list in ["", "/members", "/tokens", "/sources", "/projects", "/runs"] {
        seen.push(tenant.admin().get(&format!("/v1/workspaces/{}{list}", tenant.slug)).await.is(200));
    }
    seen
}

/// Every line of a tenant's audit, newest first.
async fn audit(tenant: &Tenant<'_>) -> Vec<Value> {
    let (mut lines, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = tenant.admin().get(&format!("/v1/workspaces/{}/audit?limit=100{cursor}", tenant.slug)).await.is(200);
        lines.extend(page["audit"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return lines,
        }
    }
}

/// A project that cools for an hour, since its admin has just synced it.
async fn cooling(world: &World, tenant: &Tenant<'_>) -> String {
    let project = tenant.project(&world.folder(&[("a.md", "# A")])).await;
    settings(tenant, json!({"cooldowns": {"documents": "PT1H"}})).await;
    tenant.admin().sync(&project, json!({})).await;
    project
}

async fn settings(tenant: &Tenant<'_>, change: Value) -> Value {
    tenant.admin().patch(&format!("/v1/workspaces/{}", tenant.slug), change).await.is(200)
}

/// Asks for a source's sync on the native surface.
async fn sync(who: &Session<'_>, source: &str, body: Value) -> Answer {
    who.post(&format!("/v1/sources/{source}/sync"), body).await
}

/// S2.34, S3.4: all but what is open to everyone asks for a token.
async fn without_a_token_nobody_gets_in(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let before = seen(&tenant).await;

    for operation in operations(world).await.iter().filter(|operation| operation.guarded) {
        let answer = perform(&world.nobody(), operation, &names.fill(&operation.path)).await;
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
        if operation.path.starts_with("/rest/") {
            answer.is(401)
        } else {
            answer.problem(401, "UNAUTHENTICATED")
        };
    }
    assert_eq!(seen(&tenant).await, before);
}

/// A token of these parts, however they were signed.
fn forged(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

/// S3.4: a token that anybody else could have made is none.
async fn only_tokens_of_this_deployment_count(world: &World) {
    let now = world.clock.now().0 / 1000;
    let claims = json!({"sub": "admin", "exp": now + 3600});
    let signed = |header: &Header, claims: &Value, secret: &str| {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    };
    let good = signed(&Header::default(), &claims, SECRET);
    let signature = good.rsplit('.').next().unwrap();
    world.session(&good).get("/v1/me").await.is(200);

    let tokens = [
        ("no token", "nonsense".to_owned()),
        ("nothing", String::new()),
        ("three dots", "...".to_owned()),
        ("expired", token("admin", now - 3600)),
        ("another secret", signed(&Header::default(), &claims, "another-secret-of-somebody-else-entirely")),
        ("alg none", forged(&json!({"alg": "none", "typ": "JWT"}), &claims, "")),
        ("alg None", forged(&json!({"alg": "None"}), &claims, signature)),
        ("no alg", forged(&json!({"typ": "JWT"}), &claims, signature)),
        ("another alg", signed(&Header::new(Algorithm::HS512), &claims, SECRET)),
        ("an alg of keys", forged(&json!({"alg": "RS256", "kid": "x"}), &claims, signature)),
        ("other claims", forged(&json!({"alg": "HS256", "typ": "JWT"}), &json!({"sub": "root", "exp": now + 3600}), signature)),
        ("no end", signed(&Header::default(), &json!({"sub": "admin"}), SECRET)),
        ("nobody", signed(&Header::default(), &json!({"exp": now + 3600}), SECRET)),
        ("a nameless one", signed(&Header::default(), &json!({"sub": "", "exp": now + 3600}), SECRET)),
        ("not yet", signed(&Header::default(), &json!({"sub": "admin", "exp": now + 7200, "nbf": now + 3600}), SECRET)),
        ("no API token", "pct_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
    ];
    for (what, token) in tokens {
        let answer = world.session(&token).get("/v1/me").await;
        assert_eq!((answer.status, answer.header("www-authenticate").is_empty()), (401, false), "{what}");
        answer.problem(401, "UNAUTHENTICATED");
    }
    for value in ["Bearer", "Basic YWRtaW46YWRtaW4=", &good] {
        let request = world.nobody().request("GET", "/v1/me").header("authorization", value);
        Answer::of("GET", "/v1/me", request).await.problem(401, "UNAUTHENTICATED");
    }
}

/// S3.4, S3.9: neither a token nor a parameter says what its bearer may do, or
/// who they are.
async fn a_role_that_is_claimed_counts_for_nothing(world: &World) {
    let tenant = world.tenant().await;
    let project = tenant.project(&world.folder(&[])).await;
    tenant.join("viv", "viewer").await;
    let claims = json!({"sub": tenant.name("viv"), "exp": world.clock.now().0 / 1000 + 3600, "role": "admin", "roles": ["admin"],
        "workspace": "*", "workspaces": {tenant.slug.as_str(): "admin"}, "app_metadata": {"role": "admin"}, "scope": "admin operator"});
    let viewer = world.session(&jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap());

    let me = viewer.get("/v1/me").await.is(200);
    assert_eq!(me, json!({"user": tenant.name("viv"), "operator": false, "workspaces": [{"workspace": tenant.slug, "role": "viewer"}]}));
    let path = format!("/v1/sources/{project}/sync");
    sync(&viewer, &project, json!({})).await.problem(403, "FORBIDDEN");
    let claimed = viewer.request("POST", &path).header("x-user", "admin").header("x-role", "admin");
    Answer::of("POST", &path, claimed).await.problem(403, "FORBIDDEN");

    let member = tenant.join("mia", "member").await;
    sync(&member, &project, json!({"triggered_by": "admin"})).await.problem(400, "VALIDATION_FAILED");
    assert_eq!(member.sync(&project, json!({})).await["triggered_by"], json!(tenant.name("mia")));
}

/// S2.35, S2.102, S3.5, S3.13: every role may look; all but viewers may sync
/// documents and issues, and take back or repeat such a sync.
async fn viewers_look_and_members_sync(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let Names { workspace, project, source, run, .. } = &names;
    for (role, may) in [("admin", true), ("maintainer", true), ("coordinator", true), ("member", true), ("viewer", false)] {
        let who = tenant.join(&format!("a-{role}"), role).await;
        let lists = ["", "/sources", "/projects", "/runs"].map(|list| format!("/v1/workspaces/{workspace}{list}"));
        let sources = [source, project].into_iter().flat_map(|id| ["", "/items", "/runs"].map(|look| format!("/v1/sources/{id}{look}")));
        let projects = ["", "/documents"].map(|look| format!("/api/v1/projects/{project}{look}"));
        let runs = ["", "/audit", "/events"].map(|look| format!("/v1/runs/{run}{look}"));
        for path in lists.into_iter().chain(sources).chain(projects).chain(runs) {
            assert_eq!(who.get(&path).await.status, 200, "{role} {path}");
        }

        let dry = json!({"dryRun": true});
        let asked = [
            (200, sync(&who, source, dry.clone()).await),
            (200, sync(&who, project, dry).await),
            (202, who.press(&format!("/api/v1/projects/{project}/sync")).await),
            (200, who.press(&format!("/v1/runs/{run}/cancel")).await),
        ];
        for (status, answer) in asked {
            if may {
                answer.is(status)
            } else {
                answer.problem(403, "FORBIDDEN")
            };
        }
        who.settled(project).await;
        let retry = who.press(&format!("/v1/runs/{run}/retry")).await;
        if may {
            retry.is(202)
        } else {
            retry.problem(403, "FORBIDDEN")
        };
        who.settled(project).await;
    }
}

/// S0.32, S3.5: members, sources, projects, tokens, settings and backfills are
/// for admins.
async fn only_admins_administer(world: &World) {
    let tenant = world.tenant().await;
    let Names { workspace, source, user, .. } = Names::of(&tenant).await;
    let mut who = Vec::new();
    for role in ["maintainer", "coordinator", "member", "viewer"] {
        who.push(tenant.join(role, role).await);
    }
    let before = seen(&tenant).await;
    let w = |rest: &str| format!("/v1/workspaces/{workspace}{rest}");

    for who in who {
        who.patch(&w(""), json!({"name": "Mine"})).await.problem(403, "FORBIDDEN");
        who.get(&w("/members")).await.problem(403, "FORBIDDEN");
        who.put(&w("/members/somebody"), json!({"role": "admin"})).await.problem(403, "FORBIDDEN");
        who.delete(&w(&format!("/members/{user}"))).await.problem(403, "FORBIDDEN");
        who.get(&w("/tokens")).await.problem(403, "FORBIDDEN");
        who.post(&w("/tokens"), json!({"name": "x", "role": "viewer"})).await.problem(403, "FORBIDDEN");
        who.delete(&w("/tokens/x")).await.problem(403, "FORBIDDEN");
        who.post(&w("/projects"), json!({"id": fresh("plan"), "name": "x"})).await.problem(403, "FORBIDDEN");
        let new = json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": "acme/web"});
        who.post(&w("/sources"), new).await.problem(403, "FORBIDDEN");
        let source = format!("/v1/sources/{source}");
        who.patch(&source, json!({"name": "Mine"})).await.problem(403, "FORBIDDEN");
        who.delete(&source).await.problem(403, "FORBIDDEN");
        who.press(&format!("{source}/reset-backfill")).await.problem(403, "FORBIDDEN");
    }
    assert_eq!(seen(&tenant).await, before);
}

/// S1.1: `owner` is another word for maintainer.
async fn an_owner_is_a_maintainer(world: &World) {
    let tenant = world.tenant().await;
    let member = format!("/v1/workspaces/{}/members/{}", tenant.slug, tenant.name("olga"));

    assert_eq!(tenant.admin().put(&member, json!({"role": "owner"})).await.is(200)["role"], "maintainer");
    let shown = tenant.user("olga").get(&format!("/v1/workspaces/{}", tenant.slug)).await.is(200);
    assert_eq!(shown["role"], "maintainer");
}

/// Whatever `who` asks about what these names mean is answered as if they meant
/// nothing.
async fn sees_nothing_of(world: &World, who: &Session<'_>, names: &Names) {
    let unknown = Names::unknown();
    for operation in operations(world).await.iter().filter(|operation| operation.guarded && operation.path.contains('{')) {
        let what = format!("{} {}", operation.method, operation.path);
        let there = perform(who, operation, &names.fill(&operation.path)).await;
        let nowhere = perform(who, operation, &unknown.fill(&operation.path)).await;
        assert_eq!(there.status, nowhere.status, "{what}: {} {}", there.text, nowhere.text);
        let told = |answer: &Answer, names: &Names| {
            let mut body = answer.body.clone();
            body.as_object_mut().map(|body| body.remove("request_id"));
            names.hide(&body.to_string())
        };
        assert_eq!(told(&there, names), told(&nowhere, &unknown), "{what}");
        let dialect = ["/rest/", "/api/orgs/"].iter().any(|start| operation.path.starts_with(start));
        match there.status {
            403 if dialect => {}
            // A body that this test does not know how to write.
            400 if operation.method != "GET" => {}
            _ => drop(there.problem(404, "NOT_FOUND")),
        }
    }
}

/// S0.18, S1.45, S3.14: whoever is no member gets the answers that they would
/// get if there were nothing.
async fn to_strangers_nothing_exists(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let before = seen(&tenant).await;
    let stranger = tenant.user("stranger");

    sees_nothing_of(world, &stranger, &names).await;
    assert_eq!(stranger.get("/v1/workspaces").await.is(200)["workspaces"], json!([]));
    assert_eq!(stranger.get("/api/v1/projects").await.is(200)["projects"], json!([]));
    assert_eq!(stranger.get("/v1/me").await.is(200)["workspaces"], json!([]));
    assert_eq!(seen(&tenant).await, before);
}

/// S0.18, S2.36, S3.5, S3.14: an admin of one workspace is a stranger in the
/// next, and cannot draw on what is there.
async fn a_membership_elsewhere_does_not_help(world: &World) {
    let (tenant, other) = (world.tenant().await, world.tenant().await);
    let (names, own) = (Names::of(&tenant).await, Names::of(&other).await);
    let (before, intruder) = (seen(&tenant).await, other.admin());

    sees_nothing_of(world, &intruder, &names).await;
    let listed = intruder.get("/v1/workspaces").await.is(200);
    assert_eq!(listed["workspaces"].as_array().unwrap().iter().map(|one| &one["slug"]).collect::<Vec<_>>(), [&other.slug]);
    let listed = intruder.get("/api/v1/projects").await.is(200);
    assert_eq!(listed["projects"].as_array().unwrap().iter().map(|one| &one["slug"]).collect::<Vec<_>>(), [&own.project]);

    let sources = format!("/v1/workspaces/{}/sources", other.slug);
    let mut new =
        json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": "acme/web", "project": names.project});
    intruder.post(&sources, new.clone()).await.problem(400, "VALIDATION_FAILED");
    new["project"] = json!(own.project);
    new["id"] = json!(names.source);
    intruder.post(&sources, new).await.problem(409, "CONFLICT");
    assert_eq!(seen(&tenant).await, before);
}

/// S0.32: an operator is made by whoever may invoke the ops function, and is an
/// admin everywhere from then on.
async fn the_first_operators_are_granted(world: &World) {
    let tenant = world.tenant().await;
    let (name, before) = (tenant.name("opal"), tenant.user("opal"));
    before.get(&format!("/v1/workspaces/{}", tenant.slug)).await.problem(404, "NOT_FOUND");

    let granted = world.ops(json!({"op": "grant", "workspace": "*", "user": name, "role": "admin"})).await;
    assert!(granted.get("error").is_none(), "{granted}");
    let operator = world.user(&name);
    assert_eq!(operator.get("/v1/me").await.is(200)["operator"], true);
    assert_eq!(operator.get(&format!("/v1/workspaces/{}", tenant.slug)).await.is(200)["role"], "admin");
    operator.post("/v1/workspaces", json!({"slug": fresh("ws"), "name": "Theirs"})).await.is(201);

    let granted = world.ops(json!({"op": "grant", "workspace": tenant.slug, "user": tenant.name("mona"), "role": "member"})).await;
    assert!(granted.get("error").is_none(), "{granted}");
    assert_eq!(tenant.user("mona").get(&format!("/v1/workspaces/{}", tenant.slug)).await.is(200)["role"], "member");
    let refused = world.ops(json!({"op": "grant", "workspace": fresh("none"), "user": name, "role": "member"})).await;
    assert_eq!(refused["error"]["code"], "NOT_FOUND");
}

/// S0.32: the deployment itself is no workspace whose admin could add to it.
async fn nobody_makes_themselves_an_operator(world: &World) {
    let tenant = world.tenant().await;
    let admin = tenant.admin();
    for workspace in ["*", "%2a", "%2A"] {
        let path = format!("/v1/workspaces/{workspace}/members/{}", tenant.name("admin"));
        admin.put(&path, json!({"role": "admin"})).await.problem(404, "NOT_FOUND");
        let path = format!("/v1/workspaces/{workspace}/tokens");
        admin.post(&path, json!({"name": "x", "role": "admin"})).await.problem(404, "NOT_FOUND");
        admin.get(&format!("/v1/workspaces/{workspace}")).await.problem(404, "NOT_FOUND");
    }
    assert_eq!(admin.get("/v1/me").await.is(200)["operator"], false);
}

/// S0.32: an admin of one workspace cannot make another.
async fn only_operators_create_workspaces(world: &World) {
    let tenant = world.tenant().await;
    let slug = fresh("ws");
    let body = json!({"slug": slug, "name": "Mine"});
    for who in [tenant.admin(), tenant.user("stranger")] {
        who.post("/v1/workspaces", body.clone()).await.problem(403, "FORBIDDEN");
    }
    world.operator().get(&format!("/v1/workspaces/{slug}")).await.problem(404, "NOT_FOUND");

    let made = world.operator().post("/v1/workspaces", body.clone()).await.is(201);
    assert_eq!((&made["slug"], &made["name"]), (&json!(slug), &json!("Mine")));
    world.operator().post("/v1/workspaces", body).await.problem(409, "CONFLICT");
}

/// S0.32: where the operator wants it so, whoever is signed in may create a
/// workspace, and is its admin and nothing more.
async fn an_open_deployment_lets_everyone_create_workspaces(world: &World) {
    if !world.is_local() {
        return;
    }
    let open = World::local_with(&[("PULLCORD_OPEN_WORKSPACES", "true")]).await;
    let (founder, slug) = (open.user("fay"), fresh("ws"));
    let path = format!("/v1/workspaces/{slug}");

    founder.post("/v1/workspaces", json!({"slug": slug, "name": "Mine"})).await.is(201);
    assert_eq!(founder.get(&path).await.is(200)["role"], "admin");
    assert_eq!(founder.get("/v1/me").await.is(200)["operator"], false);
    founder.put(&format!("{path}/members/gus"), json!({"role": "viewer"})).await.is(200);
    assert_eq!(open.user("gus").get(&path).await.is(200)["role"], "viewer");
    open.user("hal").get(&path).await.problem(404, "NOT_FOUND");
    open.user("hal").post("/v1/workspaces", json!({"slug": slug, "name": "Theirs"})).await.problem(409, "CONFLICT");
}

/// S3.5: members are added, given another role, listed and removed.
async fn members_come_and_go(world: &World) {
    let tenant = world.tenant().await;
    let admin = tenant.admin();
    let members = format!("/v1/workspaces/{}/members", tenant.slug);
    let path = format!("{members}/{}", tenant.name("mia"));
    let list = async || {
        let listed = admin.get(&members).await.is(200);
        assert_eq!(listed["next_cursor"], Value::Null);
        let listed = listed["members"].as_array().unwrap().iter().map(|one| (one["user"].clone(), one["role"].clone()));
        listed.collect::<Vec<_>>()
    };
    let (own, mia) = (json!(tenant.name("admin")), json!(tenant.name("mia")));

    let put = admin.put(&path, json!({"role": "viewer"})).await.is(200);
    assert_eq!((&put["user"], &put["role"]), (&mia, &json!("viewer")));
    assert_eq!(list().await, [(own.clone(), json!("admin")), (mia.clone(), json!("viewer"))]);
    admin.put(&path, json!({"role": "coordinator"})).await.is(200);
    assert_eq!(list().await, [(own.clone(), json!("admin")), (mia, json!("coordinator"))]);
    admin.put(&path, json!({"role": "root"})).await.problem(400, "VALIDATION_FAILED");

    admin.delete(&path).await.is(204);
    assert_eq!(list().await, [(own, json!("admin"))]);
    admin.delete(&path).await.problem(404, "NOT_FOUND");
}

/// S3.5: what counts is the table, not what was so when somebody signed in.
async fn a_removed_member_is_out_at_once(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let maintainer = tenant.join("max", "maintainer").await;
    maintainer.get(&format!("/v1/sources/{}", names.source)).await.is(200);

    tenant.admin().delete(&format!("/v1/workspaces/{}/members/{}", tenant.slug, tenant.name("max"))).await.is(204);
    sees_nothing_of(world, &maintainer, &names).await;
}

/// S3.5: an API token has one role in one workspace, and is in no answer but the
/// one that makes it.
async fn an_api_token_is_shown_once_and_speaks_for_its_role(world: &World) {
    let (tenant, other) = (world.tenant().await, world.tenant().await);
    let (names, elsewhere) = (Names::of(&tenant).await, Names::of(&other).await);
    let admin = tenant.admin();
    let tokens = format!("/v1/workspaces/{}/tokens", tenant.slug);

    let made = admin.post(&tokens, json!({"name": "A script", "role": "member", "expires": "2099-01-01T00:00:00Z"})).await.is(201);
    let secret = made["token"].as_str().unwrap();
    assert!(secret.starts_with("pct_"), "{made}");
    let listed = admin.get(&tokens).await;
    assert!(!listed.text.contains(secret), "{}", listed.text);
    let listed = listed.is(200)["tokens"][0].clone();
    assert_eq!((&listed["id"], &listed["name"], &listed["role"]), (&made["id"], &json!("A script"), &json!("member")));
    assert_eq!((&listed["token"], &listed["expires_at"]), (&Value::Null, &json!("2099-01-01T00:00:00Z")));
    assert!(!json!(audit(&tenant).await).to_string().contains(secret));

    let script = world.session(secret);
    script.get(&format!("/v1/sources/{}", names.source)).await.is(200);
    let run = script.sync(&names.project, json!({})).await;
    assert!(!run.to_string().contains(secret) && run["triggered_by"] != json!(tenant.name("admin")), "{run}");
    script.get(&tokens).await.problem(403, "FORBIDDEN");
    script.post("/v1/workspaces", json!({"slug": fresh("ws"), "name": "x"})).await.problem(403, "FORBIDDEN");
    sees_nothing_of(world, &script, &elsewhere).await;

    let made = admin.post(&tokens, json!({"name": "An admin", "role": "admin"})).await.is(201);
    let script = world.session(made["token"].as_str().unwrap());
    script.get(&tokens).await.is(200);
    script.post("/v1/workspaces", json!({"slug": fresh("ws"), "name": "x"})).await.problem(403, "FORBIDDEN");
    sees_nothing_of(world, &script, &elsewhere).await;
}

/// S3.5: a token that was revoked opens nothing, and one that could never open
/// anything is not made.
async fn a_revoked_api_token_is_none(world: &World) {
    let tenant = world.tenant().await;
    let admin = tenant.admin();
    let tokens = format!("/v1/workspaces/{}/tokens", tenant.slug);
    let made = admin.post(&tokens, json!({"name": "A script", "role": "admin"})).await.is(201);
    let script = world.session(made["token"].as_str().unwrap());
    script.get(&tokens).await.is(200);

    let path = format!("{tokens}/{}", made["id"].as_str().unwrap());
    admin.delete(&path).await.is(204);
    script.get(&tokens).await.problem(401, "UNAUTHENTICATED");
    admin.delete(&path).await.problem(404, "NOT_FOUND");
    assert_eq!(admin.get(&tokens).await.is(200)["tokens"], json!([]));

    let past = admin.post(&tokens, json!({"name": "Late", "role": "viewer", "expires": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(past.problem(400, "VALIDATION_FAILED")["errors"][0]["at"], "expires");
    assert_eq!(admin.get(&tokens).await.is(200)["tokens"], json!([]));
}

/// S3.5: a token ends when it says, which is compared and not swept up.
async fn an_api_token_ends_when_it_expires(world: &World) {
    if !world.is_local() {
        return;
    }
    let tenant = world.tenant().await;
    let tokens = format!("/v1/workspaces/{}/tokens", tenant.slug);
    let expires = jiff::Timestamp::from_millisecond(world.clock.now().0 + 3_600_000).unwrap().to_string();
    let made = tenant.admin().post(&tokens, json!({"name": "A script", "role": "viewer", "expires": expires})).await.is(201);
    let script = world.session(made["token"].as_str().unwrap());
    script.get("/v1/workspaces").await.is(200);

    world.clock.turn(jiff::SignedDuration::from_mins(61));
    script.get("/v1/workspaces").await.problem(401, "UNAUTHENTICATED");
}

/// S0.8, S0.10, S0.28, S0.40: a workspace's own cooldown holds for the sources
/// it has and those to come; the answer says what truly remains.
async fn a_cooldown_of_the_workspace_counts_from_the_next_trigger(world: &World) {
    let tenant = world.tenant().await;
    let project = cooling(world, &tenant).await;
    let admin = tenant.admin();
    let source = admin.get(&format!("/v1/sources/{project}")).await.is(200);
    let until: jiff::Timestamp = source["cooldown_until"].as_str().unwrap().parse().unwrap();

    for _ in 0..2 {
        let answer = sync(&admin, &project, json!({})).await;
        let after: i64 = answer.header("retry-after").parse().unwrap();
        let problem = answer.problem(429, "COOLDOWN_ACTIVE");
        assert_eq!(problem["next_allowed_at"], source["cooldown_until"]);
        let left: jiff::SignedDuration = problem["cooldown_remaining"].as_str().unwrap().parse().unwrap();
        let now = jiff::Timestamp::from_millisecond(world.clock.now().0).unwrap();
        assert_eq!(left.as_secs(), after);
        assert!((0..=60).contains(&(after - until.duration_since(now).as_secs())), "{problem}");
        assert!((3_000..=3_600).contains(&after), "{problem}");
    }
    assert_eq!(sync(&admin, &project, json!({"dryRun": true})).await.is(200)["outcome"], "would_refuse");

    let newer = tenant.project(&world.folder(&[])).await;
    admin.sync(&newer, json!({})).await;
    sync(&admin, &newer, json!({})).await.problem(429, "COOLDOWN_ACTIVE");
}

/// S0.40: null takes a workspace's own setting away; what is not named stays.
async fn a_setting_that_is_null_is_the_deployments(world: &World) {
    let tenant = world.tenant().await;
    let admin = tenant.admin();
    let own = json!({"cooldowns": {"documents": "PT1H", "repository": "PT90S"}, "quota_floor": 7, "max_concurrent_runs": 3});
    for shown in [settings(&tenant, own.clone()).await, admin.get(&format!("/v1/workspaces/{}", tenant.slug)).await.is(200)] {
        assert_eq!((&shown["cooldowns"]["documents"], &shown["cooldowns"]["repository"]), (&json!("PT1H"), &json!("PT1M30S")));
        assert_eq!((&shown["quota_floor"], &shown["max_concurrent_runs"]), (&json!(7), &json!(3)));
    }

    let back = settings(&tenant, json!({"cooldowns": {"documents": null}, "quota_floor": null, "max_concurrent_runs": null})).await;
    assert_ne!(back["cooldowns"]["documents"], "PT1H");
    assert_eq!(back["cooldowns"]["repository"], "PT1M30S");
    assert_eq!((&back["quota_floor"], &back["max_concurrent_runs"]), (&Value::Null, &Value::Null));
    let project = tenant.project(&world.folder(&[])).await;
    for _ in 0..2 {
        admin.sync(&project, json!({})).await;
    }
}

/// S0.9, S0.26, S0.40: a workspace may keep more of its quota than the
/// deployment does.
async fn a_quota_floor_of_the_workspace_counts_from_the_next_trigger(world: &World) {
    let tenant = world.tenant().await;
    let (admin, token) = (tenant.admin(), fresh("token"));
    let resets_at = jiff::Timestamp::from_millisecond(world.clock.now().0 + 3_600_000).unwrap();
    world.forge.set_quota(Some(&token), Quota { limit: 5_000, remaining: 1_000, resets_at });
    let repository = format!("acme/{}", fresh("floor"));
    world.forge.repository(&repository).seed_issues(1);
    let source = tenant.repository_with(&repository, json!({"credential": {"token": token}})).await;
    settings(&tenant, json!({"cooldowns": {"repository": "PT0S"}})).await;
    admin.sync(&source, json!({})).await;

    settings(&tenant, json!({"quota_floor": 2_000})).await;
    sync(&admin, &source, json!({})).await.problem(429, "RATE_LIMIT_LOW");
    settings(&tenant, json!({"quota_floor": null})).await;
    admin.sync(&source, json!({})).await;
}

/// S0.31, S0.40: an admin who has a reason need not wait; the reason is on
/// record, and the cooldown begins anew.
async fn an_admin_passes_over_a_cooldown_on_record(world: &World) {
    let tenant = world.tenant().await;
    let project = cooling(world, &tenant).await;
    let (admin, reason) = (tenant.admin(), "the demo is in five minutes");

    let run = admin.sync(&project, json!({"overrideCooldown": {"reason": reason}})).await;
    let on_record = |lines: &Value| {
        let mut lines = lines.as_array().unwrap().iter();
        lines.any(|line| {
            line["run"] == run["id"] && line["who"] == json!(tenant.name("admin")) && line["facts"].to_string().contains(reason)
        })
    };
    let of_run = admin.get(&format!("/v1/runs/{}/audit", run["id"].as_str().unwrap())).await.is(200);
    assert!(on_record(&of_run["audit"]), "{of_run}");
    assert!(on_record(&json!(audit(&tenant).await)));
    sync(&admin, &project, json!({})).await.problem(429, "COOLDOWN_ACTIVE");

    let silent = sync(&admin, &project, json!({"overrideCooldown": {"reason": "  "}})).await;
    assert_eq!(silent.problem(400, "VALIDATION_FAILED")["errors"][0]["at"], "overrideCooldown.reason");
}

/// S0.40: nobody else passes over a cooldown, and asking for it does no harm.
async fn only_admins_pass_over_a_cooldown(world: &World) {
    let tenant = world.tenant().await;
    let project = cooling(world, &tenant).await;
    let before = seen(&tenant).await;
    for role in ["maintainer", "coordinator", "member", "viewer"] {
        let who = tenant.join(role, role).await;
        sync(&who, &project, json!({"overrideCooldown": {"reason": "I want to"}})).await.problem(403, "FORBIDDEN");
    }
    let after = seen(&tenant).await;
    assert_eq!((&after[3], &after[5]), (&before[3], &before[5]));
}

/// S0.1: who has repaired a source's settings need not wait to see it.
async fn a_change_of_a_source_lifts_its_cooldown(world: &World) {
    let tenant = world.tenant().await;
    let project = cooling(world, &tenant).await;
    let name = format!("acme/{}", fresh("lifted"));
    world.forge.repository(&name).seed_issues(1);
    let (admin, repository) = (tenant.admin(), tenant.repository(&name).await);
    admin.sync(&repository, json!({})).await;

    for (id, change) in [(project, json!({"patterns": ["**/*.txt"]})), (repository, json!({"credential": {"token": "another-token"}}))] {
        sync(&admin, &id, json!({})).await.problem(429, "COOLDOWN_ACTIVE");
        let changed = admin.patch(&format!("/v1/sources/{id}"), change).await.is(200);
        assert_eq!(changed["cooldown_until"], Value::Null);
        admin.sync(&id, json!({})).await;
        sync(&admin, &id, json!({})).await.problem(429, "COOLDOWN_ACTIVE");
    }
}

/// S0.31: who did what to what and when, and what became of it.
async fn every_change_is_on_record(world: &World) {
    let tenant = world.tenant().await;
    let project = cooling(world, &tenant).await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    let member = tenant.join("mia", "member").await;
    sync(&member, &project, json!({})).await.problem(429, "COOLDOWN_ACTIVE");
    admin.put(&format!("{w}/members/someone"), json!({"role": "viewer"})).await.is(200);
    admin.delete(&format!("{w}/members/someone")).await.is(204);
    let token = admin.post(&format!("{w}/tokens"), json!({"name": "A script", "role": "viewer"})).await.is(201);
    admin.delete(&format!("{w}/tokens/{}", token["id"].as_str().unwrap())).await.is(204);
    let repository = tenant.repository(&format!("acme/{}", fresh("record"))).await;
    admin.patch(&format!("/v1/sources/{repository}"), json!({"name": "Renamed"})).await.is(200);

    let lines = audit(&tenant).await;
    let line = |what: &str, who: &str| {
        let found = lines.iter().find(|line| line["what"] == what && line["who"] == json!(tenant.name(who)));
        let found = found.unwrap_or_else(|| panic!("no {what} by {who} in {lines:#?}"));
        assert!(found["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{found}");
        found
    };
    for what in ["workspace.changed", "member.put", "member.deleted", "token.created", "token.deleted", "project.created"] {
        line(what, "admin");
    }
    for what in ["source.created", "source.changed"] {
        assert_eq!(line(what, "admin")["source"], json!(repository));
    }
    let created = line("run.created", "admin");
    assert_eq!((&created["source"], created["run"].is_string()), (&json!(project), true));
    let refused = line("trigger.refused", "mia");
    assert_eq!((&refused["source"], &refused["facts"]["rule"]), (&json!(project), &json!("COOLDOWN_ACTIVE")));
}

/// S0.31: the newest line of the audit comes first, a refusal's too.
#[expect(dead_code, reason = "the contract says so and the code does not yet: list it when it does")]
async fn the_audit_is_newest_first(world: &World) {
    let tenant = world.tenant().await;
    let project = cooling(world, &tenant).await;
    sync(&tenant.admin(), &project, json!({})).await.problem(429, "COOLDOWN_ACTIVE");
    tenant.join("mia", "member").await;

    let order: Vec<_> = audit(&tenant).await.iter().map(|line| line["what"].as_str().unwrap().to_owned()).collect();
    assert_eq!(order[..2], ["member.put", "trigger.refused"], "{order:?}");
}

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
    assert_eq!(heard(admin.post(&sources, new.clone()).await, 201)["credential"], json!({"set": true, "last4": "Zq9w"}));
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
    assert_eq!(again["credential"], json!({"set": true, "last4": "5678"}));
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
#[expect(dead_code, reason = "the contract says so and the code does not yet: list it when it does")]
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
