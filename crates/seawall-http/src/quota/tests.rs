use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::{Quota, quota};

/// Some time in 2026.
const NOW: u64 = 1_790_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn read(headers: &[(&'static str, &str)]) -> Option<(u64, Option<f64>)> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    quota(&map, now()).map(|quota| (quota.remaining, quota.reset.map(|reset| reset.as_secs_f64())))
}

#[test]
fn the_tightest_of_the_structured_quotas_counts() {
    let one = |value| read(&[("ratelimit", value)]);
    assert_eq!(one(r#""default";r=50;t=30"#), Some((50, Some(30.0))));
    assert_eq!(one(r#""minute";r=12;t=30, "hour";r=3;t=1800"#), Some((3, Some(1800.0))));
    assert_eq!(one(r#""minute";r=0;t=30,"hour";r=0;t=1800,"day";r=7;t=9000"#), Some((0, Some(1800.0))));
    assert_eq!(one(r#""user";r=0"#), Some((0, None)));
    assert_eq!(one(r#""a, \"b\";r=9;t=9";pk=:cGVlcg==:;r=0;t=5"#), Some((0, Some(5.0))), "a hostile name");
    assert_eq!(
        one("limit=10, remaining=0, reset=4"),
        Some((0, Some(4.0))),
        "as version 7 of the draft had it"
    );
    let lines = [("ratelimit", r#""minute";r=1;t=30"#), ("ratelimit", r#""hour";r=0;t=60"#)];
    assert_eq!(read(&lines), Some((0, Some(60.0))));
    for nonsense in ["", "r=0", r#""a";r=-1;t=3"#, r#""a";r=1.5"#, r#""a";t=3"#, "\"open;r=0;t=3", ",,;;=,"] {
        assert_eq!(one(nonsense), None, "{nonsense}");
    }
}

#[test]
fn a_reset_is_a_wait_or_a_time() {
    let github = |reset: String| read(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &reset)]);
    assert_eq!(github("60".into()), Some((0, Some(60.0))));
    assert_eq!(github((NOW + 90).to_string()), Some((0, Some(90.0))));
    assert_eq!(github(((NOW + 90) * 1000).to_string()), Some((0, Some(90.0))));
    assert_eq!(github((NOW - 90).to_string()), Some((0, Some(0.0))), "a time in the past");
    assert_eq!(github(httpdate::fmt_http_date(now() + Duration::from_secs(7))), Some((0, Some(7.0))));
    for nonsense in ["", "soon", "-5", "+5", "1e3", "inf", "NaN", "0x10", ".", "5.", "99999999999999999999"] {
        assert_eq!(github(nonsense.to_owned()), Some((0, None)), "{nonsense}");
    }
}

#[test]
fn a_time_is_measured_by_the_servers_own_clock_if_it_tells_it() {
    let its_now = now() - Duration::from_hours(1);
    let until = (NOW - 3600 + 20).to_string();
    let date = httpdate::fmt_http_date(its_now);
    let read = read(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &until), ("date", &date)]);
    assert_eq!(read, Some((0, Some(20.0))));
}

#[test]
fn what_is_widespread_is_understood() {
    let draft_6 =
        [("ratelimit-limit", "100, 100;w=60"), ("ratelimit-remaining", "9"), ("ratelimit-reset", "50")];
    assert_eq!(read(&draft_6), Some((9, Some(50.0))));
    let discord = [
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1790000001.35"),
        ("x-ratelimit-reset-after", "1.25"),
    ];
    assert_eq!(read(&discord), Some((0, Some(1.25))));
    let reddit = [("x-ratelimit-remaining", "598.0"), ("x-ratelimit-reset", "344")];
    assert_eq!(read(&reddit), Some((598, Some(344.0))));
    let twitter = [("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "1790000015")];
    assert_eq!(read(&twitter), Some((0, Some(15.0))));
    let both = [("ratelimit", r#""d";r=4;t=1"#), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "9")];
    assert_eq!(read(&both), Some((4, Some(1.0))), "the standard goes first");
    assert_eq!(read(&[("x-ratelimit-reset", "9")]), None);
    assert_eq!(read(&[("x-ratelimit-remaining", "many")]), None);
}

#[test]
fn only_a_quota_that_is_spent_asks_for_a_wait() {
    let quota = |remaining, reset: Option<u64>| Quota { remaining, reset: reset.map(Duration::from_secs) };
    assert_eq!(quota(0, Some(5)).wait(), Some(Duration::from_secs(5)));
    assert_eq!(quota(1, Some(5)).wait(), None);
    assert_eq!(quota(0, Some(0)).wait(), None);
    assert_eq!(quota(0, None).wait(), None);
}

const NAMES: [&str; 7] = [
    "ratelimit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-reset-after",
    "date",
];

proptest! {
    #[test]
    fn no_headers_make_it_panic(values in proptest::collection::vec((0..NAMES.len(), any::<Vec<u8>>()), 0..8)) {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(HeaderName::from_static(NAMES[name]), value);
            }
        }
        let _any = quota(&headers, now());
    }

    #[test]
    fn nor_do_those_that_look_like_some(value in r#"["a-z;,=rt0-9. \\:-]{0,60}"#) {
        let mut headers = HeaderMap::new();
        for name in NAMES {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
        }
        let _any = quota(&headers, now());
    }

    #[test]
    fn what_is_written_by_the_standard_is_read_back(
        policies in proptest::collection::vec(("[a-z,;\"= ]{0,12}", 0..10_u64, 0..10_000_u64), 1..6),
    ) {
        let write = |(name, remaining, reset): &(String, u64, u64)| {
            let name = name.replace('"', "\\\"");
            format!(r#""{name}";r={remaining};t={reset}"#)
        };
        let written = policies.iter().map(write).collect::<Vec<_>>().join(", ");
        let mut headers = HeaderMap::new();
        headers.insert("ratelimit", HeaderValue::from_str(&written).unwrap());
        let read = quota(&headers, now()).unwrap();
        let spent = policies.iter().filter(|(_, remaining, _)| *remaining == 0).map(|(.., reset)| *reset).max();
        let left = policies.iter().map(|(_, left, _)| *left).min().unwrap();
        prop_assert_eq!(read.remaining, left);
        if left == 0 {
            prop_assert_eq!(read.reset, spent.map(Duration::from_secs));
        }
    }
}
