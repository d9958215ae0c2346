//! Misbehaviour on order. Faults wait in a queue; each says on which path, and from which request on, it strikes.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

/// What happens to a request instead of, or before, the true answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Behaviour {
    /// Exactly this answer, with no header but these, `Date` and `Content-Length`. It costs no quota.
    Reply {
        status: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        body: String,
    },
    /// 200 with a body that says it is JSON and is not.
    Garbage,
    /// The true answer's headers and the first half of its body, then the connection is closed.
    HalfBody,
    /// Nothing, until [`crate::Forge::release`] (then the true answer) or until the client gives up.
    Hang,
    /// The true answer, or that of the next fault that strikes, but later.
    Delay { milliseconds: u64 },
    /// The connection is reset and nothing is sent.
    Reset,
    /// The provider's limit on bursts, in its own words; quota is left, as it is in earnest.
    SecondaryLimit {
        status: u16,
        #[serde(default)]
        retry_after: Option<u64>,
    },
}

impl Behaviour {
    /// An answer with this status and a short JSON message.
    pub fn status(status: u16) -> Self {
        Self::json(status, &serde_json::json!({ "message": "Scripted by the forge" }))
    }

    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = BTreeMap::from([("content-type".to_owned(), "application/json; charset=utf-8".to_owned())]);
        Self::Reply { status, headers, body: body.to_string() }
    }

    /// Its name in JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Reply { .. } => "reply",
            Self::Garbage => "garbage",
            Self::HalfBody => "half_body",
            Self::Hang => "hang",
            Self::Delay { .. } => "delay",
            Self::Reset => "reset",
            Self::SecondaryLimit { .. } => "secondary_limit",
        }
    }

    pub fn delay(duration: Duration) -> Self {
        Self::Delay { milliseconds: duration.as_millis() as u64 }
    }
}

/// One entry of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// A path without its query, or the beginning of one followed by `*`. A repository's issues are meant by
    /// `/repos/{owner}/{name}/issues` also where they are asked for as `/repositories/{id}/issues`, and a GitLab project
    /// by its encoded path (`/api/v4/projects/{group}%2F{name}/issues`) also where it is asked for by number.
    pub on: String,
    /// It strikes from this request on, counted from 1 among those that reach it.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many requests it strikes; `None` is all from then on.
    #[serde(default = "once")]
    pub times: Option<u64>,
    pub behaviour: Behaviour,
}

fn one() -> u64 {
    1
}

#[expect(clippy::unnecessary_wraps, reason = "it is the default of an optional field")]
fn once() -> Option<u64> {
    Some(1)
}

impl Fault {
    /// Strikes the next request to these paths, once.
    pub fn on(paths: impl Into<String>, behaviour: Behaviour) -> Self {
        Self { on: paths.into(), nth: 1, times: Some(1), behaviour }
    }

    #[must_use]
    pub fn nth(self, nth: u64) -> Self {
        Self { nth: nth.max(1), ..self }
    }

    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    #[must_use]
    pub fn forever(self) -> Self {
        Self { times: None, ..self }
    }
}

/// Whether a pattern as in [`Fault::on`] means this path.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == path, |beginning| path.starts_with(beginning))
}

/// What the script has in store for one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) behaviour: Option<Behaviour>,
}

#[derive(Default)]
pub(crate) struct Script {
    queue: Vec<(Fault, u64)>,
}

impl Script {
    pub(crate) fn push(&mut self, fault: Fault) {
        self.queue.push((fault, 0));
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }

    /// The faults that were promised a certain number of requests and have not had them.
    pub(crate) fn left(&self) -> Vec<Fault> {
        self.queue.iter().map(|(fault, _)| fault).filter(|fault| fault.times.is_some()).cloned().collect()
    }

    /// Goes through the queue in order. The first fault that strikes keeps the request from those behind it, which
    /// therefore do not count it: `503` then `500` on one path strike one request each. A delay lets it pass on.
    pub(crate) fn take(&mut self, paths: &[&str]) -> Plan {
        let mut plan = Plan::default();
        for (fault, seen) in &mut self.queue {
            if !paths.iter().any(|path| matches(&fault.on, path)) {
                continue;
            }
            *seen += 1;
            if *seen < fault.nth {
                continue;
            }
            if let Behaviour::Delay { milliseconds } = fault.behaviour {
                plan.delay += Duration::from_millis(milliseconds);
            } else {
                plan.behaviour = Some(fault.behaviour.clone());
                break;
            }
        }
        self.queue.retain(|(fault, seen)| fault.times.is_none_or(|times| *seen < (fault.nth - 1).saturating_add(times)));
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(script: &mut Script, requests: usize) -> Vec<Option<u16>> {
        (0..requests)
            .map(|_| match script.take(&["/a"]).behaviour {
                Some(Behaviour::Reply { status, .. }) => Some(status),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn faults_strike_in_the_order_of_the_queue() {
        let mut script = Script::default();
        script.push(Fault::on("/a", Behaviour::status(503)).times(2));
        script.push(Fault::on("/a", Behaviour::status(500)));
        script.push(Fault::on("/b", Behaviour::status(404)));
        assert_eq!(statuses(&mut script, 4), [Some(503), Some(503), Some(500), None]);
        assert_eq!(script.left().len(), 1);
    }

    #[test]
    fn a_fault_lets_requests_pass_until_the_nth() {
        let mut script = Script::default();
        script.push(Fault::on("/*", Behaviour::status(500)).nth(3));
        assert_eq!(statuses(&mut script, 4), [None, None, Some(500), None]);
        script.push(Fault::on("*", Behaviour::status(502)).forever());
        assert_eq!(statuses(&mut script, 2), [Some(502), Some(502)]);
        assert!(script.left().is_empty());
    }

    #[test]
    fn a_delay_adds_up_and_passes_on() {
        let mut script = Script::default();
        script.push(Fault::on("/a", Behaviour::delay(Duration::from_millis(5))));
        script.push(Fault::on("/a", Behaviour::delay(Duration::from_millis(7))));
        script.push(Fault::on("/a", Behaviour::Garbage));
        let plan = script.take(&["/a"]);
        assert_eq!(plan, Plan { delay: Duration::from_millis(12), behaviour: Some(Behaviour::Garbage) });
        assert_eq!(script.take(&["/a"]), Plan::default());
    }

    #[test]
    fn a_pattern_is_a_path_or_the_beginning_of_one() {
        assert!(matches("/repos/acme/web", "/repos/acme/web"));
        assert!(!matches("/repos/acme/web", "/repos/acme/website"));
        assert!(matches("/repos/acme/*", "/repos/acme/website"));
        assert!(matches("*", "/"));
    }
}
