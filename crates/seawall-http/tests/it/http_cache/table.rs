//! One line for each rule: what the first answer said, how old it is when it is asked for again, and whether the origin
//! is asked then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use seawall_core::Error;
use seawall_http::http_cache::{CacheScope, HttpCacheConfig, HttpCacheLayer};
use seawall_http::{Body, Http};
use tower::service_fn;

use super::origin::{Clock, cache_of, get};

struct Case {
    status: u16,
    /// Of the answer; `DATE-n` and `DATE+n` stand for dates so many seconds away.
    headers: &'static [(&'static str, &'static str)],
    request: &'static [(&'static str, &'static str)],
    scope: CacheScope,
}

const SHARED: CacheScope = CacheScope::Shared;
const PRIVATE: CacheScope = CacheScope::Private;

const fn says(headers: &'static [(&'static str, &'static str)]) -> Case {
    Case { status: 200, headers, request: &[], scope: SHARED }
}

impl Case {
    const fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    const fn private(self) -> Self {
        Self { scope: PRIVATE, ..self }
    }

    const fn asked_with(self, request: &'static [(&'static str, &'static str)]) -> Self {
        Self { request, ..self }
    }

    /// For how many seconds it is used again: not at all, or up to 100 000.
    async fn used_for(&self) -> u64 {
        let (mut used, mut unused) = (0_u64, 100_000_u64);
        if !self.is_used_after(0).await {
            return 0;
        }
        // Being fresh ends once and for all, so the end can be looked for by halves.
        while unused - used > 1 {
            let half = used.midpoint(unused);
            if self.is_used_after(half).await { used = half } else { unused = half }
        }
        unused
    }

    async fn is_used_after(&self, seconds: u64) -> bool {
        let clock = Clock::new();
        let config = HttpCacheConfig { scope: self.scope, ..HttpCacheConfig::default() };
        let cache = cache_of(&config, &clock);
        let asked = Arc::new(AtomicUsize::new(0));
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            let value = match value.split_at_checked(4) {
                Some(("DATE", away)) => date(&clock, away.parse().unwrap()),
                _ => (*value).to_owned(),
            };
            response = response.header(*name, value);
        }
        let head = Arc::new(response.body(()).unwrap());
        let counter = Arc::clone(&asked);
        let origin = service_fn(move |_: Request<Body>| {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut response = Response::new(Body::from("body"));
            *response.status_mut() = head.status();
            *response.headers_mut() = head.headers().clone();
            async move { Ok::<_, Error>(response) }
        });
        let http = Http::from_service(origin).layer(HttpCacheLayer::new(cache));
        get(&http, "http://a.example/", self.request).await.unwrap();
        clock.advance(seconds);
        get(&http, "http://a.example/", self.request).await.unwrap();
        asked.load(Ordering::SeqCst) == 1
    }
}

fn date(clock: &Clock, away: i64) -> String {
    if away < 0 {
        return clock.date(away.unsigned_abs());
    }
    let later = Clock::new();
    later.advance(away.unsigned_abs());
    later.date(0)
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
async fn a_response_is_used_for_as_long_as_the_rules_say() {
    const DAY: u64 = 24 * 3600;
    let cases: &[(&str, Case, u64)] = &[
        // Freshness, §4.2.1.
        ("max-age", says(&[("cache-control", "max-age=60")]), 60),
        ("max-age in capitals", says(&[("cache-control", "Max-Age=60")]), 60),
        ("max-age in quotes", says(&[("cache-control", "max-age=\"60\"")]), 60),
        ("max-age with white space", says(&[("cache-control", " max-age=60 , x")]), 60),
        ("max-age of nothing", says(&[("cache-control", "max-age=0")]), 0),
        ("max-age that is none", says(&[("cache-control", "max-age=soon"), ("expires", "DATE+60")]), 0),
        ("max-age below zero", says(&[("cache-control", "max-age=-1")]), 0),
        ("max-age with a sign", says(&[("cache-control", "max-age=+60")]), 0),
        ("max-age with a fraction", says(&[("cache-control", "max-age=60.5")]), 0),
        (
            "max-age beyond all numbers",
            says(&[("cache-control", "max-age=99999999999999999999999")]),
            100_000,
        ),
        ("max-age twice", says(&[("cache-control", "max-age=60, max-age=30")]), 30),
        (
            "max-age in two lines",
            says(&[("cache-control", "max-age=30"), ("cache-control", "max-age=60")]),
            30,
        ),
        ("max-age before expires", says(&[("cache-control", "max-age=60"), ("expires", "DATE+10")]), 60),
        ("max-age within another's quotes", says(&[("cache-control", "x=\"a, max-age=9\", max-age=60")]), 60),
        ("s-maxage first", says(&[("cache-control", "s-maxage=60, max-age=10")]), 60),
        ("s-maxage is not for one", says(&[("cache-control", "s-maxage=60, max-age=10")]).private(), 10),
        ("s-maxage alone is not for one", says(&[("cache-control", "s-maxage=60")]).private(), 0),
        ("expires", says(&[("expires", "DATE+60")]), 60),
        ("expires by the origin's own clock", says(&[("expires", "DATE+60"), ("date", "DATE+50")]), 10),
        ("expires that has passed", says(&[("expires", "DATE-1")]), 0),
        ("expires that is no date", says(&[("expires", "0")]), 0),
        ("expires twice", says(&[("expires", "DATE+60"), ("expires", "DATE+50")]), 0),
        ("expires in an old form", says(&[("expires", "Friday, 15-Jan-27 08:01:00 GMT")]), 60),
        // Heuristics, §4.2.2.
        ("a tenth of the time it has not changed", says(&[("last-modified", "DATE-1000")]), 100),
        ("a day at most", says(&[("last-modified", "DATE-100000000")]), DAY),
        ("nothing to go by", says(&[]), 0),
        ("no guess for such a status", says(&[("last-modified", "DATE-1000")]).status(302), 0),
        (
            "unless it is public",
            says(&[("last-modified", "DATE-1000"), ("cache-control", "public")]).status(302),
            100,
        ),
        ("a guess for what is gone", says(&[("last-modified", "DATE-1000")]).status(410), 100),
        ("a change in the future", says(&[("last-modified", "DATE+1000")]), 0),
        // Age, §4.2.3.
        ("age", says(&[("cache-control", "max-age=60"), ("age", "20")]), 40),
        ("older than it may be", says(&[("cache-control", "max-age=60"), ("age", "60")]), 0),
        ("the first of several ages", says(&[("cache-control", "max-age=60"), ("age", "20, 50")]), 40),
        ("age that is none", says(&[("cache-control", "max-age=60"), ("age", "old")]), 60),
        ("age below zero", says(&[("cache-control", "max-age=60"), ("age", "-5")]), 60),
        (
            "age beyond all numbers",
            says(&[("cache-control", "max-age=60"), ("age", "18446744073709551615")]),
            0,
        ),
        ("old by its date", says(&[("cache-control", "max-age=60"), ("date", "DATE-20")]), 40),
        (
            "the older of both",
            says(&[("cache-control", "max-age=60"), ("date", "DATE-20"), ("age", "30")]),
            30,
        ),
        ("a date in the future", says(&[("cache-control", "max-age=60"), ("date", "DATE+20")]), 60),
        // Storing, §3.
        ("no-store", says(&[("cache-control", "no-store, max-age=60")]), 0),
        ("no-store in capitals", says(&[("cache-control", "No-Store, max-age=60")]), 0),
        (
            "no-store in another line",
            says(&[("cache-control", "max-age=60"), ("cache-control", "no-store")]),
            0,
        ),
        (
            "no-store for those who do not understand",
            says(&[("cache-control", "no-store, must-understand, max-age=60")]),
            60,
        ),
        ("a status not understood", says(&[("cache-control", "must-understand, max-age=60")]).status(299), 0),
        ("a status that says for how long", says(&[("cache-control", "max-age=60")]).status(299), 60),
        ("no-cache", says(&[("cache-control", "no-cache, max-age=60")]), 0),
        ("no-cache of a field", says(&[("cache-control", "no-cache=\"x\", max-age=60")]), 0),
        ("pragma", says(&[("pragma", "no-cache"), ("expires", "DATE+60")]), 0),
        ("pragma beside what counts", says(&[("pragma", "no-cache"), ("cache-control", "max-age=60")]), 60),
        ("private", says(&[("cache-control", "private, max-age=60")]), 0),
        ("private of a field", says(&[("cache-control", "private=\"x\", max-age=60")]), 0),
        ("private for one", says(&[("cache-control", "private, max-age=60")]).private(), 60),
        ("a part", says(&[("cache-control", "max-age=60")]).status(206), 0),
        ("a redirect", says(&[("cache-control", "max-age=60")]).status(302), 60),
        ("an error that says for how long", says(&[("cache-control", "max-age=60")]).status(500), 60),
        ("what is not there", says(&[("cache-control", "max-age=60")]).status(404), 60),
        ("vary by all", says(&[("cache-control", "max-age=60"), ("vary", "*")]), 0),
        ("vary by what is no name", says(&[("cache-control", "max-age=60"), ("vary", "a b")]), 0),
        ("vary", says(&[("cache-control", "max-age=60"), ("vary", "x")]).asked_with(&[("x", "1")]), 60),
        ("a cookie", says(&[("cache-control", "max-age=60"), ("set-cookie", "a=1")]), 0),
        ("a cookie for all", says(&[("cache-control", "public, max-age=60"), ("set-cookie", "a=1")]), 60),
        ("a cookie for one", says(&[("cache-control", "max-age=60"), ("set-cookie", "a=1")]).private(), 60),
        ("credentials", says(&[("cache-control", "max-age=60")]).asked_with(&[("authorization", "x")]), 0),
        (
            "credentials of one",
            says(&[("cache-control", "max-age=60")]).private().asked_with(&[("authorization", "x")]),
            60,
        ),
        // Stale, §4.2.4 and RFC 5861.
        (
            "borne stale",
            says(&[("cache-control", "max-age=60")]).asked_with(&[("cache-control", "max-stale=30")]),
            91,
        ),
        (
            "must-revalidate",
            says(&[("cache-control", "max-age=60, must-revalidate")])
                .asked_with(&[("cache-control", "max-stale=30")]),
            60,
        ),
        (
            "proxy-revalidate",
            says(&[("cache-control", "max-age=60, proxy-revalidate")])
                .asked_with(&[("cache-control", "max-stale=30")]),
            60,
        ),
        (
            "proxy-revalidate is not for one",
            says(&[("cache-control", "max-age=60, proxy-revalidate")])
                .private()
                .asked_with(&[("cache-control", "max-stale=30")]),
            91,
        ),
        (
            "s-maxage is proxy-revalidate",
            says(&[("cache-control", "s-maxage=60")]).asked_with(&[("cache-control", "max-stale=30")]),
            60,
        ),
        (
            "no-cache is never borne",
            says(&[("cache-control", "no-cache, max-age=60"), ("etag", "\"1\"")])
                .asked_with(&[("cache-control", "max-stale")]),
            0,
        ),
    ];
    for (name, case, expected) in cases {
        assert_eq!(case.used_for().await, *expected, "{name}");
    }
}
