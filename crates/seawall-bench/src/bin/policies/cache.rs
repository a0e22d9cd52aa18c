//! Caches that have what is asked for.

use std::io;
use std::time::Duration;

use moka::sync::Cache as Moka;
use seawall_cache::{Cache, CacheConfig, CacheLayer, Ttl};
use tower::{Layer, Service, service_fn};
use tower_resilience_cache::CacheLayer as ResilienceCacheLayer;

use crate::backend::Backend;
use crate::subject::Subject;

const KEYS: u64 = 512;

pub(crate) fn hit(backend: Backend) -> Vec<Subject> {
    let cache = Cache::new(&CacheConfig::default()).expect("the config is valid");
    let ttl = Ttl::fresh(Duration::from_hours(1));
    let ours = CacheLayer::new(cache, ttl, |request: &u64| Some(key(*request)));
    let theirs = ResilienceCacheLayer::<u64, String>::builder()
        .max_size(1024)
        .ttl(Duration::from_hours(1))
        .key_extractor(|request: &u64| key(*request))
        .build()
        .expect("the config is valid");
    vec![
        Subject::service("seawall", ours.layer(backend.ours())),
        Subject::service("tower-resilience", theirs.layer(backend.theirs())),
        Subject::service("moka", by_moka(backend)),
    ]
}

fn key(request: u64) -> String {
    format!("user:{}", request % KEYS)
}

/// What a service that uses it has to do at least.
fn by_moka(backend: Backend) -> impl Service<u64, Response = u64> + Clone + Send + 'static {
    let cache = Moka::builder().max_capacity(1024).time_to_live(Duration::from_hours(1)).build();
    let inner = backend.theirs();
    service_fn(move |request| {
        let (cache, mut inner) = (cache.clone(), inner.clone());
        async move {
            let key = key(request);
            if let Some(answer) = cache.get(&key) {
                return Ok::<_, io::Error>(answer);
            }
            let answer = inner.call(request).await?;
            cache.insert(key, answer);
            Ok(answer)
        }
    })
}
