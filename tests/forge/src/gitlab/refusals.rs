//! Every answer of GitLab's that is not data, in its own words. It says `message` where the application speaks, `error`
//! where the router or the check of parameters does, and `error_description` where the guard of tokens does.

use http::{StatusCode, header};
use serde_json::json;

use super::{access::Refused, reply, shapes};
use crate::door::{Answer, Asked};

fn message(status: StatusCode, text: &str) -> Answer {
    reply(status, &json!({ "message": text }))
}

fn error(status: StatusCode, text: &str) -> Answer {
    reply(status, &json!({ "error": text }))
}

pub(super) fn unauthorized() -> Answer {
    message(StatusCode::UNAUTHORIZED, "401 Unauthorized")
}

pub(super) fn token(refused: Refused) -> Answer {
    match refused {
        Refused::Unknown => unauthorized(),
        Refused::Revoked => {
            let description = "Token was revoked. You have to re-authorize from the user.";
            let challenge = format!("Bearer realm=\"The API\", error=\"invalid_token\", error_description=\"{description}\"");
            let body = json!({ "error": "invalid_token", "error_description": description });
            reply(StatusCode::UNAUTHORIZED, &body).with("www-authenticate", &challenge)
        }
        Refused::Scope(wanted) => {
            let body = json!({
                "error": "insufficient_scope",
                "error_description": "The request requires higher privileges than provided by the access token.",
                "scope": wanted.join(" "),
            });
            reply(StatusCode::FORBIDDEN, &body)
        }
    }
}

/// To GraphQL a token that is not accepted is a token that is not accepted, for whatever reason.
pub(super) fn graph_token(_: Refused) -> Answer {
    graph(StatusCode::UNAUTHORIZED, "Invalid token")
}

/// What goes wrong before a query is looked at has a status; what goes wrong in it has 200.
pub(super) fn graph(status: StatusCode, text: &str) -> Answer {
    reply(status, &json!({ "errors": [{ "message": text }] }))
}

pub(super) fn forbidden() -> Answer {
    message(StatusCode::FORBIDDEN, "403 Forbidden")
}

pub(super) fn no_project() -> Answer {
    message(StatusCode::NOT_FOUND, "404 Project Not Found")
}

/// An issue that is not there, and equally one that was deleted.
pub(super) fn not_found() -> Answer {
    message(StatusCode::NOT_FOUND, "404 Not found")
}

pub(super) fn no_route() -> Answer {
    error(StatusCode::NOT_FOUND, "404 Not Found")
}

pub(super) fn method_not_allowed() -> Answer {
    error(StatusCode::METHOD_NOT_ALLOWED, "405 Not Allowed")
}

pub(super) fn bad_parameter(fault: &str) -> Answer {
    error(StatusCode::BAD_REQUEST, fault)
}

/// A cursor that cannot be read is nobody's business to catch.
pub(super) fn broken() -> Answer {
    message(StatusCode::INTERNAL_SERVER_ERROR, "500 Internal Server Error")
}

pub(super) fn too_often(status: u16) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::TOO_MANY_REQUESTS);
    reply(status, &json!({ "message": { "error": "This endpoint has been requested too many times. Try again later." } }))
}

/// A project that moved is found by its number, which does not change.
pub(super) fn moved(asked: &Asked, id: u64) -> Answer {
    let mut url = format!("{}{}", asked.base, shapes::project_path(id));
    for part in asked.path.split('/').skip(5) {
        url.push('/');
        url.push_str(part);
    }
    if let Some(query) = &asked.query {
        url.push('?');
        url.push_str(query);
    }
    let text = format!("This resource has been moved permanently to {url}");
    Answer { body: text.into_bytes(), ..Answer::empty(StatusCode::MOVED_PERMANENTLY) }.with(header::LOCATION.as_str(), &url)
}
