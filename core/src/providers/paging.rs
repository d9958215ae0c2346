//! How pages lead to pages.

use url::Url;

/// The target of `rel="next"` in a `Link` header. A target may have commas in it,
/// so links are told apart by their angle brackets.
pub fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let parameters = after.split('<').next().unwrap_or_default();
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.trim().split_once('=').unwrap_or_default();
            name.eq_ignore_ascii_case("rel") && value.trim_matches('"').split(' ').any(|rel| rel == "next")
        });
        if is_next {
            return Some(target);
        }
        rest = after;
    }
    None
}

/// Whether the next page has the same origin as this one. A credential must not
/// travel, however a reply may wish it.
pub fn stays_home(asked: &str, next: &str) -> bool {
    match (Url::parse(asked), Url::parse(next)) {
        (Ok(asked), Ok(next)) => asked.origin() == next.origin() && next.username().is_empty() && next.password().is_none(),
        _ => false,
    }
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
}
