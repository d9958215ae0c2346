//! How pages lead to pages.

use serde_json::Value;
use url::Url;

use crate::clock::Moment;

/// The target of `rel="next"` in a `Link` header.
pub fn next_link(header: &str) -> Option<&str> {
    linked(header, "next")
}

/// The target of that relation in a `Link` header. A target may have commas in it,
/// so links are told apart by their angle brackets.
pub(super) fn linked<'a>(header: &'a str, relation: &str) -> Option<&'a str> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let parameters = after.split('<').next().unwrap_or_default();
        let is_meant = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.trim().split_once('=').unwrap_or_default();
            name.eq_ignore_ascii_case("rel") && value.trim_matches('"').split(' ').any(|rel| rel == relation)
        });
        if is_meant {
            return Some(target);
        }
        rest = after;
    }
    None
}

/// A parameter of an address.
pub(super) fn parameter(address: &str, name: &str) -> Option<String> {
    let address = Url::parse(address).ok()?;
    address.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// Takes from a page, whose entries stand newest change first, what changed before
/// anyone wants to look; whether it ends there, and so does the listing. What
/// changed at that very moment is still wanted.
pub(super) fn cut_at(back_to: Option<Moment>, entries: &mut Vec<Value>, changed: fn(&Value) -> Option<Moment>) -> bool {
    let Some(back_to) = back_to else { return false };
    let last = entries.iter().filter_map(changed).next_back();
    entries.retain(|entry| changed(entry).is_none_or(|changed| changed >= back_to));
    last.is_some_and(|last| last < back_to)
}

/// Whether the next page has the same origin as this one. A credential must not
/// travel, however a reply may wish it.
pub fn stays_home(asked: &str, next: &str) -> bool {
    match (Url::parse(asked), Url::parse(next)) {
        (Ok(asked), Ok(next)) => asked.origin() == next.origin() && next.username().is_empty() && next.password().is_none(),
        _ => false,
    }
}

/// An address that a reply names, which may be one from the root on.
pub fn absolute(asked: &str, named: &str) -> Option<String> {
    Some(Url::parse(asked).ok()?.join(named).ok()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_other_links() {
        let header =
            r#"<https://api.x/i?page=1>; rel="prev", <https://api.x/i?after=a%2Cb>; rel="next", <https://api.x/i?page=9>; rel="last""#;
        assert_eq!(next_link(header), Some("https://api.x/i?after=a%2Cb"));
        assert_eq!(next_link(r#"<https://api.x/i?page=1>; rel="prev""#), None);
        let among = r#"<https://x/style.css>; rel=preload, <https://x/i?q=a,b&after=1>; rel="next""#;
        assert_eq!(next_link(among), Some("https://x/i?q=a,b&after=1"));
        assert_eq!(next_link(""), None);
        assert_eq!(next_link("nonsense; rel=next"), None);
        assert_eq!(linked(header, "last"), Some("https://api.x/i?page=9"));
    }

    #[test]
    fn a_listing_from_the_newest_change_on_ends_past_the_moment_that_is_wanted() {
        let cut = |back_to, times: &[i64]| {
            let mut entries = times.iter().copied().map(Value::from).collect();
            let is_over = cut_at(back_to, &mut entries, |entry| entry.as_i64().filter(|at| *at > 0).map(Moment));
            (is_over, entries.len())
        };
        assert_eq!(cut(Some(Moment(5)), &[9, 7, 4]), (true, 2));
        assert_eq!(cut(Some(Moment(5)), &[9, 7, 5]), (false, 3));
        // One whose time cannot be read is not passed over, and tells nothing.
        assert_eq!(cut(Some(Moment(5)), &[9, 4, 0]), (true, 2));
        assert_eq!(cut(Some(Moment(5)), &[]), (false, 0));
        assert_eq!(cut(None, &[9, 7, 4]), (false, 3));
    }

    #[test]
    fn a_page_never_leads_to_another_origin() {
        let home = "https://api.x/issues?page=1";
        assert!(stays_home(home, "https://api.x/repositories/1/issues?page=2"));
        for away in ["http://api.x/i", "https://api.y/i", "https://api.x:8443/i", "https://u:p@api.x/i", "/relative", "https://api.x.evil/"]
        {
            assert!(!stays_home(home, away), "{away}");
        }
    }

    #[test]
    fn an_address_may_be_told_from_the_root_on() {
        let asked = "https://git.x/api/v1/repos/acme/web/issues?page=1";
        assert_eq!(
            absolute(asked, "/api/v1/repos/acme/site/issues?page=1").as_deref(),
            Some("https://git.x/api/v1/repos/acme/site/issues?page=1")
        );
        assert_eq!(absolute(asked, "https://evil.x/a").as_deref(), Some("https://evil.x/a"));
        assert_eq!(absolute(asked, "//evil.x/a").as_deref(), Some("https://evil.x/a"));
    }
}
