//! The demo workspace: something to sync without an account anywhere.
//!
//! Its forge is simulated in this process and speaks GitHub's REST API; its
//! documents are a few files in the data folder.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use pullcord_core::manage::{self, ChangedSource, CredentialGiven, NewProject, NewSource};
use pullcord_core::model::{Person, SourceId, SourceKind, WorkspaceId};
use pullcord_core::trigger::Asker;
use pullcord_core::{Error, Plane};
use pullcord_forge::{Forge, Options, Seed};

pub const WORKSPACE: &str = "demo";
pub const SOURCE: &str = "demo-web";
pub const PROJECT: &str = "handbook";
/// Where its documents lie in the data folder.
pub const FOLDER: &str = "handbook";

const ISSUES: u64 = 240;
const PAGES: &[(&str, &str)] = &[
    ("welcome.md", "# Welcome\n\nEdit these files, sync the project and look at what changed.\n"),
    ("how-a-sync-lives.md", "# How a sync lives\n\nAsked for, admitted, queued, claimed, done. Every step is on record.\n"),
    ("notes/quota.md", "# Quota\n\nA manual sync is refused when the provider has too little left.\n"),
];

/// Starts the simulated forge and makes the demo workspace, or what is missing
/// of it.
pub async fn seed(plane: &Arc<Plane>, data: &Path) -> Result<Forge, String> {
    let forge = start_forge(plane, &data.join("demo-port")).await?;
    forge.repository("acme/web").seed(&Seed { closed_percent: 30, pull_request_percent: 10, ..Seed::of(ISSUES) });
    let asker = Asker::Known(Person::deployment("demo"));
    let workspace = WorkspaceId::known(WORKSPACE);
    made(manage::create_workspace(plane, &asker, WORKSPACE, "Demo").await)?;
    let source = NewSource {
        id: SOURCE.into(),
        kind: Some(SourceKind::Repository),
        name: Some("Acme's website".into()),
        provider: Some("github".into()),
        base_url: Some(forge.base_url()),
        repository: Some("acme/web".into()),
        credential: Some(CredentialGiven::token("demo-token")),
        ..NewSource::default()
    };
    if !made(manage::create_source(plane, &asker, &workspace, source).await)? {
        // The forge may listen elsewhere than last time.
        let id = SourceId::known(SOURCE);
        let known = plane.store.source(&id).await.map_err(|why| why.to_string())?;
        if known.is_some_and(|known| known.deleted_at.is_none() && known.base_url.as_deref() != Some(&forge.base_url())) {
            let change = ChangedSource { base_url: Some(forge.base_url()), ..ChangedSource::default() };
            manage::change_source(plane, &asker, &id, change).await.map_err(|why| why.to_string())?;
        }
    }
    let folder = data.join(FOLDER);
    write_pages(&folder).map_err(|why| format!("cannot write the demo's documents to {}: {why}", folder.display()))?;
    let folder = folder.canonicalize().map_err(|why| why.to_string())?;
    let path = Some(folder.to_string_lossy().into_owned());
    let project = NewProject { id: PROJECT.into(), name: "Handbook".into(), path };
    made(manage::create_project(plane, &asker, &workspace, project).await)?;
    Ok(forge)
}

/// Whether it was made now; that it was there before is as good.
fn made<T>(outcome: Result<T, Error>) -> Result<bool, String> {
    match outcome {
        Ok(_) => Ok(true),
        Err(Error::Conflict(_)) => Ok(false),
        Err(other) => Err(format!("the demo could not be made: {other} {other:?}")),
    }
}

/// Listens where it did last time if it can, so that what was synced keeps its
/// address.
async fn start_forge(plane: &Arc<Plane>, port_file: &Path) -> Result<Forge, String> {
    let clock = plane.clock.clone();
    let options = |port| Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        ..Options::new(Arc::new({
            let clock = clock.clone();
            move || jiff::Timestamp::from_millisecond(clock.now().0).unwrap_or_default()
        }))
    };
    let last = std::fs::read_to_string(port_file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let forge = match Forge::start(options(last)).await {
        Ok(forge) => forge,
        Err(_) => Forge::start(options(0)).await.map_err(|why| format!("the simulated forge cannot listen: {why}"))?,
    };
    std::fs::write(port_file, forge.address().port().to_string()).map_err(|why| why.to_string())?;
    Ok(forge)
}

fn write_pages(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    for (name, text) in PAGES {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}
