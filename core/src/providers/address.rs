//! How repositories are named, by those who configure them and by the people who
//! look at them.

use url::Url;

use crate::model::Source;

/// Whether a name has two parts that can stand in a path as they are.
pub(super) fn has_two_plain_parts(repository: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    matches!(repository.split('/').collect::<Vec<_>>()[..], [owner, name] if plain(owner) && plain(name))
}

/// The address people know a repository by. Its host is the one that an entry is
/// shown on, or else `home`; its name is the configured one, which stays when the
/// provider's changes.
pub(super) fn repository_url(source: &Source, shown_at: Option<&str>, home: &str) -> String {
    let origin = shown_at.and_then(|url| Url::parse(url).ok()).map(|url| url.origin().ascii_serialization());
    let origin = origin.filter(|origin| origin != "null").unwrap_or_else(|| home.to_owned());
    format!("{origin}/{}", source.repository.as_deref().unwrap_or_default())
}
