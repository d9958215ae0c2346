//! How git's smart HTTP is spoken through the one outgoing client.
//!
//! gix knows the protocol and brings clients of its own. None is used: theirs know
//! neither which addresses are allowed nor whose credential may be shown where.

use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::sync::{Arc, Mutex};

use crate::http::Unanswered;
use gix_transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse};

/// A reply whose body is read as it comes.
pub struct Opened {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Box<dyn Read + Send>,
}

/// Sends a request of git: an address, headers, and a body if it is a POST. The error
/// says why nothing came.
pub type Open = Arc<dyn Fn(&str, Vec<(String, String)>, Option<Vec<u8>>) -> Result<Opened, Unanswered> + Send + Sync>;

/// Why a remote did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It answered something else than 200.
    Status(u16),
    /// It is somewhere else.
    Moved(String),
    Unreachable(Unanswered),
}

/// The client that gix asks, and what came of it: gix's own errors are trees of text.
#[derive(Clone)]
pub struct Wire {
    open: Open,
    refused: Arc<Mutex<Option<Refused>>>,
}

impl Wire {
    pub fn new(open: Open) -> Self {
        Self { open, refused: Arc::default() }
    }

    /// Why the last request came to nothing, if one did.
    pub fn refused(&self) -> Option<Refused> {
        self.refused.lock().ok().and_then(|refused| refused.clone())
    }

    fn refuse(&self, why: Refused) -> std::io::Error {
        let text = format!("{why:?}");
        if let Ok(mut refused) = self.refused.lock() {
            *refused = Some(why);
        }
        std::io::Error::other(text)
    }

    fn send(&self, url: &str, headers: Vec<(String, String)>, body: Option<Vec<u8>>) -> std::io::Result<Opened> {
        let opened = (self.open)(url, headers, body).map_err(|why| self.refuse(Refused::Unreachable(why)))?;
        match opened.status {
            200 => Ok(opened),
            300..400 => {
                let to = opened.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
                Err(self.refuse(Refused::Moved(to.map(|(_, to)| to.clone()).unwrap_or_default())))
            }
            status => Err(self.refuse(Refused::Status(status))),
        }
    }
}

/// What gix hands over line by line.
fn parsed(lines: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<(String, String)> {
    let split = |line: &str| line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    lines.into_iter().filter_map(|line| split(line.as_ref())).collect()
}

fn printed(headers: &[(String, String)]) -> Cursor<Vec<u8>> {
    Cursor::new(headers.iter().flat_map(|(name, value)| format!("{name}: {value}\n").into_bytes()).collect())
}

/// The body of a request, which is sent when its reply is first read: nothing answers
/// before it is whole.
#[derive(Clone, Default)]
pub struct Upload(Arc<Mutex<Vec<u8>>>);

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().map_err(|_| std::io::ErrorKind::Other)?.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A reply that is asked for when it is first read.
pub enum Lazy {
    Asked { wire: Wire, url: String, headers: Vec<(String, String)>, upload: Upload, part: Part, shared: Shared },
    Here(Box<dyn BufRead + Send>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Headers,
    Body,
}

/// The reply that headers and body of one request have in common.
type Shared = Arc<Mutex<Option<Opened>>>;

impl Lazy {
    fn here(&mut self) -> std::io::Result<&mut (dyn BufRead + Send)> {
        if let Self::Asked { wire, url, headers, upload, part, shared } = self {
            let mut slot = shared.lock().map_err(|_| std::io::ErrorKind::Other)?;
            if slot.is_none() {
                let body = std::mem::take(&mut *upload.0.lock().map_err(|_| std::io::ErrorKind::Other)?);
                *slot = Some(wire.send(url, std::mem::take(headers), Some(body))?);
            }
            let source: Box<dyn BufRead + Send> = match (slot.as_mut(), *part) {
                (Some(opened), Part::Headers) => Box::new(printed(&opened.headers)),
                (Some(opened), Part::Body) => Box::new(BufReader::new(std::mem::replace(&mut opened.body, Box::new(std::io::empty())))),
                (None, _) => Box::new(std::io::empty()),
            };
            drop(slot);
            *self = Self::Here(source);
        }
        match self {
            Self::Here(source) => Ok(source.as_mut()),
            Self::Asked { .. } => Err(std::io::ErrorKind::Other.into()),
        }
    }
}

impl Read for Lazy {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.here()?.read(buffer)
    }
}

impl BufRead for Lazy {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.here()?.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        if let Self::Here(source) = self {
            source.consume(count);
        }
    }
}

impl Http for Wire {
    type Headers = Lazy;
    type ResponseBody = Lazy;
    type PostBody = Upload;

    fn get(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::error::Result<GetResponse<Lazy, Lazy>> {
        let opened = self.send(url, parsed(headers), None).map_err(gix::error::Error::from_error)?;
        let headers = Lazy::Here(Box::new(printed(&opened.headers)));
        Ok(GetResponse { headers, body: Lazy::Here(Box::new(BufReader::new(opened.body))) })
    }

    fn post(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _body: PostBodyDataKind,
    ) -> gix::error::Result<PostResponse<Lazy, Lazy, Upload>> {
        let (upload, shared, headers) = (Upload::default(), Shared::default(), parsed(headers));
        let lazy = |part| Lazy::Asked {
            wire: self.clone(),
            url: url.to_owned(),
            headers: headers.clone(),
            upload: upload.clone(),
            part,
            shared: shared.clone(),
        };
        Ok(PostResponse { headers: lazy(Part::Headers), body: lazy(Part::Body), post_body: upload.clone() })
    }

    fn configure(&mut self, _config: &dyn std::any::Any) -> gix::error::Result {
        Ok(())
    }
}
