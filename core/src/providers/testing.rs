//! What the tests of all providers begin with.

use super::{Reply, Sent};
use crate::clock::Moment;
use crate::model::{Limits, Source, SourceId, SourceKind, Stream, Webhook, WorkspaceId};

/// The repository acme/web at a provider's own address, or what stands for it of a
/// system that has none.
pub(super) fn source(provider: &str) -> Source {
    let integration = super::named(provider).is_some_and(|provider| provider.kind() == SourceKind::Integration);
    Source {
        id: SourceId::known("web"),
        workspace: WorkspaceId::known("acme"),
        kind: if integration { SourceKind::Integration } else { SourceKind::Repository },
        name: "web".into(),
        project: None,
        provider: Some(provider.into()),
        integration_type: None,
        base_url: None,
        repository: (!integration).then(|| "acme/web".into()),
        principal: None,
        streams: vec![Stream::Issues],
        monitored: true,
        path: None,
        patterns: Vec::new(),
        git: None,
        branches: Vec::new(),
        ignore_patterns: Vec::new(),
        webhook: Webhook::default(),
        credential: None,
        credential_changed_at: None,
        credential_check: None,
        schedule: None,
        health: None,
        limits: Limits::default(),
        settings_version: 1,
        created_at: Moment(0),
        deleted_at: None,
        version: 1,
    }
}

pub(super) fn reply(status: u16, headers: &[(&str, &str)], body: impl ToString) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Reply { status, headers, body: body.to_string().into_bytes() }
}

/// A delivery with these headers.
pub(super) fn sent(headers: &[(&str, &str)], body: &str) -> Sent {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sent { headers, body: body.as_bytes().to_vec() }
}

pub(super) fn moment(text: &str) -> Moment {
    Moment::parse(text).expect("a time")
}
