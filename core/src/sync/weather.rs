//! What to do when a provider's reply is not a page.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::held::Held;
use super::pages::{Met, NOT_AVAILABLE, Reading, endpoint};
use super::{End, LONGEST_NAP, Stop};
use crate::providers::{PageRequest, Verdict, Wait};

/// Tries at one request before a run is given up.
pub(super) const MOST_TRIES: u32 = 5;

/// Many that wait for the same do not come back in the same moment.
const MOST_JITTER: Duration = Duration::from_secs(10);
/// A gate is not held longer for a limit.
const LONGEST_WAIT: Duration = Duration::from_hours(25);
/// As much of a provider's words as is shown.
const LONGEST_WORDS: usize = 300;

impl Reading<'_> {
    /// Decides on a reply that is no page: try again, wait, or end.
    pub(super) async fn weather(&mut self, held: &mut Held<'_>, request: &PageRequest, verdict: Verdict) -> Result<Met, Stop> {
        self.purse.settle(held.plane).await;
        let at = Some(request.url.clone());
        let (wait, why, code) = match verdict {
            Verdict::Retry(why) => (Wait::Unknown, why, "PROVIDER_UNAVAILABLE"),
            Verdict::Throttled { wait, why } => {
                tracing::info!(decision = "provider.limited", workspace = %held.run.workspace, source = %self.source.id, run = %held.run.id, why);
                (wait, why, "PROVIDER_LIMITED")
            }
            // What one entity is refused says nothing of the others.
            Verdict::Denied(why) | Verdict::Missing(why) | Verdict::Unavailable(why) if self.stream.entity().is_some() => {
                return Ok({
                    let entity = self.stream;
                    self.do_without(held, &why, Some(entity.label()))
                });
            }
            Verdict::Unavailable(why) => return Ok(self.do_without(held, &why, at.as_deref())),
            Verdict::Readable | Verdict::Unchanged => return Ok(Met::Over),
            Verdict::Unauthenticated(why) => {
                return Ok(Met::End(End::failed("CREDENTIAL_REJECTED", format!("the provider does not accept the credential: {why}"), at)));
            }
            Verdict::Denied(why) => {
                return Ok(Met::End(End::failed("PERMISSION_MISSING", format!("the credential lacks a permission: {why}"), at)));
            }
            Verdict::Missing(why) => {
                return Ok(Met::End(End::failed(
                    "REPOSITORY_NOT_FOUND",
                    format!("the provider knows no such repository, or the credential may not see it: {why}"),
                    at,
                )));
            }
            Verdict::Moved(to) => {
                return Ok(Met::End(End::failed(
                    "REPOSITORY_MOVED",
                    format!("the repository moved to another address ({}): change the source", origin(&to)),
                    at,
                )));
            }
            Verdict::Rejected(why) | Verdict::Expired(why) => {
                return Ok(Met::End(End::failed("REQUEST_REJECTED", format!("the provider refused the request: {why}"), at)));
            }
        };
        held.run.tries += 1;
        let tries = held.run.tries;
        let facts = [("endpoint", endpoint(request)), ("outcome", why.clone()), ("try", tries.to_string())];
        held.run.note(held.now(), if code == "PROVIDER_LIMITED" { "provider.limited" } else { "provider.retried" }, facts);
        if tries >= MOST_TRIES {
            return Ok(Met::End(End::failed(code, format!("gave up after {tries} tries: {why}"), at)));
        }
        let now = held.now();
        let span = match wait {
            Wait::For(span) => span,
            Wait::Until(until) => until.since(now).max(Duration::from_secs(1)),
            // A hiccup often is over at once; what lasts is given a minute and more.
            Wait::Unknown if tries == 1 && code == "PROVIDER_UNAVAILABLE" => Duration::from_secs(1),
            Wait::Unknown => unknown(tries) + held.plane.chance.jitter(MOST_JITTER),
        };
        if span > LONGEST_WAIT {
            let hours = span.as_secs() / 3600;
            return Ok(Met::End(End::failed(code, format!("the provider asks to wait for {hours} hours: {why}"), at)));
        }
        if span <= LONGEST_NAP && !held.time_is_up_after(span) {
            held.nap(span).await?;
            return Ok(Met::Again);
        }
        Ok(Met::End(End::Paused { until: now.plus(span), why }))
    }
}

impl Reading<'_> {
    /// The provider does not have the present stream, or not for this credential: that
    /// is said, and the others are read.
    fn do_without(&mut self, held: &mut Held<'_>, why: &str, at: Option<&str>) -> Met {
        held.run.warn(NOT_AVAILABLE, &format!("{} cannot be read: {why}", self.stream.label()), at);
        self.unavailable = true;
        Met::Over
    }
}

/// How long nobody knows how long to wait: a minute, and twice as long each time.
fn unknown(tries: u32) -> Duration {
    Duration::from_mins(1 << (tries - 1).min(4))
}

impl Verdict {
    /// The same verdict without a secret that the provider may have repeated.
    pub(crate) fn redacted(self, secret: Option<&str>) -> Self {
        let clean = |text: String| redacted(&text, secret);
        match self {
            Self::Readable => Self::Readable,
            Self::Unchanged => Self::Unchanged,
            Self::Retry(why) => Self::Retry(clean(why)),
            Self::Throttled { wait, why } => Self::Throttled { wait, why: clean(why) },
            Self::Unauthenticated(why) => Self::Unauthenticated(clean(why)),
            Self::Denied(why) => Self::Denied(clean(why)),
            Self::Unavailable(why) => Self::Unavailable(clean(why)),
            Self::Moved(to) => Self::Moved(clean(to)),
            Self::Missing(why) => Self::Missing(clean(why)),
            Self::Rejected(why) => Self::Rejected(clean(why)),
            Self::Expired(why) => Self::Expired(clean(why)),
        }
    }
}

/// A provider's words without a secret that they may repeat, and short enough to
/// show.
pub(crate) fn redacted(text: &str, secret: Option<&str>) -> String {
    let mut clean = text.to_owned();
    for form in secret.map(forms).unwrap_or_default() {
        clean = clean.replace(&form, "[redacted]");
    }
    clean.chars().take(LONGEST_WORDS).collect()
}

/// How a secret may be met: as it is; and where it is a name with a password, as the
/// header that shows both, or as the password alone.
fn forms(secret: &str) -> Vec<String> {
    let password = secret.split_once(':').map(|(_, password)| password.to_owned());
    let encoded = password.as_ref().map(|_| STANDARD.encode(secret));
    let all = [Some(secret.to_owned()), encoded, password];
    all.into_iter().flatten().filter(|form| !form.is_empty()).collect()
}

/// The origin of an address, which is all that may be shown of one that a reply
/// made up.
pub(super) fn origin(address: &str) -> String {
    url::Url::parse(address).map_or_else(|_| "not an address".to_owned(), |url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::{MOST_JITTER, MOST_TRIES, redacted, unknown};
    use crate::chance::Chance;

    /// S2.117: a minute, doubled each time, and up to ten seconds more; five tries.
    #[test]
    fn a_wait_of_unknown_length_doubles() {
        let chance = Chance::seeded(7);
        for (tries, seconds) in (1..MOST_TRIES).zip([60, 120, 240, 480]) {
            let spans: Vec<u64> = (0..50).map(|_| (unknown(tries) + chance.jitter(MOST_JITTER)).as_secs()).collect();
            assert!(spans.iter().all(|span| (seconds..=seconds + 10).contains(span)), "{tries}: {spans:?}");
            assert!(spans.iter().any(|span| *span != spans[0]), "all at once: {spans:?}");
        }
        assert_eq!(MOST_TRIES, 5);
    }

    /// S2.83: however a provider repeats a secret, it is not passed on.
    #[test]
    fn a_secret_is_taken_out_in_every_form() {
        let api_token = Some("mia@example.com:ATATT3x");
        for (text, secret, clean) in [
            ("no ghp_1 here, ghp_1", Some("ghp_1"), "no [redacted] here, [redacted]"),
            ("for mia@example.com:ATATT3x.", api_token, "for [redacted]."),
            ("the token ATATT3x of mia@example.com", api_token, "the token [redacted] of mia@example.com"),
            ("Basic bWlhQGV4YW1wbGUuY29tOkFUQVRUM3g=", api_token, "Basic [redacted]"),
            ("nothing", Some(""), "nothing"),
            ("nothing", Some("name:"), "nothing"),
            ("nothing", None, "nothing"),
        ] {
            assert_eq!(redacted(text, secret), clean, "{text}");
        }
    }
}
