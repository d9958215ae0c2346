//! The business systems: what Xledger, Dataverse and Business Central say on the wire.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bench::{Bench, value};

const GRAPHQL: &str = "/xledger/acme/graphql";
const ACCOUNTS: &str = "/dataverse/acme/api/data/v9.2/accounts";
const TRACKED: &str = "odata.maxpagesize=2,odata.track-changes";

async fn graph(bench: &Bench, arguments: &str) -> Value {
    let query =
        format!("{{ projects({arguments}) {{ edges {{ cursor node {{ dbId description modifiedAt }} }} pageInfo {{ hasNextPage }} }} }}");
    let url = bench.forge.base_url() + GRAPHQL;
    let asked = bench.client.request(Method::POST, url).header("authorization", "token first").body(json!({"query": query}).to_string());
    value(asked.send().await.unwrap()).await
}

async fn rows(bench: &Bench, target: &str, prefer: &str) -> Value {
    value(bench.anonymous(target).bearer_auth("first").header("prefer", prefer).send().await.unwrap()).await
}

#[tokio::test]
async fn xledger_goes_from_cursor_to_cursor_in_its_own_time() {
    let bench = Bench::new().await;
    let books = bench.forge.books("acme");
    for _ in 0..3 {
        books.add("projects", |_| bench.wait(60));
    }
    let first = graph(&bench, "first: 2").await;
    let edges = first["data"]["projects"]["edges"].as_array().unwrap();
    assert_eq!((edges.len(), first["data"]["projects"]["pageInfo"]["hasNextPage"].as_bool()), (2, Some(true)));
    // Noon in Greenwich is one o'clock in Oslo, in winter.
    assert_eq!(edges[0]["node"]["modifiedAt"], "2026-11-20T13:00:00");
    let rest = graph(&bench, &format!("first: 2, after: {}", edges[1]["cursor"])).await;
    assert_eq!(rest["data"]["projects"]["edges"][0]["node"]["dbId"], 3, "{rest}");
    let since = graph(&bench, "first: 9, filter: {modifiedAt_gte: \"2026-11-20T13:01:30\"}").await;
    assert_eq!(since["data"]["projects"]["edges"].as_array().unwrap().len(), 1, "{since}");
    let unknown = graph(&bench, "first: 1, filter: {dbId_in: [9]}").await;
    assert_eq!(unknown["data"]["projects"]["edges"], json!([]));
    books.drop_field("projects", "description");
    let lacking = graph(&bench, "first: 1").await;
    assert_eq!(lacking["errors"][0]["message"], "Cannot query field `description` on type `Node`.");
}

#[tokio::test]
async fn dataverse_tells_changes_by_link_to_who_writes_it_to_the_letter() {
    let bench = Bench::new().await;
    let books = bench.forge.books("acme");
    for _ in 0..3 {
        books.add("accounts", |_| {});
    }
    let first = rows(&bench, ACCOUNTS, TRACKED).await;
    let next = first["@odata.nextLink"].as_str().unwrap();
    assert!(first["@odata.deltaLink"].is_null() && first["value"].as_array().unwrap().len() == 2, "{first}");
    for (link, prefer) in [(next.to_owned(), "odata.maxpagesize=500"), (next.replace("%2f", "%2F"), TRACKED)] {
        assert_eq!(rows(&bench, &link, prefer).await["error"]["code"], "0x80060888", "{link} {prefer}");
    }
    let last = rows(&bench, next, TRACKED).await;
    let delta = last["@odata.deltaLink"].as_str().unwrap();
    assert_eq!(rows(&bench, delta, TRACKED).await["value"], json!([]));
    books.edit("accounts", 2, |row| row.name = "Litware".to_owned());
    books.remove("accounts", 1);
    let changes = rows(&bench, delta, TRACKED).await;
    assert_eq!(changes["value"][0]["name"], "Litware", "{changes}");
    assert!(changes["value"][1]["@odata.context"].as_str().unwrap().ends_with("#accounts/$deletedEntity"), "{changes}");
    books.expire_links();
    assert_eq!(rows(&bench, delta, TRACKED).await["error"]["code"], "0x80044352");
    books.set_tracked("accounts", false);
    assert!(rows(&bench, ACCOUNTS, "odata.track-changes").await["@odata.deltaLink"].is_null());
}

#[tokio::test]
async fn both_refuse_in_their_own_words() {
    let bench = Bench::new().await;
    let books = bench.forge.books("acme");
    books.add("accounts", |_| {});
    books.add("customers", |_| {});
    let company = "/businesscentral/acme/api/v2.0/companies(00000000-0000-4000-8000-00000000c0de)";
    assert_eq!(value(bench.get(&format!("{company}/customers")).await).await["value"][0]["displayName"], "customers number 1");
    for (target, status) in [
        ("/dataverse/acme/api/data/v9.2/bananas".to_owned(), 404),
        (format!("{ACCOUNTS}(00000000-0000-4000-8000-000000000009)"), 404),
        (format!("{ACCOUNTS}(00000000-0000-4000-8000-000000000001)"), 200),
        (format!("{company}/bananas"), 404),
    ] {
        assert_eq!(bench.get(&target).await.status(), status, "{target}");
    }
    books.set_denied("accounts", true);
    assert_eq!(bench.get(ACCOUNTS).await.status(), 403);
    assert_eq!(bench.anonymous(ACCOUNTS).send().await.unwrap().status(), 401);
}
