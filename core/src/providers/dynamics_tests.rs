use super::*;
use crate::providers::testing::{self, moment, reply};

fn at(base_url: Option<&str>) -> Source {
    Source { base_url: base_url.map(str::to_owned), ..testing::source("dynamics") }
}

fn entity(name: &str) -> Stream {
    Stream::Entity(EntityName::parse(name).unwrap())
}

const COMPANY: &str = "https://api.businesscentral.dynamics.com/v2.0/production/api/v2.0/companies(f64eba74-dacd-4854-a584-1834f68cfc3a)";

#[test]
fn both_systems_are_told_by_their_address() {
    let since = Wanted { since: Some(moment("2026-11-20T05:00:00Z")), ..Wanted::default() };
    for (base, everything, changes) in [
        (
            "https://acme.crm4.dynamics.com",
            "https://acme.crm4.dynamics.com/api/data/v9.2/accounts",
            "?$filter=modifiedon%20ge%202026-11-20T05:00:00Z",
        ),
        (
            "https://acme.crm4.dynamics.com/api/data/v9.1/",
            "https://acme.crm4.dynamics.com/api/data/v9.1/accounts",
            "?$filter=modifiedon%20ge%202026-11-20T05:00:00Z",
        ),
        (COMPANY, &format!("{COMPANY}/accounts"), "?$filter=lastModifiedDateTime%20gt%202026-11-20T05:00:00Z"),
    ] {
        assert_eq!(Dynamics.begin(&at(Some(base)), entity("accounts"), Wanted::default()).url, everything);
        assert_eq!(Dynamics.begin(&at(Some(base)), entity("accounts"), since).url, format!("{everything}{changes}"));
        assert_eq!(Dynamics.check_base_url(base), Ok(()));
    }
    assert!(Dynamics.check_base_url("https://api.businesscentral.dynamics.com/v2.0/production/api/v2.0").is_err());
}

/// A link is asked as it came, and every page after it prefers the same.
#[test]
fn a_link_is_followed_to_the_letter() {
    let link = "https://yourorg.crm.dynamics.com/api/data/v9.2/accounts?$select=name&$deltatoken=919042%2108%2f22%2F2017%2008%3a10%3a44";
    let request = Dynamics.begin(&at(None), entity("accounts"), Wanted { resume: Some(link), ..Wanted::default() });
    assert_eq!(request.url, link);
    let next = "https://yourorg.crm.dynamics.com/api/data/v9.2/accounts?$skiptoken=%3Ccookie%20pagenumber=%222%22%2f%3E";
    let page = Dynamics.read(&at(None), &request, &reply(200, &[], serde_json::json!({"value": [], "@odata.nextLink": next}))).unwrap();
    let next_request = page.next.unwrap();
    assert_eq!((next_request.url.as_str(), &next_request.headers), (next, &request.headers));
    assert!(is_tracked(&next_request));
}

#[test]
fn the_id_of_a_row_is_found_whatever_its_table_is_called() {
    const ONE: &str = "60c4e274-0d87-e711-80e5-00155db19e6d";
    const OTHER: &str = "2e451703-c686-e711-80e5-00155db19e6d";
    for (entity, field) in [
        ("accounts", "accountid"),
        ("opportunities", "opportunityid"),
        ("cr123_boxes", "cr123_boxid"),
        ("tasks", "activityid"),
        ("cr123_people", "cr123_personid"),
    ] {
        let row = format!(r#"{{"{field}":"{ONE}","_parent_value":"{OTHER}","_ownerid":"{OTHER}"}}"#);
        let record = Record::read(&RawValue::from_string(row).unwrap()).unwrap();
        assert_eq!(key(&record, entity).as_deref(), Some(field));
    }
    // Of two that it may be it is neither.
    let row = format!(r#"{{"cr123_personid":"{ONE}","stageid":"{OTHER}"}}"#);
    assert_eq!(key(&Record::read(&RawValue::from_string(row).unwrap()).unwrap(), "cr123_people"), None);
}

#[test]
fn a_table_without_tracking_or_times_is_read_all_the_same() {
    let message = |text: &str| reply(400, &[], serde_json::json!({"error": {"code": "0x80060888", "message": text}}));
    let begun = Dynamics.begin(&at(None), entity("accounts"), Wanted::default());
    let untracked = message("Change tracking is not enabled for the table account.");
    assert_eq!(Dynamics.judge(&begun, &untracked), Verdict::Readable);
    let next = Dynamics.read(&at(None), &begun, &untracked).unwrap().next.unwrap();
    assert!(next.url == begun.url && !is_tracked(&next));
    assert!(matches!(Dynamics.judge(&next, &untracked), Verdict::Rejected(_)));
    let since = Wanted { since: Some(moment("2026-11-20T05:00:00Z")), ..Wanted::default() };
    let begun = Dynamics.begin(&at(None), entity("accounts"), since);
    let timeless = message("Could not find a property named 'modifiedon' on type 'Microsoft.Dynamics.CRM.account'.");
    let next = Dynamics.read(&at(None), &begun, &timeless).unwrap().next.unwrap();
    assert_eq!(next.url, "https://yourorg.crm.dynamics.com/api/data/v9.2/accounts");
}

/// Invariant 7: a table or a company that is not there says nothing of a record.
#[test]
fn only_a_record_is_gone() {
    let asked = Dynamics.single(&at(None), entity("accounts"), "60c4e274-0d87-e711-80e5-00155db19e6d");
    let gone = |status, code: &str, text: &str| {
        Dynamics.gone(&asked, &reply(status, &[], serde_json::json!({"error": {"code": code, "message": text}}))).is_some()
    };
    assert!(gone(404, "0x80040217", "account With Id = 60c4e274-0d87-e711-80e5-00155db19e6d Does Not Exist"));
    assert!(!gone(404, "0x8006088a", "Resource not found for the segment 'accounts'."));
    assert!(!gone(404, "Internal_CompanyNotFound", "The company is not there"));
    assert!(!gone(410, "Gone", "Gone") && !gone(403, "0x80040220", "no privilege") && !gone(400, "0x80044352", "Version stamp"));
}
