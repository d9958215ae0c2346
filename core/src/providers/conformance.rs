//! One suite over all providers: what each says and reads is held against replies
//! that were recorded for each of its streams.
//!
//! The recordings lie in `recordings/{provider}/{stream}/`, and what all streams of
//! a provider have in common in `recordings/{provider}/any/`. Which there have to be
//! is the list [`CASES`]; a provider or a stream without one of them fails here, and
//! the failure names the file to add.

mod recording;
mod subject;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::recording::folder;
use self::subject::{Subject, providers, subjects};
use super::{Page, Provider, Reply, Verdict, Wanted, stays_home, testing};
use crate::clock::Moment;
use crate::model::{Source, SourceKind};

/// What has to be recorded of every stream. There may be several of a kind:
/// `denied.json`, `denied-by-role.json`.
const CASES: &[Case] = &[
    case("first", "the first of three pages, with two entries or more; every field of its items is expected"),
    case("middle", "the page after it"),
    case("last", "the page after that, which is the last"),
    case("empty", "a page without entries that names a next one"),
    case("short", "a page with one entry that names a next one"),
    case("again", "a page that names itself as the next one"),
    case("foreign", "a page that names a next one at another origin"),
    case("single", "one entry alone, as `single` asks for it"),
    case("rejected", "a good page with one entry that cannot be understood"),
    case("nulls", "entries that have null wherever that may stand"),
    case("huge", "a page with a number that is too large for any id"),
    case("state", "a page with an entry in a state that nobody knows"),
    case("garbage", "a 200 whose body is JSON of another shape"),
    case("throttled", "a limit that was reached; one of each kind there is"),
    case("unauthenticated", "a credential that is not accepted"),
    case("denied", "a credential without a permission; one names the permission, if the provider does"),
    case("disabled", "a stream that is switched off, removed or not in the plan"),
    case("gone", "a repository that is not there"),
    case("moved", "a repository that is somewhere else now"),
    case("hiccup", "a provider that is unwell"),
];

/// What not every provider can say. A recording of one that cannot has, instead of
/// everything else, the reason: `{"impossible": "it answers 404, as if there were no repository"}`.
const MAY_BE_IMPOSSIBLE: &[&str] = &["denied", "disabled", "moved", "foreign", "empty"];

struct Case {
    name: &'static str,
    what: &'static str,
}

const fn case(name: &'static str, what: &'static str) -> Case {
    Case { name, what }
}

const ELSEWHERE: &str = "http://127.0.0.1:7000";

#[test]
fn every_stream_of_every_provider_is_recorded() {
    let mut missing = Vec::new();
    let known: BTreeSet<String> = providers().map(|provider| provider.name().to_owned()).collect();
    for subject in subjects() {
        let (provider, stream) = (subject.provider.name(), subject.stream.label());
        let is_recorded = |case: &&Case| subject.recordings.kinds().contains(case.name);
        missing.extend(CASES.iter().filter(|case| !is_recorded(case)).map(|case| {
            let file = format!("core/src/providers/recordings/{provider}/{stream}/{}.json", case.name);
            format!("{provider} has no recording of {stream} of this kind: add {file} ({})", case.what)
        }));
        let streams = subject.provider.recorded().into_iter().map(|recorded| recorded.stream.label().to_owned()).chain(["any".to_owned()]);
        let strays = &recording::names_in(&folder().join(provider)) - &streams.collect();
        assert!(strays.is_empty(), "recordings of {provider}: it has no such stream: {strays:?}");
        for kind in subject.recordings.impossible() {
            assert!(MAY_BE_IMPOSSIBLE.contains(&kind), "{provider}: a recording of {kind} can be had of every provider");
        }
        for kind in subject.recordings.kinds() {
            assert!(CASES.iter().any(|case| case.name == kind) || kind == "also", "recordings of {provider}: nobody knows the kind {kind}");
        }
    }
    assert!(missing.is_empty(), "docs/adding-a-provider.md says how recordings are made.\n{}", missing.join("\n"));
    let recorded = recording::names_in(&folder());
    assert_eq!(recorded.difference(&known).collect::<Vec<_>>(), ["README.md"], "recordings of a provider that is not in PROVIDERS");
}

#[test]
fn providers_are_told_apart_and_say_where_they_are() {
    let names: BTreeSet<_> = providers().map(Provider::name).collect();
    assert_eq!(names.len(), providers().count(), "two providers have one name");
    for provider in providers() {
        let name = provider.name();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{name}: not a plain word");
        let streams: BTreeSet<_> = provider.recorded().into_iter().map(|recorded| recorded.stream).collect();
        assert!(!streams.is_empty() && streams.len() == provider.recorded().len(), "{name}: no streams, or one twice");
        assert!(provider.streams().iter().all(|stream| streams.contains(stream)), "{name}: a stream that nothing is recorded of");
        assert!(provider.default_base_url().starts_with("https://"), "{name}: a credential goes over TLS");
        if provider.kind() == SourceKind::Integration {
            assert!(streams.len() > 1 && provider.streams().is_empty(), "{name}: two entities are recorded, and none is listed");
            assert!(provider.check_repository("acme/web").is_err(), "{name} takes a repository");
            continue;
        }
        assert_eq!(provider.check_repository("acme/web"), Ok(()), "{name}");
        for bad in ["", "/", "acme", "acme/", "/web", "../web", "acme/..", "a b/c", "acme/web?x", "acme/web#x", "acme/%2e"] {
            assert!(provider.check_repository(bad).is_err(), "{name} takes {bad:?} for a repository");
        }
    }
}

/// Whatever a run wants, the request for it is always the same, can be stored, goes
/// to the source's own address and has no secret in it.
#[test]
fn beginnings_are_stable_and_go_home() {
    let moment = Moment::parse("2026-02-03T04:05:06Z");
    let every = [None, moment].into_iter().flat_map(|since| {
        [(false, false), (true, false), (false, true)].map(|(include_closed, knows_items)| Wanted {
            since,
            include_closed,
            knows_items,
            ..Wanted::default()
        })
    });
    for (subject, wanted) in subjects().into_iter().flat_map(|subject| every.clone().map(move |wanted| (subject.again(), wanted))) {
        let Subject { provider, source, stream, .. } = &subject;
        let about = format!("{} {stream:?} {wanted:?}", provider.name());
        let begin = |source: &Source| provider.begin(source, *stream, wanted);
        let request = begin(source);
        assert_eq!(request, begin(source), "{about}: it begins otherwise each time");
        assert_eq!((request.stream, request.number, request.single), (*stream, 1, false), "{about}");
        subject.check_request(&request, &about);
        let single = provider.single(source, *stream, "7");
        assert_eq!((single.stream, single.single), (*stream, true), "{about}");
        assert_eq!(single, provider.single(source, *stream, "7"), "{about}");
        subject.check_request(&single, &about);
        for base in [ELSEWHERE.to_owned(), format!("{ELSEWHERE}/")] {
            let elsewhere = Source { base_url: Some(base), ..source.clone() };
            for request in [begin(&elsewhere), provider.single(&elsewhere, *stream, "7")] {
                assert!(stays_home(ELSEWHERE, &request.url), "{about}: {} is not at the source's base_url", request.url);
                assert!(!request.url.split_once("://").is_some_and(|(_, rest)| rest.contains("//")), "{about}: {}", request.url);
            }
        }
    }
}

/// S2.12, S2.14, S2.86: entries, the next page and what is left of the quota, from replies and without a network.
#[test]
fn what_was_recorded_is_read_as_expected() {
    for subject in subjects() {
        for name in subject.recordings.names() {
            subject.check(&name);
        }
    }
}

/// However a reply is cut off on its way, nothing panics, and half a page is none.
#[test]
fn no_beginning_of_a_reply_is_taken_for_the_whole() {
    for subject in subjects() {
        for name in subject.recordings.names() {
            let recording = subject.recordings.get(&name);
            let (asked, whole) = (subject.asked(&name), recording.reply());
            let length = whole.body.trim_ascii_end().len();
            for cut in 0..length {
                let reply = Reply { body: whole.body[..cut].to_vec(), ..whole.clone() };
                let is_page = subject.provider.judge(&asked, &reply) == Verdict::Readable;
                let read = subject.provider.read(&subject.source, &asked, &reply);
                assert!(!is_page || read.is_err(), "{}: {cut} of {length} bytes are taken for a page", subject.about(&name));
            }
        }
    }
}

#[test]
fn garbage_is_no_page() {
    for subject in subjects() {
        let asked = subject.asked("first");
        let single = subject.provider.single(&subject.source, subject.stream, "7");
        for body in ["", " ", "<html><body>Please log in</body></html>", "null", "true", "7", "\"text\"", "[", "{", "[[]", "\u{feff}", "OK"]
        {
            let reply = testing::reply(200, &[("content-type", "application/json")], body);
            assert!(
                subject.provider.read(&subject.source, &asked, &reply).is_err(),
                "{}: {body:?} is taken for a page",
                subject.about("first")
            );
            assert_eq!(subject.provider.judge(&asked, &reply), Verdict::Readable, "{body:?} is for the reader to refuse");
            let one = subject.provider.read(&subject.source, &single, &reply);
            assert!(one.is_err_and(|why| !why.0.is_empty()), "{}: {body:?} is taken for an entry", subject.about("single"));
        }
    }
}

/// What is wrong with one entry concerns no other: each field of each entry is
/// replaced by all sorts of things, and the others are read as before.
#[test]
fn what_is_wrong_with_one_entry_concerns_no_other() {
    let wrong =
        [json!(null), json!(-1), json!(1e300), json!(u64::MAX), json!(true), json!("\u{0}\u{202e}"), json!([null]), json!({"a": {}})];
    for subject in subjects() {
        for name in ["first", "middle", "last"] {
            let recording = subject.recordings.get(name);
            let (asked, about) = (subject.asked(name), subject.about(name));
            let place = recording.entries.as_deref().unwrap_or_else(|| panic!("{about}: `entries` does not say where the entries stand"));
            let entries =
                recording.body.pointer(place).and_then(Value::as_array).unwrap_or_else(|| panic!("{about}: no entries at {place:?}"));
            let read = |body: &Value| {
                let reply = Reply { body: body.to_string().into_bytes(), ..recording.reply() };
                subject.provider.read(&subject.source, &asked, &reply)
            };
            let whole = read(&recording.body).expect("it is a page");
            assert_eq!(whole.items.len(), entries.len(), "{about}: an item for each entry");
            for (position, entry) in entries.iter().enumerate() {
                for path in recording::places_in(entry) {
                    for wrong in &wrong {
                        let mut body = recording.body.clone();
                        *body.pointer_mut(&format!("{place}/{position}{path}")).expect("a field") = wrong.clone();
                        let page = read(&body).unwrap_or_else(|why| panic!("{about}: {wrong} at {path} spoils the page: {}", why.0));
                        let others = |page: &Page| -> Vec<_> {
                            page.items.iter().filter(|item| item.external_id != whole.items[position].external_id).cloned().collect()
                        };
                        let kept = whole.items.iter().filter(|item| others(&page).contains(item)).count();
                        assert_eq!(kept, entries.len() - 1, "{about}: {wrong} at {path} of entry {position} spoils another");
                        assert!(page.items.len() + page.rejected.len() <= entries.len(), "{about}: {wrong} at {path} makes more of it");
                    }
                }
            }
        }
    }
}
