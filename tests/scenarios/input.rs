//! What is wrong with a request is said all at once, as a problem, and changes
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::people::{Names, operations, perform, seen};
use crate::world::{Answer, Session, Tenant, World, fresh};

crate::scenarios![
    a_body_that_is_not_json_is_refused,
    a_body_of_another_shape_is_refused,
    everything_wrong_with_a_body_is_said_at_once,
    a_trigger_knows_its_fields,
    the_checks_have_an_order,
    a_length_of_over_256_kib_is_refused_unread,
    a_body_that_does_not_say_that_it_is_json_is_refused,
    a_method_that_a_path_does_not_know_is_named,
    an_unknown_path_is_not_found,
    a_name_that_could_be_nobodys_is_not_found,
    a_path_leads_nowhere_else,
    an_id_is_plain,
    documents_lie_under_the_roots,
    a_pattern_is_a_pattern,
    a_list_knows_its_limits_and_cursors,
    a_wait_is_a_duration_of_25_seconds_at_most,
    an_age_is_a_duration,
    a_setting_is_a_setting,
    a_role_is_a_role,
    a_time_is_a_time,
    a_base_url_leads_to_the_public_internet,
    a_credential_fits_in_a_header,
    a_repository_is_an_owner_and_a_name,
    a_source_has_what_its_kind_needs,
];

/// Whatever is tried leaves a tenant as it was.
async fn in_vain(tenant: &Tenant<'_>, tried: impl Future<Output = ()>) {
    let before = seen(tenant).await;
    tried.await;
    assert_eq!(seen(tenant).await, before);
}

/// A problem with all its members.
#[track_caller]
fn problem(answer: Answer, status: u16, code: &str) -> Value {
    let problem = answer.problem(status, code);
    assert_eq!(problem["status"], status, "{problem}");
    for member in ["type", "title", "detail", "message", "request_id"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {problem}");
    }
    problem
}

/// Where a request is not valid, and why.
#[track_caller]
fn invalid(answer: Answer) -> BTreeMap<String, String> {
    let problem = problem(answer, 400, "VALIDATION_FAILED");
    let errors = problem["errors"].as_array().unwrap().iter();
    let errors: BTreeMap<_, _> =
        errors.map(|error| (error["at"].as_str().unwrap().to_owned(), error["why"].as_str().unwrap().to_owned())).collect();
    assert!(!errors.is_empty() && errors.iter().all(|(at, why)| !at.is_empty() && !why.is_empty()), "{problem}");
    errors
}

/// A request is not valid in this place and no other.
#[track_caller]
fn invalid_at(answer: Answer, at: &str) {
    let asked = format!("{answer:?}");
    assert_eq!(invalid(answer).keys().collect::<Vec<_>>(), [at], "{asked}");
}

async fn send(who: &Session<'_>, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    Answer::of("POST", path, who.request("POST", path).header("content-type", content_type).body(body)).await
}

/// Sends a path as it is written, since HTTP clients tidy paths up, and a length
/// without a body; the whole answer.
fn raw(who: &Session<'_>, method: &str, path: &str, length: usize) -> String {
    let request = who.request(method, "/").build().unwrap();
    let (url, headers) = (request.url(), request.headers());
    let address = format!("{}:{}", url.host_str().unwrap(), url.port_or_known_default().unwrap());
    let host = headers.get("host").map_or(address.as_str(), |host| host.to_str().unwrap());
    let bearer = headers["authorization"].to_str().unwrap();
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {bearer}\r\ncontent-length: {length}\r\n");
    write!(stream, "{head}content-type: application/json\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Every way to make something or to ask for a sync.
fn posts(names: &Names) -> Vec<String> {
    let of_workspace = ["tokens", "projects", "sources"].map(|list| format!("/v1/workspaces/{}/{list}", names.workspace));
    let of_source = [format!("/v1/sources/{}/sync", names.source), format!("/api/v1/projects/{}/sync", names.project)];
    of_workspace.into_iter().chain(of_source).chain(["/v1/workspaces".to_owned()]).collect()
}

/// Answers 400: text that is not JSON.
async fn a_body_that_is_not_json_is_refused(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    in_vain(&tenant, async {
        let deep = "[".repeat(10_000);
        for path in posts(&names) {
            for body in ["{", r#"{"id": }"#, "{'id': 1}", r#"{"id": "x",}"#, "id=x", "{} {}", "\u{feff}{}", "NaN", deep.as_str()] {
                invalid_at(send(&world.operator(), &path, "application/json", body.to_owned()).await, "body");
            }
            let answer = send(&world.operator(), &path, "application/json", b"{\"id\": \"\xff\xfe\"}".to_vec()).await;
            invalid_at(answer, "body");
        }
    })
    .await;
}

/// Answers 400: JSON that is no object.
async fn a_body_of_another_shape_is_refused(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    in_vain(&tenant, async {
        for path in posts(&names) {
            for body in [json!([]), json!([{}]), json!("{}"), json!(7), json!(true), json!(null)] {
                invalid_at(world.operator().post(&path, body).await, "body");
            }
        }
    })
    .await;
}

/// S2.46: wrong types, unknown values and unknown fields, all of them.
async fn everything_wrong_with_a_body_is_said_at_once(world: &World) {
    let tenant = world.tenant().await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let all = |answer: Answer| invalid(answer).into_keys().collect::<BTreeSet<_>>();
    in_vain(&tenant, async {
        let source = json!({"id": 7, "kind": "teapot", "monitored": "yes", "streams": ["issues", 3], "colour": "red",
            "credential": {"token": 1, "extra": true}, "webhook": {"active": "on"}});
        let expected = ["id", "kind", "monitored", "streams[1]", "colour", "credential.token", "credential.extra", "webhook.active"];
        assert_eq!(all(admin.post(&format!("{w}/sources"), source).await), names(&expected));
        let project = json!({"path": 1, "name": null, "colour": 1, "flavour": 2});
        assert_eq!(all(admin.post(&format!("{w}/projects"), project).await), names(&["id", "name", "path", "colour", "flavour"]));
        let token = json!({"roles": ["admin"], "expires": 5});
        assert_eq!(all(admin.post(&format!("{w}/tokens"), token).await), names(&["name", "role", "roles", "expires"]));
        let change =
            json!({"cooldowns": {"documents": 60, "tea": "PT5M"}, "quota_floor": "many", "max_concurrent_runs": 1.5, "plan": "pro"});
        let expected = ["cooldowns.documents", "cooldowns.tea", "quota_floor", "max_concurrent_runs", "plan"];
        assert_eq!(all(admin.patch(&w, change).await), names(&expected));
        let answer = admin.put(&format!("{w}/members/mia"), json!({"rolle": "viewer"})).await;
        assert_eq!(all(answer), names(&["role", "rolle"]));
        let values = json!({"id": "A", "kind": "repository", "provider": "cvs", "base_url": "ftp://x", "credential": {"token": ""}});
        let expected = ["id", "provider", "base_url", "credential.token", "repository"];
        assert_eq!(all(admin.post(&format!("{w}/sources"), values).await), names(&expected));
    })
    .await;
}

/// S2.46: what a trigger does not know it does not pass over.
async fn a_trigger_knows_its_fields(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (sync, admin) = (format!("/v1/sources/{}/sync", names.source), tenant.admin());
    in_vain(&tenant, async {
        let body = json!({"full": "yes", "wait": 5, "fullReindex": true, "overrideCooldown": {"why": "x"}, "onConflict": "hope", "streams": "issues"});
        let wrong = invalid(admin.post(&sync, body).await);
        let expected = ["full", "fullReindex", "onConflict", "overrideCooldown.reason", "overrideCooldown.why", "streams", "wait"];
        assert_eq!(wrong.keys().collect::<Vec<_>>(), expected);
        for query in ["colour=red", "dryRun=perhaps", "onConflict=hope"] {
            let wrong = invalid(admin.press(&format!("{sync}?{query}")).await);
            let (name, _) = query.split_once('=').unwrap();
            assert!(wrong.iter().any(|(at, why)| at.contains(name) || why.contains(name)), "{query}: {wrong:?}");
        }
        invalid_at(admin.post(&sync, json!({"streams": ["pull_requests"]})).await, "streams");
    })
    .await;
}

/// S2.46: the same on the surface of projects.
#[expect(dead_code, reason = "the contract says so and the code does not yet: list it when it does")]
async fn a_trigger_of_a_project_knows_its_fields(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let sync = format!("/api/v1/projects/{}/sync", names.project);
    in_vain(&tenant, async {
        let wrong = invalid(tenant.admin().post(&sync, json!({"colour": "red", "flavour": "sweet"})).await);
        assert_eq!(wrong.keys().collect::<Vec<_>>(), ["colour", "flavour"]);
        let wrong = invalid(tenant.admin().press(&format!("{sync}?colour=red")).await);
        assert!(wrong.iter().any(|(at, why)| at == "colour" || why.contains("colour")), "{wrong:?}");
    })
    .await;
}

/// S2.46: values that are wrong are said at once too, as are parameters.
#[expect(dead_code, reason = "the contract says so and the code does not yet: list it when it does")]
async fn everything_wrong_with_a_trigger_is_said_at_once(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (sync, admin) = (format!("/v1/sources/{}/sync", names.source), tenant.admin());
    in_vain(&tenant, async {
        let body = json!({"wait": "soon", "maxAge": "old", "streams": ["stars"], "overrideCooldown": {"reason": " "}});
        let expected = ["maxAge", "overrideCooldown.reason", "streams", "wait"];
        assert_eq!(invalid(admin.post(&sync, body).await).keys().collect::<Vec<_>>(), expected);
        let wrong = invalid(admin.get(&format!("/v1/sources/{}/items?limit=0&cursor=~&type=tea&updated_since=now", names.source)).await);
        assert_eq!(wrong.keys().collect::<Vec<_>>(), ["cursor", "limit", "type", "updated_since"]);
    })
    .await;
}

/// Who asks is asked first, then whether the request makes sense, then whether
/// there is such a thing, and only then whether they may.
async fn the_checks_have_an_order(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (viewer, nobody) = (tenant.join("viv", "viewer").await, world.nobody());
    let (there, nowhere) = (format!("/v1/sources/{}/sync", names.source), format!("/v1/sources/{}/sync", fresh("none")));
    in_vain(&tenant, async {
        for path in [&there, &nowhere] {
            problem(send(&nobody, path, "application/json", "{").await, 401, "UNAUTHENTICATED");
            problem(send(&nobody, path, "text/plain", "{}").await, 401, "UNAUTHENTICATED");
            problem(nobody.post(path, json!({"colour": "red"})).await, 401, "UNAUTHENTICATED");
            invalid_at(viewer.post(path, json!({"colour": "red"})).await, "colour");
            invalid_at(viewer.post(path, json!({"wait": "soon"})).await, "wait");
            invalid_at(viewer.post(path, json!({"streams": ["stars"]})).await, "streams");
        }
        problem(viewer.press(&nowhere).await, 404, "NOT_FOUND");
        problem(viewer.press(&there).await, 403, "FORBIDDEN");
    })
    .await;
}

/// Answers 400 wherever a parameter is none of the route's.
#[expect(dead_code, reason = "the contract says so and the code does not yet: list it when it does")]
async fn a_route_knows_its_parameters(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let reads = operations(world).await.into_iter().filter(|operation| operation.method == "GET" && operation.guarded);
    let mut passed_over = Vec::new();
    for read in reads {
        let answer = tenant.admin().get(&format!("{}?colour=red", names.fill(&read.path))).await;
        if answer.status == 400 {
            assert!(invalid(answer).iter().any(|(at, why)| at == "colour" || why.contains("colour")), "{}", read.path);
        } else {
            passed_over.push(read.path);
        }
    }
    assert_eq!(passed_over, Vec::<String>::new());
}

/// A JSON object of so many bytes.
fn padded(length: usize) -> String {
    format!("{{{}\"dryRun\": true}}", " ".repeat(length - 16))
}

/// Answers 413 as soon as the length is known; 256 KiB are not too long.
async fn a_length_of_over_256_kib_is_refused_unread(world: &World) {
    if !world.is_local() {
        return;
    }
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let admin = tenant.admin();
    in_vain(&tenant, async {
        for path in posts(&names) {
            let answer = raw(&admin, "POST", &path, 256 * 1024 + 1);
            assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains(r#""code":"PAYLOAD_TOO_LARGE""#), "{path}: {answer}");
        }
        send(&admin, &format!("/v1/sources/{}/sync", names.source), "application/json", padded(256 * 1024)).await.is(200);
    })
    .await;
}

/// Answers 413 to a body that is sent whole, and to one whose length was not
/// said before.
#[expect(dead_code, reason = "the contract says so and the code does not yet: list it when it does")]
async fn a_body_of_over_256_kib_is_too_long(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let admin = tenant.admin();
    in_vain(&tenant, async {
        for path in posts(&names) {
            problem(send(&admin, &path, "application/json", padded(300 * 1024)).await, 413, "PAYLOAD_TOO_LARGE");
            let pieces = (0..300).map(|_| Ok::<_, std::io::Error>(" ".repeat(1024)));
            let streamed = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
            problem(send(&admin, &path, "application/json", streamed).await, 413, "PAYLOAD_TOO_LARGE");
        }
    })
    .await;
}

/// Answers 415.
async fn a_body_that_does_not_say_that_it_is_json_is_refused(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (admin, sync) = (tenant.admin(), format!("/v1/sources/{}/sync", names.source));
    in_vain(&tenant, async {
        for path in posts(&names) {
            for content_type in
                ["text/plain", "application/x-www-form-urlencoded", "text/json; application/json", "application/jsonp", "json"]
            {
                problem(send(&admin, &path, content_type, "{}").await, 415, "UNSUPPORTED_MEDIA_TYPE");
            }
            problem(Answer::of("POST", &path, admin.request("POST", &path).body("{}")).await, 415, "UNSUPPORTED_MEDIA_TYPE");
        }
        for content_type in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
            send(&admin, &sync, content_type, r#"{"dryRun": true}"#).await.is(200);
        }
    })
    .await;
}

/// Answers 405, and `Allow` says what would do.
async fn a_method_that_a_path_does_not_know_is_named(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in operations(world).await {
        known.entry(names.fill(&operation.path)).or_default().insert(operation.method);
    }
    in_vain(&tenant, async {
        for (path, methods) in &known {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|method| !methods.contains(*method)) {
                let answer = Answer::of(method, path, tenant.admin().request(method, path)).await;
                let allow: BTreeSet<_> = answer.header("allow").split(',').map(|one| one.trim().to_owned()).collect();
                assert!(allow.is_superset(methods) && !allow.contains(method), "{method} {path}: {allow:?}");
                problem(answer, 405, "METHOD_NOT_ALLOWED");
            }
        }
    })
    .await;
}

/// Answers 404: there is nothing at these paths, for nobody.
async fn an_unknown_path_is_not_found(world: &World) {
    let tenant = world.tenant().await;
    for path in
        ["/v1", "/v1/", "/v1/me/", "/v1/me/x", "/v2/me", "/V1/ME", "/v1//me", "/api", "/api/v1/system", "/admin", "/.env", "/v1/sources"]
    {
        for who in [tenant.admin(), world.nobody()] {
            problem(who.get(path).await, 404, "NOT_FOUND");
            problem(who.press(path).await, 404, "NOT_FOUND");
        }
    }
}

/// Answers 404: ids that cannot be, beside those that can, in every place of a
/// path.
async fn a_name_that_could_be_nobodys_is_not_found(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let spelled = |id: &str| {
        let encoded = |byte: &str| format!("{id}{byte}");
        let others = ["%2f", "%2F..", "%00", "%0a", "%20", "%23", "%3f", "%5c", "%c3%a9", "%25", "*", "~", "!", "'", "(", "%ef%bc%8e"];
        let mut all: Vec<String> = others.map(encoded).into();
        all.extend([id.to_uppercase(), format!("%20{id}"), format!("-{id}"), "a".repeat(65), "a".repeat(3_000), "%e2%80%ae".to_owned()]);
        all
    };
    in_vain(&tenant, async {
        for operation in operations(world).await.iter().filter(|operation| operation.guarded && operation.path.starts_with("/v1/")) {
            for (part, id) in [("{workspace}", &names.workspace), ("{source}", &names.source), ("{run}", &names.run)] {
                // A UUID may be spelled in capitals.
                let wrong = spelled(id).into_iter().filter(|wrong| part != "{run}" || !wrong.eq_ignore_ascii_case(id));
                for wrong in wrong.filter(|_| operation.path.contains(part)) {
                    let path = names.fill(&operation.path.replace(part, &wrong));
                    problem(perform(&tenant.admin(), operation, &path).await, 404, "NOT_FOUND");
                }
            }
        }
        for wrong in spelled(&names.project) {
            let path = format!("/api/v1/projects/{wrong}");
            problem(tenant.admin().get(&path).await, 404, "NOT_FOUND");
            problem(tenant.admin().press(&format!("{path}/sync")).await, 404, "NOT_FOUND");
        }
    })
    .await;
}

/// Answers 404: dots in a path, however they are written, lead nowhere.
async fn a_path_leads_nowhere_else(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    in_vain(&tenant, async {
        for dots in ["..", ".", "%2e%2e", "%2E%2e", ".%2e", "..%2f..", "%2e%2e%2f", "..;", "%252e%252e"] {
            let paths = [
                ("GET", format!("/v1/sources/{dots}")),
                ("POST", format!("/v1/sources/{dots}/sync")),
                ("GET", format!("/v1/workspaces/{}/{dots}/{}", tenant.slug, tenant.slug)),
                ("POST", format!("/api/v1/projects/{dots}/sync")),
                ("GET", format!("/v1/sources/{}/{dots}/{}", names.source, names.source)),
                ("GET", format!("/v1/runs/{dots}/../me")),
            ];
            for (method, path) in paths {
                let answer = raw(&tenant.admin(), method, &path, 0);
                assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains(r#""code":"NOT_FOUND""#), "{method} {path}: {answer}");
            }
        }
    })
    .await;
}

/// Answers 400: `[a-z0-9][a-z0-9._-]{0,63}`.
async fn an_id_is_plain(world: &World) {
    let tenant = world.tenant().await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    let long = "a".repeat(65);
    let wrong = ["", "A", "-a", ".", "..", ".a", "_a", "a/b", "a b", " a", "a\n", "a\0", "é", "ａ", "a*", "*", "a#b", "%61", &long];
    in_vain(&tenant, async {
        for id in wrong {
            invalid_at(world.operator().post("/v1/workspaces", json!({"slug": id, "name": "x"})).await, "slug");
            invalid_at(admin.post(&format!("{w}/projects"), json!({"id": id, "name": "x"})).await, "id");
            let source = json!({"id": id, "kind": "repository", "provider": "github", "repository": "acme/web"});
            invalid_at(admin.post(&format!("{w}/sources"), source).await, "id");
        }
    })
    .await;
    let longest = format!("{:x<64}", fresh("0._-"));
    admin.post(&format!("{w}/projects"), json!({"id": longest, "name": "x"})).await.is(201);
}

/// S4.24: answers 400 for folders that no operator allowed.
async fn documents_lie_under_the_roots(world: &World) {
    let tenant = world.tenant().await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    let folder = world.folder(&[]);
    let project = tenant.project(&folder).await;
    let (inside, root) = (folder.to_str().unwrap(), folder.parent().unwrap().to_str().unwrap());
    std::os::unix::fs::symlink("/etc", folder.join("link")).unwrap();
    let wrong = [
        "/etc".to_owned(),
        "/".to_owned(),
        "/nowhere/at/all".to_owned(),
        String::new(),
        "..".to_owned(),
        "../..".to_owned(),
        "documents".to_owned(),
        "~".to_owned(),
        "C:\\documents".to_owned(),
        format!("file://{inside}"),
        format!("{inside}/../../.."),
        format!("{root}/.."),
        format!("{root}/../../etc"),
        format!("{root}/nowhere/../../.."),
        format!("{root}-of-another"),
        format!("{inside}/link"),
        format!("{inside}\0"),
        format!("{root}/\0/x"),
        format!(" {inside}"),
    ];
    in_vain(&tenant, async {
        for path in wrong {
            invalid_at(admin.post(&format!("{w}/projects"), json!({"id": fresh("docs"), "name": "x", "path": path})).await, "path");
            invalid_at(admin.post(&format!("{w}/sources"), json!({"id": fresh("docs"), "kind": "documents", "path": path})).await, "path");
            invalid_at(admin.patch(&format!("/v1/sources/{project}"), json!({"path": path})).await, "path");
        }
    })
    .await;
}

/// Answers 400: what no pattern can be.
async fn a_pattern_is_a_pattern(world: &World) {
    let tenant = world.tenant().await;
    let (admin, sources) = (tenant.admin(), format!("/v1/workspaces/{}/sources", tenant.slug));
    let folder = world.folder(&[]);
    let project = tenant.project(&folder).await;
    in_vain(&tenant, async {
        for pattern in ["[", "[a", "{a,b", "a}", "[z-a]", "\\"] {
            let new = json!({"id": fresh("docs"), "kind": "documents", "path": folder.to_str().unwrap(), "patterns": ["**/*.md", pattern]});
            let wrong = invalid(admin.post(&sources, new).await);
            assert!(wrong["patterns"].contains(pattern), "{wrong:?}");
            invalid_at(admin.patch(&format!("/v1/sources/{project}"), json!({"patterns": [pattern]})).await, "patterns");
        }
        invalid_at(admin.patch(&format!("/v1/sources/{project}"), json!({"patterns": "**"})).await, "patterns");
        invalid_at(admin.patch(&format!("/v1/sources/{project}"), json!({"patterns": ["**", 1]})).await, "patterns[1]");
    })
    .await;
}

/// Answers 400 for every list: a limit outside 1 to 100, a cursor that no list
/// gave, a parameter that is none.
async fn a_list_knows_its_limits_and_cursors(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let lists = operations(world).await.into_iter().filter(|operation| operation.query.contains("limit")).collect::<Vec<_>>();
    assert!(lists.len() >= 5, "{}", lists.len());
    for list in lists {
        let path = names.fill(&list.path);
        for limit in ["0", "101", "-1", "1.5", "many", "", "99999999999999999999", "%00", "1%20"] {
            let wrong = invalid(tenant.admin().get(&format!("{path}?limit={limit}")).await);
            assert!(wrong.iter().any(|(at, why)| at == "limit" || at == "query" && why.contains("limit")), "{path} {limit}: {wrong:?}");
        }
        for cursor in ["~", "*", "%00", "../..", "a%20b", "%ff", "a", &"A".repeat(4_000)] {
            let wrong = invalid(tenant.admin().get(&format!("{path}?cursor={cursor}")).await);
            assert!(wrong.contains_key("cursor"), "{path} {cursor}: {wrong:?}");
        }
        let wrong = invalid(tenant.admin().get(&format!("{path}?colour=red")).await);
        assert!(wrong.iter().any(|(at, why)| at == "colour" || why.contains("colour")), "{path}: {wrong:?}");
        tenant.admin().get(&format!("{path}?limit=1")).await.is(200);
        tenant.admin().get(&format!("{path}?limit=100")).await.is(200);
    }
}

const NO_DURATIONS: [&str; 13] =
    ["soon", "5", "20S", "PT", "P", "PT20", "pt20s!", "-PT5S", "PT-5S", "PT5X", "T5S", "PT99999999999999999999S", "00:00:05"];

/// Answers 400: how long an answer may be held.
async fn a_wait_is_a_duration_of_25_seconds_at_most(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (admin, sync, run) = (tenant.admin(), format!("/v1/sources/{}/sync", names.source), format!("/v1/runs/{}", names.run));
    in_vain(&tenant, async {
        for wait in NO_DURATIONS.into_iter().chain(["PT26S", "PT25.1S", "PT1M", "PT1H"]) {
            invalid_at(admin.post(&sync, json!({"wait": wait})).await, "wait");
            invalid_at(admin.press(&format!("{sync}?wait={wait}")).await, "wait");
            invalid_at(admin.get(&format!("{run}?wait={wait}")).await, "wait");
        }
        for after in ["-1", "x", "1.5"] {
            invalid(admin.get(&format!("{run}?wait=PT1S&after={after}")).await);
        }
        for wait in ["PT25S", "PT0S", "PT0.5S"] {
            admin.post(&sync, json!({"wait": wait, "dryRun": true})).await.is(200);
            admin.get(&format!("{run}?wait={wait}")).await.is(200);
        }
    })
    .await;
}

/// Answers 400: how fresh is fresh enough.
async fn an_age_is_a_duration(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (admin, sync) = (tenant.admin(), format!("/v1/sources/{}/sync", names.project));
    in_vain(&tenant, async {
        for age in NO_DURATIONS {
            invalid_at(admin.post(&sync, json!({"maxAge": age})).await, "maxAge");
            invalid_at(admin.press(&format!("{sync}?maxAge={age}")).await, "maxAge");
        }
        assert_eq!(admin.post(&sync, json!({"maxAge": "PT240H"})).await.is(200)["outcome"], "fresh");
    })
    .await;
}

/// Answers 400: settings of a workspace, all that are wrong.
async fn a_setting_is_a_setting(world: &World) {
    let tenant = world.tenant().await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    in_vain(&tenant, async {
        for duration in NO_DURATIONS {
            let change = json!({"cooldowns": {"documents": duration, "index": "PT5M", "repository": duration}});
            let wrong = invalid(admin.patch(&w, change).await);
            assert_eq!(wrong.keys().collect::<Vec<_>>(), ["cooldowns.documents", "cooldowns.repository"], "{duration}");
        }
        for (name, values) in [("quota_floor", json!([-1, "1", 1.5])), ("max_concurrent_runs", json!([0, -1, "1", 1.5]))] {
            for value in values.as_array().unwrap() {
                invalid_at(admin.patch(&w, json!({name: value})).await, name);
            }
        }
    })
    .await;
}

/// Answers 400: a number beyond what it can be is named as any other.
#[expect(dead_code, reason = "the contract says so and the code does not yet: list it when it does")]
async fn a_number_that_is_too_large_is_named(world: &World) {
    let tenant = world.tenant().await;
    let w = format!("/v1/workspaces/{}", tenant.slug);
    in_vain(&tenant, async {
        let change = json!({"max_concurrent_runs": 4_294_967_296_u64, "plan": "pro"});
        assert_eq!(invalid(tenant.admin().patch(&w, change).await).keys().collect::<Vec<_>>(), ["max_concurrent_runs", "plan"]);
        invalid_at(tenant.admin().patch(&w, json!({"max_concurrent_runs": 4_294_967_296_u64})).await, "max_concurrent_runs");
    })
    .await;
}

/// ISO 8601 knows days and weeks, and a comma.
#[expect(dead_code, reason = "the contract says so and the code does not yet: list it when it does")]
async fn a_duration_may_have_days(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (admin, sync) = (tenant.admin(), format!("/v1/sources/{}/sync", names.project));
    for age in ["P1D", "P1DT12H", "P2W"] {
        assert_eq!(admin.post(&sync, json!({"maxAge": age})).await.is(200)["outcome"], "fresh", "{age}");
    }
    admin.patch(&format!("/v1/workspaces/{}", tenant.slug), json!({"cooldowns": {"documents": "P1D"}})).await.is(200);
}

/// Answers 404: bytes that are no text are nobody's name.
#[expect(dead_code, reason = "the contract says so and the code does not yet: list it when it does")]
async fn a_name_of_no_text_is_not_found(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    in_vain(&tenant, async {
        for operation in operations(world).await.iter().filter(|operation| operation.guarded && operation.path.contains('{')) {
            let (before, after) = operation.path.split_once('{').unwrap();
            let path = names.fill(&format!("{before}%ff%fe{}", after.split_once('}').unwrap().1));
            problem(perform(&tenant.admin(), operation, &path).await, 404, "NOT_FOUND");
        }
    })
    .await;
}

/// Answers 400: there are five roles and one other word.
async fn a_role_is_a_role(world: &World) {
    let tenant = world.tenant().await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    in_vain(&tenant, async {
        for role in ["", "root", "Admin", "operator", "*", "admin ", "admin,viewer"] {
            invalid_at(admin.put(&format!("{w}/members/mia"), json!({"role": role})).await, "role");
            invalid_at(admin.post(&format!("{w}/tokens"), json!({"name": "x", "role": role})).await, "role");
        }
        invalid_at(admin.put(&format!("{w}/members/%00"), json!({"role": "viewer"})).await, "user");
        invalid_at(admin.put(&format!("{w}/members/{}", "a".repeat(3_000)), json!({"role": "viewer"})).await, "user");
    })
    .await;
}

/// Answers 400: times are RFC 3339.
async fn a_time_is_a_time(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    in_vain(&tenant, async {
        for time in ["tomorrow", "", "2099-01-01", "2099-01-01T00:00:00", "2099-13-01T00:00:00Z", "4070908800", "PT1H"] {
            invalid_at(admin.post(&format!("{w}/tokens"), json!({"name": "x", "role": "viewer", "expires": time})).await, "expires");
            invalid_at(admin.get(&format!("/v1/sources/{}/items?updated_since={time}", names.source)).await, "updated_since");
        }
    })
    .await;
}

/// S2.84: answers 400 for every spelling of an address that is not public, and
/// for whatever is not plain HTTPS.
async fn a_base_url_leads_to_the_public_internet(world: &World) {
    let tenant = world.tenant().await;
    let (admin, sources) = (tenant.admin(), format!("/v1/workspaces/{}/sources", tenant.slug));
    let source = tenant.repository(&format!("acme/{}", fresh("address"))).await;
    let private = "https://10.1.2.3 https://10.1.2.3. https://10.66051 https://167838211 https://0x0a.1.2.3 https://0x0a010203 \
        https://012.1.2.3 https://%31%30.1.2.3 https://１０.1.2.3 https://10。1。2。3 https://[::ffff:10.1.2.3] https://[::ffff:a01:203] \
        https://[64:ff9b::a01:203] https://[2002:a01:203::] https://172.16.0.1 https://192.168.1.1";
    let special = "https://0.0.0.0 https://0 https://[::] https://100.64.0.1 https://169.254.169.254 https://[fe80::1] https://[fd00::1] \
        https://[fd00:ec2::254] https://224.0.0.1 https://[ff02::1] https://255.255.255.255 https://metadata.google.internal \
        https://METADATA.google.internal. https://192.0.2.1 https://198.18.0.1 https://[2001:db8::1]";
    let not_https = "http://api.github.com http://8.8.8.8 HTTP://api.github.com:443 ftp://api.github.com file:///etc/passwd \
        ws://api.github.com javascript:alert(1) data:text/plain,x";
    let with_user =
        "https://me@api.github.com https://me:secret@api.github.com https://:secret@api.github.com https://api.github.com:x@10.1.2.3";
    let no_address = "api.github.com //api.github.com https:// https:/// https://api.github.com:99999 https://[::1 https://api.github.com/?q=1 \
        https://api.github.com/#x";
    let wrong =
        [private, special, not_https, with_user, no_address].into_iter().flat_map(str::split_whitespace).chain(["", " ", "https://a b"]);
    in_vain(&tenant, async {
        for base_url in wrong {
            let new =
                json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": "acme/web", "base_url": base_url});
            let answer = admin.post(&sources, new).await;
            assert_eq!(answer.status, 400, "{base_url}: {}", answer.text);
            assert!(!answer.text.contains("secret"), "{}", answer.text);
            invalid_at(answer, "base_url");
            invalid_at(admin.patch(&format!("/v1/sources/{source}"), json!({"base_url": base_url})).await, "base_url");
        }
    })
    .await;
}

/// S2.84: answers 400, without the credential.
async fn a_credential_fits_in_a_header(world: &World) {
    let tenant = world.tenant().await;
    let (admin, sources) = (tenant.admin(), format!("/v1/workspaces/{}/sources", tenant.slug));
    let source = tenant.repository(&format!("acme/{}", fresh("header"))).await;
    let long = "canary".repeat(1_000);
    in_vain(&tenant, async {
        for token in ["", " ", "canary canary", " canary", "canary\n", "canary\r\nx-injected: 1", "canary\t", "canary\0", "canaryé", &long] {
            let new = json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": "acme/web", "credential": {"token": token}});
            for answer in [
                admin.post(&sources, new).await,
                admin.patch(&format!("/v1/sources/{source}"), json!({"credential": {"token": token}})).await,
            ] {
                assert!(!answer.text.contains("canary"), "{}", answer.text);
                invalid_at(answer, "credential.token");
            }
        }
    })
    .await;
}

/// S2.84: answers 400 for whatever would lead to another place of the provider.
async fn a_repository_is_an_owner_and_a_name(world: &World) {
    let tenant = world.tenant().await;
    let (admin, sources) = (tenant.admin(), format!("/v1/workspaces/{}/sources", tenant.slug));
    let source = tenant.repository(&format!("acme/{}", fresh("name"))).await;
    let wrong = [
        "",
        "/",
        "acme",
        "acme/",
        "/web",
        "acme/web/",
        "acme/web/issues",
        "acme//web",
        "../..",
        "acme/..",
        "./web",
        "acme/.",
        "acme/web?state=all",
        "acme/web#x",
        "acme/web%2f..",
        "acme\\web",
        "acme/we b",
        " acme/web",
        "acme/web\n",
        "acme/\0",
        "acme/é",
        "https://github.com/acme/web",
        "acme/web;x",
        "acme@web/x",
        "acme/w:b",
    ];
    in_vain(&tenant, async {
        for repository in wrong {
            let new = json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": repository});
            invalid_at(admin.post(&sources, new).await, "repository");
            invalid_at(admin.patch(&format!("/v1/sources/{source}"), json!({"repository": repository})).await, "repository");
        }
    })
    .await;
}

/// S2.46: answers 400 for what a kind of source needs and has not, or has and
/// cannot use.
async fn a_source_has_what_its_kind_needs(world: &World) {
    let tenant = world.tenant().await;
    let (admin, sources) = (tenant.admin(), format!("/v1/workspaces/{}/sources", tenant.slug));
    let folder = world.folder(&[]);
    let path = folder.to_str().unwrap();
    in_vain(&tenant, async {
        let mut wrong = vec![
            (json!({}), "kind"),
            (json!({"kind": "documents"}), "path"),
            (json!({"kind": "documents", "path": path, "repository": "acme/web"}), "repository"),
            (json!({"kind": "documents", "path": path, "credential": {"token": "x"}}), "credential"),
            (json!({"kind": "documents", "path": path, "project": fresh("none")}), "project"),
            (json!({"kind": "repository", "provider": "github"}), "repository"),
            (json!({"kind": "repository", "repository": "acme/web", "provider": "cvs"}), "provider"),
            (json!({"kind": "repository", "provider": "github", "repository": "acme/web", "path": path}), "path"),
            (json!({"kind": "repository", "provider": "github", "repository": "acme/web", "streams": ["stars"]}), "streams"),
            (json!({"kind": "repository", "provider": "github", "repository": "acme/web", "streams": ["issues", "issues"]}), "streams"),
        ];
        for (new, at) in &mut wrong {
            new["id"] = json!(fresh("source"));
            invalid_at(admin.post(&sources, new.clone()).await, at);
        }
    })
    .await;
}
