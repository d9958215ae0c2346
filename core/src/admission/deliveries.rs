//! What a delivery of a webhook shows, and for how long.

use std::time::Duration;

use crate::clock::Moment;
use crate::model::{Gate, Webhook};

/// For how long a delivery shows that a webhook works.
const SHOWS: Duration = Duration::from_hours(24);
/// A gate notes deliveries to the minute: five hundred in a second are one write.
const GRAIN: Duration = Duration::from_mins(1);

/// Whether a source can rely on its webhook: an admin's word, else a delivery of the
/// last day. Where the secret was taken away since, no more will come.
pub fn webhook_is_active(webhook: &Webhook, gate: &Gate, now: Moment) -> bool {
    let lately = gate.last_delivery_at.is_some_and(|at| now.since(at) < SHOWS);
    webhook.active.unwrap_or(lately && webhook.secret.is_some())
}

/// The gate after a genuine delivery, and which repository it was of, if it said so;
/// none if the gate knows all that already.
pub fn delivered(gate: &Gate, repository: Option<&str>, now: Moment) -> Option<Gate> {
    let is_known = gate.last_delivery_at.is_some_and(|at| now.since(at) < GRAIN);
    let is_same = repository.is_none() || repository == gate.repository_id.as_deref();
    let mut noted = gate.clone();
    noted.last_delivery_at = noted.last_delivery_at.max(Some(now));
    noted.repository_id = repository.map(str::to_owned).or(noted.repository_id);
    noted.version += 1;
    (!is_known || !is_same).then_some(noted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sealed;

    const NOW: Moment = Moment(1_800_000_000_000);

    fn ago(seconds: i64) -> Gate {
        Gate { last_delivery_at: Some(Moment(NOW.0 - seconds * 1_000)), repository_id: Some("7".into()), version: 3, ..Gate::default() }
    }

    /// S2.38: by an admin's word, or by a delivery of the last 24 hours.
    #[test]
    fn a_webhook_is_active_for_a_day_after_a_delivery() {
        let secret = Sealed { sealed: "x".into(), last4: String::new(), fingerprint: String::new() };
        let day = 24 * 60 * 60;
        for (said, has_secret, gate, expected) in [
            (None, true, ago(0), true),
            (None, true, ago(day - 1), true),
            (None, true, ago(day), false),
            (None, true, ago(day + 1), false),
            // Another machine's clock.
            (None, true, ago(-30), true),
            (None, true, Gate::default(), false),
            (None, false, ago(0), false),
            (Some(true), false, Gate::default(), true),
            (Some(true), true, ago(day * 9), true),
            (Some(false), true, ago(0), false),
        ] {
            let webhook = Webhook { active: said, secret: has_secret.then(|| secret.clone()) };
            assert_eq!(webhook_is_active(&webhook, &gate, NOW), expected, "{said:?}, secret {has_secret}, {:?}", gate.last_delivery_at);
        }
    }

    #[test]
    fn a_gate_notes_deliveries_to_the_minute() {
        for (gate, repository, expected) in [
            (Gate::default(), Some("7"), Some(Some("7"))),
            (Gate::default(), None, Some(None)),
            (ago(60), Some("7"), Some(Some("7"))),
            (ago(60), None, Some(Some("7"))),
            (ago(59), Some("7"), None),
            (ago(59), None, None),
            (ago(0), Some("8"), Some(Some("8"))),
        ] {
            let noted = delivered(&gate, repository, NOW);
            assert_eq!(noted.as_ref().map(|noted| noted.repository_id.as_deref()), expected, "{gate:?}");
            if let Some(noted) = noted {
                assert_eq!((noted.last_delivery_at, noted.version), (Some(NOW), gate.version + 1));
                let back = Gate {
                    last_delivery_at: gate.last_delivery_at,
                    repository_id: gate.repository_id.clone(),
                    version: gate.version,
                    ..noted
                };
                assert_eq!(back, gate, "nothing else changes");
            }
        }
        // Clocks of two machines: it never goes back.
        let ahead = ago(-30);
        assert_eq!(delivered(&ahead, Some("8"), NOW).and_then(|noted| noted.last_delivery_at), ahead.last_delivery_at);
    }
}
