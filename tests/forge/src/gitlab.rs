//! GitLab's REST v4 as it is on the wire, and the part of its GraphQL that lists vulnerabilities: the throttle every
//! request passes first, the routes, and the headers every answer carries.
//!
//! What is absent: filters of lists by label, author, milestone or creation time (they are ignored, as the real forge
//! ignores every parameter it does not know), credentials in the address, and several GraphQL queries in one request.

mod access;
pub(crate) mod deliveries;
mod findings;
pub(crate) mod graph;
mod issues;
mod listing;
mod query;
mod refusals;
mod shapes;

use http::{Method, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use url::form_urlencoded;

use self::{issues::Kind, query::Query, shapes::Site};
use crate::{
    credentials::{Caller, fingerprint},
    door::{Answer, Asked},
    quota::Quota,
    record::Record,
    state::{Lead, World},
    vulnerability::Licence,
};

const REST: &str = "/api/v4/";
const GRAPH: &str = "/api/graphql";

/// What a route needs to know of the request.
struct Call<'a> {
    asked: &'a Asked,
    caller: &'a Caller,
}

fn reply(status: StatusCode, body: &impl Serialize) -> Answer {
    Answer::json(status, body).with("content-type", "application/json")
}

/// Whether a path is this forge's.
pub(crate) fn owns(path: &str) -> bool {
    path == GRAPH || path.starts_with(REST)
}

pub(crate) fn answer(world: &mut World, asked: &Asked) -> Answer {
    let admitted = access::admit(world, asked);
    // A token that is not accepted counts on the account of those who have none.
    let caller = admitted.clone().unwrap_or(Caller::Anonymous);
    let quota = world.quota(&caller, asked.at);
    if quota.remaining == 0 {
        return throttled(asked, &caller, quota);
    }
    // The throttle stands before the application and knows no statuses: a 304 costs as much as a page.
    let quota = quota.less_one();
    world.set_quota(&caller, quota);
    let answer = match admitted {
        Err(refused) if asked.path == GRAPH => refusals::graph_token(refused),
        Err(refused) => refusals::token(refused),
        Ok(caller) => unless_unchanged(route(world, &Call { asked, caller: &caller }), asked),
    };
    dress(answer, asked, &caller, quota)
}

/// The limit of the application on one endpoint. It is not the throttle's: that has requests left, and says so.
pub(crate) fn secondary_limit(world: &mut World, asked: &Asked, status: u16, retry_after: Option<u64>) -> Answer {
    let caller = access::admit(world, asked).unwrap_or(Caller::Anonymous);
    let quota = world.quota(&caller, asked.at).less_one();
    world.set_quota(&caller, quota);
    let answer = refusals::too_often(status);
    let answer = match retry_after {
        Some(seconds) => answer.with("retry-after", &seconds.to_string()),
        None => answer,
    };
    dress(answer, asked, &caller, quota)
}

/// The path by the project's present name, encoded as clients do it, for the script and the journal.
pub(crate) fn named_path(world: &World, path: &str) -> Option<String> {
    let rest = path.strip_prefix(REST)?.strip_prefix("projects/")?;
    let (id, rest) = rest.find('/').map_or((rest, ""), |place| rest.split_at(place));
    let (Lead::Here(id) | Lead::Moved(id)) = find(world, &decoded(id))?;
    let name = shapes::encoded(&world.records.get(&id)?.full_name());
    Some(format!("{REST}projects/{name}{rest}"))
}

/// A part of a path is decoded as a form's value is, but for the plus, which means itself here.
fn decoded(part: &str) -> String {
    let value = format!("={}", part.replace('+', "%2B"));
    form_urlencoded::parse(value.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// A project is known by its number, or by a path with at least one slash in it.
fn find(world: &World, id: &str) -> Option<Lead> {
    match id.parse() {
        Ok(number) => Some(Lead::Here(number)),
        Err(_) => id.contains('/').then(|| world.lead(id)).flatten(),
    }
}

/// A slash that is not encoded makes further parts, which no route has, so it is "not found" as in earnest.
fn route(world: &World, call: &Call<'_>) -> Answer {
    let asked = call.asked;
    if asked.path == GRAPH {
        return graph::answer(world, call);
    }
    if !matches!(asked.method, Method::GET | Method::HEAD) {
        return refusals::method_not_allowed();
    }
    let parts: Vec<&str> = asked.path[REST.len()..].split('/').collect();
    match parts.as_slice() {
        ["user"] => match call.caller.login() {
            Some(login) => reply(StatusCode::OK, &shapes::whole_user(login, &asked.base)),
            None => refusals::unauthorized(),
        },
        ["projects", id, rest @ ..] => project(world, call, &decoded(id), rest),
        _ => refusals::no_route(),
    }
}

/// Parameters are looked at before the project is, so a wrong one is told of a project that does not exist.
fn project(world: &World, call: &Call<'_>, id: &str, rest: &[&str]) -> Answer {
    let within = |answer: &dyn Fn(&Record) -> Answer| match visible(world, call, id) {
        Ok(record) => answer(record),
        Err(refusal) => *refusal,
    };
    let (kind, rest) = match rest {
        [] => return within(&|record| reply(StatusCode::OK, &shapes::project(&Site::of(record, &call.asked.base)))),
        ["vulnerability_findings"] if *call.caller == Caller::Anonymous => return refusals::unauthorized(),
        ["vulnerability_findings"] => {
            return match Query::of_findings(call.asked, id) {
                Err(fault) => refusals::bad_parameter(&fault),
                Ok(query) => within(&|record| findings::list(call, record, &query)),
            };
        }
        ["issues", rest @ ..] => (Kind::Issue, rest),
        ["merge_requests", rest @ ..] => (Kind::MergeRequest, rest),
        _ => return refusals::no_route(),
    };
    match rest {
        [] => match Query::of_list(call.asked, id, kind) {
            Ok(query) => within(&|record| issues::list(call, record, kind, &query)),
            Err(fault) => refusals::bad_parameter(&fault),
        },
        [number] => match number.parse() {
            Ok(number) => within(&|record| issues::one(call, record, kind, number)),
            Err(_) => refusals::bad_parameter(&format!("{}_iid is invalid", kind.word())),
        },
        _ => refusals::no_route(),
    }
}

/// What a caller may not see is not there; only who may see a project is told that it moved.
fn visible<'a>(world: &'a World, call: &Call<'_>, id: &str) -> Result<&'a Record, Box<Answer>> {
    let lead = find(world, id);
    let Some(Lead::Here(number) | Lead::Moved(number)) = lead else {
        return Err(Box::new(refusals::no_project()));
    };
    let record = world.records.get(&number).filter(|record| record.is_visible_to(call.caller));
    match record {
        Some(_) if matches!(lead, Some(Lead::Moved(_))) => Err(Box::new(refusals::moved(call.asked, number))),
        Some(record) => Ok(record),
        None => Err(Box::new(refusals::no_project())),
    }
}

/// Vulnerabilities are for members who may see them; here, for everyone who is signed in where the licence has them.
fn shows_vulnerabilities(record: &Record, caller: &Caller) -> bool {
    record.security.licence == Licence::Ultimate && *caller != Caller::Anonymous
}

/// A weak entity tag of the body, whoever asks. One that is sent back must be the same letter for letter, and the
/// answer keeps its other headers, so that a walk can go on from a page that has not changed.
fn unless_unchanged(answer: Answer, asked: &Asked) -> Answer {
    if answer.status != StatusCode::OK || asked.path == GRAPH {
        return answer;
    }
    let first = fingerprint(answer.body.iter().copied());
    let second = fingerprint(first.to_be_bytes().into_iter().chain(answer.body.iter().copied()));
    let tag = format!("W/\"{first:016x}{second:016x}\"");
    let answer = answer.with("etag", &tag);
    if asked.header("if-none-match") == Some(tag.as_str()) {
        let unchanged = Answer { headers: answer.headers, ..Answer::empty(StatusCode::NOT_MODIFIED) };
        return unchanged.without(header::CONTENT_TYPE);
    }
    answer
}

/// The throttle's refusal is plain text and has nothing of the application's.
fn throttled(asked: &Asked, caller: &Caller, quota: Quota) -> Answer {
    let wait = quota.resets_at.as_second() - asked.at.as_second();
    let answer = Answer { body: b"Retry later\n".to_vec(), ..Answer::empty(StatusCode::TOO_MANY_REQUESTS) };
    // The refused request is counted as well.
    limits(answer, caller, quota, quota.used() + 1)
        .with("content-type", "text/plain")
        .with("ratelimit-resettime", &quota.resets_at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .with("retry-after", &wait.max(0).to_string())
}

/// The limit is told for a minute whatever the window, and what remains is of the window.
fn limits(answer: Answer, caller: &Caller, quota: Quota, observed: u64) -> Answer {
    let known = if *caller == Caller::Anonymous { "unauthenticated" } else { "authenticated" };
    answer
        .with("ratelimit-limit", &quota.limit.div_ceil(60).to_string())
        .with("ratelimit-name", &format!("throttle_{known}_api"))
        .with("ratelimit-observed", &observed.to_string())
        .with("ratelimit-remaining", &quota.remaining.to_string())
        .with("ratelimit-reset", &quota.resets_at.as_second().to_string())
}

fn dress(answer: Answer, asked: &Asked, caller: &Caller, quota: Quota) -> Answer {
    let request_id = asked.request_id.replace(':', "");
    let meta = serde_json::json!({ "correlation_id": request_id, "version": "1" });
    limits(answer, caller, quota, quota.used())
        .with("server", "nginx")
        .with("cache-control", "max-age=0, private, must-revalidate")
        .with("vary", "Origin")
        .with("x-content-type-options", "nosniff")
        .with("x-frame-options", "SAMEORIGIN")
        .with("x-gitlab-meta", &Value::to_string(&meta))
        .with("x-request-id", &request_id)
        .with("x-runtime", "0.042175")
}
