//! Forms of several parts, files among them: `multipart/form-data`
//! ([RFC 7578](https://www.rfc-editor.org/rfc/rfc7578)).
//!
//! ```no_run
//! use seawall_http::multipart::{Form, Part};
//!
//! # async fn run(http: seawall_http::Http, log: Vec<u8>) -> Result<(), seawall_core::Error> {
//! let form = Form::new()
//!     .text("title", "what happened")
//!     .part("log", Part::new(log).file_name("today.log").content_type("text/plain"));
//! http.put("https://api.example.com/reports/7").multipart(form).send().await?;
//! # Ok(()) }
//! ```

mod encode;
mod part;

use http::{HeaderName, HeaderValue};

use seawall_core::Error;

use crate::Body;

pub use part::Part;

/// A form, sent by [`RequestBuilder::multipart`](crate::RequestBuilder::multipart).
///
/// It is sent with a `Content-Length` if the length of each part is known, and a call with it can be repeated if every
/// part is [replayable](Body::is_replayable). Bytes are shared, not copied together, however large they are:
/// [`max_replay_body`](crate::HttpConfig::max_replay_body) is not about forms.
#[derive(Debug)]
pub struct Form {
    boundary: String,
    parts: Vec<(String, Part)>,
}

impl Form {
    /// One without parts yet.
    pub fn new() -> Self {
        // By chance, so that no part can have it in it but by malice that knows it beforehand.
        let chance: [u64; 2] = std::array::from_fn(|_| fastrand::u64(..));
        Self { boundary: format!("seawall-{:016x}{:016x}", chance[0], chance[1]), parts: Vec::new() }
    }

    /// Adds a field of text.
    pub fn text(self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.part(name, Part::new(text.into()))
    }

    /// Adds any part.
    pub fn part(mut self, name: impl Into<String>, part: Part) -> Self {
        self.parts.push((name.into(), part));
        self
    }

    /// The `Content-Type` of a request with it.
    #[expect(clippy::missing_panics_doc, reason = "it cannot")]
    pub fn content_type(&self) -> HeaderValue {
        HeaderValue::try_from(format!("multipart/form-data; boundary={}", self.boundary))
            .expect("a boundary is made of header characters")
    }

    /// The body of a request with it.
    /// # Errors
    ///
    /// [`Permanent`](seawall_core::FailureKind::Permanent): the first invalid header of a part.
    pub fn into_body(self) -> Result<Body, Error> {
        encode::body(&self.boundary, self.parts)
    }
}

impl Default for Form {
    fn default() -> Self {
        Self::new()
    }
}

/// What a part says of itself beside its name.
type Headers = Vec<(HeaderName, HeaderValue)>;
