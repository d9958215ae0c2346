//! The console: its page, its files, and what it must know of this deployment.
//!
//! One page serves every address that the console shows, so that each can be
//! linked to. Its files are in the binary; the folder they lie in is named after
//! their content, so that they may be kept for ever.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use pullcord_core::config::Config;
use pullcord_core::model::{Right, Role, Stream};
use pullcord_core::providers::PROVIDERS;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;
use crate::problem::Problem;

/// A file of the console.
struct Asset {
    name: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    /// The same, compressed by gzip.
    packed: &'static [u8],
}

mod files {
    use super::Asset;

    include!(concat!(env!("OUT_DIR"), "/console.rs"));
}

/// The addresses of the console's pages; `console/lib/routes.js` knows what is
/// at each.
const PAGES: &[&str] = &["/", "/signed-in", "/workspaces/{*rest}", "/sources/{*rest}", "/runs/{*rest}"];

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(config))
}

/// The page and its files, which are no part of the API.
pub(crate) fn pages() -> Router<Api> {
    let pages = PAGES.iter().fold(Router::new(), |router, path| router.route(path, get(page)));
    pages.route("/assets/{version}/{*name}", get(asset))
}

async fn page(State(api): State<Api>, asked: HeaderMap) -> Response {
    let mut response = sent(&files::PAGE, &asked, "no-cache");
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy(&api.plane.config)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [("referrer-policy", "no-referrer"), ("cross-origin-opener-policy", "same-origin")] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

async fn asset(Path((version, name)): Path<(String, String)>, asked: HeaderMap) -> Result<Response, Problem> {
    let found = files::ASSETS.iter().find(|asset| asset.name == name && version == files::VERSION);
    let found = found.ok_or_else(|| Problem::not_found("this version of the console has no such file"))?;
    Ok(sent(found, &asked, "public, max-age=31536000, immutable"))
}

fn sent(asset: &Asset, asked: &HeaderMap, keep: &'static str) -> Response {
    let says = |name, word: &str| asked.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(word));
    // Weak, since it is the same for both forms of a file.
    let tag = format!("W/\"{}\"", files::VERSION);
    let headers = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, keep),
        (header::ETAG, &tag),
        (header::VARY, "accept-encoding"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    if says(header::IF_NONE_MATCH, &tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    if says(header::ACCEPT_ENCODING, "gzip") {
        return (headers, [(header::CONTENT_ENCODING, "gzip")], asset.packed).into_response();
    }
    (headers, asset.plain).into_response()
}

/// What the page may do: run its own files and call this API. Other origins are
/// called only where the deployment names them: where a code becomes a token,
/// and where live events come from.
fn policy(config: &Config) -> String {
    let origin = |address: &Option<String>| Some(url::Url::parse(address.as_deref()?).ok()?.origin().ascii_serialization());
    let others = [origin(&config.sign_in_token_url), origin(&config.events_url)].into_iter().flatten();
    let connect = others.fold("'self'".to_owned(), |all, one| format!("{all} {one}"));
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src {connect}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// What the console must know before anyone has signed in.
#[derive(Serialize, ToSchema)]
struct ConsoleConfig {
    version: &'static str,
    /// Changes with the console's files.
    console: &'static str,
    /// How to sign in without a token at hand: OpenID Connect, with PKCE.
    oidc: Option<Oidc>,
    events: Events,
    /// What each role may do.
    rights: BTreeMap<&'static str, Vec<&'static str>>,
    providers: Vec<ProviderView>,
    /// Whether anyone who has signed in may make a workspace.
    open_workspaces: bool,
}

/// Where a browser is sent to sign in.
#[derive(Serialize, ToSchema)]
struct Oidc {
    authorize_url: String,
    token_url: String,
    client_id: String,
    scope: String,
}

/// Where live events come from.
#[derive(Serialize, ToSchema)]
struct Events {
    /// stream or poll
    by: &'static str,
    /// What comes before the path; empty for this origin.
    base: String,
}

/// A provider, and what it can list.
#[derive(Serialize, ToSchema)]
struct ProviderView {
    name: &'static str,
    /// The kind of source that it is the provider of.
    kind: &'static str,
    base_url: &'static str,
    streams: Vec<&'static str>,
}

/// What the console must know. Needs no token.
#[utoipa::path(get, path = "/config.json", tag = "system", security(()), responses((status = 200, body = ConsoleConfig)))]
async fn config(State(api): State<Api>) -> impl IntoResponse {
    let config = &api.plane.config;
    let rights = Role::ALL.into_iter().map(|role| {
        let may = Right::ALL.into_iter().filter(|right| role.may(*right)).map(Right::as_str);
        (role.as_str(), may.collect())
    });
    let providers = PROVIDERS.iter().map(|provider| ProviderView {
        name: provider.name(),
        kind: provider.kind().as_str(),
        base_url: provider.default_base_url(),
        streams: provider.streams().iter().map(Stream::as_str).collect(),
    });
    let body = ConsoleConfig {
        version: env!("CARGO_PKG_VERSION"),
        console: files::VERSION,
        oidc: oidc(config),
        events: events(config),
        rights: rights.collect(),
        providers: providers.collect(),
        open_workspaces: config.open_workspaces,
    };
    ([(header::CACHE_CONTROL, "no-cache")], Json(body))
}

/// Complete or not at all.
fn oidc(config: &Config) -> Option<Oidc> {
    Some(Oidc {
        authorize_url: config.sign_in_authorize_url.clone()?,
        token_url: config.sign_in_token_url.clone()?,
        client_id: config.sign_in_client_id.clone()?,
        scope: config.sign_in_scope.clone(),
    })
}

fn events(config: &Config) -> Events {
    match config.events_url.as_deref() {
        None => Events { by: "poll", base: String::new() },
        Some(url) => Events { by: "stream", base: url.trim_end_matches('/').to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(changes: &[(&str, &str)]) -> Config {
        let given = |name: &str| changes.iter().find(|(changed, _)| *changed == name).map(|(_, value)| (*value).to_owned());
        Config::read(given).expect("valid")
    }

    #[test]
    fn the_page_calls_nobody_but_this_api_unless_the_deployment_says_so() {
        assert!(policy(&config(&[])).contains("connect-src 'self';"));
        let signs_in = config(&[("PULLCORD_SIGN_IN_TOKEN_URL", "https://login.example.com/token"), ("PULLCORD_EVENTS_URL", "/")]);
        assert!(policy(&signs_in).contains("connect-src 'self' https://login.example.com;"));
        assert!(oidc(&signs_in).is_none(), "half of a sign-in is none");
    }

    #[test]
    fn events_are_streamed_where_the_deployment_has_a_stream() {
        assert_eq!(events(&config(&[])).by, "poll");
        let own = events(&config(&[("PULLCORD_EVENTS_URL", "/")]));
        assert_eq!((own.by, own.base.as_str()), ("stream", ""));
        let other = events(&config(&[("PULLCORD_EVENTS_URL", "https://live.example.com/")]));
        assert_eq!((other.by, other.base.as_str()), ("stream", "https://live.example.com"));
    }

    #[test]
    fn the_page_names_files_that_are_there_and_has_no_script_of_its_own() {
        let page = std::str::from_utf8(files::PAGE.plain).expect("text");
        let named: Vec<&str> =
            page.split(&format!("\"/assets/{}/", files::VERSION)).skip(1).filter_map(|after| after.split('"').next()).collect();
        assert!(named.len() > 10, "{named:?}");
        for name in named {
            assert!(files::ASSETS.iter().any(|asset| asset.name == name), "{name}");
        }
        assert!(!page.contains("<script>") && !page.contains(" style=") && !page.contains("dev/"), "{page}");
    }

    /// Every error is explained in the console as it is in the documentation.
    #[test]
    fn problems_go_along() {
        let problems = files::ASSETS.iter().find(|asset| asset.name == "problems.json").expect("is made");
        let problems: serde_json::Value = serde_json::from_slice(problems.plain).expect("JSON");
        for kind in crate::problem::PROBLEMS {
            assert!(problems[kind.code]["next"].is_string(), "{}", kind.code);
        }
        assert!(problems["CREDENTIAL_REJECTED"]["means"].is_string() && problems["DELETIONS_HELD"]["next"].is_string());
    }
}
