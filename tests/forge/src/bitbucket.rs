//! Bitbucket Cloud's REST API 2.0 as it is on the wire: who may ask, how much, for what, and the headers every answer
//! carries. It lies under `/2.0`, by which it is told from the other dialects.
//!
//! What is absent: partial responses (`fields`), entity tags (the real one has been seen to send them with lists of
//! repositories, maybe from a cache in front of it), scopes that imply others beyond reading, and the rolling hour: the
//! quota here is refilled at once.

mod access;
pub(crate) mod deliveries;
mod lists;
mod query;
mod refusals;
mod shapes;
mod vocabulary;

use http::StatusCode;

use self::access::Access;
use crate::{
    credentials::{Caller, fingerprint},
    door::{Answer, Asked},
    quota::Quota,
    record::Record,
    state::{Lead, World},
};

const PREFIX: &str = "/2.0/";

/// What a route needs to know of the request.
struct Call<'a> {
    asked: &'a Asked,
    access: &'a Access,
}

pub(crate) fn speaks(asked: &Asked) -> bool {
    asked.path.starts_with(PREFIX)
}

pub(crate) fn answer(world: &mut World, asked: &Asked) -> Answer {
    let access = Access::of(asked, &world.credentials);
    let (quota, is_used_up) = spend(world, asked, access.as_ref());
    let answer = match &access {
        _ if is_used_up => refusals::limited(StatusCode::TOO_MANY_REQUESTS),
        None => refusals::bad_token(),
        Some(access) => route(world, &Call { asked, access }),
    };
    dress(answer, asked, access.as_ref(), quota)
}

/// On order, what a used-up quota is refused with, though there is some left.
pub(crate) fn limited(world: &mut World, asked: &Asked, status: u16, retry_after: Option<u64>) -> Answer {
    let access = Access::of(asked, &world.credentials);
    let (quota, _) = spend(world, asked, access.as_ref());
    let answer = refusals::limited(StatusCode::from_u16(status).unwrap_or(StatusCode::TOO_MANY_REQUESTS));
    let answer = dress(answer, asked, access.as_ref(), quota);
    match retry_after {
        Some(seconds) => answer.with("retry-after", &seconds.to_string()),
        None => answer,
    }
}

/// The name under which a path with identities in it is known, for the script and the journal.
pub(crate) fn named_path(world: &World, path: &str) -> Option<String> {
    let path = readable(path);
    let mut parts = path.strip_prefix("/2.0/repositories/")?.splitn(3, '/');
    let (workspace, name) = (parts.next()?, parts.next()?);
    if !workspace.starts_with('{') && !name.starts_with('{') {
        return None;
    }
    let (Lead::Here(id) | Lead::Moved(id)) = find(world, workspace, name)?;
    let rest = parts.next().map(|rest| format!("/{rest}")).unwrap_or_default();
    Some(format!("/2.0/repositories/{}{rest}", world.records.get(&id)?.full_name()))
}

/// Takes one request from the allowance; whether there was none left.
fn spend(world: &mut World, asked: &Asked, access: Option<&Access>) -> (Quota, bool) {
    let caller = access.map_or(&Caller::Anonymous, |access| &access.caller);
    let before = world.quota(caller, asked.at);
    let after = before.less_one();
    world.set_quota(caller, after);
    (after, before.remaining == 0)
}

/// A slash at the end is not minded here, other than at GitHub.
fn route(world: &World, call: &Call<'_>) -> Answer {
    if !matches!(call.asked.method.as_str(), "GET" | "HEAD") {
        return refusals::method_not_allowed();
    }
    if let Some((required, granted)) = call.access.lacks(scope(&call.asked.path)) {
        return refusals::lacks_scope(&required, granted);
    }
    let path = readable(&call.asked.path);
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').skip(2).collect();
    match parts.as_slice() {
        ["user"] => match call.access.caller.login() {
            Some(login) => Answer::json(StatusCode::OK, &shapes::Site::of(world, call.asked).user(login)),
            None => refusals::needs_authentication(),
        },
        ["repositories" | "workspaces"] => refusals::removed("CHANGE-2770 - Functionality has been deprecated", GLOBAL_LISTS),
        ["repositories", _, _, "issues", ..] if world.trackers_retired => refusals::removed("Functionality has been deprecated", TRACKERS),
        ["repositories", workspace, name, rest @ ..] => repository(world, call, find(world, workspace, name), rest),
        _ => refusals::no_such_address(),
    }
}

const GLOBAL_LISTS: &str = "https://developer.atlassian.com/cloud/bitbucket/changelog#CHANGE-2770";
const TRACKERS: &str =
    "https://community.atlassian.com/forums/Bitbucket-articles/Announcing-sunset-of-Bitbucket-Issues-and-Wikis/ba-p/3193882";

fn repository(world: &World, call: &Call<'_>, lead: Option<Lead>, rest: &[&str]) -> Answer {
    let Some(Lead::Here(id) | Lead::Moved(id)) = lead else {
        return refusals::no_repository();
    };
    let is_visible = |record: &&Record| record.is_visible_to(&call.access.caller) && call.access.reaches(record);
    let Some(record) = world.records.get(&id).filter(is_visible) else {
        return refusals::no_repository();
    };
    if matches!(lead, Some(Lead::Moved(_))) {
        return refusals::moved(call.asked, &record.full_name(), rest);
    }
    let site = shapes::Site::of(world, call.asked);
    match rest {
        [] => Answer::json(StatusCode::OK, &site.repository(record, record.has_issues && !world.trackers_retired)),
        ["issues", ..] if !record.has_issues => refusals::no_tracker(),
        ["issues"] => lists::issues(&site, call.asked, record),
        ["issues", number] => lists::issue(&site, record, number),
        ["pullrequests"] => lists::pull_requests(&site, call.asked, record),
        ["pullrequests", number] => lists::pull_request(&site, record, number),
        _ => refusals::no_such_address(),
    }
}

/// A repository by its names or by its identities, which outlive renaming. `{}` is any workspace.
fn find(world: &World, workspace: &str, name: &str) -> Option<Lead> {
    if !workspace.starts_with('{') && !name.starts_with('{') {
        return world.lead(&format!("{workspace}/{name}"));
    }
    let is = |asked: &str, name: &str, identity: &str| asked == identity || asked.eq_ignore_ascii_case(name);
    let is_meant = |record: &&Record| {
        (workspace == "{}" || is(workspace, &record.owner, &shapes::workspace_identity(&record.owner)))
            && is(name, &record.name, &shapes::repository_identity(record))
    };
    world.records.values().find(is_meant).map(|record| Lead::Here(record.id))
}

/// Braces are the only letters in these paths that clients have to encode.
fn readable(path: &str) -> String {
    path.replace("%7B", "{").replace("%7b", "{").replace("%7D", "}").replace("%7d", "}")
}

/// What a credential has to be allowed for a path, as it is told in the headers whether it is or not.
fn scope(path: &str) -> &'static str {
    let mut parts = path.split('/').skip(2);
    match (parts.next(), parts.nth(2)) {
        (Some("user"), _) => "account",
        (_, Some("issues")) => "issue",
        (_, Some("pullrequests")) => "pullrequest",
        _ => "repository",
    }
}

/// Three kinds of callers are told three different things of their quota. An access token learns its limit and whether
/// it is near it, a stranger the rest of it and in how many seconds there is more, and a person nothing at all.
fn dress(answer: Answer, asked: &Asked, access: Option<&Access>, quota: Quota) -> Answer {
    let answer = answer
        .with("server", "AtlassianEdge")
        .with("cache-control", "max-age=0, no-cache, no-store, must-revalidate, private")
        .with("vary", "Authorization, cookie, user-context, Accept-Encoding")
        .with("x-accepted-oauth-scopes", scope(&asked.path))
        .with("x-credential-type", access.map_or("unknown", Access::kind))
        .with("atl-traceid", &format!("{:016x}", fingerprint(asked.request_id.bytes())));
    let Some(grant) = access.and_then(|access| access.grant.as_ref()) else {
        let reset = quota.resets_at.as_second() - asked.at.as_second();
        return answer
            .with("x-ratelimit-limit", &format!("{0}, {0};w=3600", quota.limit))
            .with("x-ratelimit-remaining", &quota.remaining.to_string())
            .with("x-ratelimit-reset", &reset.to_string());
    };
    let answer = answer.with("x-oauth-scopes", &grant.scopes.join(", "));
    if grant.is_api_token() || scope(&asked.path) == "account" {
        return answer;
    }
    let is_near = quota.remaining.saturating_mul(5) < quota.limit;
    answer
        .with("x-ratelimit-limit", &quota.limit.to_string())
        .with("x-ratelimit-resource", "api")
        .with("x-ratelimit-nearlimit", &is_near.to_string())
}
