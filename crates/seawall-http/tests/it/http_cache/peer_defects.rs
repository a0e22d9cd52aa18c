//! What http-cache-semantics 3.0.0 gets wrong, each shown in it and then in ours; and where it is right, ours is never
//! laxer.

use std::time::{Duration, SystemTime};

use http::{Request, Response};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};
use proptest::prelude::*;
use seawall_core::Error;
use seawall_http::http_cache::{CacheScope, HttpCacheConfig, HttpCacheLayer};
use seawall_http::{Body, Http};
use tower::service_fn;

use super::origin::{Answer, Clock, cache_of, get};

type Headers<'a> = &'a [(&'a str, &'a str)];

fn request(headers: Headers<'_>) -> Request<()> {
    let mut request = Request::get("http://a.example/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn response(headers: Headers<'_>) -> Response<()> {
    let mut response = Response::builder();
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(()).unwrap()
}

fn day() -> SystemTime {
    Clock::new().now()
}

fn peer(asked: Headers<'_>, answered: Headers<'_>) -> CachePolicy {
    CachePolicy::new_options(&request(asked), &response(answered), day(), CacheOptions::default())
}

/// Asks ours twice, and tells how the second was answered and by whom.
async fn ours(answered: Headers<'_>, first: Headers<'_>, second: Headers<'_>, later: u64) -> (Answer, bool) {
    let clock = Clock::new();
    let cache = cache_of(&HttpCacheConfig::default(), &clock);
    let head = std::sync::Arc::new(response(answered));
    let origin = service_fn(move |_: Request<Body>| {
        let mut response = Response::new(Body::from("body"));
        *response.headers_mut() = head.headers().clone();
        async move { Ok::<_, Error>(response) }
    });
    let http = Http::from_service(origin).layer(HttpCacheLayer::new(cache.clone()));
    get(&http, "http://a.example/", first).await.unwrap();
    clock.advance(later);
    let answer = get(&http, "http://a.example/", second).await.unwrap();
    (answer, cache.stats().hits == 1)
}

#[tokio::test]
async fn directives_in_capitals_are_heard() {
    let answered = [("cache-control", "No-Store, max-age=60")];
    assert!(peer(&[], &answered).is_storable(), "the peer stores what it must not");
    assert!(!ours(&answered, &[], &[], 0).await.1);
}

#[tokio::test]
async fn a_client_that_bears_stale_answers_does_not_get_what_must_be_validated() {
    let (answered, wanted) =
        ([("cache-control", "no-cache, max-age=60"), ("etag", "\"1\"")], [("cache-control", "max-stale")]);
    assert!(peer(&[], &answered).before_request(&request(&wanted), day()).satisfies_without_revalidation());
    assert!(!ours(&answered, &[], &wanted, 0).await.1);
}

#[tokio::test]
async fn repeated_lines_and_the_date_are_kept_as_they_were() {
    let answered = [
        ("cache-control", "max-age=60"),
        ("link", "<a>"),
        ("link", "<b>"),
        ("date", "Fri, 15 Jan 2027 08:00:00 GMT"),
    ];
    let BeforeRequest::Fresh(parts) = peer(&[], &answered).before_request(&request(&[]), day()) else {
        panic!()
    };
    assert_eq!(parts.headers.get_all("link").iter().count(), 1);
    assert_eq!(parts.headers["date"], "Fri, 15 Jan 2027 08:00:00 +0000", "no date of HTTP");
    let (answer, hit) = ours(&answered, &[], &[], 0).await;
    assert!(hit);
    assert_eq!(answer.headers.get_all("link").iter().count(), 2);
    assert_eq!(answer.header("date"), "Fri, 15 Jan 2027 08:00:00 GMT");
}

#[tokio::test]
async fn what_is_old_by_its_date_is_old() {
    let answered = [("cache-control", "max-age=60"), ("date", "Fri, 15 Jan 2027 07:00:00 GMT")];
    assert!(!peer(&[], &answered).is_stale(day()), "an hour old, and fresh for a minute");
    assert!(!ours(&answered, &[], &[], 0).await.1);
}

#[test]
fn the_peer_keeps_no_new_header_of_a_304() {
    let mut renewed = response(&[("etag", "\"1\""), ("x-new", "1")]);
    *renewed.status_mut() = http::StatusCode::NOT_MODIFIED;
    let stored = peer(&[], &[("cache-control", "max-age=60"), ("etag", "\"1\"")]);
    let AfterResponse::NotModified(_, parts) = stored.after_response(&request(&[]), &renewed, day()) else {
        panic!()
    };
    // Ours does: `what_is_past_its_time_is_validated_by_its_tag_and_renewed_by_a_304`.
    assert!(!parts.headers.contains_key("x-new"));
}

#[tokio::test]
async fn every_line_of_a_header_tells_variants_apart() {
    let answered = [("cache-control", "max-age=60"), ("vary", "accept")];
    let (one, other) = ([("accept", "a"), ("accept", "b")], [("accept", "a"), ("accept", "c")]);
    assert!(peer(&one, &answered).before_request(&request(&other), day()).satisfies_without_revalidation());
    assert!(!ours(&answered, &one, &other, 0).await.1);
    assert!(ours(&answered, &one, &[("accept", "a,b")], 0).await.1, "lines are one list");
}

#[tokio::test]
async fn an_age_beyond_all_numbers_is_no_panic() {
    let answered = [("cache-control", "max-age=60"), ("age", "18446744073709551615")];
    let policy = peer(&[], &answered);
    let later = day() + Duration::from_secs(1);
    assert!(std::panic::catch_unwind(move || policy.is_stale(later)).is_err());
    assert!(!ours(&answered, &[], &[], 1).await.1);
}

fn directive() -> impl Strategy<Value = String> {
    let timed = |name: &'static str| (0..100_u32).prop_map(move |seconds| format!("{name}={seconds}"));
    prop_oneof![
        4 => timed("max-age"),
        2 => timed("s-maxage"),
        1 => Just("no-store".to_owned()),
        1 => Just("no-cache".to_owned()),
        1 => Just("private".to_owned()),
        2 => Just("public".to_owned()),
        2 => Just("must-revalidate".to_owned()),
        1 => Just("proxy-revalidate".to_owned()),
    ]
}

fn wish() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..100_u32).prop_map(|seconds| format!("max-age={seconds}")),
        (0..100_u32).prop_map(|seconds| format!("min-fresh={seconds}")),
        Just("no-cache".to_owned()),
        Just("x".to_owned()),
    ]
}

proptest! {
    /// In the part of the rules that it gets right.
    #[test]
    fn ours_never_answers_where_the_peer_would_ask(
        said in prop::collection::vec(directive(), 0..4),
        wished in prop::collection::vec(wish(), 0..3),
        credentials in any::<bool>(),
        cookie in any::<bool>(),
        age in 0..80_u32,
        later in 0..120_u64,
        private in any::<bool>(),
    ) {
        let (said, wished, age) = (said.join(", "), wished.join(", "), age.to_string());
        let mut answered = vec![("cache-control", said.as_str()), ("age", age.as_str())];
        if cookie {
            answered.push(("set-cookie", "a=1"));
        }
        let mut asked = vec![("cache-control", wished.as_str())];
        if credentials {
            asked.push(("authorization", "Bearer token"));
        }
        let scope = if private { CacheScope::Private } else { CacheScope::Shared };
        let options = CacheOptions { shared: !private, ..CacheOptions::default() };
        let policy = CachePolicy::new_options(&request(&asked), &response(&answered), day(), options);
        let peer_answers = policy.is_storable()
            && policy.before_request(&request(&asked), day() + Duration::from_secs(later)).satisfies_without_revalidation();

        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let ours_answers = runtime.block_on(async {
            let clock = Clock::new();
            let cache = cache_of(&HttpCacheConfig { scope, ..HttpCacheConfig::default() }, &clock);
            let head = std::sync::Arc::new(response(&answered));
            let origin = service_fn(move |_: Request<Body>| {
                let mut response = Response::new(Body::from("body"));
                *response.headers_mut() = head.headers().clone();
                async move { Ok::<_, Error>(response) }
            });
            let http = Http::from_service(origin).layer(HttpCacheLayer::new(cache.clone()));
            get(&http, "http://a.example/", &asked).await.unwrap();
            clock.advance(later);
            get(&http, "http://a.example/", &asked).await.unwrap();
            cache.stats().hits == 1
        });
        // The peer has it that such an answer is stale from the start; it is to be asked about once it is (RFC 9111 §5.2.2.8).
        let is_taken_for_stale = !private && said.contains("proxy-revalidate");
        let may_answer = peer_answers || is_taken_for_stale;
        prop_assert!(may_answer || !ours_answers, "`{said}` asked with `{wished}`, {later} s later");
    }
}
