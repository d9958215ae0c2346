//! What a look at a credential asks, and what is made of the answers.

use super::*;

fn reply(body: &str, headers: &[(&str, &str)]) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Reply { status: 200, headers, body: body.as_bytes().to_vec() }
}

fn provider(name: &str) -> &'static dyn Provider {
    named(name).expect("listed")
}

/// Each asks what costs nothing or next to nothing, where the source is.
#[test]
fn a_probe_goes_to_the_source_s_own_forge() {
    for (name, base_url, expected) in [
        ("github", None, "https://api.github.com/rate_limit"),
        ("github", Some("https://git.acme.com/api/v3/"), "https://git.acme.com/api/v3/rate_limit"),
        ("gitlab", None, "https://gitlab.com/api/v4/user"),
        ("gitlab", Some("https://git.acme.com/lab"), "https://git.acme.com/lab/api/v4/user"),
        ("bitbucket", None, "https://api.bitbucket.org/2.0/user"),
        ("bitbucket", Some("https://api.bitbucket.org"), "https://api.bitbucket.org/2.0/user"),
    ] {
        let source = Source { base_url: base_url.map(str::to_owned), ..testing::source(name) };
        let probe = provider(name).probe(&source);
        assert_eq!((probe.url.as_str(), probe.body), (expected, None));
    }
    for (name, base_url, expected, body) in [
        ("xledger", None, "https://www.xledger.net/graphql", Some(r#"{"query":"query { __typename }","variables":{}}"#)),
        ("dynamics", Some("https://acme.crm4.dynamics.com/"), "https://acme.crm4.dynamics.com/api/data/v9.2/WhoAmI()", None),
        ("dynamics", Some("https://bc.acme.com/api/v2.0/companies(7)"), "https://bc.acme.com/api/v2.0/companies(7)", None),
    ] {
        let source = Source { base_url: base_url.map(str::to_owned), ..testing::source(name) };
        let probe = provider(name).probe(&source);
        assert_eq!((probe.url.as_str(), probe.body.as_deref()), (expected, body));
    }
}

#[test]
fn what_is_left_and_whose_it_is_are_read_where_they_are_told() {
    let limits = r#"{"resources":{"core":{"limit":5000,"used":1,"remaining":4999,"reset":1790000000},"graphql":{"remaining":3}}}"#;
    let limit = Limit { remaining: 4_999, limit: Some(5_000), resets_at: Some(Moment(1_790_000_000_000)) };
    assert_eq!(provider("github").introduce(&reply(limits, &[])), Introduced { login: None, limit: Some(limit) });
    let login = |login: &str| Introduced { login: Some(login.to_owned()), limit: None };
    assert_eq!(provider("gitlab").introduce(&reply(r#"{"id":7,"username":"mia"}"#, &[])), login("mia"));
    assert_eq!(provider("bitbucket").introduce(&reply(r#"{"display_name":"Leo","nickname":"leo"}"#, &[])), login("leo"));
    assert_eq!(provider("dynamics").introduce(&reply(r#"{"UserId":"7"}"#, &[])), login("7"));
    for name in ["github", "gitlab", "bitbucket", "xledger", "dynamics"] {
        assert_eq!(provider(name).introduce(&reply("<html>", &[])), Introduced::default(), "{name}");
    }
}

/// Only GitHub says that what has not changed is free.
#[test]
fn what_costs_nothing_is_known() {
    let unchanged = Reply { status: 304, ..Reply::default() };
    let free: Vec<&str> = PROVIDERS.iter().filter(|one| one.is_free(&unchanged)).map(|one| one.name()).collect();
    assert_eq!(free, ["github"]);
    assert!(!provider("github").is_free(&reply("[]", &[])));
}

/// A name that does not look like one is not put into a key.
#[test]
fn a_resource_is_a_plain_name() {
    for (header, expected) in [("graphql", "graphql"), ("code_scanning_upload", "code_scanning_upload"), ("A#b", "core"), ("", "core")] {
        assert_eq!(resource_of(&reply("", &[("x-ratelimit-resource", header)])), expected);
    }
    assert_eq!(resource_of(&reply("", &[])), "core");
}
