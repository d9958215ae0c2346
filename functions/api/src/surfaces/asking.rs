//! What can be said along with every trigger, on every surface.

use std::time::Duration;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use pullcord_core::Error;
use pullcord_core::admission::{OnBlocked, OnConflict, refused_until};
use pullcord_core::clock::Moment;
use pullcord_core::model::{RunId, RunStatus};
use pullcord_core::notify::Address;
use pullcord_core::trigger::{Answer, Ask, Asker, IdempotencyKey, Would};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::ids;
use super::runs::{Override, reason_of};
use crate::Api;
use crate::checked::{Asked, Gathered};
use crate::edge::RequestId;
use crate::problem::Problem;

/// No answer is held longer.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(25);

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Conflict {
    #[default]
    Reject,
    Attach,
    FollowUp,
    Restart,
}

impl From<Conflict> for OnConflict {
    fn from(conflict: Conflict) -> Self {
        match conflict {
            Conflict::Reject => Self::Reject,
            Conflict::Attach => Self::Attach,
            Conflict::FollowUp => Self::FollowUp,
            Conflict::Restart => Self::Restart,
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Blocked {
    #[default]
    Reject,
    Park,
}

impl From<Blocked> for OnBlocked {
    fn from(blocked: Blocked) -> Self {
        match blocked {
            Blocked::Reject => Self::Reject,
            Blocked::Park => Self::Park,
        }
    }
}

/// The same options where a body is inconvenient.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TriggerQuery {
    #[serde(rename = "onConflict")]
    #[param(inline)]
    pub(super) on_conflict: Option<Conflict>,
    #[serde(rename = "onBlocked")]
    #[param(inline)]
    pub(super) on_blocked: Option<Blocked>,
    pub(super) wait: Option<String>,
    #[serde(rename = "maxAge")]
    pub(super) max_age: Option<String>,
    #[serde(rename = "dryRun")]
    pub(super) dry_run: Option<bool>,
}

/// What comes with every press of the cord, beside its body.
pub(super) struct Press {
    request: String,
    uri: Uri,
    headers: HeaderMap,
    query: TriggerQuery,
}

impl FromRequestParts<Api> for Press {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Asked(query) = Asked::<TriggerQuery>::from_request_parts(parts, api).await?;
        let request = parts.extensions.get::<RequestId>().map(|RequestId(request)| request.clone()).unwrap_or_default();
        let uri = parts.extensions.get::<OriginalUri>().map_or_else(|| parts.uri.clone(), |OriginalUri(uri)| uri.clone());
        Ok(Self { request, uri, headers: parts.headers.clone(), query })
    }
}

impl Press {
    /// What it comes to, with what its body says.
    pub(super) fn wishes(
        self,
        body: TriggerQuery,
        override_cooldown: Option<Override>,
        essence: &str,
        asker: &Asker,
        gathered: &mut Gathered,
    ) -> Wish {
        let wished = Wished::of(self.query, body, gathered);
        Wish {
            wait: wished.wait,
            override_cooldown: gathered.take(reason_of(override_cooldown)),
            idempotency: gathered.take(idempotency(asker, &self.headers, &self.uri, essence)),
            request: self.request,
            wished,
        }
    }
}

/// All that was wished for, ready to be asked.
pub(super) struct Wish {
    pub(super) wait: Option<Duration>,
    wished: Wished,
    override_cooldown: Option<String>,
    idempotency: Option<IdempotencyKey>,
    request: String,
}

impl Wish {
    pub(super) fn on(self, ask: Ask) -> Ask {
        Ask {
            on_conflict: self.wished.on_conflict,
            on_blocked: self.wished.on_blocked,
            max_age: self.wished.max_age,
            dry_run: self.wished.dry_run,
            override_cooldown: self.override_cooldown,
            idempotency: self.idempotency,
            request_id: Some(self.request),
            ..ask
        }
    }
}

/// What the caller wishes, from wherever it was said.
pub(super) struct Wished {
    pub(super) on_conflict: OnConflict,
    pub(super) on_blocked: OnBlocked,
    pub(super) wait: Option<Duration>,
    pub(super) max_age: Option<Duration>,
    pub(super) dry_run: bool,
}

impl Wished {
    /// What the query says goes before what the body says.
    pub(super) fn of(query: TriggerQuery, body: TriggerQuery, gathered: &mut Gathered) -> Self {
        Self {
            on_conflict: query.on_conflict.or(body.on_conflict).unwrap_or_default().into(),
            on_blocked: query.on_blocked.or(body.on_blocked).unwrap_or_default().into(),
            wait: gathered.take(held_for(query.wait.or(body.wait).as_deref())),
            max_age: gathered.take(ids::duration("maxAge", query.max_age.or(body.max_age).as_deref())),
            dry_run: query.dry_run.or(body.dry_run).unwrap_or_default(),
        }
    }
}

/// Who is to be told how the run goes, if that is an address that may be told.
pub(super) fn told_at(api: &Api, address: Option<&str>) -> Result<Option<Address>, Error> {
    address.map(|address| Address::judged(&api.plane.config, address)).transpose()
}

/// How long the caller wants the answer held.
pub(super) fn held_for(wait: Option<&str>) -> Result<Option<Duration>, Error> {
    let wait = ids::duration("wait", wait)?;
    if wait.is_some_and(|wait| wait > LONGEST_WAIT) {
        return Err(Error::invalid("wait", "may be at most PT25S: ask again with the run's version for longer"));
    }
    Ok(wait)
}

/// What makes a repeated request the same: who, what and where, and all that was
/// said but for how long to wait.
pub(super) fn idempotency(asker: &Asker, headers: &HeaderMap, uri: &Uri, essence: &str) -> Result<Option<IdempotencyKey>, Error> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    let key = key.ok_or_else(|| Error::invalid("idempotency-key", "must be 1 to 255 visible characters"))?;
    let scope = format!("{}\nPOST\n{}\n{key}", asker.user(), uri.path());
    let mut query: Vec<&str> =
        uri.query().unwrap_or_default().split('&').filter(|pair| !pair.starts_with("wait=") && !pair.is_empty()).collect();
    query.sort_unstable();
    let body_hash = pullcord_core::digest::sha256_hex(format!("{}\n{essence}", query.join("&")).as_bytes());
    Ok(Some(IdempotencyKey { scope, body_hash }))
}

/// What became of a wish.
pub(super) fn outcome_of(answer: &Answer) -> &'static str {
    match answer {
        Answer::Attached(_) => "attached",
        Answer::FollowUp(_) => "follow_up",
        Answer::Parked(_) => "parked",
        Answer::Repeated(run) if run.follows.is_some() => "follow_up",
        Answer::Repeated(run) if run.status == RunStatus::Parked => "parked",
        Answer::Accepted(_) | Answer::Repeated(_) => "accepted",
        Answer::Fresh { .. } => "fresh",
        Answer::Would(Would::Refuse(_)) => "would_refuse",
        Answer::Would(_) => "would_accept",
    }
}

/// What a dry run says.
pub(super) fn would_be(would: Would, now: Moment) -> Value {
    let id = |run: Option<RunId>| run.map(|run| run.to_string());
    match would {
        Would::Accept => json!({"outcome": "would_accept", "would": "accept"}),
        Would::Attach(run) => json!({"outcome": "would_accept", "would": "attach", "run_id": run.to_string()}),
        Would::FollowUp { after, run } => {
            json!({"outcome": "would_accept", "would": "follow_up", "run_id": id(run), "after": after.to_string()})
        }
        Would::Park { until, run } => {
            json!({"outcome": "would_accept", "would": "park", "run_id": id(run), "resumes_at": until.rfc3339()})
        }
        Would::Refuse(refusal) => {
            let until = refused_until(&refusal);
            let reason = Problem::from_error(&refusal.into(), now).code().to_owned();
            json!({"outcome": "would_refuse", "reason": reason, "next_allowed_at": until.map(Moment::rfc3339)})
        }
    }
}
