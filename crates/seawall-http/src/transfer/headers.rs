//! What HTTP says of asking for a part of a document, and of what comes back.

use std::time::Duration;

use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderName, LAST_MODIFIED, TRANSFER_ENCODING,
};
use http::{Response, Version};

/// `Last-Modified` has seconds, and clocks are set: a document so young may change again under the same date.
const YOUNG: Duration = Duration::from_mins(1);

/// The value of `Range` (RFC 9110 §14.2) for the bytes from `from` on, up to but not with `until`.
pub(super) fn range(from: u64, until: Option<u64>) -> String {
    match until {
        // The grammar names the last byte, not the one behind it.
        Some(until) => format!("bytes={from}-{}", until.saturating_sub(1)),
        None => format!("bytes={from}-"),
    }
}

/// Whether a 206 goes on at `position`, in `version` as far as both have one: it need not repeat a validator that
/// `If-Range` named (RFC 9110 §15.3.7).
pub(super) fn continues<B>(response: &Response<B>, position: u64, version: Option<&str>) -> bool {
    let given = version_of(response);
    let same = version.is_none() || given.is_none() || given.as_deref() == version;
    same && content_range(response).is_some_and(|(start, _)| start == position)
}

/// Where the bytes of a 206 begin, and how long the whole document is, if it says so.
pub(super) fn content_range<B>(response: &Response<B>) -> Option<(u64, Option<u64>)> {
    let (range, total) = text(response, CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _last) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

/// What tells the version of an answer from another.
pub(super) fn version_of<B>(response: &Response<B>) -> Option<String> {
    text(response, ETAG).or_else(|| text(response, LAST_MODIFIED)).map(str::to_owned)
}

/// Whether `If-Range` may carry it: RFC 9110 §13.1.5 forbids weak validators.
pub(super) fn is_strong(version: &str) -> bool {
    !version.starts_with("W/")
}

/// The version to remember for a later run, if it will be worth something then.
///
/// None where the body has no announced end, for what was cut off would count as whole ever after; and no
/// `Last-Modified` of the same minute (RFC 9110 §8.8.2.2).
pub(super) fn lasting_version<B>(response: &Response<B>) -> Option<String> {
    let chunked = text(response, TRANSFER_ENCODING).is_some_and(|coding| coding.contains("chunked"));
    if content_length(response).is_none() && !chunked && response.version() < Version::HTTP_2 {
        return None;
    }
    let version = version_of(response)?;
    if text(response, ETAG).is_none() {
        let date = |text| httpdate::parse_http_date(text).ok();
        let age = date(text(response, DATE)?)?.duration_since(date(&version)?);
        // A date in the future says nothing.
        if age.map_or(true, |age| age < YOUNG) {
            return None;
        }
    }
    Some(version)
}

/// How many bytes the body announces.
pub(super) fn content_length<B>(response: &Response<B>) -> Option<u64> {
    text(response, CONTENT_LENGTH)?.parse().ok()
}

/// Whether the server says that it takes ranges of this document.
pub(super) fn accepts_ranges<B>(response: &Response<B>) -> bool {
    text(response, ACCEPT_RANGES).is_some_and(|units| units.split(',').any(|unit| unit.trim() == "bytes"))
}

fn text<B>(response: &Response<B>, name: HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(headers: &[(&str, &str)]) -> Response<()> {
        let builder = headers.iter().fold(Response::builder(), |builder, (k, v)| builder.header(*k, *v));
        builder.body(()).unwrap()
    }

    #[test]
    fn a_range_names_its_last_byte() {
        assert_eq!(range(5, None), "bytes=5-");
        assert_eq!(range(5, Some(10)), "bytes=5-9");
    }

    #[test]
    fn a_part_goes_on_only_where_it_was_asked_for_and_in_the_same_version() {
        let part = response(&[("content-range", "bytes 5-9/10"), ("etag", "\"a\"")]);
        assert_eq!(content_range(&part), Some((5, Some(10))));
        assert!(continues(&part, 5, Some("\"a\"")));
        assert!(continues(&part, 5, None));
        assert!(!continues(&part, 4, Some("\"a\"")));
        assert!(!continues(&part, 5, Some("\"b\"")));
        assert!(!continues(&response(&[]), 0, None));
        assert_eq!(content_range(&response(&[("content-range", "bytes 5-9/*")])), Some((5, None)));
        assert_eq!(content_range(&response(&[("content-range", "bytes */10")])), None);
    }

    #[test]
    fn a_version_lasts_if_the_document_cannot_change_under_it() {
        let at = |date, modified| {
            response(&[("content-length", "1"), ("date", date), ("last-modified", modified)])
        };
        let (noon, later) = ("Sat, 21 Nov 2026 12:00:00 GMT", "Sat, 21 Nov 2026 12:01:00 GMT");
        assert_eq!(lasting_version(&at(later, noon)).as_deref(), Some(noon));
        assert_eq!(lasting_version(&at(noon, noon)), None);
        assert_eq!(lasting_version(&at(noon, later)), None);
        assert_eq!(lasting_version(&response(&[("etag", "\"a\"")])), None, "it may have been cut off");
        let tagged = response(&[("etag", "\"a\""), ("transfer-encoding", "chunked")]);
        assert_eq!(lasting_version(&tagged).as_deref(), Some("\"a\""));
    }
}
