use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, Request, Response};
use seawall_core::{Classify, Error, FailureKind, Idempotency, Outcome};
use seawall_http::{Body, HttpBackend, retry_after};
use seawall_tower::Replay;

fn kind_of(status: u16) -> Option<FailureKind> {
    let response = Response::builder().status(status).body(Body::empty()).unwrap();
    Classify::<_, Error>::classify(&HttpBackend, Ok(&response)).failure_kind()
}

#[test]
fn the_status_says_how_an_answer_counts() {
    for status in [200, 204, 301, 304, 400, 401, 403, 404, 409, 422] {
        assert_eq!(kind_of(status), None, "{status}");
    }
    for status in [408, 429] {
        assert_eq!(kind_of(status), Some(FailureKind::Overloaded { retry_after: None }), "{status}");
    }
    assert_eq!(kind_of(504), Some(FailureKind::Timeout), "a gateway's time-out is one");
    for status in [500, 502, 503, 522, 599] {
        assert_eq!(kind_of(status), Some(FailureKind::Transient), "{status}");
    }
    for status in [501, 505, 507, 511] {
        assert_eq!(kind_of(status), Some(FailureKind::Permanent), "{status}");
    }
}

#[test]
fn an_overloaded_server_is_believed_when_it_says_until_when() {
    for status in [429, 503] {
        let response =
            Response::builder().status(status).header("retry-after", "7").body(Body::empty()).unwrap();
        let outcome = Classify::<_, Error>::classify(&HttpBackend, Ok(&response));
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(outcome, Outcome::failure(FailureKind::Overloaded { retry_after }), "{status}");
    }
}

#[test]
fn retry_after_is_read_in_every_form_and_nonsense_is_none() {
    let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
    let read = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", value.parse().unwrap());
        retry_after(&headers, now)
    };
    assert_eq!(read("0"), Some(Duration::ZERO));
    assert_eq!(read(" 120 "), Some(Duration::from_mins(2)));
    assert_eq!(read("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
    assert_eq!(read("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
    assert_eq!(read("Sunday, 06-Nov-94 08:49:47 GMT"), Some(Duration::from_secs(10)));
    assert_eq!(read("Sun Nov  6 08:49:47 1994"), Some(Duration::from_secs(10)));
    assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO), "a date in the past is now");
    for nonsense in ["", "-1", "+5", "1.5", "soon", "Sun, 06 Nov 1994"] {
        assert_eq!(read(nonsense), None, "{nonsense:?}");
    }
    assert_eq!(retry_after(&HeaderMap::new(), now), None);
}

#[test]
fn milliseconds_are_more_exact_than_seconds_and_go_first() {
    let now = SystemTime::UNIX_EPOCH;
    for name in ["retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after"] {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "2".parse().unwrap());
        headers.insert(name, "1250".parse().unwrap());
        assert_eq!(retry_after(&headers, now), Some(Duration::from_millis(1250)), "{name}");
        headers.insert(name, "soon".parse().unwrap());
        assert_eq!(retry_after(&headers, now), Some(Duration::from_secs(2)), "{name} makes no sense");
    }
}

#[test]
fn a_retry_date_is_measured_by_the_clock_of_the_server_that_gave_it() {
    let mut headers = HeaderMap::new();
    headers.insert("date", "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
    headers.insert("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT".parse().unwrap());
    assert_eq!(retry_after(&headers, SystemTime::UNIX_EPOCH), Some(Duration::from_secs(3)));
}

#[test]
fn the_method_says_what_may_be_repeated() {
    let idempotency = |method: &Method| {
        let request = Request::builder().method(method).body(Body::empty()).unwrap();
        HttpBackend.idempotency(&request)
    };
    let idempotent = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE];
    for method in idempotent {
        assert_eq!(idempotency(&method), Idempotency::Idempotent, "{method}");
    }
    for method in [Method::POST, Method::PATCH, Method::CONNECT, Method::from_bytes(b"PURGE").unwrap()] {
        assert_eq!(idempotency(&method), Idempotency::NotIdempotent, "{method}");
    }
    let keyed =
        Request::builder().method(Method::POST).header("Idempotency-Key", "1").body(Body::empty()).unwrap();
    assert_eq!(HttpBackend.idempotency(&keyed), Idempotency::Idempotent);
}

#[test]
fn a_replayed_request_is_the_same_request() {
    let request = Request::builder()
        .method(Method::PUT)
        .uri("https://example.com/a?b=c")
        .header("x-one", "1")
        .extension(7_u8)
        .body(Body::from("content"))
        .unwrap();
    let copy = HttpBackend.replay(&request).unwrap();
    assert_eq!(copy.method(), request.method());
    assert_eq!(copy.uri(), request.uri());
    assert_eq!(copy.headers(), request.headers());
    assert_eq!(copy.extensions().get::<u8>(), Some(&7));
    assert_eq!(copy.body().as_bytes(), request.body().as_bytes());
}

#[test]
fn a_request_with_a_stream_is_not_replayed() {
    let stream = futures_util::stream::iter([Ok::<_, std::io::Error>("once".into())]);
    assert!(HttpBackend.replay(&Request::new(Body::from_stream(stream))).is_none());
}
