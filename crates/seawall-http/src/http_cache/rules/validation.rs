//! Asking the origin whether a stored response still holds (RFC 9111 §4.3).

use http::header::{
    AGE, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName,
    HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

use super::freshness::date;

pub(crate) fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED)
}

/// Makes a request ask only for what differs from the stored response.
pub(crate) fn add_conditions(request: &mut HeaderMap, stored: &HeaderMap) {
    for (condition, validator) in [(IF_NONE_MATCH, ETAG), (IF_MODIFIED_SINCE, LAST_MODIFIED)] {
        if let Some(value) = stored.get(validator) {
            request.insert(condition, value.clone());
        }
    }
}

/// Whether a 304 speaks of this stored response (§4.3.4).
pub(crate) fn answers_validation_of(stored: &HeaderMap, not_modified: &HeaderMap) -> bool {
    match (stored.get(ETAG), not_modified.get(ETAG)) {
        (Some(ours), Some(theirs)) => strip_weak(ours) == strip_weak(theirs),
        // It had only our date to go by.
        (None, Some(_)) | (_, None) => {
            not_modified.get(LAST_MODIFIED).is_none_or(|theirs| stored.get(LAST_MODIFIED) == Some(theirs))
        }
    }
}

/// The stored headers, with those of the 304 in place of theirs (§3.2, §4.3.4).
pub(crate) fn merge(stored: &HeaderMap, not_modified: &HeaderMap) -> HeaderMap {
    // They say something of the body, which stays.
    const OF_THE_BODY: [HeaderName; 3] = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE];
    let mut merged = stored.clone();
    // The old answer's; the age begins anew.
    merged.remove(AGE);
    merged.remove(DATE);
    let new = detached(not_modified);
    for name in new.keys().filter(|name| !OF_THE_BODY.contains(name)) {
        merged.remove(name);
        for value in new.get_all(name) {
            merged.append(name.clone(), value.clone());
        }
    }
    merged
}

/// Whether the stored response is what the client has already (§4.3.2), so that a 304 answers it.
pub(crate) fn satisfies_the_clients_condition(request: &HeaderMap, stored: &HeaderMap) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        let ours = stored.get(ETAG).map(strip_weak);
        return request.get_all(IF_NONE_MATCH).iter().any(|line| {
            tags(line.as_bytes()).any(|tag| tag == b"*" || (ours.is_some() && ours == Some(tag)))
        });
    }
    match (date(request, &IF_MODIFIED_SINCE), date(stored, &LAST_MODIFIED)) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// The headers to keep of a response: without those of the connection (§3.1), and in memory of their own. As they come,
/// they hold fast the buffer that the connection was read into.
pub(crate) fn detached(headers: &HeaderMap) -> HeaderMap {
    const OF_THE_CONNECTION: [HeaderName; 7] =
        [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    const OTHERS: [&str; 3] = ["keep-alive", "proxy-connection", "proxy-authentication-info"];
    let nominated = |name: &HeaderName| {
        headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
    };
    let mut kept = HeaderMap::with_capacity(headers.keys_len());
    for (name, value) in headers {
        if OF_THE_CONNECTION.contains(name) || OTHERS.contains(&name.as_str()) || nominated(name) {
            continue;
        }
        let mut own = HeaderValue::from_bytes(value.as_bytes()).expect("it was a header's value before");
        own.set_sensitive(value.is_sensitive());
        kept.append(name.clone(), own);
    }
    kept
}

fn strip_weak(tag: &HeaderValue) -> &[u8] {
    bare(tag.as_bytes())
}

fn bare(tag: &[u8]) -> &[u8] {
    let tag = tag.trim_ascii();
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// The entity tags of a list, without their `W/`. A comma within a tag's quotes belongs to it.
fn tags(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    line.split(move |&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    })
    .map(bare)
}
