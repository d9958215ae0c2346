//! Seals credentials when they come in and opens them when a worker needs them.
//!
//! In the cloud a KMS key does, with workspace and source as encryption context:
//! a sealed credential that is moved to another source cannot be opened. On a
//! laptop a key file does the same with AES-256-GCM and the same context. The
//! api may seal but not open; what is opened never leaves the worker's memory.
//! The secrets of webhooks have another context, for the api has to open those.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_sdk_kms::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_kms::primitives::Blob;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::error::Fault;
use crate::model::{Sealed, SourceId, WorkspaceId};

/// KMS takes no more in one piece.
pub const LONGEST_CREDENTIAL: usize = 4096;

/// What a provider wants to see. Printing one shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    pub token: String,
}

/// What a source keeps to be let in by its provider.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Kept {
    Token(Credential),
    /// Tokens are minted with it, each good for a while.
    App(AppKey),
}

/// The key of an app, and which of its installations is meant.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppKey {
    pub app: String,
    pub installation: String,
    /// In PEM.
    pub private_key: String,
}

impl Kept {
    /// What two that are the same have in common.
    pub fn identity(&self) -> String {
        match self {
            Self::Token(credential) => credential.token.clone(),
            Self::App(key) => [&*key.app, &key.installation, &key.private_key].join("\n"),
        }
    }

    /// By what people tell one from another.
    fn last4(&self) -> String {
        match self {
            Self::Token(credential) => last4(&credential.token),
            Self::App(key) => last4(&key.installation),
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Kept(…)")
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AppKey({}, {}, …)", self.app, self.installation)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credential(…)")
    }
}

/// What seals.
#[derive(Clone)]
pub enum Vault {
    Kms { client: aws_sdk_kms::Client, key: String },
    File { key: [u8; 32] },
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Kms { .. } => "Vault::Kms",
            Self::File { .. } => "Vault::File(…)",
        })
    }
}

impl Vault {
    /// Reads the key file, making it on the first time, readable to its owner
    /// alone.
    pub fn from_file(path: &Path, chance: &Chance) -> std::io::Result<Self> {
        let key = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
                let fresh = chance.bytes::<32>();
                write_private(path, &fresh)?;
                fresh.to_vec()
            }
            Err(other) => return Err(other),
        };
        let wrong = |_| std::io::Error::other(format!("{} is not a key of 32 bytes", path.display()));
        Ok(Self::File { key: key.try_into().map_err(wrong)? })
    }

    /// Seals a credential for one source and no other.
    pub async fn seal(&self, kept: &Kept, fingerprint: String, workspace: &WorkspaceId, source: &SourceId) -> Result<Sealed, Fault> {
        let plain = serde_json::to_vec(kept).map_err(|why| Fault::broken("vault", why))?;
        let sealed = self.seal_bytes(plain, &Context::of_credential(workspace, source)).await?;
        Ok(Sealed { sealed: STANDARD.encode(sealed), last4: kept.last4(), fingerprint })
    }

    /// Opens what was sealed for this very source.
    pub async fn open(&self, sealed: &Sealed, workspace: &WorkspaceId, source: &SourceId) -> Result<Kept, Fault> {
        let plain = self.open_bytes(sealed, &Context::of_credential(workspace, source)).await?;
        serde_json::from_slice(&plain).map_err(|_| unreadable())
    }

    /// Seals the secret of a source's webhook. Nothing of it is kept to be shown.
    pub async fn seal_secret(&self, secret: &str, workspace: &WorkspaceId, source: &SourceId) -> Result<Sealed, Fault> {
        let sealed = self.seal_bytes(secret.as_bytes().to_vec(), &Context::of_webhook(workspace, source)).await?;
        Ok(Sealed { sealed: STANDARD.encode(sealed), last4: String::new(), fingerprint: String::new() })
    }

    /// Opens the secret of this very source's webhook, and no credential.
    pub async fn open_secret(&self, sealed: &Sealed, workspace: &WorkspaceId, source: &SourceId) -> Result<String, Fault> {
        let plain = self.open_bytes(sealed, &Context::of_webhook(workspace, source)).await?;
        String::from_utf8(plain).map_err(|_| unreadable())
    }

    /// Seals a token that was minted, for all sources of a workspace that keep the
    /// same key.
    pub async fn seal_minted(&self, minted: &Credential, workspace: &WorkspaceId, fingerprint: &str) -> Result<Sealed, Fault> {
        let sealed = self.seal_bytes(minted.token.as_bytes().to_vec(), &Context::of_minted(workspace, fingerprint)).await?;
        Ok(Sealed { sealed: STANDARD.encode(sealed), last4: String::new(), fingerprint: fingerprint.to_owned() })
    }

    pub async fn open_minted(&self, sealed: &Sealed, workspace: &WorkspaceId) -> Result<Credential, Fault> {
        let plain = self.open_bytes(sealed, &Context::of_minted(workspace, &sealed.fingerprint)).await?;
        String::from_utf8(plain).map(|token| Credential { token }).map_err(|_| unreadable())
    }

    /// Seals what a workspace's notices need: the address they go to, or the secret
    /// that signs them.
    pub async fn seal_for_notices(&self, text: &str, what: ForNotices, workspace: &WorkspaceId) -> Result<Sealed, Fault> {
        let sealed = self.seal_bytes(text.as_bytes().to_vec(), &Context::of_notices(workspace, what)).await?;
        Ok(Sealed { sealed: STANDARD.encode(sealed), last4: String::new(), fingerprint: String::new() })
    }

    pub async fn open_for_notices(&self, sealed: &Sealed, what: ForNotices, workspace: &WorkspaceId) -> Result<String, Fault> {
        let plain = self.open_bytes(sealed, &Context::of_notices(workspace, what)).await?;
        String::from_utf8(plain).map_err(|_| unreadable())
    }

    async fn seal_bytes(&self, plain: Vec<u8>, context: &Context) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Kms { client, key } => {
                let call = client.encrypt().key_id(key).plaintext(Blob::new(plain)).set_encryption_context(Some(context.pairs()));
                let reply = call.send().await.map_err(|why| Fault::unavailable("vault", DisplayErrorContext(why)))?;
                Ok(reply.ciphertext_blob.map(Blob::into_inner).unwrap_or_default())
            }
            Self::File { key } => {
                let mut bytes = plain;
                let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| Fault::broken("vault", "key"))?;
                let context = Aad::from(context.bytes());
                let nonce = key.seal_in_place_append_tag(context, &mut bytes).map_err(|_| Fault::broken("vault", "seal"))?;
                Ok([nonce.as_ref().as_slice(), &bytes].concat())
            }
        }
    }

    async fn open_bytes(&self, sealed: &Sealed, context: &Context) -> Result<Vec<u8>, Fault> {
        let mut bytes = STANDARD.decode(&sealed.sealed).map_err(|_| unreadable())?;
        match self {
            Self::Kms { client, key } => {
                let call = client.decrypt().key_id(key).ciphertext_blob(Blob::new(bytes)).set_encryption_context(Some(context.pairs()));
                let reply = call.send().await.map_err(|why| {
                    if is_final(why.code()) { unreadable() } else { Fault::unavailable("vault", DisplayErrorContext(why)) }
                })?;
                Ok(reply.plaintext.map(Blob::into_inner).unwrap_or_default())
            }
            Self::File { key } => {
                let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| unreadable())?;
                let nonce = bytes.get(..NONCE_LEN).ok_or_else(unreadable)?;
                let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| unreadable())?;
                let opened = key.open_in_place(nonce, Aad::from(context.bytes()), &mut bytes[NONCE_LEN..]);
                Ok(opened.map_err(|_| unreadable())?.to_vec())
            }
        }
    }
}

/// What is sealed for notices: neither opens as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForNotices {
    Address,
    Secret,
}

fn unreadable() -> Fault {
    Fault::broken("vault", "what is sealed was not sealed for this source by this deployment")
}

/// What something is sealed for: it opens for that and for nothing else.
///
/// The function that takes deliveries in may open what has no `workspace` in its
/// context, and so no credential: infra/template.yaml says so to KMS.
struct Context(Vec<(&'static str, String)>);

impl Context {
    fn of_credential(workspace: &WorkspaceId, source: &SourceId) -> Self {
        Self(vec![("workspace", workspace.to_string()), ("source", source.to_string())])
    }

    fn of_webhook(workspace: &WorkspaceId, source: &SourceId) -> Self {
        Self(vec![("webhook", format!("{workspace}/{source}"))])
    }

    /// The worker may seal what has this, and nothing else.
    fn of_minted(workspace: &WorkspaceId, fingerprint: &str) -> Self {
        Self(vec![("workspace", workspace.to_string()), ("minted", fingerprint.to_owned())])
    }

    /// With the workspace in it, so that the function that takes deliveries in cannot
    /// open it.
    fn of_notices(workspace: &WorkspaceId, what: ForNotices) -> Self {
        let what = match what {
            ForNotices::Address => "address",
            ForNotices::Secret => "secret",
        };
        Self(vec![("workspace", workspace.to_string()), ("notices", what.to_owned())])
    }

    fn pairs(&self) -> HashMap<String, String> {
        self.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    /// Of a credential without the names, as it always was.
    fn bytes(&self) -> Vec<u8> {
        match self.0.as_slice() {
            [(name, value)] => format!("{name}\n{value}").into_bytes(),
            [(_, workspace), (kind @ ("minted" | "notices"), value)] => format!("{workspace}\n{kind}\n{value}").into_bytes(),
            several => several.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("\n").into_bytes(),
        }
    }
}

/// Whether trying again cannot help: another key, another context, no leave.
fn is_final(code: Option<&str>) -> bool {
    let finals = [
        "InvalidCiphertextException",
        "IncorrectKeyException",
        "DisabledException",
        "NotFoundException",
        "KMSInvalidStateException",
        "AccessDeniedException",
    ];
    code.is_some_and(|code| finals.contains(&code))
}

/// Writes a file that only its owner may read: whole or not at all.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let unfinished = path.with_extension("unfinished");
    if let Err(why) = std::fs::remove_file(&unfinished) {
        if why.kind() != std::io::ErrorKind::NotFound {
            return Err(why);
        }
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(unfinished, path)
}

/// The last four characters, but never more than half of a short token.
fn last4(token: &str) -> String {
    let length = token.chars().count();
    token.chars().skip(length.saturating_sub(4.min(length / 2))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S2.83: what is sealed shows no more than its end, and neither for another source nor with another key is it opened.
    #[tokio::test]
    async fn a_credential_opens_for_its_own_source_only() {
        let vault = Vault::File { key: [7; 32] };
        let (acme, web, api) = (WorkspaceId::known("acme"), SourceId::known("web"), SourceId::known("api"));
        let credential = Kept::Token(Credential { token: "ghp_canary_1234".into() });
        let sealed = vault.seal(&credential, "f".into(), &acme, &web).await.expect("sealed");
        assert_eq!(sealed.last4, "1234");
        assert!(!sealed.sealed.contains("canary") && !format!("{credential:?} {sealed:?} {vault:?}").contains("canary"));
        assert_eq!(vault.open(&sealed, &acme, &web).await.expect("opened"), credential);
        assert!(vault.open(&sealed, &acme, &api).await.is_err());
        assert!(Vault::File { key: [8; 32] }.open(&sealed, &acme, &web).await.is_err());
        assert_eq!(last4("abc"), "c");
    }

    /// Of a key nothing but whose it is can be printed, and what it minted opens as
    /// nothing else.
    #[tokio::test]
    async fn the_key_of_an_app_and_its_tokens_are_sealed_apart() {
        let vault = Vault::File { key: [7; 32] };
        let (acme, web) = (WorkspaceId::known("acme"), SourceId::known("web"));
        let private_key = "-----BEGIN canary".to_owned();
        let kept = Kept::App(AppKey { app: "1".into(), installation: "4711".into(), private_key });
        let sealed = vault.seal(&kept, "f".into(), &acme, &web).await.expect("sealed");
        assert_eq!((vault.open(&sealed, &acme, &web).await.expect("opened"), &*sealed.last4), (kept.clone(), "11"));
        let minted = vault.seal_minted(&Credential { token: "ghs_canary".into() }, &acme, "f").await.expect("sealed");
        assert_eq!(vault.open_minted(&minted, &acme).await.expect("opened").token, "ghs_canary");
        assert!(vault.open(&minted, &acme, &SourceId::known("f")).await.is_err() && vault.open_minted(&sealed, &acme).await.is_err());
        assert!(!format!("{kept:?} {sealed:?} {minted:?}").contains("canary"));
    }

    /// S2.83: one workspace's secret signs for no other, and no address is taken for a secret.
    #[tokio::test]
    async fn what_is_sealed_for_notices_opens_for_them_alone() {
        let vault = Vault::File { key: [7; 32] };
        let [acme, other] = ["acme", "other"].map(WorkspaceId::known);
        let sealed = vault.seal_for_notices("a canary", ForNotices::Secret, &acme).await.expect("sealed");
        assert_eq!(vault.open_for_notices(&sealed, ForNotices::Secret, &acme).await.expect("opened"), "a canary");
        assert!(vault.open_for_notices(&sealed, ForNotices::Secret, &other).await.is_err());
        assert!(vault.open_for_notices(&sealed, ForNotices::Address, &acme).await.is_err());
        // Neither does it open as the credential or the secret of a source of such a name.
        for source in ["secret", "notices"].map(SourceId::known) {
            assert!(vault.open(&sealed, &acme, &source).await.is_err() && vault.open_secret(&sealed, &acme, &source).await.is_err());
        }
    }

    /// Whoever may open the secrets of webhooks cannot open a credential with that.
    #[tokio::test]
    async fn a_secret_of_a_webhook_and_a_credential_are_two_things() {
        let vault = Vault::File { key: [7; 32] };
        let (acme, web, api) = (WorkspaceId::known("acme"), SourceId::known("web"), SourceId::known("api"));
        let secret = vault.seal_secret("a canary", &acme, &web).await.expect("sealed");
        assert_eq!(vault.open_secret(&secret, &acme, &web).await.expect("opened"), "a canary");
        assert!(vault.open_secret(&secret, &acme, &api).await.is_err() && vault.open(&secret, &acme, &web).await.is_err());
        assert!(secret.last4.is_empty() && secret.fingerprint.is_empty() && !secret.sealed.contains("canary"));
        let credential = vault.seal(&Kept::Token(Credential { token: "ghp".into() }), String::new(), &acme, &web).await.expect("sealed");
        assert!(vault.open_secret(&credential, &acme, &web).await.is_err());
    }
}
