//! What each kind of source needs, and what means nothing to it.

use super::check::{Check, check_path};
use super::sources::{ChangedSource, NewSource};
use crate::model::{SourceKind, Stream};
use crate::providers::Provider;

/// What is given of a source that is to be made, and which kinds it means something to.
fn given(new: &NewSource) -> [(&'static str, bool, &'static [SourceKind]); 14] {
    use SourceKind::{Documents, Index, Integration, Repository};
    [
        ("git", new.git.is_some(), &[Index]),
        ("branches", !new.branches.is_empty(), &[Index]),
        ("ignore_patterns", !new.ignore_patterns.is_empty(), &[Index]),
        ("provider", new.provider.is_some(), &[Repository, Integration]),
        ("integration_type", new.integration_type.is_some(), &[Integration]),
        ("base_url", new.base_url.is_some(), &[Repository, Integration]),
        ("repository", new.repository.is_some(), &[Repository]),
        ("credential", new.credential.is_some(), &[Repository, Integration, Index]),
        ("streams", !new.streams.is_empty(), &[Repository]),
        ("entities", !new.entities.is_empty(), &[Integration]),
        ("health", new.health.is_some(), &[Integration]),
        ("path", new.path.is_some(), &[Documents]),
        ("patterns", !new.patterns.is_empty(), &[Documents]),
        ("webhook.secret", new.webhook_secret.is_some(), &[Repository]),
    ]
}

/// The same of a change.
fn changed(change: &ChangedSource) -> [(&'static str, bool, &'static [SourceKind]); 12] {
    use SourceKind::{Documents, Index, Integration, Repository};
    [
        ("git", change.git.is_some(), &[Index]),
        ("branches", change.branches.is_some(), &[Index]),
        ("ignore_patterns", change.ignore_patterns.is_some(), &[Index]),
        ("base_url", change.base_url.is_some(), &[Repository, Integration]),
        ("repository", change.repository.is_some(), &[Repository]),
        ("credential", change.credential.is_some(), &[Repository, Integration, Index]),
        ("streams", change.streams.is_some(), &[Repository]),
        ("entities", change.entities.is_some(), &[Integration]),
        ("health", change.health.is_some(), &[Integration]),
        ("path", change.path.is_some(), &[Documents]),
        ("patterns", change.patterns.is_some(), &[Documents]),
        ("webhook.secret", change.webhook_secret.is_some(), &[Repository]),
    ]
}

/// By what name the workspace of an integration knows it: its provider's, if it has no
/// other.
pub(super) fn integration_type(new: &NewSource) -> Option<String> {
    let named = || new.integration_type.clone().or_else(|| new.provider.clone());
    (new.kind == Some(SourceKind::Integration)).then(named).flatten()
}

impl Check<'_> {
    /// Complains of what a kind of source lacks, or cannot use; the streams it reads.
    pub(super) fn fits(&mut self, new: &NewSource) -> Vec<Stream> {
        let Some(kind) = new.kind else {
            self.complain("kind", "is missing");
            return Vec::new();
        };
        for (at, is_given, kinds) in given(new) {
            self.absent(at, is_given && !kinds.contains(&kind), kind);
        }
        if kind == SourceKind::Documents {
            match &new.path {
                Some(path) => check_path(self.plane, path, &mut self.complaints),
                None => self.complain("path", "is missing"),
            }
            self.patterns(&new.patterns);
            return Vec::new();
        }
        if kind == SourceKind::Index {
            match &new.git {
                Some(git) => self.git(git),
                None => self.complain("git", "is missing: where is the code?"),
            }
            self.branches(&new.branches);
            self.ignored(&new.ignore_patterns);
            if let Some(credential) = &new.credential {
                self.credential(None, credential);
            }
            return Vec::new();
        }
        let provider = self.provider(new.provider.as_deref(), kind);
        match &new.base_url {
            Some(base_url) => self.base_url(provider, base_url),
            None if provider.is_some_and(Provider::needs_base_url) => {
                self.complain("base_url", "is missing: everyone has an address of their own there");
            }
            None => {}
        }
        if let Some(credential) = &new.credential {
            self.credential(provider, credential);
        }
        if kind == SourceKind::Integration {
            if let Some(name) = &new.integration_type {
                self.integration_type(name);
            }
            return self.entities(&new.entities);
        }
        self.repository(provider, new.repository.as_deref());
        if let Some(secret) = &new.webhook_secret {
            self.webhook_secret(secret);
        }
        self.streams(provider, &new.streams)
    }

    /// Complains of what is to change in a source, and means nothing to its kind.
    pub(super) fn change_fits(&mut self, kind: SourceKind, change: &ChangedSource) {
        for (at, is_given, kinds) in changed(change) {
            self.absent(at, is_given && !kinds.contains(&kind), kind);
        }
    }
}
