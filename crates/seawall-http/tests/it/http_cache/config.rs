use std::time::Duration;

use seawall_http::HttpConfig;
use seawall_http::http_cache::{CacheScope, HttpCacheConfig};

#[test]
fn the_defaults_are_those_of_the_table() {
    let config = HttpCacheConfig::default();
    assert_eq!(config.scope, CacheScope::Shared);
    assert_eq!(config.capacity.get(), 67_108_864);
    assert_eq!(config.max_body, 4_194_304);
    assert_eq!(config.max_variants.get(), 8);
    assert!((config.heuristic_fraction - 0.1).abs() < f64::EPSILON);
    assert_eq!(config.max_heuristic, Duration::from_hours(24));
    assert_eq!(config.stale_while_revalidate, None);
    assert_eq!(config.stale_if_error, None);
    assert_eq!(config.remember_uncacheable, Duration::from_secs(10));
    assert_eq!(config.fetch_timeout, Duration::from_mins(1));
    assert_eq!(HttpConfig::default().cache, None);
}

#[test]
fn it_is_turned_on_by_being_there_and_off_by_a_word() {
    let on: HttpConfig =
        serde_json::from_str(r#"{"cache": {"scope": "private", "stale_if_error": "5m"}}"#).unwrap();
    let cache = on.cache.clone().unwrap();
    assert_eq!((cache.scope, cache.stale_if_error), (CacheScope::Private, Some(Duration::from_mins(5))));
    let written = serde_json::to_string(&on).unwrap();
    assert_eq!(serde_json::from_str::<HttpConfig>(&written).unwrap(), on);
    let off: HttpConfig = serde_json::from_str(r#"{"cache": "off"}"#).unwrap();
    assert_eq!(off.cache, None);
}

#[test]
fn what_cannot_work_is_refused_with_the_name_of_the_field() {
    let refused = |cache: HttpCacheConfig| {
        HttpConfig { cache: Some(cache), ..HttpConfig::default() }.validate().unwrap_err().field().to_owned()
    };
    let config = HttpCacheConfig::default();
    assert_eq!(
        refused(HttpCacheConfig { max_body: config.capacity.get(), ..config.clone() }),
        "cache.max_body"
    );
    assert_eq!(
        refused(HttpCacheConfig { heuristic_fraction: 1.1, ..config.clone() }),
        "cache.heuristic_fraction"
    );
    assert_eq!(refused(HttpCacheConfig { fetch_timeout: Duration::ZERO, ..config }), "cache.fetch_timeout");
}
