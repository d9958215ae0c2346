//! Methods, paths and queries: what is no address of this API is told so.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use super::{in_vain, invalid, problem};
use crate::scenarios::integrations::triggering::refused;
use crate::scenarios::operations::{Names, Operation, operations, perform};
use crate::world::{Answer, Session, World};

crate::scenarios![
    a_method_that_a_path_does_not_know_is_named,
    an_unknown_path_is_not_found,
    a_name_that_could_be_nobodys_is_not_found,
    a_name_of_no_text_is_not_found,
    a_path_leads_nowhere_else,
    a_route_knows_its_parameters,
    a_list_knows_its_limits_and_cursors,
];

/// Under this path errors and lists are PostgREST's.
const POSTGREST: &str = "/rest/v1/";

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
                if path.starts_with(POSTGREST) {
                    refused(&answer, 405, "method_not_allowed");
                } else {
                    problem(answer, 405, "METHOD_NOT_ALLOWED");
                }
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
    if !world.is_local() {
        // The emulated gateway tidies paths before anyone sees them.
        return;
    }
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

/// Answers 404: bytes that are no text are nobody's name.
async fn a_name_of_no_text_is_not_found(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    in_vain(&tenant, async {
        // Of organisations nobody learns whether they are there: all of them are refused alike.
        let named = |operation: &&Operation| operation.guarded && operation.path.contains('{') && !operation.path.starts_with("/api/orgs/");
        for operation in operations(world).await.iter().filter(named) {
            let (before, after) = operation.path.split_once('{').unwrap();
            let path = names.fill(&format!("{before}%ff%fe{}", after.split_once('}').unwrap().1));
            problem(perform(&tenant.admin(), operation, &path).await, 404, "NOT_FOUND");
        }
    })
    .await;
}

/// Sends a path as it is written, since HTTP clients tidy paths up; the whole
/// answer.
fn raw(who: &Session<'_>, method: &str, path: &str) -> String {
    let request = who.request(method, "/").build().unwrap();
    let (url, headers) = (request.url(), request.headers());
    let address = format!("{}:{}", url.host_str().unwrap(), url.port_or_known_default().unwrap());
    let host = headers.get("host").map_or(address.as_str(), |host| host.to_str().unwrap());
    let bearer = headers["authorization"].to_str().unwrap();
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {bearer}\r\ncontent-length: 0\r\n");
    write!(stream, "{head}content-type: application/json\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Answers 404: dots in a path, however they are written, lead nowhere.
async fn a_path_leads_nowhere_else(world: &World) {
    if !world.is_local() {
        // The emulated gateway tidies paths before anyone sees them.
        return;
    }
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
                let answer = raw(&tenant.admin(), method, &path);
                assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains(r#""code":"NOT_FOUND""#), "{method} {path}: {answer}");
            }
        }
    })
    .await;
}

/// Answers 400 wherever a parameter is none of the route's.
async fn a_route_knows_its_parameters(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    let reads = operations(world).await.into_iter().filter(|operation| operation.method == "GET" && operation.guarded);
    let mut passed_over = Vec::new();
    for read in reads {
        let answer = tenant.admin().get(&format!("{}?colour=red", names.fill(&read.path))).await;
        if read.path.starts_with(POSTGREST) {
            assert!(refused(&answer, 400, "validation_failed").contains("colour"), "{}", read.path);
        } else if answer.status == 400 {
            assert!(invalid(answer).iter().any(|(at, why)| at == "colour" || why.contains("colour")), "{}", read.path);
        } else {
            passed_over.push(read.path);
        }
    }
    assert_eq!(passed_over, Vec::<String>::new());
}

/// Answers 400 for every list: a limit outside 1 to 100, a cursor that no list
/// gave, a parameter that is none.
async fn a_list_knows_its_limits_and_cursors(world: &World) {
    let tenant = world.tenant().await;
    let names = Names::of(&tenant).await;
    // A search has a limit, and no cursor: it is no list.
    let is_list = |operation: &Operation| {
        ["limit", "cursor"].iter().all(|name| operation.query.contains(*name)) && !operation.path.starts_with(POSTGREST)
    };
    let lists = operations(world).await.into_iter().filter(is_list).collect::<Vec<_>>();
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
