//! External ids, as callers write them.

use url::Url;

use super::ItemType;

/// The longest external id that is read.
const LONGEST: usize = 500;
const FORM: &str = "must be {provider}:{repository url}:{kind}:{provider's id}, such as github:https://github.com/acme/web:issue:17, \
                    or the same without the kind";

/// What an external id says. The kind is left out in the older form, which is one
/// of issues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalId {
    pub provider: String,
    pub repository: Url,
    pub kind: ItemType,
    /// The number that people see, or what a finding without one is known by.
    pub id: String,
}

impl ExternalId {
    /// Reads an external id, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > LONGEST {
            return Err(format!("must have at most {LONGEST} characters"));
        }
        let (provider, rest) = text.split_once(':').ok_or(FORM)?;
        let (rest, id) = rest.rsplit_once(':').ok_or(FORM)?;
        let known = |name: &str| ItemType::parse(name).filter(|kind| !matches!(kind, ItemType::Document | ItemType::Record));
        let named = rest.rsplit_once(':').and_then(|(url, name)| Some((url, known(name)?)));
        let (url, kind) = named.unwrap_or((rest, ItemType::Issue));
        let repository = Url::parse(url).ok().filter(is_plain).ok_or(FORM)?;
        let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) && !id.starts_with('0');
        // Of all that a forge lists only GitLab's findings may have no number.
        let is_name = kind == ItemType::Alert && is_uuid(id);
        if provider.is_empty() || !(is_number && id.len() <= 20 || is_name) {
            return Err(FORM.to_owned());
        }
        Ok(Self { provider: provider.to_owned(), repository, kind, id: id.to_owned() })
    }

    /// Whether it speaks of the repository of this address. Capitals in names do not
    /// matter to any forge, nor what their own addresses end in.
    pub fn is_of(&self, repository: &str) -> bool {
        Url::parse(repository).is_ok_and(|other| plain(&other) == plain(&self.repository))
    }

    /// How it is written where the repository has this address.
    pub fn written(&self, repository: &str) -> String {
        format!("{}:{repository}:{}:{}", self.provider, self.kind.as_str(), self.id)
    }
}

/// An address that says no more than where something is.
fn is_plain(url: &Url) -> bool {
    let only_a_place = url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    matches!(url.scheme(), "https" | "http") && only_a_place && url.path().len() > 1
}

fn plain(url: &Url) -> (String, String) {
    let path = url.path().trim_end_matches('/').to_ascii_lowercase();
    (url.origin().ascii_serialization(), path.strip_suffix(".git").unwrap_or(&path).to_owned())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "https://github.com/acme/web";

    /// S2.31, S2.87, S2.112, S2.122: both forms, and what they come to.
    #[test]
    fn both_forms_are_read() {
        let table = [
            ("github:https://github.com/acme/web:issue:17", WEB, "github:https://github.com/acme/web:issue:17"),
            ("github:https://github.com/acme/web:17", WEB, "github:https://github.com/acme/web:issue:17"),
            ("github:https://github.com/acme/web:alert:3", WEB, "github:https://github.com/acme/web:alert:3"),
            ("github:https://github.com/acme/web:pull_request:3", WEB, "github:https://github.com/acme/web:pull_request:3"),
            ("github:https://GitHub.com/Acme/Web/:issue:17", WEB, "github:https://github.com/acme/web:issue:17"),
            ("github:https://github.com/acme/web.git:17", WEB, "github:https://github.com/acme/web:issue:17"),
            (
                "gitlab:http://127.0.0.1:3000/group/sub/web:issue:5",
                "http://127.0.0.1:3000/group/sub/web",
                "gitlab:http://127.0.0.1:3000/group/sub/web:issue:5",
            ),
            ("gitlab:https://git.acme.org:8443/a/b:5", "https://git.acme.org:8443/a/b", "gitlab:https://git.acme.org:8443/a/b:issue:5"),
            (
                "gitlab:https://gitlab.com/a/b:alert:22a4a22b-4a48-5b05-a4f4-2b0d5e0fb9a3",
                "https://gitlab.com/a/b",
                "gitlab:https://gitlab.com/a/b:alert:22a4a22b-4a48-5b05-a4f4-2b0d5e0fb9a3",
            ),
            (
                "bitbucket:https://bitbucket.org/acme/web:9",
                "https://bitbucket.org/acme/web",
                "bitbucket:https://bitbucket.org/acme/web:issue:9",
            ),
        ];
        for (text, repository, written) in table {
            let read = ExternalId::parse(text).unwrap();
            assert!(read.is_of(repository), "{text}");
            assert_eq!(read.written(repository), written);
        }
    }

    #[test]
    fn another_repository_is_another_one() {
        let table = [
            "github:https://github.com/acme/web2:issue:17",
            "github:https://github.com/acme:issue:17",
            "github:https://github.com/acme/web/more:17",
            "github:http://github.com/acme/web:17",
            "github:https://github.com:8443/acme/web:17",
            "github:https://github.com/acme/web:bug:17",
        ];
        for text in table {
            assert!(!ExternalId::parse(text).unwrap().is_of(WEB), "{text}");
        }
    }

    /// S2.122: too long, without a web address, or with more or less in it than belongs there.
    #[test]
    fn what_is_no_external_id_is_none() {
        let long = format!("github:https://github.com/acme/{}:issue:17", "w".repeat(500));
        let table = [
            "",
            "17",
            "github",
            "github:17",
            "github:acme/web:17",
            "github:https://github.com/acme/web",
            "github:https://github.com/acme/web:issue:",
            "github:https://github.com/acme/web:issue:x",
            "github:https://github.com/acme/web:issue:-1",
            "github:https://github.com/acme/web:issue:017",
            "github:https://github.com/acme/web:issue:0",
            "github:https://github.com/acme/web:issue:1 7",
            "github:https://github.com/acme/web:issue:123456789012345678901",
            "github:https://github.com/acme/web:issue:22a4a22b-4a48-5b05-a4f4-2b0d5e0fb9a3",
            "github:https://github.com/:issue:17",
            "github:https://mia@github.com/acme/web:issue:17",
            "github:https://github.com/acme/web?a=b:issue:17",
            "github:ssh://github.com/acme/web:issue:17",
            ":https://github.com/acme/web:issue:17",
            &long,
        ];
        for text in table {
            assert!(ExternalId::parse(text).is_err(), "{text}");
        }
        let just = "w".repeat(500 - "github:https://github.com/acme/:issue:17".len());
        assert!(ExternalId::parse(&format!("github:https://github.com/acme/{just}:issue:17")).is_ok());
    }
}
