//! One stream of one provider, held against its recordings.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::recording::{self, Expected, Recordings, subset};
use crate::clock::Moment;
use crate::model::{Source, Stream};
use crate::providers::example::Example;
use crate::providers::{PROVIDERS, Page, PageRequest, Provider, Recorded, Verdict, Wait, absolute, limit_of, stays_home, testing};
use crate::vault::Credential;

const TOKEN: &str = "hush:this-is-secret-4711";

/// One stream of one provider, with what was recorded of it.
pub(super) struct Subject {
    pub(super) provider: &'static dyn Provider,
    pub(super) source: Source,
    pub(super) stream: Stream,
    pub(super) recordings: Recordings,
}

/// All providers, and the one that is an example to those that are yet to be.
pub(super) fn providers() -> impl Iterator<Item = &'static dyn Provider> {
    PROVIDERS.iter().copied().chain([&Example as &dyn Provider])
}

pub(super) fn subjects() -> Vec<Subject> {
    let of = |provider: &'static dyn Provider| {
        let source = testing::source(provider.name());
        provider.recorded().into_iter().map(move |Recorded { stream, base_url }| Subject {
            provider,
            source: Source { base_url: base_url.map(str::to_owned), ..source.clone() },
            stream,
            recordings: Recordings::of(provider.name(), stream),
        })
    };
    providers().flat_map(of).collect()
}

impl Subject {
    pub(super) fn again(&self) -> Self {
        Self { source: self.source.clone(), recordings: self.recordings.clone(), ..*self }
    }

    pub(super) fn about(&self, name: &str) -> String {
        format!("{}/{}/{name}.json", self.provider.name(), self.stream.label())
    }

    /// The request that a recording answers.
    pub(super) fn asked(&self, name: &str) -> PageRequest {
        let asked = &self.recordings.get(name).asked;
        match (&asked.after, &asked.single) {
            (Some(before), _) => {
                let page = self.read(before);
                page.next.unwrap_or_else(|| panic!("{}: nothing follows {before}", self.about(name)))
            }
            (None, Some(id)) => self.provider.single(&self.source, self.stream, id),
            (None, None) => self.provider.begin(&self.source, self.stream, asked.wanted()),
        }
    }

    fn read(&self, name: &str) -> Page {
        let reply = self.recordings.get(name).reply();
        let read = self.provider.read(&self.source, &self.asked(name), &reply);
        read.unwrap_or_else(|why| panic!("{} cannot be read: {}", self.about(name), why.0))
    }

    /// No request has a secret in it, all can be stored, and whatever shows the
    /// credential is a header of its own.
    pub(super) fn check_request(&self, request: &PageRequest, about: &str) {
        let stored = serde_json::to_string(request).expect("a request can be stored");
        assert_eq!(serde_json::from_str::<PageRequest>(&stored).ok().as_ref(), Some(request), "{about}: it changes as it is stored");
        let shown = self.provider.authorize(&Credential { token: TOKEN.to_owned() });
        let encoded = STANDARD.encode(TOKEN);
        assert!(shown.iter().any(|(_, value)| value.contains(TOKEN) || value.contains(&encoded)), "{about}: the credential is not shown");
        for (name, value) in &shown {
            assert_eq!(*name, name.to_ascii_lowercase(), "{about}: names of headers are in lower case");
            assert!(!stored.contains(value.as_str()), "{about}: the credential is stored");
            assert!(!request.headers.iter().any(|(other, _)| other == name), "{about}: {name} is sent twice");
        }
        assert!(!stored.contains(TOKEN) && !stored.contains(&encoded), "{about}: the credential is stored");
        assert!(stays_home(&request.url, &request.url), "{about}: {} is no address", request.url);
    }

    /// Holds one recording against what is expected of it, and against what is
    /// expected of its kind.
    pub(super) fn check(&self, name: &str) {
        let (recording, about) = (self.recordings.get(name), self.about(name));
        let (asked, reply) = (self.asked(name), recording.reply());
        self.check_request(&asked, &about);
        if let Some(request) = &recording.asked.request {
            let written = json!({"url": asked.url, "headers": asked.headers, "body": recording::parsed(asked.body.as_deref())});
            subset(request, &written).unwrap_or_else(|why| panic!("{about}: what is asked: {why}"));
        }
        let verdict = self.provider.judge(&asked, &reply);
        assert_eq!(verdict, self.provider.judge(&asked, &reply), "{about}: judged otherwise each time");
        if let Some(limit) = &recording.limit {
            let found = limit_of(&reply).map(
                |limit| json!({"remaining": limit.remaining, "limit": limit.limit, "resets_at": limit.resets_at.map(Moment::rfc3339)}),
            );
            assert_eq!(found.as_ref().unwrap_or(&Value::Null), limit, "{about}: what is left");
        }
        match &recording.expected {
            Expected::Verdict { verdict: expected, wait, why } => {
                let (kind, found) = told(&verdict);
                assert_eq!(kind, expected, "{about}: {verdict:?}");
                assert!(found.contains(why.as_str()), "{about}: {found:?} does not say {why:?}");
                if let Verdict::Throttled { wait: found, .. } = verdict {
                    assert_eq!(wait_in_words(found), *wait, "{about}: how long to wait");
                }
            }
            Expected::Unreadable { unreadable } => {
                assert_eq!(verdict, Verdict::Readable, "{about}");
                let why = self.provider.read(&self.source, &asked, &reply).expect_err(&about);
                assert!(why.0.contains(unreadable.as_str()), "{about}: {:?} does not say {unreadable:?}", why.0);
            }
            Expected::Page(expected) => {
                assert_eq!(verdict, Verdict::Readable, "{about}");
                let page = self.read(name);
                assert_eq!(format!("{page:?}"), format!("{:?}", self.read(name)), "{about}: read otherwise each time");
                let ids: BTreeSet<String> = page.items.iter().map(crate::model::Item::id).collect();
                assert_eq!(ids.len(), page.items.len(), "{about}: two items of a page have one id");
                let begin = format!("{}:", self.provider.name());
                assert!(page.items.iter().all(|item| item.external_id.starts_with(&begin)), "{about}: an id of another provider");
                expected.check(&page, &about);
                let unexpected = expected.unexpected(&page).filter(|_| name == "first");
                assert_eq!(unexpected, None, "{about}: of a first page's items every field is expected");
                if let Some(next) = &page.next {
                    assert_eq!(next.stream, asked.stream, "{about}: the next page is one of another stream");
                    assert!(!next.single, "{about}: the next page is no entry");
                    assert_eq!(next.number, expected.number.unwrap_or(asked.number + 1), "{about}: the next page's number");
                    self.check_request(next, &about);
                }
            }
        }
        self.check_kind(name, &asked, &verdict, &about);
    }

    /// What a recording's name promises.
    fn check_kind(&self, name: &str, asked: &PageRequest, verdict: &Verdict, about: &str) {
        let kind = recording::kind_of(name);
        let expected = match kind {
            "throttled" => "throttled",
            "unauthenticated" => "unauthenticated",
            "denied" => "denied",
            "disabled" => "unavailable",
            "gone" => "missing",
            "moved" => "moved",
            "hiccup" => "retry",
            _ => "readable",
        };
        assert!(kind == "also" || told(verdict).0 == expected, "{about}: a recording of this name is {expected}, not {verdict:?}");
        if let Verdict::Moved(to) = verdict {
            let to = absolute(&asked.url, to).unwrap_or_default();
            assert!(stays_home(&asked.url, &to), "{about}: it moved to another origin");
        }
        if *verdict != Verdict::Readable || ["garbage", "also"].contains(&kind) {
            return;
        }
        if let ("foreign", Expected::Unreadable { .. }) = (kind, &self.recordings.get(name).expected) {
            return;
        }
        let page = self.read(name);
        let next = page.next.as_ref();
        let goes_on = next.is_some_and(|next| stays_home(&asked.url, &next.url));
        let repeats = next.is_some_and(|next| (&next.url, &next.body) == (&asked.url, &asked.body));
        let is_entity = asked.stream.entity().is_some();
        let named = page.rejected.iter().all(|rejected| !rejected.which.is_empty() && !rejected.why.is_empty());
        let holds = match kind {
            "first" => page.items.len() > 1 && goes_on && !repeats && asked.number == 1,
            "middle" => !page.items.is_empty() && goes_on && !repeats && asked.number == 2,
            "last" => !page.items.is_empty() && next.is_none() && asked.number == 3,
            "empty" => page.items.is_empty() && page.rejected.is_empty() && goes_on && !repeats,
            "short" => page.items.len() == 1 && goes_on && !repeats,
            "again" => repeats,
            "foreign" => next.is_some() && !goes_on,
            "single" => page.items.len() == 1 && next.is_none() && asked.single,
            // Of a record nothing but its id has to be understood.
            "rejected" => !page.items.is_empty() && page.rejected.len() == 1 && (is_entity || page.rejected[0].id.is_some()),
            "nulls" => !page.items.is_empty() && page.rejected.is_empty(),
            "huge" => page.items.len() == 1 && page.rejected.len() <= 1,
            // In which states records may be is for their system to say.
            "state" => !page.items.is_empty() && page.rejected.len() == usize::from(!is_entity),
            _ => true,
        };
        assert!(holds && named, "{about}: this is not what the name says: {page:#?}");
    }
}

fn told(verdict: &Verdict) -> (&'static str, &str) {
    match verdict {
        Verdict::Readable => ("readable", ""),
        Verdict::Unchanged => ("unchanged", ""),
        Verdict::Retry(why) => ("retry", why),
        Verdict::Throttled { why, .. } => ("throttled", why),
        Verdict::Unauthenticated(why) => ("unauthenticated", why),
        Verdict::Denied(why) => ("denied", why),
        Verdict::Unavailable(why) => ("unavailable", why),
        Verdict::Moved(to) => ("moved", to),
        Verdict::Missing(why) => ("missing", why),
        Verdict::Rejected(why) => ("rejected", why),
        Verdict::Expired(why) => ("expired", why),
    }
}

fn wait_in_words(wait: Wait) -> String {
    match wait {
        Wait::For(span) => format!("{} seconds", span.as_secs()),
        Wait::Until(moment) => format!("until {}", moment.rfc3339()),
        Wait::Unknown => "unknown".to_owned(),
    }
}
