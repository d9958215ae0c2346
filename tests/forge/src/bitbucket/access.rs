//! Who asks Bitbucket, and with what. An access token is sent as `Bearer`, a person's API token as the password to
//! their email; each sent the other way is refused in the same words as one that does not exist.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    credentials::{Caller, Credentials},
    door::Asked,
    grant::{Grant, GrantKind},
    record::Record,
};

pub(super) struct Access {
    pub(super) caller: Caller,
    /// Strangers have none.
    pub(super) grant: Option<Grant>,
}

impl Access {
    /// `None` when the credential is not accepted.
    pub(super) fn of(asked: &Asked, credentials: &Credentials) -> Option<Self> {
        let Some(authorization) = asked.header("authorization") else {
            return Some(Self { caller: Caller::Anonymous, grant: None });
        };
        let (scheme, secret) = authorization.trim().split_once(' ')?;
        let (email, token) = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => (None, secret.trim().to_owned()),
            "basic" => {
                let pair = String::from_utf8(STANDARD.decode(secret.trim()).ok()?).ok()?;
                let (email, token) = pair.split_once(':')?;
                (Some(email.to_owned()), token.to_owned())
            }
            _ => return None,
        };
        let caller = credentials.identify(Some(&token))?;
        let grant = credentials.granted(&token).cloned().unwrap_or_else(|| Grant::assumed(email.is_some()));
        grant.is_sent_rightly(email.as_deref()).then_some(Self { caller, grant: Some(grant) })
    }

    /// What it is called in the headers.
    pub(super) fn kind(&self) -> &'static str {
        match self.grant.as_ref().map(|grant| &grant.kind) {
            None => "unauthenticated_identity",
            Some(GrantKind::RepositoryToken { .. }) => "repo_access_token",
            Some(GrantKind::ProjectToken { .. }) => "project_access_token",
            Some(GrantKind::WorkspaceToken { .. }) => "workspace_access_token",
            Some(GrantKind::ApiToken { .. }) => "api_token",
        }
    }

    pub(super) fn reaches(&self, record: &Record) -> bool {
        self.grant.as_ref().is_none_or(|grant| grant.reaches(record))
    }

    /// The scope it would need in the words of its kind, and those it has, if that one is not among them.
    pub(super) fn lacks(&self, scope: &str) -> Option<(String, &[String])> {
        let grant = self.grant.as_ref()?;
        let required = match scope {
            _ if !grant.is_api_token() => scope.to_owned(),
            "account" => "read:user:bitbucket".to_owned(),
            _ => format!("read:{scope}:bitbucket"),
        };
        let is_enough = |granted: &String| {
            *granted == required
                || granted.strip_prefix(&required).is_some_and(|rest| rest.starts_with(':'))
                || required == "repository" && granted.starts_with("pullrequest")
        };
        (!grant.scopes.iter().any(is_enough)).then_some((required, grant.scopes.as_slice()))
    }
}
