//! The engine for everything that comes in pages over HTTP.
//!
//! Written once for all providers: fetch, judge, read, compare, commit, and the
//! next page is fetched while this one is written. There is never more than one
//! request under way for a source.

use super::held::Held;
use super::moved::Whereabouts;
use super::purse::Purse;
use super::relisting;
use super::streams::{self, Place};
use super::weather::{MOST_TRIES, origin, redacted};
use super::{End, Stop};
use crate::clock::Moment;
use crate::http::{Outgoing, Unanswered};
use crate::minting::{self, Shown};
use crate::model::{Run, Source, Stream, StreamState, Validator};
use crate::plane::Plane;
use crate::providers::{self, Page, PageRequest, Provider, Reply, Verdict, absolute, limit_of, stays_home};
use crate::store::items::UnreadLink;
use crate::vault::Credential;

/// A stream that the provider does not have is a warning, never "no data".
pub(super) const NOT_AVAILABLE: &str = "STREAM_NOT_AVAILABLE";

/// What one slice needs all along.
pub(super) struct Reading<'a> {
    pub(super) source: &'a Source,
    pub(super) provider: &'static dyn Provider,
    pub(super) stream: Stream,
    credential: Option<Credential>,
    pub(super) state: StreamState,
    /// Whether this stream began where an earlier run stopped.
    pub(super) resumed: bool,
    /// What it was to ask for changes by holds no more.
    pub(super) lists_anew: bool,
    /// Whether any item of this source is known: it may have been closed since.
    pub(super) knows_items: bool,
    /// What was linked by hand and has to be asked for, whether it changed or not.
    pub(super) unread_links: Vec<UnreadLink>,
    pub(super) whereabouts: Whereabouts,
    /// The provider does not have this stream.
    pub(super) unavailable: bool,
    /// What the stream is validated by from now on; none of it if nothing can be.
    pub(super) fresh: Option<Option<Validator>>,
    /// What it may still ask for.
    pub(super) purse: Purse,
    /// Whether the credential is accepted, as far as replies say.
    accepted: Option<bool>,
}

/// What a reply comes to.
pub(super) enum Met {
    Page(Box<Page>),
    /// The same request is to be tried again now.
    Again,
    /// The stream is over without a further page.
    Over,
    End(End),
}

/// A request and what came of it.
pub(super) enum Fetched {
    Reply(Reply),
    Unanswered(Unanswered),
    /// It was not sent: this is how the slice ends instead.
    Kept(Result<End, Stop>),
}

pub(super) async fn sync(held: &mut Held<'_>, source: &Source) -> Result<End, Stop> {
    let mut reading = match Reading::open(held, source).await? {
        Ok(reading) => reading,
        Err(end) => return Ok(end),
    };
    let place = Place::of(&held.run)?;
    let stream = place.as_ref().and_then(Place::stream).unwrap_or(reading.stream);
    reading.turn_to(held, stream).await?;
    let request = match place {
        Some(Place::Page(request)) if reading.is_home(&request) => request,
        Some(Place::Page(_)) => {
            relisting::breaks(&mut held.run, "the source changed while it was listed");
            reading.first_page(&held.run)
        }
        Some(Place::Done(_) | Place::Missing { .. } | Place::Finished) => match reading.finish(held).await? {
            Ok(next) => next,
            Err(end) => {
                reading.purse.settle(held.plane).await;
                return Ok(end);
            }
        },
        None => reading.begin(&mut held.run),
    };
    let ended = Box::pin(reading.pages(held, request)).await;
    reading.purse.settle(held.plane).await;
    if matches!(&ended, Ok(End::Failed { code: "CREDENTIAL_REJECTED" | "PERMISSION_MISSING", .. })) {
        minting::forget(held.plane, source, reading.provider).await;
    }
    if let (Some(accepted), Ok(_)) = (reading.accepted, &ended) {
        crate::credential::learn(held.plane, source, accepted).await;
    }
    ended
}

impl<'a> Reading<'a> {
    /// Whoever reads of a source, with the credential for it.
    pub(super) async fn open(held: &mut Held<'_>, source: &'a Source) -> Result<Result<Self, End>, Stop> {
        let Some(provider) = source.provider.as_deref().and_then(providers::named) else {
            return Ok(Err(End::failed("NOT_SUPPORTED", "this build does not know the provider of this source", None)));
        };
        let mut reading = Self {
            source,
            provider,
            stream: streams::wanted(&held.run, source)[0],
            credential: None,
            state: StreamState::default(),
            resumed: false,
            lists_anew: false,
            knows_items: false,
            unavailable: false,
            unread_links: Vec::new(),
            whereabouts: Whereabouts::known(held.plane.store.moved(&source.id).await?),
            fresh: None,
            purse: Purse::new(held.plane, source, provider),
            accepted: None,
        };
        match reading.be_let_in(held).await? {
            Some(end) => Ok(Err(end)),
            None => Ok(Ok(reading)),
        }
    }

    /// Makes what its credential is for out of it, or says how the run ends instead.
    async fn be_let_in(&mut self, held: &mut Held<'_>) -> Result<Option<End>, Stop> {
        let Some(sealed) = &self.source.credential else { return Ok(None) };
        loop {
            match minting::show(held.plane, self.source, sealed, self.provider).await? {
                Shown::Ready { credential, good_until, .. } => {
                    self.credential = Some(credential);
                    held.ends_by(good_until);
                    return Ok(None);
                }
                Shown::Unreadable(why) => return Ok(Some(End::failed("CREDENTIAL_UNREADABLE", why, None))),
                Shown::Not(request, verdict) => {
                    held.run.calls.made += 1;
                    let is_refused = matches!(verdict, Verdict::Unauthenticated(_));
                    if let Met::End(end) = self.weather(held, &request, verdict).await? {
                        if is_refused {
                            crate::credential::learn(held.plane, self.source, false).await;
                        }
                        return Ok(Some(end));
                    }
                }
            }
        }
    }

    async fn pages(&mut self, held: &mut Held<'_>, mut request: PageRequest) -> Result<End, Stop> {
        let mut fetched = self.ask(held, &request).await;
        loop {
            let mut page = match self.read(held, &mut request, fetched).await? {
                Met::Page(page) => *page,
                Met::Again => {
                    fetched = self.ask(held, &request).await;
                    continue;
                }
                Met::End(end) => return Ok(end),
                Met::Over => match self.finish(held).await? {
                    Ok(first) => {
                        request = first;
                        fetched = self.ask(held, &request).await;
                        continue;
                    }
                    Err(end) => return Ok(end),
                },
            };
            let mut again = held.run.again.clone();
            if page.next.is_none() {
                page.next = again.pop().map(|id| self.provider.single(self.source, self.stream, &id));
            }
            page.next = page.next.map(|next| self.placed(next));
            if let Some(end) = astray(&held.run, &request, page.next.as_ref()) {
                return Ok(end);
            }
            let next = page.next.clone();
            let ahead = next.clone().filter(|_| !held.time_is_up() && self.purse.take(&held.run, held.now()));
            let (plane, reader) = (held.plane, &*self);
            let fetching = async {
                match &ahead {
                    Some(next) => Some(reader.fetch(plane, next, None).await),
                    None => None,
                }
            };
            // The request goes out first: an embedded table writes without ever waiting, and
            // what sends the request would have to wait for that.
            let committing = async {
                tokio::task::yield_now().await;
                reader.commit(held, page, again).await
            };
            let (early, committed) = futures::join!(fetching, committing);
            self.state = committed?;
            self.whereabouts.written();
            let Some(next) = next else {
                match self.finish(held).await? {
                    Ok(first) => {
                        request = first;
                        fetched = self.ask(held, &request).await;
                        continue;
                    }
                    Err(end) => return Ok(end),
                }
            };
            if let Some(early) = early {
                held.run.calls.made += 1;
                (request, fetched) = (next, early);
                continue;
            }
            if held.time_is_up() {
                return Ok(End::TimeUp);
            }
            request = next;
            fetched = self.ask(held, &request).await;
        }
    }

    /// Makes a page of what came of a request, or says what to do instead.
    pub(super) async fn read(&mut self, held: &mut Held<'_>, request: &mut PageRequest, fetched: Fetched) -> Result<Met, Stop> {
        let mut status = 0;
        let verdict = match fetched {
            Fetched::Kept(end) => return end.map(Met::End),
            Fetched::Unanswered(why @ Unanswered::Forbidden(_)) => {
                return Ok(Met::End(End::failed("ADDRESS_NOT_ALLOWED", why.to_string(), Some(request.url.clone()))));
            }
            Fetched::Unanswered(why) => {
                held.run.calls.met(&endpoint(request), "unanswered");
                Verdict::Retry(why.to_string())
            }
            Fetched::Reply(reply) => {
                held.run.calls.met(&endpoint(request), &reply.status.to_string());
                held.heartbeat().await?;
                self.note(held, &reply);
                status = reply.status;
                let verdict = self.provider.judge(request, &reply);
                self.accepted = match verdict {
                    Verdict::Unauthenticated(_) => Some(false),
                    Verdict::Readable | Verdict::Unchanged => Some(true),
                    _ => self.accepted,
                };
                match verdict {
                    // What was asked for with a validator is as it was then.
                    Verdict::Unchanged if self.validator(&held.run, request).is_some() => return Ok(Met::Page(Box::default())),
                    Verdict::Unchanged => Verdict::Retry("it says that nothing changed, which it was not asked".into()),
                    Verdict::Readable => match self.provider.read(self.source, request, &reply) {
                        Ok(page) => {
                            self.resumed = false;
                            self.note_validator(&held.run, request, reply.header("etag"), page.next.is_none());
                            return Ok(Met::Page(Box::new(self.redacted(page))));
                        }
                        Err(unreadable) => Verdict::Retry(unreadable.0),
                    },
                    verdict => verdict,
                }
            }
        };
        match verdict {
            Verdict::Missing(_) | Verdict::Unavailable(_) if request.single => Ok(Met::Page(Box::default())),
            Verdict::Moved(to) => match absolute(&request.url, &to) {
                Some(to) if stays_home(&request.url, &to) && to != request.url && held.run.tries < MOST_TRIES => {
                    held.run.tries += 1;
                    relisting::breaks(&mut held.run, "the repository moved while it was listed");
                    self.follow(held, request, to, status);
                    Ok(Met::Again)
                }
                _ => self.weather(held, request, Verdict::Moved(to).redacted(self.secret())).await,
            },
            Verdict::Missing(_) if self.returns(request) => {
                relisting::breaks(&mut held.run, "the repository is somewhere else again");
                *request = self.first_page(&held.run);
                Ok(Met::Again)
            }
            Verdict::Expired(why) if !self.lists_anew && !request.single => {
                let why = redacted(&why, self.secret());
                *request = self.list_anew(&mut held.run, &why);
                Ok(Met::Again)
            }
            // A place that was kept may be none any more: then the stream begins anew.
            Verdict::Rejected(_) if std::mem::take(&mut self.resumed) => {
                *request = self.first_page(&held.run);
                Ok(Met::Again)
            }
            verdict => self.weather(held, request, verdict.redacted(self.secret())).await,
        }
    }

    /// What must not be seen again, should the provider repeat it.
    pub(super) fn secret(&self) -> Option<&str> {
        self.credential.as_ref().map(|credential| credential.token.as_str())
    }

    fn redacted(&self, mut page: Page) -> Page {
        for rejected in &mut page.rejected {
            rejected.which = redacted(&rejected.which, self.secret());
            rejected.why = redacted(&rejected.why, self.secret());
        }
        for surprise in &mut page.surprises {
            surprise.what = redacted(&surprise.what, self.secret());
        }
        page
    }

    async fn fetch(&self, plane: &Plane, request: &PageRequest, validator: Option<&str>) -> Fetched {
        let secret_headers = self.credential.as_ref().map(|credential| self.provider.authorize(credential)).unwrap_or_default();
        let PageRequest { url, mut headers, body, .. } = request.clone();
        headers.extend(validator.map(|tag| ("if-none-match".to_owned(), tag.to_owned())));
        match plane.http.send(Outgoing { url, headers, body, secret_headers, ..Outgoing::default() }).await {
            Ok(reply) => Fetched::Reply(reply),
            Err(why) => Fetched::Unanswered(why),
        }
    }

    pub(super) async fn ask(&mut self, held: &mut Held<'_>, request: &PageRequest) -> Fetched {
        match self.purse.draw(held).await {
            Ok(None) => {}
            Ok(Some(end)) => return Fetched::Kept(Ok(end)),
            Err(stop) => return Fetched::Kept(Err(stop)),
        }
        held.run.calls.made += 1;
        let validator = self.validator(&held.run, request).map(str::to_owned);
        self.fetch(held.plane, request, validator.as_deref()).await
    }

    /// Why an item that was asked for is gone, if that is what came of it.
    pub(super) async fn gone(&mut self, held: &mut Held<'_>, request: &PageRequest, fetched: &Fetched) -> Result<Option<String>, Stop> {
        let Fetched::Reply(reply) = fetched else { return Ok(None) };
        let Some(why) = self.provider.gone(request, reply) else { return Ok(None) };
        held.run.calls.met(&endpoint(request), &reply.status.to_string());
        held.heartbeat().await?;
        self.note(held, reply);
        Ok(Some(why))
    }

    /// Keeps what a reply says besides its items: the provider's time, and what
    /// is left of its quota.
    fn note(&mut self, held: &mut Held<'_>, reply: &Reply) {
        if held.run.provider_date.is_none() {
            held.run.provider_date = reply.header("date").and_then(Moment::parse_http_date);
        }
        if reply.status == 304 {
            held.run.calls.not_modified += 1;
        }
        self.purse.hear(reply, held.now());
        let Some(limit) = limit_of(reply) else { return };
        held.run.quota_before = held.run.quota_before.or(Some(limit.remaining));
        held.run.quota_after = Some(limit.remaining);
    }
}

/// Whether the next page leads away from the provider, or back to where the run
/// has been. One request that was met is remembered, at distances that double:
/// that suffices to notice any circle.
pub(super) fn astray(run: &Run, request: &PageRequest, next: Option<&PageRequest>) -> Option<End> {
    let (next, at) = (next?, Some(request.url.clone()));
    if !stays_home(&request.url, &next.url) {
        let why = format!("the provider's next page is at another address ({}), where the credential must not go", origin(&next.url));
        return Some(End::failed("PAGE_LEFT_ORIGIN", why, at));
    }
    let repeats = fingerprint(next) == fingerprint(request) || run.met.as_ref() == Some(&fingerprint(next));
    repeats.then(|| End::failed("PAGE_REPEATS", "the provider's next page is one that was read before", at))
}

/// A request's method and path, without numbers and without what it asks: what
/// is counted must not grow with what exists, nor show what is secret.
pub(super) fn endpoint(request: &PageRequest) -> String {
    let method = if request.body.is_some() { "POST" } else { "GET" };
    let path = url::Url::parse(&request.url).map_or_else(|_| String::new(), |url| url.path().to_owned());
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = path.split('/').map(|part| if is_number(part) { "#" } else { part }).collect();
    format!("{method} {}", parts.join("/"))
}

/// What tells a request from others. What it would prefer makes it another one.
pub(super) fn fingerprint(request: &PageRequest) -> String {
    let preference = request.headers.iter().filter(|(name, _)| name == "prefer").map(|(_, value)| format!("\n{value}"));
    let preferences: String = preference.collect();
    crate::digest::short_name(&format!("{}\n{}{preferences}", request.url, request.body.as_deref().unwrap_or_default()))
}
