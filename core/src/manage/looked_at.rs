//! Whether and how the other side of an integration is looked at between its runs.

use url::Url;

use super::check::Check;
use crate::clock::{Moment, parse_duration};
use crate::error::Fault;
use crate::health::{LONGEST_EVERY, SHORTEST_EVERY};
use crate::http::{Allowed, judge_address};
use crate::model::{Health, HealthCheck, HealthState, Source};
use crate::plane::Plane;
use crate::store::Store;
use crate::store::conditions::Write;

/// As somebody writes it.
#[derive(Clone, Debug, Default)]
pub struct HealthGiven {
    pub url: Option<String>,
    pub every: Option<String>,
}

impl Check<'_> {
    pub(super) fn health(&mut self, given: &HealthGiven) -> HealthCheck {
        if let Some(url) = &given.url {
            match Url::parse(url).map_err(|why| why.to_string()).map(|url| judge_address(&url, &Allowed::for_sources(&self.plane.config))) {
                Err(why) => self.complain("health.url", format!("is not an address: {why}")),
                Ok(Err(what)) => {
                    self.complain("health.url", format!("may not be reached: {what}; an operator can list it in PULLCORD_ALLOW_HOSTS"));
                }
                Ok(Ok(())) => {}
            }
        }
        let every = given.every.as_deref().map_or(Some(SHORTEST_EVERY), parse_duration);
        let fits = every.filter(|every| (SHORTEST_EVERY..=LONGEST_EVERY).contains(every));
        if fits.is_none() {
            self.complain("health.every", "must be a duration from PT15M, the least that is no burden, to P7D");
        }
        HealthCheck { url: given.url.clone(), every: fits.unwrap_or(SHORTEST_EVERY).as_millis() as u64 }
    }
}

/// What is known of a source of which nothing is: it is looked at soon.
pub(crate) fn unknown(source: &Source, now: Moment) -> Health {
    let (source, workspace) = (source.id.clone(), source.workspace.clone());
    Health { source, workspace, state: HealthState::Unknown, since: None, due_at: Some(now), failures: 0, history: Vec::new(), version: 1 }
}

/// The write that goes with a changed way of looking: from now on it is looked at that
/// way, or not any more.
pub(super) async fn write(plane: &Plane, source: &Source) -> Result<Write, Fault> {
    if source.health.is_none() {
        return Ok(Store::health_delete(&source.id));
    }
    let known = plane.store.health(&source.id).await?;
    let seen = known.as_ref().map_or(0, |known| known.version);
    let now = plane.clock.now();
    let health = match known {
        None => unknown(source, now),
        // However often somebody changes it, it is not looked at more often than that.
        Some(known) => {
            let due_at = known.history.last().map_or(now, |last| last.at.plus(SHORTEST_EVERY).max(now));
            Health { due_at: Some(due_at), failures: 0, version: known.version + 1, ..known }
        }
    };
    Store::health_write(&health, seen)
}
