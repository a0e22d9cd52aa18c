//! Parts on the wire.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body::Body as _;
use seawall_core::Error;

use super::{Headers, Part};
use crate::Body;

/// What a part begins with, and the part.
type Section = (Bytes, Body);

pub(super) fn body(boundary: &str, parts: Vec<(String, Part)>) -> Result<Body, Error> {
    let mut sections = Vec::with_capacity(parts.len() + 1);
    for (name, part) in parts {
        let head = head(boundary, &name, part.file_name.as_deref(), &part.headers?);
        sections.push((head, part.body));
    }
    let end =
        if sections.is_empty() { format!("--{boundary}--\r\n") } else { format!("\r\n--{boundary}--\r\n") };
    // Each head but the first ends the part before.
    for (head, _) in sections.iter_mut().skip(1) {
        *head = [&b"\r\n"[..], head].concat().into();
    }
    sections.push((end.into(), Body::empty()));

    let length = length(&sections);
    let body = if sections.iter().all(|(_, body)| body.is_replayable()) {
        // A lock only because a body that streams cannot be looked at by two at once; there is none here.
        let sections = Mutex::new(sections);
        Body::made(move || chain(again(&sections.lock().unwrap_or_else(PoisonError::into_inner))))
    } else {
        chain(sections)
    };
    Ok(match length {
        Some(length) => body.with_length(length),
        None => body,
    })
}

fn chain(sections: Vec<Section>) -> Body {
    let heads_and_parts =
        stream::iter(sections).flat_map(|(head, body)| stream::iter([Ok::<_, Error>(head)]).chain(body));
    Body::from_stream(heads_and_parts)
}

fn again(sections: &[Section]) -> Vec<Section> {
    let copy = |(head, body): &Section| Some((head.clone(), body.try_clone()?));
    sections.iter().filter_map(copy).collect()
}

fn length(sections: &[Section]) -> Option<u64> {
    let lengths = sections.iter().map(|(head, body)| Some(head.len() as u64 + body.size_hint().exact()?));
    lengths.sum()
}

fn head(boundary: &str, name: &str, file_name: Option<&str>, headers: &Headers) -> Bytes {
    let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(name));
    if let Some(file_name) = file_name {
        let _infallible = write!(head, "; filename=\"{}\"", quoted(file_name));
    }
    let mut head = head.into_bytes();
    for (name, value) in headers {
        head.extend_from_slice(&[b"\r\n", name.as_str().as_bytes(), b": ", value.as_bytes()].concat());
    }
    head.extend_from_slice(b"\r\n\r\n");
    head.into()
}

/// As browsers do it: UTF-8 as it is, and what would end the quotes or the line escaped
/// (WHATWG HTML, multipart form data).
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
