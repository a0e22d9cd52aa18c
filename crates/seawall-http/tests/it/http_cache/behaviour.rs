use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use seawall_core::Event;
use seawall_http::http_cache::{HttpCacheConfig, HttpCacheHandle};
use seawall_http::{Http, HttpConfig};
use seawall_tower::Identity;

use super::origin::{Answer, Origin, answer};
use crate::support::{Recorder, client_of, serve};

#[tokio::test]
async fn a_fresh_response_is_not_asked_for_again_and_says_how_old_it_is() {
    let origin = Origin::start(async |seen| {
        answer(
            200,
            &[("cache-control", "max-age=60"), ("link", "<a>"), ("link", "<b>")],
            format!("body {}", seen.number),
        )
    })
    .await;
    let first = origin.get("/").await;
    assert_eq!(first.body, "body 1");
    assert_eq!(first.cache_status(), "seawall; fwd=uri-miss; fwd-status=200; stored");
    origin.clock.advance(25);
    let second = origin.get("/").await;
    assert_eq!(second.body, "body 1");
    assert_eq!(second.header("age"), "25");
    assert_eq!(second.cache_status(), "seawall; hit; ttl=35");
    assert_eq!(second.headers.get_all("link").iter().count(), 2, "repeated lines are all kept");
    assert_eq!(origin.asked(), 1);

    origin.clock.advance(35);
    assert_eq!(origin.get("/").await.body, "body 2");
    assert_eq!(origin.get("/other").await.body, "body 3");
}

#[tokio::test]
async fn what_is_past_its_time_is_validated_by_its_tag_and_renewed_by_a_304() {
    let origin = Origin::start(async |seen| match seen.number {
        1 => answer(
            200,
            &[("cache-control", "max-age=60"), ("etag", "\"1\""), ("x-old", "kept"), ("x-both", "old")],
            "body",
        ),
        _ if seen.headers["if-none-match"] == "\"1\"" => {
            let renewed = [
                ("cache-control", "max-age=100"),
                ("etag", "\"1\""),
                ("x-both", "new"),
                ("x-both", "newer"),
                ("x-new", "added"),
            ];
            answer(304, &renewed, "")
        }
        _ => answer(500, &[], ""),
    })
    .await;
    origin.get("/").await;
    origin.clock.advance(60);
    let renewed = origin.get("/").await;
    assert_eq!((renewed.status, renewed.body.as_str()), (StatusCode::OK, "body"));
    assert_eq!(renewed.cache_status(), "seawall; fwd=stale; fwd-status=304; stored; ttl=100");
    origin.clock.advance(99);
    let hit = origin.get("/").await;
    assert_eq!((hit.body.as_str(), hit.header("age")), ("body", "99"));
    assert_eq!((hit.header("x-old"), hit.header("x-new")), ("kept", "added"));
    assert_eq!(hit.headers.get_all("x-both").iter().collect::<Vec<_>>(), ["new", "newer"]);
    assert_eq!(hit.header("content-length"), "4");
    assert_eq!(origin.asked(), 2);
    assert_eq!(origin.cache.stats().validations, 1);
}

#[tokio::test]
async fn without_a_tag_it_is_validated_by_its_date_of_change() {
    let origin = Origin::start(async |seen| match seen.number {
        1 => answer(
            200,
            &[("cache-control", "no-cache"), ("last-modified", "Fri, 15 Jan 2027 07:00:00 GMT")],
            "body",
        ),
        _ => answer(304, &[("x-since", seen.headers["if-modified-since"].to_str().unwrap())], ""),
    })
    .await;
    origin.get("/").await;
    let validated = origin.get("/").await;
    assert_eq!((validated.status, validated.body.as_str()), (StatusCode::OK, "body"));
    assert_eq!(validated.header("x-since"), "Fri, 15 Jan 2027 07:00:00 GMT");
}

#[tokio::test]
async fn a_304_that_speaks_of_something_else_makes_it_ask_for_everything() {
    let origin = Origin::start(async |seen| {
        if seen.headers.contains_key("if-none-match") {
            answer(304, &[("etag", "\"2\"")], "")
        } else {
            let number = seen.number.to_string();
            answer(200, &[("cache-control", "max-age=0"), ("etag", "\"1\"")], number)
        }
    })
    .await;
    assert_eq!(origin.get("/").await.body, "1");
    assert_eq!(origin.get("/").await.body, "3");
}

#[tokio::test]
async fn a_new_answer_takes_the_place_of_the_old_one() {
    let origin = Origin::start(async |seen| {
        answer(
            200,
            &[("cache-control", "max-age=10"), ("etag", &format!("\"{}\"", seen.number))],
            seen.number.to_string(),
        )
    })
    .await;
    for round in 1..4 {
        assert_eq!(origin.get("/").await.body, round.to_string());
        assert_eq!(origin.get("/").await.body, round.to_string());
        origin.clock.advance(10);
    }
}

#[tokio::test]
async fn variants_are_kept_side_by_side_up_to_their_bound() {
    let config = HttpCacheConfig { max_variants: 2.try_into().unwrap(), ..HttpCacheConfig::default() };
    let origin = Origin::with(&config, async |seen| {
        let said = seen.headers.get("accept-language").map_or("none", |language| language.to_str().unwrap());
        answer(
            200,
            &[("cache-control", "max-age=60"), ("vary", "Accept-Language")],
            format!("{said} {}", seen.number),
        )
    })
    .await;
    let get = async |language| origin.get_with("/", &[("accept-language", language)]).await;
    assert_eq!(get("de").await.body, "de 1");
    let second = get("fr").await;
    assert_eq!(
        (second.body.as_str(), second.cache_status()),
        ("fr 2", "seawall; fwd=vary-miss; fwd-status=200; stored")
    );
    assert_eq!(get("de").await.body, "de 1");
    assert_eq!(get(" fr ").await.body, "fr 2", "white space around means nothing");
    assert_eq!(get("it").await.body, "it 3");
    assert_eq!(get("fr").await.body, "fr 2");
    assert_eq!(get("de").await.body, "de 4", "the oldest made room");
    assert_eq!(origin.get("/").await.body, "none 5", "no header is a variant too");
}

#[tokio::test]
async fn what_varies_by_everything_is_not_stored() {
    let origin =
        Origin::start(async |_| answer(200, &[("cache-control", "max-age=60"), ("vary", "accept, *")], ""))
            .await;
    origin.get("/").await;
    origin.get("/").await;
    assert_eq!(origin.asked(), 2);
}

#[tokio::test]
async fn what_may_be_stale_while_it_is_renewed_answers_at_once_and_is_renewed_once() {
    let gate = Arc::new(tokio::sync::Semaphore::new(1));
    let waiting = Arc::clone(&gate);
    let origin = Origin::start(move |seen| {
        let waiting = Arc::clone(&waiting);
        async move {
            waiting.acquire().await.unwrap().forget();
            answer(
                200,
                &[("cache-control", "max-age=60, stale-while-revalidate=30")],
                seen.number.to_string(),
            )
        }
    })
    .await;
    assert_eq!(origin.get("/").await.body, "1");
    origin.clock.advance(75);
    // Nobody lets the renewal through, and everybody is answered.
    for _ in 0..20 {
        let stale = origin.get("/").await;
        assert_eq!((stale.body.as_str(), stale.header("age")), ("1", "75"));
        assert_eq!(stale.cache_status(), "seawall; hit; ttl=-15; detail=stale-while-revalidate");
    }
    gate.add_permits(1);
    while origin.cache.stats().stored < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(origin.get("/").await.body, "2");
    assert_eq!(origin.asked(), 2);

    origin.clock.advance(90);
    gate.add_permits(1);
    assert_eq!(origin.get("/").await.body, "3", "past its window it is asked for");
}

/// The day on which a clock begins.
const TODAY: (&str, &str) = ("date", "Fri, 15 Jan 2027 08:00:00 GMT");

#[tokio::test]
async fn in_place_of_an_error_it_answers_for_as_long_as_it_says() {
    let broken = Arc::new(AtomicBool::new(false));
    let is_broken = Arc::clone(&broken);
    let mut config = HttpConfig::default();
    config.pipeline.retry.max_attempts = 1.try_into().unwrap();
    let url = serve(axum::Router::new().fallback(move |request: axum::extract::Request| {
        let broken = is_broken.load(Ordering::SeqCst);
        async move {
            match request.uri().path() {
                _ if broken => answer(503, &[], "down"),
                "/must" => answer(
                    200,
                    &[
                        ("cache-control", "max-age=0, must-revalidate, stale-if-error=60"),
                        TODAY,
                        ("etag", "\"1\""),
                    ],
                    "body",
                ),
                "/says-nothing" => answer(200, &[("cache-control", "max-age=1"), TODAY], "body"),
                _ => answer(200, &[("cache-control", "max-age=1, stale-if-error=60"), TODAY], "body"),
            }
        }
    }))
    .await;
    let clock = super::origin::Clock::new();
    let cache = super::origin::cache_of(&HttpCacheConfig::default(), &clock);
    let http = client_of(&config).layer(seawall_http::http_cache::HttpCacheLayer::new(cache));
    let get = async |path: &str| super::origin::get(&http, &format!("{url}{path}"), &[]).await.unwrap();
    for path in ["/", "/must", "/says-nothing"] {
        assert_eq!(get(path).await.body, "body");
    }
    clock.advance(30);
    broken.store(true, Ordering::SeqCst);
    let stale = get("/").await;
    assert_eq!((stale.status, stale.body.as_str()), (StatusCode::OK, "body"));
    assert_eq!(stale.cache_status(), "seawall; fwd=stale; fwd-status=503; ttl=-29; detail=stale-if-error");
    assert_eq!(get("/must").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get("/says-nothing").await.status, StatusCode::SERVICE_UNAVAILABLE);
    clock.advance(31);
    assert_eq!(get("/").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_that_a_stale_answer_may_stand_in_for() {
    let url = serve(
        axum::Router::new().fallback(async || answer(200, &[("cache-control", "max-age=1"), TODAY], "body")),
    )
    .await;
    let proxy =
        seawall_testkit::proxy::FaultProxy::start(url.strip_prefix("http://").unwrap().parse().unwrap(), 7)
            .await
            .unwrap();
    let clock = super::origin::Clock::new();
    let config =
        HttpCacheConfig { stale_if_error: Some(Duration::from_mins(1)), ..HttpCacheConfig::default() };
    let cache = super::origin::cache_of(&config, &clock);
    let mut http = HttpConfig { pool_max_idle_per_host: 0, ..HttpConfig::default() };
    http.pipeline.retry.max_attempts = 1.try_into().unwrap();
    let http = client_of(&http).layer(seawall_http::http_cache::HttpCacheLayer::new(cache));
    let get = async |headers: &[(&str, &str)]| {
        super::origin::get(&http, &format!("http://{}/", proxy.addr()), headers).await
    };
    assert_eq!(get(&[]).await.unwrap().body, "body");
    clock.advance(10);
    proxy.set(seawall_testkit::proxy::Faults::refuse());
    assert_eq!(get(&[]).await.unwrap().body, "body");
    let error = get(&[("cache-control", "stale-if-error=0")]).await.unwrap_err();
    assert_eq!(error.kind(), seawall_core::FailureKind::Transient, "{error}");
}

#[tokio::test]
async fn what_is_not_safe_forgets_its_url_and_what_its_answer_names() {
    let origin = Origin::start(async |seen| match seen.method.as_str() {
        "GET" => answer(200, &[("cache-control", "max-age=60")], seen.number.to_string()),
        "DELETE" => answer(404, &[], ""),
        "PATCH" => answer(500, &[], ""),
        _ => answer(
            201,
            &[("location", "/list?page=1"), ("content-location", "http://elsewhere.example/one")],
            "",
        ),
    })
    .await;
    let mut config = HttpConfig::default();
    config.pipeline.retry.max_attempts = 1.try_into().unwrap();
    for path in ["/one", "/list?page=1", "/list"] {
        origin.get(path).await;
    }
    let one = format!("{}/one", origin.url);
    origin.http.delete(&one).send().await.unwrap();
    assert_eq!(origin.get("/one").await.body, "1", "a request that was at fault changed nothing");
    let posted = Answer::of(origin.http.post(&one).body("new").send().await.unwrap()).await.unwrap();
    assert_eq!(posted.cache_status(), "seawall; fwd=method; fwd-status=201");
    assert_eq!(origin.get("/one").await.body, "6");
    assert_eq!(origin.get("/list?page=1").await.body, "7");
    assert_eq!(origin.get("/list").await.body, "3");
    // It may have been carried out before it failed.
    origin.http.patch(&one).send().await.unwrap();
    assert_ne!(origin.get("/one").await.body, "6");
}

#[tokio::test]
async fn what_a_redirect_led_to_is_not_stored_under_the_url_that_was_asked_for() {
    let origin = Origin::start(async |seen| match seen.path.as_str() {
        "/from" => answer(302, &[("location", "/to")], ""),
        _ => answer(200, &[("cache-control", "max-age=60")], "arrived"),
    })
    .await;
    assert_eq!(origin.get("/from").await.body, "arrived");
    assert_eq!(origin.get("/from").await.body, "arrived");
    assert_eq!(origin.asked(), 4);
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_answers_older() {
    let origin = Origin::start(async |_| answer(200, &[("cache-control", "max-age=60")], "")).await;
    origin.get("/").await;
    origin.clock.turn_back(3600);
    origin.get("/").await;
    assert_eq!(origin.asked(), 2);
}

#[tokio::test]
async fn the_clients_configuration_turns_it_on_and_the_client_hands_it_out() {
    let url = serve(
        axum::Router::new().fallback(async || answer(200, &[("cache-control", "max-age=3600")], "body")),
    )
    .await;
    assert!(client_of(&HttpConfig::default()).cache().is_none());
    let config = HttpConfig { cache: Some(HttpCacheConfig::default()), ..HttpConfig::default() };
    let recorder = Arc::new(Recorder::default());
    let http = Http::new(&config, Arc::clone(&recorder) as _).unwrap();
    for _ in 0..3 {
        http.get(&url).send().await.unwrap().into_body().collect(100).await.unwrap();
    }
    let stats = http.cache().unwrap().stats();
    assert_eq!((stats.misses, stats.hits, stats.stored, stats.urls), (1, 2, 1, 1));
    assert!(stats.weight > 0);
    let told = recorder.events();
    assert_eq!(
        told.iter()
            .filter(|(strategy, _, event)| *strategy == "http_cache" && *event == Event::Missed)
            .count(),
        1
    );
    assert_eq!(told.iter().filter(|(.., event)| *event == Event::Hit { stale: false }).count(), 2);
    assert_eq!(http.targets().len(), 1, "what a client hands out is still there behind its cache");

    assert!(http.cache().unwrap().forget(&format!("{url}/").parse().unwrap()));
    http.get(&url).send().await.unwrap();
    assert_eq!(http.cache().unwrap().stats().misses, 2);
}

#[tokio::test]
async fn rules_change_while_it_runs_and_what_cannot_be_is_refused() {
    let recorder = Arc::new(Recorder::default());
    let identity = Identity::new("test").observer(Arc::clone(&recorder) as _);
    let cache = HttpCacheHandle::new(identity, &HttpCacheConfig::default()).unwrap();
    let longer =
        HttpCacheConfig { stale_if_error: Some(Duration::from_mins(5)), ..HttpCacheConfig::default() };
    cache.reconfigure(&longer).unwrap();
    let larger = HttpCacheConfig { capacity: 1_000_000_000.try_into().unwrap(), ..longer };
    assert_eq!(cache.reconfigure(&larger).unwrap_err().field(), "capacity");
    let events: Vec<_> = recorder.events().into_iter().map(|(.., event)| event).collect();
    assert_eq!(events, [Event::Reconfigured, Event::ReconfigurationRefused]);
}
