use super::*;
use crate::providers::testing::{self, moment, reply};

fn source() -> Source {
    testing::source("xledger")
}

fn entity(name: &str) -> Stream {
    Stream::Entity(EntityName::parse(name).unwrap())
}

fn asked(since: Option<&str>) -> PageRequest {
    Xledger.begin(&source(), entity("projects"), Wanted { since: since.map(moment), ..Wanted::default() })
}

/// Clocks go forward at the end of March and back at the end of October.
#[test]
fn changes_are_asked_for_in_the_time_of_its_clocks() {
    for (since, local) in [
        ("2026-01-15T12:15:00Z", "2026-01-15T13:00:00"),
        ("2026-07-15T12:15:00Z", "2026-07-15T14:00:00"),
        ("2026-03-29T01:14:59Z", "2026-03-29T01:59:59"),
        ("2026-03-29T01:15:00Z", "2026-03-29T03:00:00"),
        ("2026-10-25T01:15:00Z", "2026-10-25T02:00:00"),
    ] {
        assert_eq!(variable(&asked(Some(since)), "since"), local, "{since}");
    }
    assert_eq!(variable(&asked(None), "since"), Value::Null);
    assert!(!asked(None).body.unwrap().contains("since"));
    for (local, utc) in [
        ("2026-01-15T13:00:00", "2026-01-15T12:00:00Z"),
        ("2026-07-15T14:00:00.5", "2026-07-15T12:00:00.5Z"),
        ("2026-07-15T14:00:00Z", "2026-07-15T14:00:00Z"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
    ] {
        assert_eq!(Moment::from_central_europe(local), Some(moment(utc)), "{local}");
    }
    assert_eq!(Moment::from_central_europe("yesterday"), None);
}

#[test]
fn a_page_that_takes_too_long_is_asked_for_in_smaller_ones() {
    let slow = reply(200, &[], r#"{"errors":[{"message":"Your query timed out."}]}"#);
    let mut request = asked(None);
    let mut sizes = Vec::new();
    while Xledger.judge(&request, &slow) == Verdict::Readable {
        request = Xledger.read(&source(), &request, &slow).unwrap().next.unwrap();
        sizes.push(variable(&request, "first").as_u64().unwrap());
    }
    assert_eq!(sizes, [500, 250, 125, 62, 31, 15, 10]);
    assert_eq!(Xledger.judge(&request, &slow), Verdict::Retry("Your query timed out.".into()));
}

#[test]
fn what_an_entity_does_not_have_is_not_asked_for_again() {
    let answer = |fields: &[&str]| {
        let errors: Vec<Value> =
            fields.iter().map(|field| json!({"message": format!("Cannot query field `{field}` on type `Project`.")})).collect();
        reply(200, &[], json!({"errors": errors}))
    };
    let begun = asked(Some("2026-01-15T12:15:00Z"));
    let page = Xledger.read(&source(), &begun, &answer(&["shortInfo", "xgl"])).unwrap();
    let next = page.next.unwrap();
    let text = serde_json::from_str::<Value>(next.body.as_deref().unwrap()).unwrap()["query"].as_str().unwrap().to_owned();
    assert!(!text.contains("shortInfo") && !text.contains("xgl") && text.contains("glObject1") && text.contains("filter"), "{text}");
    assert_eq!(page.surprises[0].what, "it has no shortInfo, xgl there, which is left out");
    // What stands within another field goes with it.
    let nested = without("      dbId\n      a { dbId name }\n", &["name".to_owned()]);
    assert_eq!(nested, "      dbId");
    assert!(matches!(Xledger.judge(&begun, &answer(&["dbId"])), Verdict::Unavailable(_)));
    assert!(matches!(Xledger.judge(&begun, &answer(&["projects"])), Verdict::Unavailable(_)));
    assert!(Xledger.read(&source(), &begun, &answer(&["nowhere"])).is_err(), "it would be the same once more");
}

#[test]
fn an_entity_that_nobody_can_ask_for_changes_is_read_whole() {
    let refused = r#"{"errors":[{"message":"Unknown field 'modifiedAt_gte' on Absences_FilterInput","extensions":{"code":"ARGUMENTS_OF_CORRECT_TYPE"}}]}"#;
    let refused = reply(200, &[], refused);
    let begun = asked(Some("2026-01-15T12:15:00Z"));
    let next = Xledger.read(&source(), &begun, &refused).unwrap().next.unwrap();
    assert_eq!(next.body, asked(None).body);
    assert!(matches!(Xledger.judge(&next, &refused), Verdict::Rejected(_)));
}

#[test]
fn the_end_of_a_limit_is_read_however_it_is_written() {
    for (told, wait) in [
        (json!("2026-11-20T05:20:00Z"), Wait::Until(moment("2026-11-20T05:20:00Z"))),
        (json!("2026-11-20T06:20:00"), Wait::Until(moment("2026-11-20T05:20:00Z"))),
        (json!(1_795_152_000), Wait::Until(Moment(1_795_152_000_000))),
        (json!(1_795_152_000_000_i64), Wait::Until(Moment(1_795_152_000_000))),
        (json!(null), Wait::For(Duration::from_mins(20))),
        (json!("soon"), Wait::For(Duration::from_mins(20))),
    ] {
        let body = json!({"errors": [{"message": "Not enough credits", "code": "BAD_REQUEST.INSUFFICIENT_CREDITS", "extensions": {"resetAt": told}}]});
        let verdict = Xledger.judge(&asked(None), &reply(200, &[], body));
        assert_eq!(verdict, Verdict::Throttled { wait, why: "Not enough credits".into() });
    }
}
