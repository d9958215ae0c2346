//! Every answer of GitHub's that is not data, in its own words: clients are known to read them.

use http::{StatusCode, header};
use serde::Serialize;

use crate::{
    credentials::{Caller, fingerprint},
    door::{Answer, Asked},
};

const LIST_DOCUMENT: &str = "https://docs.github.com/rest/issues/issues#list-repository-issues";
const ALERTS_DOCUMENT: &str = "https://docs.github.com/rest/dependabot/alerts#list-dependabot-alerts-for-a-repository";
const REST_DOCUMENT: &str = "https://docs.github.com/rest";

#[derive(Serialize)]
struct Refusal<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<[Invalid<'a>; 1]>,
    documentation_url: &'a str,
    status: String,
}

#[derive(Serialize)]
struct Invalid<'a> {
    resource: &'a str,
    field: &'a str,
    code: &'a str,
}

fn refuse(status: StatusCode, message: &str, documentation_url: &str) -> Answer {
    let status_text = status.as_u16().to_string();
    Answer::json(status, &Refusal { message, errors: None, documentation_url, status: status_text })
}

pub(super) fn no_user_agent() -> Answer {
    let text = "\r\nRequest forbidden by administrative rules. Please make sure your request has a User-Agent header \
        (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required). \
        Check https://developer.github.com for other possible causes.\r\n";
    Answer { body: text.as_bytes().to_vec(), ..Answer::empty(StatusCode::FORBIDDEN) }.with("content-type", "text/plain")
}

pub(super) fn unknown_version() -> Answer {
    refuse(
        StatusCode::BAD_REQUEST,
        "The API version in the X-GitHub-Api-Version header is not supported.",
        "https://docs.github.com/rest/about-the-rest-api/api-versions",
    )
}

pub(super) fn bad_credentials() -> Answer {
    refuse(StatusCode::UNAUTHORIZED, "Bad credentials", REST_DOCUMENT)
}

/// Of the proof of an app.
pub(super) fn bad_proof(message: &str) -> Answer {
    refuse(StatusCode::UNAUTHORIZED, message, REST_DOCUMENT)
}

pub(super) fn suspended() -> Answer {
    refuse(
        StatusCode::FORBIDDEN,
        "This installation has been suspended",
        "https://docs.github.com/rest/apps/apps#create-an-installation-access-token-for-an-app",
    )
}

pub(super) fn requires_authentication() -> Answer {
    refuse(StatusCode::UNAUTHORIZED, "Requires authentication", "https://docs.github.com/rest/users/users#get-the-authenticated-user")
}

pub(super) fn quota_used_up(caller: &Caller, asked: &Asked) -> Answer {
    let document = "https://docs.github.com/rest/overview/resources-in-the-rest-api#rate-limiting";
    let message = match caller.login() {
        None => "API rate limit exceeded for 127.0.0.1. (But here's the good news: Authenticated requests get a higher \
            rate limit. Check out the documentation for more details.)"
            .to_owned(),
        Some(login) => format!(
            "API rate limit exceeded for user ID {}. If you reach out to GitHub Support for help, please include the \
            request ID {}.",
            user_id(login),
            asked.request_id
        ),
    };
    refuse(StatusCode::FORBIDDEN, &message, document)
}

pub(super) fn secondary_limit(status: u16) -> Answer {
    refuse(
        StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN),
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to \
        GitHub Support for help, please include the request ID.",
        "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
    )
}

pub(super) fn not_found() -> Answer {
    refuse(StatusCode::NOT_FOUND, "Not Found", REST_DOCUMENT)
}

pub(super) fn issues_disabled() -> Answer {
    refuse(StatusCode::GONE, "Issues are disabled for this repo", "https://docs.github.com/v3/issues/")
}

pub(super) fn issue_deleted() -> Answer {
    refuse(StatusCode::GONE, "This issue was deleted", "https://docs.github.com/rest/issues/issues#get-an-issue")
}

pub(super) fn alerts_disabled() -> Answer {
    refuse(StatusCode::FORBIDDEN, "Dependabot alerts are disabled for this repository.", ALERTS_DOCUMENT)
}

pub(super) fn alerts_archived() -> Answer {
    refuse(StatusCode::FORBIDDEN, "Dependabot alerts are not available for archived repositories.", ALERTS_DOCUMENT)
}

/// Says what the credential is, and in a header what it would have needed.
pub(super) fn alerts_not_accessible(token: &str) -> Answer {
    let kind = if token.starts_with("ghs_") { "integration" } else { "personal access token" };
    let message = format!("Resource not accessible by {kind}");
    refuse(StatusCode::FORBIDDEN, &message, ALERTS_DOCUMENT).with("x-accepted-github-permissions", "vulnerability_alerts=read")
}

pub(super) fn alerts_need_authentication() -> Answer {
    refuse(StatusCode::UNAUTHORIZED, "Requires authentication", ALERTS_DOCUMENT)
}

pub(super) fn alerts_by_page() -> Answer {
    refuse(StatusCode::BAD_REQUEST, "Pagination using the `page` parameter is not supported.", ALERTS_DOCUMENT)
}

pub(super) fn too_far() -> Answer {
    refuse(
        StatusCode::UNPROCESSABLE_ENTITY,
        "Pagination with the page parameter is not supported for large datasets, please use cursor based pagination \
        (after/before)",
        LIST_DOCUMENT,
    )
}

pub(super) fn invalid(field: &str) -> Answer {
    invalid_field("Issue", field, LIST_DOCUMENT)
}

pub(super) fn invalid_pulls(field: &str) -> Answer {
    invalid_field("PullRequest", field, "https://docs.github.com/rest/pulls/pulls#list-pull-requests")
}

pub(super) fn invalid_alerts(field: &str) -> Answer {
    invalid_field("RepositoryVulnerabilityAlert", field, ALERTS_DOCUMENT)
}

fn invalid_field(resource: &str, field: &str, documentation_url: &str) -> Answer {
    let errors = Some([Invalid { resource, field, code: "invalid" }]);
    let refusal = Refusal { message: "Validation Failed", errors, documentation_url, status: "422".to_owned() };
    Answer::json(StatusCode::UNPROCESSABLE_ENTITY, &refusal)
}

/// A renamed repository is found by its number, which does not change.
pub(super) fn moved(asked: &Asked, id: u64, rest: &[&str]) -> Answer {
    #[derive(Serialize)]
    struct Moved<'a> {
        message: &'a str,
        url: &'a str,
        documentation_url: &'a str,
    }
    let mut url = format!("{}/repositories/{id}", asked.base);
    for part in rest {
        url.push('/');
        url.push_str(part);
    }
    if let Some(query) = &asked.query {
        url.push('?');
        url.push_str(query);
    }
    let document = "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects";
    let body = Moved { message: "Moved Permanently", url: &url, documentation_url: document };
    Answer::json(StatusCode::MOVED_PERMANENTLY, &body).with(header::LOCATION.as_str(), &url)
}

/// People have numbers too; theirs follows from the login.
pub(super) fn user_id(login: &str) -> u64 {
    fingerprint(login.bytes()) % 90_000_000 + 10_000_000
}
