//! The function for operators: everything that the console's test button and
//! `aws lambda invoke` can ask for.
//!
//! IAM decided who may invoke it, so whoever does acts as an operator. The
//! doors, the rules and the audit are those of everyone else.

use std::time::Duration;

use pullcord_core::admission::{OnBlocked, OnConflict, Surface};
use pullcord_core::clock::{Moment, parse_duration, show_duration};
use pullcord_core::digest::sha256_hex;
use pullcord_core::model::{Person, Role, RunId, RunOptions, RunStatus, SourceId, UserId, WorkspaceId, is_id};
use pullcord_core::queue::Job;
use pullcord_core::trigger::{Answer, Ask, Asker, IdempotencyKey, Would, explain, trigger};
use pullcord_core::views::{RunView, SourceView};
use pullcord_core::{Error, Fault, Plane, Refusal, cancel, manage, schedule, status, telemetry};
use serde::Deserialize;
use serde_json::{Value, json};

/// Who is on record for what is done here, unless the caller says more.
const OPERATOR: &str = "ops";
/// An invocation is not held longer for a run to end.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// What can be asked.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    Trigger {
        /// Either this or a workspace, which is synced as a whole.
        #[serde(default)]
        source: Option<String>,
        #[serde(default)]
        workspace: Option<String>,
        #[serde(default)]
        reason: Option<String>,
        #[serde(default)]
        full: bool,
        #[serde(default)]
        force: bool,
        #[serde(default)]
        confirmed: bool,
        #[serde(default, rename = "dryRun")]
        dry_run: bool,
        #[serde(default, rename = "includeClosed")]
        include_closed: bool,
        #[serde(default, rename = "overrideCooldown")]
        override_cooldown: Option<Overridden>,
        #[serde(default, rename = "onConflict")]
        on_conflict: Conflict,
        #[serde(default, rename = "onBlocked")]
        on_blocked: Blocked,
        #[serde(default, rename = "maxAge")]
        max_age: Option<String>,
        #[serde(default)]
        wait: Option<String>,
        /// Makes a repeated invocation the same one.
        #[serde(default, rename = "idempotencyKey")]
        idempotency_key: Option<String>,
    },
    Explain {
        source: String,
    },
    Status {
        #[serde(default)]
        run: Option<String>,
        #[serde(default)]
        source: Option<String>,
    },
    Cancel {
        run: String,
    },
    ResetBackfill {
        source: String,
    },
    Grant {
        workspace: String,
        user: String,
        role: String,
    },
    Redrive,
    Stalled,
    Warm,
}

/// The names of [`Command`]s.
pub const COMMANDS: &[&str] = &["trigger", "explain", "status", "cancel", "reset-backfill", "grant", "redrive", "stalled", "warm"];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Conflict {
    #[default]
    Reject,
    Attach,
    FollowUp,
    Restart,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Blocked {
    #[default]
    Reject,
    Park,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overridden {
    reason: String,
}

/// Does what an event asks. What went wrong is in the answer too: the console
/// shows answers, and hides failures behind a stack trace.
pub async fn handle(plane: &Plane, event: Value) -> Result<Value, Fault> {
    telemetry::note_cold_start(&plane.config, "ops", plane.clock.now());
    if event.get("warm").and_then(Value::as_bool) == Some(true) {
        return Ok(json!({"warm": true}));
    }
    let command = match serde_json::from_value::<Command>(event) {
        Ok(command) => command,
        Err(why) => {
            let message = format!("{why}; \"op\" is one of {}", COMMANDS.join(", "));
            return Ok(json!({"error": {"code": "VALIDATION_FAILED", "message": message}}));
        }
    };
    tracing::info!(decision = "ops", command = ?command);
    // Boxed: what a command can lead to is deep.
    match Box::pin(perform(plane, command)).await {
        Ok(answer) => Ok(answer),
        Err(Error::Fault(fault)) => Err(fault),
        Err(error) => Ok(json!({"error": described(&error)})),
    }
}

async fn perform(plane: &Plane, mut command: Command) -> Result<Value, Error> {
    let asker = Asker::Known(Person::deployment(OPERATOR));
    match command {
        Command::Trigger { ref mut wait, .. } => {
            let wait = span("wait", wait.take().as_deref())?;
            if wait.is_some_and(|wait| wait > LONGEST_WAIT) {
                return Err(Error::invalid("wait", "may be at most PT25S"));
            }
            let answer = trigger(plane, wish(command, asker)?).await?;
            answered(plane, answer, wait).await
        }
        Command::Explain { source } => {
            let explained = explain(plane, Ask::sync(source_id(&source)?, asker, Surface::Ops)).await?;
            let checks =
                explained.checks.iter().map(|one| json!({"check": one.check, "ok": one.ok, "because": one.because, "facts": one.facts}));
            let cost = &explained.cost;
            let reason = match &explained.verdict {
                Err(error) => Some(code_of(error)),
                Ok(Answer::Would(Would::Refuse(refusal))) => Some(refusal.rule()),
                Ok(_) => None,
            };
            Ok(json!({"would": explained.would(), "outcome": explained.outcome(), "reason": reason, "can_park": explained.can_park,
                "until": explained.until().map(Moment::rfc3339), "checks": checks.collect::<Vec<_>>(),
                "estimate": {"requests": cost.requests, "pages": cost.pages, "runs_seen": cost.runs_seen,
                    "duration": cost.took.map(|took| show_duration(Duration::from_millis(took.usually)))}}))
        }
        Command::Status { run: Some(run), source: None } => {
            Ok(json!({"run": RunView::of(&status::run(plane, &asker, run_id(&run)?).await?, plane.clock.now())}))
        }
        Command::Status { run: None, source: Some(source) } => {
            let looked = status::source(plane, &asker, &source_id(&source)?).await?;
            let now = plane.clock.now();
            Ok(json!({"source": SourceView::looked(&looked, now)}))
        }
        Command::Status { .. } => Err(Error::invalid("op", "status needs either a run or a source")),
        Command::Cancel { run } => Ok(json!({"run": RunView::of(&cancel::cancel(plane, &asker, run_id(&run)?).await?, plane.clock.now())})),
        Command::ResetBackfill { source } => {
            let previous = manage::reset_backfill(plane, &asker, &source_id(&source)?).await?;
            Ok(json!({"reset": previous.is_some(), "previousCursor": previous}))
        }
        Command::Grant { workspace, user, role } => grant(plane, &workspace, &user, &role).await,
        Command::Redrive => Ok(json!({"redriven": redrive(plane).await?})),
        Command::Stalled => {
            let runs = schedule::stalled(plane).await?;
            Ok(json!({"runs": runs.iter().map(|run| RunView::of(run, plane.clock.now())).collect::<Vec<_>>()}))
        }
        Command::Warm => Ok(json!({"warm": true})),
    }
}

/// The wish that a trigger command is.
fn wish(command: Command, asker: Asker) -> Result<Ask, Error> {
    let essence = format!("{command:?}");
    let Command::Trigger {
        source,
        workspace,
        reason,
        full,
        force,
        confirmed,
        dry_run,
        include_closed,
        override_cooldown,
        on_conflict,
        on_blocked,
        max_age,
        wait: _,
        idempotency_key,
    } = command
    else {
        return Err(Error::invalid("op", "is no trigger"));
    };
    if override_cooldown.as_ref().is_some_and(|overridden| overridden.reason.trim().is_empty()) {
        return Err(Error::invalid("overrideCooldown.reason", "must say why"));
    }
    let of = match (source, workspace) {
        (Some(source), None) => Ask::sync(source_id(&source)?, asker, Surface::Ops),
        (None, Some(workspace)) if is_id(&workspace) => Ask::workspace(WorkspaceId::known(workspace), asker, Surface::Ops),
        (None, Some(_)) => return Err(Error::NotFound("workspace")),
        _ => return Err(Error::invalid("op", "trigger needs either a source or a workspace")),
    };
    let scope = |key: &str| format!("{OPERATOR}\n{}\n{key}", of.of);
    let key = |key: String| IdempotencyKey { scope: scope(&key), body_hash: sha256_hex(essence.as_bytes()) };
    Ok(Ask {
        options: RunOptions { full, include_closed, ..RunOptions::default() },
        on_conflict: match on_conflict {
            _ if force => OnConflict::Restart,
            Conflict::Reject => OnConflict::Reject,
            Conflict::Attach => OnConflict::Attach,
            Conflict::FollowUp => OnConflict::FollowUp,
            Conflict::Restart => OnConflict::Restart,
        },
        on_blocked: if on_blocked == Blocked::Park { OnBlocked::Park } else { OnBlocked::Reject },
        max_age: span("maxAge", max_age.as_deref())?,
        idempotency: idempotency_key.map(key),
        override_cooldown: override_cooldown.map(|overridden| overridden.reason),
        confirmed,
        dry_run,
        reason,
        ..of
    })
}

fn span(at: &str, text: Option<&str>) -> Result<Option<Duration>, Error> {
    let span = |text| parse_duration(text).ok_or_else(|| Error::invalid(at, "must be an ISO 8601 duration such as PT5M"));
    text.map(span).transpose()
}

async fn answered(plane: &Plane, answer: Answer, wait: Option<Duration>) -> Result<Value, Error> {
    let (outcome, run) = match answer {
        Answer::Repeated(run) if run.follows.is_some() => ("follow_up", run),
        Answer::Repeated(run) if run.status == RunStatus::Parked => ("parked", run),
        Answer::Accepted(run) | Answer::Repeated(run) => ("accepted", run),
        Answer::Attached(run) => ("attached", run),
        Answer::FollowUp(run) => ("follow_up", run),
        Answer::Parked(run) => ("parked", run),
        Answer::Fresh { last_synced_at } => return Ok(json!({"outcome": "fresh", "last_synced_at": last_synced_at.rfc3339()})),
        Answer::Would(Would::Refuse(refusal)) => return Ok(json!({"outcome": "would_refuse", "error": described(&refusal.into())})),
        Answer::Would(Would::Park { until, .. }) => {
            return Ok(json!({"outcome": "would_accept", "would": "park", "resumes_at": until.rfc3339()}));
        }
        Answer::Would(Would::FollowUp { .. }) => return Ok(json!({"outcome": "would_accept", "would": "follow_up"})),
        Answer::Would(Would::Attach(_)) => return Ok(json!({"outcome": "would_accept", "would": "attach"})),
        Answer::Would(Would::Accept) => return Ok(json!({"outcome": "would_accept", "would": "accept"})),
    };
    let run = match wait {
        Some(wait) => status::ended(plane, *run, plane.clock.now().plus(wait)).await?,
        None => *run,
    };
    Ok(json!({"outcome": outcome, "run": RunView::of(&run, plane.clock.now())}))
}

/// Gives a role; with workspace
/// Gives a role; with workspace `*` it makes an operator, the first one
/// included.
async fn grant(plane: &Plane, workspace: &str, user: &str, role: &str) -> Result<Value, Error> {
    let known: Vec<&str> = Role::ALL.into_iter().map(Role::as_str).collect();
    let role = Role::parse(role).ok_or_else(|| Error::invalid("role", format!("must be one of {}", known.join(", "))))?;
    let deployment = WorkspaceId::deployment();
    let workspace = if workspace == deployment.as_str() {
        if role != Role::Admin {
            return Err(Error::invalid("role", "members of the deployment itself (workspace *) are operators: the role must be admin"));
        }
        deployment
    } else {
        let id = WorkspaceId::known(workspace);
        if !is_id(workspace) || plane.store.workspace(&id).await?.is_none() {
            return Err(Error::NotFound("workspace"));
        }
        id
    };
    let member = manage::grant(plane, &UserId::known(OPERATOR), &workspace, user, role).await?;
    Ok(json!({"workspace": member.workspace, "user": member.user, "role": member.role}))
}

/// Sends what lies in the dead-letter queue once more. A run that was buried
/// stays buried: it can be retried.
async fn redrive(plane: &Plane) -> Result<u64, Error> {
    let url = plane.config.dead_letter_queue_url.as_deref();
    let url = url.ok_or_else(|| Error::invalid("op", "PULLCORD_DEAD_LETTER_QUEUE_URL is not set: there is nothing to redrive from"))?;
    let client = plane.queue.client();
    let failed = |why: String| Fault::unavailable("queue", why);
    let mut redriven = 0;
    loop {
        let received = client.receive_message().queue_url(url).max_number_of_messages(10).send().await;
        let messages = received.map_err(|why| failed(format!("{why:?}")))?.messages.unwrap_or_default();
        if messages.is_empty() {
            return Ok(redriven);
        }
        for message in messages {
            if let Ok(Job::Sync { of, run, .. }) = Job::decode(message.body().unwrap_or_default()) {
                if let Some(run) = plane.store.run(&of, run).await? {
                    plane.queue.send(&Job::for_run(&run), &run.workspace, std::time::Duration::ZERO).await?;
                    redriven += 1;
                }
            }
            let receipt = message.receipt_handle().unwrap_or_default();
            client.delete_message().queue_url(url).receipt_handle(receipt).send().await.map_err(|why| failed(format!("{why:?}")))?;
        }
    }
}

fn source_id(text: &str) -> Result<SourceId, Error> {
    if is_id(text) { Ok(SourceId::known(text)) } else { Err(Error::NotFound("source")) }
}

fn run_id(text: &str) -> Result<RunId, Error> {
    RunId::parse(text).ok_or(Error::NotFound("run"))
}

/// What went wrong, for a person at a console.
fn described(error: &Error) -> Value {
    let mut described = json!({"code": code_of(error), "message": error.to_string()});
    match error {
        Error::Invalid(complaints) => described["errors"] = json!(complaints),
        Error::Refused(refusal) => match &**refusal {
            Refusal::InProgress { run, .. } => described["run_id"] = json!(run.to_string()),
            Refusal::Cooling { until, .. } => described["next_allowed_at"] = json!(until.rfc3339()),
            Refusal::QuotaLow { remaining, resets_at, .. } => {
                described["remaining"] = json!(remaining);
                described["next_allowed_at"] = json!(resets_at.map(pullcord_core::clock::Moment::rfc3339));
            }
            Refusal::Unconfirmed { reasons } => described["reasons"] = json!(reasons),
        },
        _ => {}
    }
    described
}

/// The code of an error, as every surface names it.
fn code_of(error: &Error) -> &'static str {
    match error {
        Error::Invalid(_) => "VALIDATION_FAILED",
        Error::Unauthenticated(_) => "UNAUTHENTICATED",
        Error::Forbidden(_) => "FORBIDDEN",
        Error::NotFound(_) => "NOT_FOUND",
        Error::Conflict(_) => "CONFLICT",
        Error::NoSource(_) => "NO_SOURCE",
        Error::IdempotencyMismatch => "IDEMPOTENCY_MISMATCH",
        Error::Refused(refusal) => refusal.rule(),
        Error::Fault(_) => "UNAVAILABLE",
    }
}
