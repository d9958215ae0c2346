//! Where to, and with which token: what `pullcord login` stored, and what goes
//! before it.
//!
//! A token is only ever sent to the address that it was stored for.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use pullcord_core::vault::write_private;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::environment::Environment;
use crate::failure::Failure;

/// Where `pullcord up` listens unless told otherwise.
pub const LOCAL: &str = "http://127.0.0.1:3000";
/// Where it keeps its administrator's token, in the folder that it was started in.
pub const LOCAL_TOKEN: &str = ".pullcord/admin-token";

/// What `pullcord login` stores.
#[derive(Clone, Serialize, Deserialize)]
pub struct Stored {
    pub url: String,
    pub token: String,
}

/// Where an address comes from that was typed.
const OPTION: &str = "--url";

/// Whom to talk to.
#[derive(Clone)]
pub struct Settings {
    pub url: Url,
    pub url_from: String,
    pub token: Option<String>,
    pub token_from: String,
}

impl Settings {
    /// An option goes before the environment, and that before the file.
    pub fn find(option: Option<&str>, environment: &Environment) -> Result<Self, Failure> {
        let path = file(environment);
        let stored = path.as_deref().map(read).transpose()?.flatten();
        let told = option.map(|url| (url.to_owned(), OPTION.to_owned()));
        let told = told.or_else(|| Some((environment.url.clone()?, "PULLCORD_URL".to_owned())));
        let of_file = || Some((stored.as_ref()?.url.clone(), path.as_ref()?.display().to_string()));
        let local = || (LOCAL.to_owned(), "nothing else was set".to_owned());
        let (url, url_from) = told.or_else(of_file).unwrap_or_else(local);
        let url = address(&url)?;
        let (token, token_from) = match (&environment.token, stored) {
            (Some(token), _) => (Some(token.clone()), "PULLCORD_TOKEN".to_owned()),
            (None, Some(stored)) if address(&stored.url).is_ok_and(|of| of.origin() == url.origin()) => {
                (Some(stored.token), path.map(|path| path.display().to_string()).unwrap_or_default())
            }
            _ if is_loopback(&url) => (local_token(Path::new(LOCAL_TOKEN)).ok(), LOCAL_TOKEN.to_owned()),
            _ => (None, String::new()),
        };
        Ok(Self { url, url_from, token_from: token.as_ref().map(|_| token_from).unwrap_or_default(), token })
    }
}

impl Settings {
    /// The address, if it has to be typed again.
    pub fn option(&self) -> Option<&str> {
        (self.url_from == OPTION).then(|| self.url.as_str())
    }
}

/// An address that a client can put paths behind.
pub fn address(text: &str) -> Result<Url, Failure> {
    let unusable = |why: &str| Failure::Usage(format!("{text:?} is no address of a deployment: {why}"));
    let mut url = Url::parse(text.trim()).map_err(|_| unusable("write it like https://pullcord.example.com"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(unusable("it must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable("a name or a password does not belong into it"));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// Whether an address is this machine's own.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The administrator's token of a local process.
pub fn local_token(path: &Path) -> Result<String, Failure> {
    let unread = |why: std::io::Error| Failure::Usage(format!("cannot read {}: {why}", path.display()));
    std::fs::read_to_string(path).map(|text| text.trim().to_owned()).map_err(unread)
}

/// The file of our settings, if there is a home for it.
pub fn file(environment: &Environment) -> Option<PathBuf> {
    environment.config.as_ref().map(|folder| folder.join("config.json"))
}

fn read(path: &Path) -> Result<Option<Stored>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let unread = |_| Failure::Usage(format!("{} cannot be understood: remove it and run pullcord login", path.display()));
            serde_json::from_str(&text).map(Some).map_err(unread)
        }
        Err(missing) if matches!(missing.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(other) => Err(Failure::Usage(format!("cannot read {}: {other}", path.display()))),
    }
}

/// Writes the file so that nobody else can read it.
pub fn store(environment: &Environment, stored: &Stored) -> Result<PathBuf, Failure> {
    let path = file(environment).ok_or_else(|| Failure::Usage("there is no place to store it in: set HOME or XDG_CONFIG_HOME".into()))?;
    let written = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let text = serde_json::to_string_pretty(stored).map_err(std::io::Error::other)?;
        write_private(&path, format!("{text}\n").as_bytes())
    };
    written().map_err(|why| Failure::Usage(format!("cannot write {}: {why}", path.display())))?;
    Ok(path)
}

/// Whether others than its owner can read a file.
#[cfg(unix)]
pub fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub fn is_open_to_others(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(folder: &Path, more: &[(&str, &str)]) -> Environment {
        Environment::read(|name| match more.iter().find(|(given, _)| *given == name) {
            Some((_, value)) => Some((*value).to_owned()),
            None => (name == "XDG_CONFIG_HOME").then(|| folder.display().to_string()),
        })
    }

    #[test]
    fn an_option_goes_before_the_environment_and_that_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let plain = environment(folder.path(), &[]);
        store(&plain, &Stored { url: "https://stored.example".into(), token: "stored".into() }).unwrap();
        assert!(!is_open_to_others(&file(&plain).unwrap()));
        let found = Settings::find(None, &plain).unwrap();
        assert_eq!((found.url.as_str(), found.token.as_deref()), ("https://stored.example/", Some("stored")));
        let told = environment(folder.path(), &[("PULLCORD_URL", "https://told.example"), ("PULLCORD_TOKEN", " told\n")]);
        let found = Settings::find(None, &told).unwrap();
        assert_eq!((found.url.as_str(), found.token.as_deref()), ("https://told.example/", Some("told")));
        assert_eq!(Settings::find(Some("https://option.example"), &told).unwrap().url_from, "--url");
    }

    /// A token must not travel to whoever an address points at.
    #[test]
    fn a_stored_token_is_for_the_address_it_was_stored_for() {
        let folder = tempfile::tempdir().unwrap();
        let plain = environment(folder.path(), &[]);
        store(&plain, &Stored { url: "https://stored.example/".into(), token: "stored".into() }).unwrap();
        for elsewhere in ["https://other.example", "http://stored.example", "https://stored.example:8443"] {
            assert_eq!(Settings::find(Some(elsewhere), &plain).unwrap().token, None, "{elsewhere}");
        }
        assert!(Settings::find(Some("https://stored.example"), &plain).unwrap().token.is_some());
    }

    #[test]
    fn what_is_no_address_is_said_so() {
        for text in ["pullcord.example.com", "ftp://a.example", "https://me:secret@a.example", ""] {
            assert!(matches!(address(text), Err(Failure::Usage(_))), "{text}");
        }
    }
}
