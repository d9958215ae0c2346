//! When progress is told, and to whom nothing is.

use super::*;
use crate::model::Sealed;

fn running(told: Option<ToldAt>) -> Run {
    let hook = Hook {
        id: "h".into(),
        address: Sealed { sealed: String::new(), last4: String::new(), fingerprint: String::new() },
        shown: "https://example.com/".into(),
    };
    let mut run = Run::blank(RunId(uuid::Uuid::nil()), WorkspaceId::known("acme"));
    run.options.hooks = vec![hook];
    run.started_at = Some(Moment(0));
    run.progress.told = told;
    run
}

/// S1.33: every ten per cent or ten seconds, whichever is later; where nobody knows how
/// much there is, every ten seconds.
#[test]
fn progress_is_told_now_and_then() {
    let at = |processed, total| Progress { processed, total, ..Progress::default() };
    let told = |seconds: i64, percentage| Some(ToldAt { at: Moment(seconds * 1000), percentage });
    let cases = [
        (None, at(9, Some(100)), 60, false),
        (None, at(10, Some(100)), 9, false),
        (None, at(10, Some(100)), 10, true),
        (told(10, Some(10)), at(95, Some(100)), 19, false),
        (told(10, Some(10)), at(19, Some(100)), 60, false),
        (told(10, Some(10)), at(20, Some(100)), 20, true),
        (None, at(500, None), 9, false),
        (None, at(500, None), 10, true),
        (told(10, None), at(500, None), 20, true),
    ];
    for (told, progress, seconds, expected) in cases {
        let is = progressed(&running(told), &progress, Moment(seconds * 1000));
        assert_eq!(is.is_some(), expected, "{told:?} {progress:?} {seconds}");
    }
    let mut without = running(None);
    without.options.hooks.clear();
    assert_eq!(progressed(&without, &at(99, Some(100)), Moment(60_000)), None);
}

/// S1.33: what can be judged without asking anyone is, and a query is never shown.
#[test]
fn an_address_is_judged_when_it_is_given() {
    let config = Config::read(|name| (name == "PULLCORD_ALLOW_HOSTS").then(|| "127.0.0.1:8080".to_owned())).expect("a configuration");
    for bad in ["http://example.com/", "https://127.0.0.1/", "http://127.0.0.1/", "https://u:p@example.com/", "hook", "https://2130706433/"]
    {
        assert!(Address::judged(&config, bad).is_err(), "{bad}");
    }
    assert!(Address::judged(&config, "http://127.0.0.1:8080/hook").is_ok());
    let address = Address::judged(&config, "https://example.com/hook?token=canary#canary").expect("a good one");
    assert_eq!(address.shown(), "https://example.com/hook");
    assert!(!format!("{address:?}").contains("canary"));
}
