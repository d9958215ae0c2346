//! GitHub's REST API as it is on the wire: the checks every request passes in the provider's order, the routes, and the
//! headers every answer carries.

mod alerts;
pub(crate) mod deliveries;
mod installations;
mod issues;
mod links;
mod pulls;
mod refusals;
mod shapes;

use http::{StatusCode, header};

use crate::{
    credentials::{Caller, token_of},
    door::{Answer, Asked},
    quota::Quota,
    state::{Lead, World},
};

/// The version says which fields there are: 2026-03-10 dropped the singular assignee and the summary of rate limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    November2022,
    March2026,
}

impl Version {
    fn of(asked: &Asked) -> Option<Self> {
        match asked.header("x-github-api-version") {
            None | Some("2022-11-28") => Some(Self::November2022),
            Some("2026-03-10") => Some(Self::March2026),
            Some(_) => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::November2022 => "2022-11-28",
            Self::March2026 => "2026-03-10",
        }
    }
}

/// What a route needs to know of the request.
struct Call<'a> {
    asked: &'a Asked,
    caller: &'a Caller,
    version: Version,
}

pub(crate) fn answer(world: &mut World, asked: &Asked) -> Answer {
    if asked.header("user-agent").is_none_or(str::is_empty) {
        return refusals::no_user_agent();
    }
    let Some(version) = Version::of(asked) else {
        return refusals::unknown_version();
    };
    if let Some(installation) = installations::asked_for(asked) {
        return installations::mint(world, asked, installation);
    }
    let token = asked.header("authorization").map(token_of);
    let identified = world.credentials.identify(token).filter(|_| !token.is_some_and(|token| world.apps.disowns(token, asked.at)));
    let caller = identified.clone().unwrap_or(Caller::Anonymous);
    let quota = world.quota(&caller, asked.at);
    let free = asked.path == "/rate_limit";
    if quota.remaining == 0 && !free {
        let answer = refusals::quota_used_up(&caller, asked);
        return dress(answer, asked, version, &caller, quota);
    }
    let (answer, unchanged) = match identified {
        None => (refusals::bad_credentials(), false),
        Some(_) => unless_unchanged(route(world, &Call { asked, caller: &caller, version }), asked),
    };
    // A 304 costs an anonymous caller a request all the same.
    let costs = !(free || unchanged && caller != Caller::Anonymous);
    let quota = if costs { quota.less_one() } else { quota };
    world.set_quota(&caller, quota);
    dress(answer, asked, version, &caller, quota)
}

/// The refusal of bursts, which leaves the hourly quota nearly as it was and says so in its headers.
pub(crate) fn secondary_limit(world: &mut World, asked: &Asked, status: u16, retry_after: Option<u64>) -> Answer {
    let caller = world.credentials.identify(asked.header("authorization").map(token_of)).unwrap_or(Caller::Anonymous);
    let quota = world.quota(&caller, asked.at).less_one();
    world.set_quota(&caller, quota);
    let mut answer = refusals::secondary_limit(status);
    if let Some(seconds) = retry_after {
        answer = answer.with("retry-after", &seconds.to_string());
    }
    dress(answer, asked, Version::of(asked).unwrap_or(Version::March2026), &caller, quota)
}

/// The name under which a path by repository number is known, for the script and the journal.
pub(crate) fn named_path(world: &World, path: &str) -> Option<String> {
    let rest = path.strip_prefix("/repositories/")?;
    let (id, rest) = rest.find('/').map_or((rest, ""), |place| rest.split_at(place));
    Some(format!("/repos/{}{rest}", world.records.get(&id.parse().ok()?)?.full_name()))
}

/// A trailing slash gives an empty last part, which no route has, so it is "not found" as in earnest.
fn route(world: &World, call: &Call<'_>) -> Answer {
    if !matches!(call.asked.method.as_str(), "GET" | "HEAD") {
        return refusals::not_found();
    }
    let parts: Vec<&str> = call.asked.path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["rate_limit"] => rate_limit(world, call),
        ["user"] => match call.caller.login() {
            Some(login) => Answer::json(StatusCode::OK, &shapes::User::of(login, &call.asked.base, &world.html_base)),
            None => refusals::requires_authentication(),
        },
        ["repositories", id, rest @ ..] => match id.parse() {
            Ok(id) => repository(world, call, Some(Lead::Here(id)), rest),
            Err(_) => refusals::not_found(),
        },
        ["repos", owner, name, rest @ ..] => repository(world, call, world.lead(&format!("{owner}/{name}")), rest),
        _ => refusals::not_found(),
    }
}

fn repository(world: &World, call: &Call<'_>, lead: Option<Lead>, rest: &[&str]) -> Answer {
    let Some(Lead::Here(id) | Lead::Moved(id)) = lead else {
        return refusals::not_found();
    };
    let Some(record) = world.records.get(&id).filter(|record| record.is_visible_to(call.caller)) else {
        return refusals::not_found();
    };
    if matches!(lead, Some(Lead::Moved(_))) {
        return refusals::moved(call.asked, id, rest);
    }
    match rest {
        [] => issues::whole_repository(world, call, record),
        ["issues", ..] if !record.has_issues => refusals::issues_disabled(),
        ["issues"] => issues::list(world, call, record),
        ["issues", number] => issues::one(world, call, record, number),
        ["pulls"] => pulls::list(world, call, record),
        ["pulls", number] => pulls::one(world, call, record, number),
        ["dependabot", "alerts"] => alerts::list(world, call, record),
        ["dependabot", "alerts", number] => alerts::one(world, call, record, number),
        _ => refusals::not_found(),
    }
}

fn rate_limit(world: &World, call: &Call<'_>) -> Answer {
    let quota = world.quota(call.caller, call.asked.at);
    Answer::json(StatusCode::OK, &shapes::RateLimit::of(&quota, call.version))
}

/// Leaves the body out where the caller has it. Entity tags are compared as weak ones, as proxies make them so.
fn unless_unchanged(answer: Answer, asked: &Asked) -> (Answer, bool) {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let tag = answer.headers.get(header::ETAG).and_then(|value| value.to_str().ok()).map(opaque);
    let known = asked.header("if-none-match").unwrap_or_default();
    match tag {
        Some(tag) if known.split(',').any(|one| opaque(one) == tag || one.trim() == "*") => {
            let unchanged = Answer { headers: answer.headers, ..Answer::empty(StatusCode::NOT_MODIFIED) };
            (unchanged.without(header::LINK).without(header::CONTENT_TYPE), true)
        }
        _ => (answer, false),
    }
}

/// What a browser may look at.
const EXPOSED: &str = "ETag, Link, Location, Retry-After, X-GitHub-OTP, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Used, \
    X-RateLimit-Resource, X-RateLimit-Reset, X-OAuth-Scopes, X-Accepted-OAuth-Scopes, X-Poll-Interval, X-GitHub-Media-Type, \
    X-GitHub-SSO, X-GitHub-Request-Id, Deprecation, Sunset";

fn dress(answer: Answer, asked: &Asked, version: Version, caller: &Caller, quota: Quota) -> Answer {
    let shared = if *caller == Caller::Anonymous { "public" } else { "private" };
    answer
        .with("server", "github.com")
        .with("cache-control", &format!("{shared}, max-age=60, s-maxage=60"))
        .with("vary", "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With")
        .with("access-control-allow-origin", "*")
        .with("access-control-expose-headers", EXPOSED)
        .with("referrer-policy", "origin-when-cross-origin, strict-origin-when-cross-origin")
        .with("x-content-type-options", "nosniff")
        .with("x-frame-options", "deny")
        // Of every token, though GitHub says it of classic ones only.
        .with("x-accepted-oauth-scopes", "")
        .with("x-oauth-scopes", "repo")
        .with("x-github-media-type", "github.v3; format=json")
        .with("x-github-api-version-selected", version.name())
        .with("x-github-request-id", &asked.request_id)
        .with("x-ratelimit-limit", &quota.limit.to_string())
        .with("x-ratelimit-remaining", &quota.remaining.to_string())
        .with("x-ratelimit-used", &quota.used().to_string())
        .with("x-ratelimit-reset", &quota.resets_at.as_second().to_string())
        .with("x-ratelimit-resource", "core")
}
