//! What HTTP says of asking for a source, of asking for the rest of it, and of what comes back.

use http::Response;
use seawall_core::{Classify, Error, FailureKind, Outcome};
use seawall_http::{Body, Http, HttpBackend, RequestBuilder};
use url::Url;

use super::source::Source;

/// Asks for the source as it is: positions are of these bytes, so nobody may compress them on the way.
pub(crate) fn request(http: &Http, url: &Url) -> RequestBuilder {
    http.get(url.as_str()).header("accept-encoding", "identity")
}

/// Asks for the bytes from `position` on, of this version only (RFC 9110 §14.2, §13.1.5).
pub(crate) fn request_rest(http: &Http, url: &Url, position: u64, version: Option<&str>) -> RequestBuilder {
    let request = request(http, url).header("range", format!("bytes={position}-"));
    match version.filter(|version| is_strong(version)) {
        Some(version) => request.header("if-range", version),
        None => request,
    }
}

/// Whether a 206 goes on at `position`, in `version` as far as both have one: it need not repeat a validator that
/// `If-Range` named (RFC 9110 §15.3.7).
pub(crate) fn continues<B>(response: &Response<B>, position: u64, version: Option<&str>) -> bool {
    let given = version_of(response);
    let same = version.is_none() || given.is_none() || given.as_deref() == version;
    same && content_range_start(response) == Some(position)
}

/// The error of an answer that is not the source: its kind says whether to ask again.
pub(crate) fn unexpected_status(url: &Url, response: &Response<Body>) -> Error {
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
    Error::new(kind, "ingest", Source::Http(url.clone()).name())
        .with_message(format!("the server answered {status}{advice}"))
}

/// The version to remember for a later run, if it will be worth something then.
///
/// None where the body has no announced end, for what was cut off would count as whole ever after; and no
/// `Last-Modified` of the same minute, for the source may change again within its second (RFC 9110 §8.8.2.2).
pub(crate) fn lasting_version(response: &Response<Body>) -> Option<String> {
    let header = |name| response.headers().get(name)?.to_str().ok();
    let chunked = header(http::header::TRANSFER_ENCODING).is_some_and(|coding| coding.contains("chunked"));
    let ends = content_length(response).is_some() || chunked || response.version() >= http::Version::HTTP_2;
    if !ends {
        return None;
    }
    let version = version_of(response)?;
    if header(http::header::ETAG).is_none() {
        let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp());
        let age = date(header(http::header::DATE)?)?.duration_since(date(&version)?);
        if age < jiff::SignedDuration::from_mins(1) {
            return None;
        }
    }
    Some(version)
}

/// What tells the version of an answer from another.
pub(crate) fn version_of<B>(response: &Response<B>) -> Option<String> {
    let header = |name: http::HeaderName| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    header(http::header::ETAG).or_else(|| header(http::header::LAST_MODIFIED))
}

/// Whether `If-Range` may carry it: RFC 9110 §13.1.5 forbids weak validators.
pub(crate) fn is_strong(version: &str) -> bool {
    !version.starts_with("W/")
}

fn content_range_start<B>(response: &Response<B>) -> Option<u64> {
    let range = response.headers().get(http::header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// How many bytes the body announces.
pub(crate) fn content_length<B>(response: &Response<B>) -> Option<u64> {
    response.headers().get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
