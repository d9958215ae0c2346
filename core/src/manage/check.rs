//! What is wrong with a source that someone wrote, all of it at once.

use url::Url;

use crate::documents::{self, Unusable};
use crate::error::Complaint;
use crate::http::{Allowed, judge_address};
use crate::model::{EntityName, SourceKind, Stream};
use crate::plane::Plane;
use crate::providers::{self, Provider};

/// Entities of one integration: those that are taken away are forgotten in the
/// transaction that takes them away.
const MOST_ENTITIES: usize = 20;
/// The longest secret of a webhook that is kept.
const LONGEST_SECRET: usize = 1024;

/// Whether an integration could be called so.
pub fn is_integration_type(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Complaints, as they come up.
pub(super) struct Check<'a> {
    pub(super) plane: &'a Plane,
    pub(super) complaints: Vec<Complaint>,
}

impl Check<'_> {
    pub(super) fn complain(&mut self, at: &str, why: impl Into<String>) {
        self.complaints.push(Complaint { at: at.to_owned(), why: why.into() });
    }

    pub(super) fn absent(&mut self, at: &str, given: bool, kind: SourceKind) {
        if given {
            self.complain(at, format!("has no meaning for a source of kind {}", kind.as_str()));
        }
    }

    pub(super) fn provider(&mut self, name: Option<&str>, kind: SourceKind) -> Option<&'static dyn Provider> {
        let provider = name.and_then(providers::named).filter(|provider| provider.kind() == kind);
        if provider.is_none() {
            let known: Vec<&str> =
                providers::PROVIDERS.iter().filter(|provider| provider.kind() == kind).map(|provider| provider.name()).collect();
            self.complain("provider", format!("must be one of {}", known.join(", ")));
        }
        provider
    }

    pub(super) fn base_url(&mut self, provider: Option<&'static dyn Provider>, text: &str) {
        match Url::parse(text) {
            Err(why) => self.complain("base_url", format!("is not an address: {why}")),
            Ok(url) if url.query().is_some() || url.fragment().is_some() => self.complain("base_url", "must have no query or fragment"),
            Ok(url) => {
                if let Err(what) = judge_address(&url, &Allowed::for_sources(&self.plane.config)) {
                    self.complain("base_url", format!("may not be reached: {what}; an operator can list it in PULLCORD_ALLOW_HOSTS"));
                }
                if let Some(Err(why)) = provider.map(|provider| provider.check_base_url(text)) {
                    self.complain("base_url", why);
                }
            }
        }
    }

    pub(super) fn repository(&mut self, provider: Option<&'static dyn Provider>, repository: Option<&str>) {
        match (provider, repository) {
            (_, None) => self.complain("repository", "is missing"),
            (Some(provider), Some(repository)) => {
                if let Err(why) = provider.check_repository(repository) {
                    self.complain("repository", why);
                }
            }
            (None, Some(_)) => {}
        }
    }

    pub(super) fn streams(&mut self, provider: Option<&'static dyn Provider>, names: &[String]) -> Vec<Stream> {
        let Some(provider) = provider else { return Vec::new() };
        if names.is_empty() {
            return provider.streams().iter().take(1).copied().collect();
        }
        let mut streams = Vec::new();
        for name in names {
            match provider.streams().iter().find(|stream| stream.as_str() == name) {
                Some(stream) if streams.contains(stream) => self.complain("streams", format!("names {name} twice")),
                Some(stream) => streams.push(*stream),
                None => {
                    let known: Vec<&str> = provider.streams().iter().map(Stream::as_str).collect();
                    self.complain("streams", format!("{} has no stream {name}; it has {}", provider.name(), known.join(", ")));
                }
            }
        }
        streams
    }

    /// What an integration takes. Each is a stream, which has rows of its own.
    pub(super) fn entities(&mut self, names: &[String]) -> Vec<Stream> {
        if names.is_empty() {
            self.complain("entities", "must name at least one");
        } else if names.len() > MOST_ENTITIES {
            self.complain("entities", format!("must be at most {MOST_ENTITIES}"));
        }
        let mut streams = Vec::new();
        for (place, name) in names.iter().enumerate() {
            match EntityName::parse(name).map(Stream::Entity) {
                Ok(stream) if streams.contains(&stream) => self.complain(&format!("entities[{place}]"), format!("names {name} twice")),
                Ok(stream) => streams.push(stream),
                Err(why) => self.complain(&format!("entities[{place}]"), why),
            }
        }
        streams
    }

    /// The name by which its workspace has one integration.
    pub(super) fn integration_type(&mut self, name: &str) {
        if !is_integration_type(name) {
            self.complain("integration_type", "must be 1 to 64 characters of a-z, 0-9, dash and underscore");
        }
    }

    /// Forges take nearly any text. Most send it, or sign with it, without what stands
    /// around it.
    pub(super) fn webhook_secret(&mut self, secret: &str) {
        let plain = !secret.chars().any(char::is_control) && secret.trim() == secret;
        if secret.is_empty() || secret.len() > LONGEST_SECRET || !plain {
            let why = format!("must be 1 to {LONGEST_SECRET} bytes, without control characters, and without spaces around it");
            self.complain("webhook.secret", why);
        }
    }

    pub(super) fn patterns(&mut self, patterns: &[String]) {
        if let Err(why) = documents::patterns(patterns) {
            self.complain("patterns", why);
        }
    }
}

/// Checks a folder of documents. One that is not there may come yet; one outside
/// the allowed folders never will do.
pub(super) fn check_path(plane: &Plane, path: &str, complaints: &mut Vec<Complaint>) {
    let mut complain = |why: &str| complaints.push(Complaint { at: "path".to_owned(), why: why.to_owned() });
    let roots = &plane.config.document_roots;
    if roots.is_empty() {
        complain("this deployment allows no folders: an operator can mount one and list it in PULLCORD_DOCUMENT_ROOTS");
    } else if !path.starts_with('/') {
        complain("must be an absolute path");
    } else if path.contains('\0') {
        complain("has a character that no path can have");
    } else if documents::resolve(path, roots) == Err(Unusable::NotAllowed) {
        complain("does not lie under the folders that PULLCORD_DOCUMENT_ROOTS allows");
    }
}
