//! A GET whose body is taken up again where it broke.

mod headers;
mod opening;

use std::ops::Range;

use bytes::Bytes;
use futures_util::StreamExt;
use http::request::Parts;
use http::{Request, Response};
use seawall_core::{Error, FailureKind};

use crate::{Body, Http, target};

pub use opening::Opened;

/// A GET whose body can be taken up again where it broke: what a download is made of. Made by
/// [`RequestBuilder::transfer`](crate::RequestBuilder::transfer).
///
/// It knows where in the document it stands and which version of it that is. When its body breaks,
/// [`reopen`](Transfer::reopen) asks for the rest of that very version by `Range` and
/// `If-Range` ([RFC 9110 §14.2, §13.1.5](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5)), and never
/// joins two versions into one: [`Interruption::Changed`] says that the rest cannot be had any more.
///
/// How often and how long to try is its holder's to say; each request by itself is under the client's policies.
///
/// ```no_run
/// use seawall_http::{Http, Interruption, Opened};
///
/// # async fn run(http: Http) -> Result<(), seawall_core::Error> {
/// let Opened::Body(mut transfer) = http.get("https://example.com/large.bin").transfer(None).await? else {
///     return Ok(()); // only a conditional request finds nothing new
/// };
/// while let Some(chunk) = transfer.chunk().await {
///     match chunk {
///         Ok(bytes) => println!("{} bytes, {} so far", bytes.len(), transfer.position()),
///         // A patient program waits between its tries.
///         Err(broken) if broken.kind().is_retryable() => match transfer.reopen().await {
///             Ok(()) => {}
///             Err(Interruption::Failed(error)) => return Err(error),
///             Err(Interruption::Changed) => panic!("another version: begin again"),
///         },
///         Err(error) => return Err(error),
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Transfer {
    http: Http,
    /// The request without its range, to be made again.
    request: Parts,
    body: Body,
    /// What came with bytes that were passed over, and is still to be handed out.
    rest: Bytes,
    position: u64,
    end: Option<u64>,
    /// Where the part that was asked for ends, if it is not the end of the document.
    until: Option<u64>,
    version: Option<String>,
    lasting_version: Option<String>,
    takes_ranges: bool,
}

/// Why a transfer could not be taken up again.
#[derive(Debug)]
pub enum Interruption {
    /// The request failed. Another one may succeed, if the error's kind says so.
    Failed(Error),
    /// The rest of the version that was begun cannot be had: the document changed, or the server cannot say.
    Changed,
}

impl Transfer {
    /// The next bytes; `None` at the end. A body that ends before its announced length is an error, never an end.
    ///
    /// After an error there is nothing more until [`reopen`](Self::reopen) succeeded.
    ///
    /// Cancel safe: no bytes are lost.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Error>> {
        loop {
            if self.until.is_some_and(|until| self.position >= until) {
                return None;
            }
            let chunk = match std::mem::take(&mut self.rest) {
                rest if rest.is_empty() => self.body.next().await,
                rest => Some(Ok(rest)),
            };
            let mut chunk = match chunk {
                Some(Ok(chunk)) if chunk.is_empty() => continue,
                Some(Ok(chunk)) => chunk,
                Some(Err(error)) => return Some(Err(error)),
                None if self.end().is_some_and(|end| self.position < end) => {
                    return Some(Err(self.cut_short()));
                }
                None => return None,
            };
            if let Some(until) = self.until {
                // A server may send more than it was asked for.
                chunk.truncate(usize::try_from(until - self.position).unwrap_or(usize::MAX));
            }
            self.position += chunk.len() as u64;
            return Some(Ok(chunk));
        }
    }

    /// Asks for the bytes from [`position`](Self::position) on, of this version only.
    ///
    /// A server without ranges sends everything again: what is there already is read and dropped, if it is surely
    /// the same version.
    ///
    /// # Errors
    ///
    /// [`Interruption::Failed`] with the error of the request, and [`Interruption::Changed`].
    ///
    /// Cancel safe: call it again.
    pub async fn reopen(&mut self) -> Result<(), Interruption> {
        let version = self.version.as_deref();
        let range = headers::range(self.position, self.until);
        let response = self.http.call(self.request_for(Some((&range, version)))).await?;
        match response.status().as_u16() {
            206 if headers::continues(&response, self.position, version) => {
                self.body = response.into_body();
                self.rest = Bytes::new();
                Ok(())
            }
            200 if version.is_some() && headers::version_of(&response).as_deref() == version => {
                self.pass_over(response.into_body()).await
            }
            200 | 206 | 416 => Err(Interruption::Changed),
            _ => Err(self.unexpected(&response).into()),
        }
    }

    /// Where in the document the next chunk begins.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Where the transfer ends, as far as the server said.
    pub fn end(&self) -> Option<u64> {
        self.until.or(self.end)
    }

    /// What tells this version of the document from another: its `ETag`, else its `Last-Modified`.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The version, if it will still tell in a later run of the program: a date is not enough for a document that
    /// may change again within the same minute, and a body without an announced end may be a part of it.
    pub fn lasting_version(&self) -> Option<&str> {
        self.lasting_version.as_deref()
    }

    /// Whether parts of the document can be had one by one: the server says so, tells the whole length, and tells
    /// versions apart for sure.
    pub fn takes_ranges(&self) -> bool {
        self.takes_ranges && self.version.as_deref().is_some_and(headers::is_strong) && self.end.is_some()
    }

    /// Leaves the rest from `until` on to others.
    pub fn stop_at(&mut self, until: u64) {
        self.until = Some(self.end().map_or(until, |end| end.min(until)));
    }

    /// Another transfer, of the bytes in `part` of this very version. It is not open yet: [`reopen`](Self::reopen) it
    /// before its first chunk is read.
    pub fn part(&self, part: Range<u64>) -> Self {
        Self {
            http: self.http.clone(),
            request: self.request.clone(),
            body: Body::empty(),
            rest: Bytes::new(),
            position: part.start,
            end: self.end,
            until: Some(part.end),
            version: self.version.clone(),
            lasting_version: self.lasting_version.clone(),
            takes_ranges: self.takes_ranges,
        }
    }

    /// Reads and drops the first `position` bytes of a fresh body, and goes on with it.
    async fn pass_over(&mut self, mut body: Body) -> Result<(), Interruption> {
        let mut passed = 0;
        let mut rest = Bytes::new();
        while passed < self.position {
            let Some(chunk) = body.next().await else { return Err(self.cut_short().into()) };
            let chunk = chunk?;
            let wanted = usize::try_from(self.position - passed).unwrap_or(usize::MAX);
            if chunk.len() > wanted {
                rest = chunk.slice(wanted..);
            }
            passed += chunk.len().min(wanted) as u64;
        }
        (self.body, self.rest) = (body, rest);
        Ok(())
    }

    fn request_for(&self, range: Option<(&str, Option<&str>)>) -> Request<Body> {
        opening::request(self.request.clone(), range)
    }

    fn cut_short(&self) -> Error {
        self.error(FailureKind::Transient, "the body ended before its announced length".to_owned())
    }

    fn unexpected(&self, response: &Response<Body>) -> Error {
        opening::unexpected(&self.request, response)
    }

    fn error(&self, kind: FailureKind, message: String) -> Error {
        let name = target::describe(&self.request.method, &self.request.uri);
        Error::new(kind, "http", name).with_message(message)
    }
}

impl From<Error> for Interruption {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
