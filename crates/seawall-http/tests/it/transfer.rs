//! Bodies that break, against a server with ranges and versions.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::get;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use seawall_core::{Error, FailureKind};
use seawall_http::{Interruption, Opened, Transfer};

use crate::support::{client, serve};

/// What the server holds, and how it answers.
#[derive(Clone)]
struct Document {
    content: Bytes,
    etag: &'static str,
    /// A body breaks off after so many bytes.
    breaks_after: usize,
    ranges: bool,
}

type Shared = Arc<Mutex<Document>>;

const CONTENT: &[u8] = b"0123456789abcdef";

async fn server() -> (String, Shared) {
    let document =
        Document { content: CONTENT.into(), etag: "\"one\"", breaks_after: usize::MAX, ranges: true };
    let shared = Arc::new(Mutex::new(document));
    let url = serve(Router::new().route("/", get(answer)).with_state(Arc::clone(&shared))).await;
    (url, shared)
}

async fn answer(State(document): State<Shared>, headers: HeaderMap) -> Response<Body> {
    let Document { content, etag, breaks_after, ranges } = document.lock().unwrap().clone();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(text(header::ACCEPT_ENCODING), Some("identity"));
    let mut response = Response::builder().header(header::ETAG, etag);
    if text(header::IF_NONE_MATCH) == Some(etag) {
        return response.status(StatusCode::NOT_MODIFIED).body(Body::empty()).unwrap();
    }
    let fresh = text(header::IF_RANGE).is_none_or(|condition| condition == etag);
    let range = text(header::RANGE).filter(|_| fresh && ranges).map(|range| {
        let (from, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let end = last.parse::<usize>().map_or(content.len(), |last| last + 1);
        from.parse::<usize>().unwrap()..end
    });
    if ranges {
        response = response.header(header::ACCEPT_RANGES, "bytes");
    }
    let part = match range {
        Some(range) => {
            let what = format!("bytes {}-{}/{}", range.start, range.end - 1, content.len());
            response = response.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, what);
            content.slice(range)
        }
        None => content,
    };
    let sent = part.slice(..part.len().min(breaks_after));
    let broken = sent.len() < part.len();
    let rest = stream::iter(broken.then(|| Err(std::io::Error::other("the server broke off"))));
    // What was sent leaves the server before it breaks off.
    let rest = rest.then(async |end| {
        tokio::task::yield_now().await;
        end
    });
    let chunks = stream::iter([Ok(sent)]).chain(rest);
    response.header(header::CONTENT_LENGTH, part.len()).body(Body::from_stream(chunks)).unwrap()
}

async fn open(url: &str, begun: Option<(u64, &str)>) -> Box<Transfer> {
    match client().get(url).transfer(begun).await.unwrap() {
        Opened::Body(transfer) => transfer,
        Opened::NotModified => panic!("nothing was asked about a version"),
    }
}

/// Reads until the end or the first error.
async fn read(transfer: &mut Transfer) -> (Vec<u8>, Option<Error>) {
    let mut content = Vec::new();
    loop {
        match transfer.chunk().await {
            Some(Ok(chunk)) => content.extend_from_slice(&chunk),
            Some(Err(error)) => return (content, Some(error)),
            None => return (content, None),
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_is_taken_up_where_it_broke() {
    let (url, document) = server().await;
    document.lock().unwrap().breaks_after = 5;
    let mut transfer = open(&url, None).await;
    let mut content = Vec::new();
    for _ in 0..3 {
        let (part, broken) = read(&mut transfer).await;
        content.extend(part);
        assert_eq!(broken.unwrap().kind(), FailureKind::Transient);
        assert_eq!(transfer.position(), content.len() as u64);
        transfer.reopen().await.unwrap();
    }
    let (part, broken) = read(&mut transfer).await;
    content.extend(part);
    assert!(broken.is_none());
    assert_eq!(content, CONTENT);
    assert_eq!(transfer.end(), Some(CONTENT.len() as u64));
}

#[tokio::test]
async fn two_versions_are_never_joined() {
    let (url, document) = server().await;
    document.lock().unwrap().breaks_after = 5;
    let mut transfer = open(&url, None).await;
    read(&mut transfer).await;
    document.lock().unwrap().etag = "\"two\"";
    assert!(matches!(transfer.reopen().await, Err(Interruption::Changed)));
}

#[tokio::test]
async fn a_server_without_ranges_sends_everything_again_and_the_known_part_is_passed_over() {
    let (url, document) = server().await;
    (document.lock().unwrap().breaks_after, document.lock().unwrap().ranges) = (5, false);
    let mut transfer = open(&url, None).await;
    assert!(!transfer.takes_ranges());
    read(&mut transfer).await;
    document.lock().unwrap().breaks_after = usize::MAX;
    transfer.reopen().await.unwrap();
    let (rest, broken) = read(&mut transfer).await;
    assert!(broken.is_none());
    assert_eq!(rest, &CONTENT[5..]);
}

#[tokio::test]
async fn what_an_earlier_run_began_goes_on_in_the_same_version_and_begins_anew_in_another() {
    let (url, _document) = server().await;
    let mut transfer = open(&url, Some((10, "\"one\""))).await;
    assert_eq!((transfer.position(), transfer.end(), transfer.version()), (10, Some(16), Some("\"one\"")));
    assert_eq!(read(&mut transfer).await.0, &CONTENT[10..]);

    let mut transfer = open(&url, Some((10, "\"another\""))).await;
    assert_eq!(transfer.position(), 0);
    assert_eq!(read(&mut transfer).await.0, CONTENT);
}

#[tokio::test]
async fn a_part_is_exactly_that_and_of_the_same_version() {
    let (url, document) = server().await;
    let mut first = open(&url, None).await;
    assert!(first.takes_ranges());
    first.stop_at(4);
    let mut second = first.part(4..9);
    second.reopen().await.unwrap();
    assert_eq!(read(&mut first).await.0, &CONTENT[..4]);
    assert_eq!(read(&mut second).await.0, &CONTENT[4..9]);
    document.lock().unwrap().etag = "\"two\"";
    assert!(matches!(first.part(9..16).reopen().await, Err(Interruption::Changed)));
}

#[tokio::test]
async fn a_conditional_request_may_find_nothing_new() {
    let (url, _document) = server().await;
    let request = client().get(&url).header("if-none-match", "\"one\"");
    assert!(matches!(request.transfer(None).await.unwrap(), Opened::NotModified));
}

#[tokio::test]
async fn an_answer_that_is_no_document_is_an_error_with_advice() {
    let (url, _document) = server().await;
    let error = client().get(format!("{url}/nowhere")).transfer(None).await.unwrap_err();
    assert!(error.to_string().contains("404 Not Found; is the address right?"), "{error}");
    let error = client().post(&url).transfer(None).await.unwrap_err();
    assert!(error.to_string().ends_with("only a get can be taken up again"), "{error}");
}

#[tokio::test]
async fn a_wait_for_a_chunk_that_is_dropped_loses_no_bytes() {
    let (url, _document) = server().await;
    let mut transfer = open(&url, None).await;
    // Polled once and dropped: whether or not the bytes were there, the next wait has them.
    let _ = futures_util::poll!(Box::pin(transfer.chunk()));
    let at = usize::try_from(transfer.position()).unwrap();
    let (rest, _) = read(&mut transfer).await;
    assert_eq!(rest, &CONTENT[at..]);
}
