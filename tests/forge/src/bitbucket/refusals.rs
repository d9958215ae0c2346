//! Every answer of Bitbucket's that is not data, in the words it has been seen to use. Where nobody has written down
//! what it says, the shape is its own and the words are plain.

use http::{StatusCode, header};
use serde_json::{Value, json};

use crate::door::{Answer, Asked};

fn refuse(status: StatusCode, error: Value) -> Answer {
    Answer::json(status, &json!({ "type": "error", "error": error }))
}

fn say(status: StatusCode, message: &str) -> Answer {
    refuse(status, json!({ "message": message }))
}

/// Said of a token that is unknown, revoked, or sent in the way of another kind.
pub(super) fn bad_token() -> Answer {
    say(StatusCode::UNAUTHORIZED, "Token is invalid, expired, or not supported for this endpoint.")
}

pub(super) fn needs_authentication() -> Answer {
    Answer::empty(StatusCode::UNAUTHORIZED)
        .with("content-type", "text/html; charset=utf-8")
        .with("www-authenticate", "Basic realm=\"Bitbucket.org HTTP\"")
}

/// The detail is an object here and a text elsewhere, which has broken clients.
pub(super) fn lacks_scope(required: &str, granted: &[String]) -> Answer {
    let detail = json!({ "required": [required], "granted": granted });
    let message = "Your credentials lack one or more required privilege scopes.";
    refuse(StatusCode::FORBIDDEN, json!({ "message": message, "detail": detail }))
}

/// Plain text, unlike all the others, and no word on how long to wait.
pub(super) fn limited(status: StatusCode) -> Answer {
    let text = "Rate limit for this resource has been exceeded";
    Answer { body: text.as_bytes().to_vec(), ..Answer::empty(status) }.with("content-type", "text/plain")
}

/// The same for what is not there and for what the caller may not see.
pub(super) fn no_repository() -> Answer {
    say(
        StatusCode::NOT_FOUND,
        "You may not have access to this repository or it no longer exists in this workspace. If you think this repository \
        exists and you have access, make sure you are authenticated.",
    )
}

pub(super) fn no_tracker() -> Answer {
    say(StatusCode::NOT_FOUND, "Repository has no issue tracker.")
}

pub(super) fn no_issue(number: &str) -> Answer {
    say(StatusCode::NOT_FOUND, &format!("Issue {number} not found"))
}

pub(super) fn no_pull_request(number: &str) -> Answer {
    say(StatusCode::NOT_FOUND, &format!("Pull request {number} not found"))
}

pub(super) fn issue_deleted() -> Answer {
    say(StatusCode::GONE, "The specified issue is unavailable.")
}

pub(super) fn no_such_address() -> Answer {
    let error = json!({ "message": "Resource not found", "detail": "There is no API hosted at this URL." });
    refuse(StatusCode::NOT_FOUND, error)
}

pub(super) fn method_not_allowed() -> Answer {
    say(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed").with("allow", "GET, HEAD")
}

/// What was taken out of the API leads to its announcement, which is told inside the error and beside it.
pub(super) fn removed(message: &str, announcement: &str) -> Answer {
    let data = json!({ "announcement_url": announcement });
    let detail = "Please read the changelog entry for more details.";
    let error = json!({ "message": message, "detail": detail, "data": data });
    Answer::json(StatusCode::GONE, &json!({ "type": "error", "error": error, "data": data }))
}

pub(super) fn invalid(message: &str) -> Answer {
    say(StatusCode::BAD_REQUEST, message)
}

pub(super) fn moved(asked: &Asked, full_name: &str, rest: &[&str]) -> Answer {
    let mut url = format!("{}/2.0/repositories/{full_name}", asked.base);
    for part in rest {
        url.push('/');
        url.push_str(part);
    }
    if let Some(query) = &asked.query {
        url.push('?');
        url.push_str(query);
    }
    Answer::empty(StatusCode::MOVED_PERMANENTLY).with(header::LOCATION.as_str(), &url)
}
