//! The first request of a transfer.

use http::header::{ACCEPT_ENCODING, Entry, HeaderValue, IF_RANGE, RANGE};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use seawall_core::{Classify, Error, FailureKind, Outcome};

use super::{Transfer, headers};
use crate::{Body, HttpBackend, RequestBuilder, StatusError, target};

/// What opening a transfer found.
#[derive(Debug)]
pub enum Opened {
    /// The document, from [`Transfer::position`] on.
    Body(Box<Transfer>),
    /// Nothing newer than the version that an `If-None-Match` or `If-Modified-Since` of the request named.
    NotModified,
}

impl RequestBuilder {
    /// Makes the call, and takes the body as one that can be taken up again where it breaks.
    ///
    /// With `begun`, a position and the version of what is there already, it goes on at that position if the document
    /// is still that version, and begins anew at 0 if it is another:
    /// [`position`](Transfer::position) tells. Positions are of the bytes as the server keeps them, so
    /// the request forbids compression on the way.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and every status but 200, 206 and 304, with a [`StatusError`] as its
    /// source. [`Permanent`](FailureKind::Permanent) if the request is no GET.
    ///
    /// Cancel safe.
    pub async fn transfer(self, begun: Option<(u64, &str)>) -> Result<Opened, Error> {
        let http = self.http().clone();
        let (mut parts, _body) = self.build()?.into_parts();
        if parts.method != Method::GET {
            let message = "only a get can be taken up again";
            return Err(error_of(&parts, FailureKind::Permanent, message).not_executed());
        }
        if let Entry::Vacant(entry) = parts.headers.entry(ACCEPT_ENCODING) {
            entry.insert(HeaderValue::from_static("identity"));
        }
        let begun = begun.filter(|(position, version)| *position > 0 && headers::is_strong(version));
        let mut position = 0;
        let mut response = match begun {
            Some((from, version)) => {
                position = from;
                let range = headers::range(from, None);
                http.call(request(parts.clone(), Some((&range, Some(version))))).await?
            }
            None => http.call(request(parts.clone(), None)).await?,
        };
        let version = begun.map(|(_, version)| version);
        let unfit = match response.status() {
            // It became shorter, and the server did not heed `If-Range`.
            StatusCode::RANGE_NOT_SATISFIABLE => begun.is_some(),
            StatusCode::PARTIAL_CONTENT => !headers::continues(&response, position, version),
            _ => false,
        };
        if unfit {
            // The whole of it will tell.
            position = 0;
            response = http.call(request(parts.clone(), None)).await?;
        }
        let announced = headers::content_length(&response);
        let (position, end) = match response.status() {
            StatusCode::NOT_MODIFIED => return Ok(Opened::NotModified),
            StatusCode::OK => (0, announced),
            StatusCode::PARTIAL_CONTENT if position > 0 => {
                let total = headers::content_range(&response).and_then(|(_, total)| total);
                (position, total.or_else(|| announced.map(|rest| position + rest)))
            }
            _ => return Err(unexpected(&parts, &response)),
        };
        // A part need not repeat the validator that it was asked by.
        let known = || (position > 0).then(|| version.map(str::to_owned)).flatten();
        let takes_ranges = position > 0 || headers::accepts_ranges(&response);
        Ok(Opened::Body(Box::new(Transfer {
            http,
            request: parts,
            rest: bytes::Bytes::new(),
            position,
            end,
            until: None,
            version: known().or_else(|| headers::version_of(&response)),
            lasting_version: known().or_else(|| headers::lasting_version(&response)),
            takes_ranges,
            body: response.into_body(),
        })))
    }
}

/// The request, for a part if one is named, of one version if that is named for sure.
pub(super) fn request(mut parts: Parts, range: Option<(&str, Option<&str>)>) -> Request<Body> {
    if let Some((range, version)) = range {
        let range = HeaderValue::try_from(range).expect("a range is made of digits and ascii punctuation");
        parts.headers.insert(RANGE, range);
        // What cannot stand in a header did not come from one, and names no version of the server's.
        let version = version.filter(|version| headers::is_strong(version));
        if let Some(version) = version.and_then(|version| HeaderValue::try_from(version).ok()) {
            parts.headers.insert(IF_RANGE, version);
        }
    }
    Request::from_parts(parts, Body::empty())
}

/// The error of an answer that is not the document: its kind says whether to ask again.
pub(super) fn unexpected(request: &Parts, response: &Response<Body>) -> Error {
    let status = response.status();
    let kind = match HttpBackend.classify(Ok(response)) {
        Outcome::Failure(failure) => failure.kind,
        Outcome::Success => FailureKind::Permanent,
    };
    let advice = match status.as_u16() {
        401 | 403 => "; if it wants a login, put user:password@ before the host",
        404 | 410 => "; is the address right?",
        _ => "",
    };
    error_of(request, kind, format!("the server answered {status}{advice}"))
        .with_source(StatusError::new(status))
}

fn error_of(request: &Parts, kind: FailureKind, message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(kind, "http", target::describe(&request.method, &request.uri)).with_message(message)
}
