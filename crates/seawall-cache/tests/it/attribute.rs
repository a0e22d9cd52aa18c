//! `#[cached]`, as it is used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use seawall_cache::{Cache, cached};
use seawall_core::{Error, FailureKind};
use tokio::time::advance;

use crate::{MINUTE, exact};

/// An error of one's own.
#[derive(Debug)]
enum Broken {
    Odd(u64),
    Cache(Error),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Odd(number) => write!(f, "{number} is odd"),
            Self::Cache(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Broken {}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Cache(error)
    }
}

#[derive(Clone)]
struct Numbers {
    cache: Cache,
    halves: Cache<u64, u64>,
    calls: Arc<AtomicU32>,
}

impl Numbers {
    fn new() -> Self {
        Self { cache: exact(), halves: Cache::builder("halves").build().unwrap(), calls: Arc::default() }
    }

    fn called(&self) -> u32 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    // A parameter of the name that the attribute could have used itself.
    #[cached(cache = self.cache, key = "greeting:{name}:{key}", ttl = "1m", stale = "1m", tags = ["greetings", "to:{name}"])]
    async fn greeting(&self, name: &str, key: u8) -> Result<String, Error> {
        let call = self.called();
        if name.is_empty() {
            return Err(Error::new(FailureKind::Permanent, "test", "nobody"));
        }
        let greeting = polite(format!("{name}, {key}, {call}"))?;
        Ok(greeting)
    }

    #[cached(cache = self.halves, key = number, ttl = "1m", failures = "10s")]
    async fn half(&self, number: u64) -> Result<u64, Broken> {
        self.called();
        if number % 2 == 1 { Err(Broken::Odd(number)) } else { Ok(number / 2) }
    }

    #[cached(cache = self.cache, key = "find:{number}", ttl = "1m", absent = "5s")]
    async fn find(&self, number: u64) -> Result<Option<u64>, Error> {
        self.called();
        Ok((number > 5).then_some(number))
    }
}

fn polite(text: String) -> Result<String, Error> {
    if text.starts_with("Ada") { Ok(text) } else { Err(Error::new(FailureKind::Transient, "test", "whom")) }
}

/// One parameter is the cache; the others are what its value is made of.
#[cached(cache = cache, key = "sum:{a}:{b}", ttl = "1m")]
async fn sum(
    cache: &Cache,
    calls: &Arc<AtomicU32>,
    a: u64,
    b: u64,
    (label, ()): (Option<&'static str>, ()),
) -> u64 {
    calls.fetch_add(1, Ordering::Relaxed);
    assert!(label.is_none() || tokio::task::try_id().is_none(), "not in a task");
    a + b
}

#[tokio::test(start_paused = true)]
async fn a_function_runs_when_the_cache_has_nothing_for_its_key() {
    let numbers = Numbers::new();
    for _ in 0..3 {
        assert_eq!(numbers.greeting("Ada", 1).await.unwrap(), "Ada, 1, 1");
    }
    assert_eq!(numbers.greeting("Ada", 2).await.unwrap(), "Ada, 2, 2");
    assert_eq!(numbers.cache.get::<String>("greeting:Ada:1").await.unwrap().unwrap(), "Ada, 1, 1");
    advance(MINUTE).await;
    assert_eq!(numbers.greeting("Ada", 1).await.unwrap(), "Ada, 1, 1", "stale");
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    assert_eq!(numbers.greeting("Ada", 1).await.unwrap(), "Ada, 1, 3", "renewed");
}

#[tokio::test(start_paused = true)]
async fn what_it_kept_ends_with_its_tags() {
    let numbers = Numbers::new();
    numbers.greeting("Ada", 1).await.unwrap();
    numbers.greeting("Ada Lovelace", 1).await.unwrap();
    numbers.cache.invalidate(["to:Ada"]).await.unwrap();
    assert_eq!(numbers.greeting("Ada Lovelace", 1).await.unwrap(), "Ada Lovelace, 1, 2");
    assert_eq!(numbers.greeting("Ada", 1).await.unwrap(), "Ada, 1, 3");
    numbers.cache.invalidate(["greetings"]).await.unwrap();
    assert_eq!(numbers.greeting("Ada Lovelace", 1).await.unwrap(), "Ada Lovelace, 1, 4");
}

#[tokio::test(start_paused = true)]
async fn its_errors_return_from_it_and_are_not_kept() {
    let numbers = Numbers::new();
    assert_eq!(numbers.greeting("", 1).await.unwrap_err().kind(), FailureKind::Permanent);
    assert_eq!(numbers.greeting("Grace", 1).await.unwrap_err().kind(), FailureKind::Transient);
    numbers.greeting("Grace", 1).await.unwrap_err();
    assert_eq!(numbers.calls.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_ones_own_comes_back_as_the_source_of_ours_and_is_remembered_if_asked_to() {
    let numbers = Numbers::new();
    assert_eq!(numbers.half(8).await.unwrap(), 4);
    assert_eq!(numbers.halves.get(&8), Some(4), "a cache of one type works too");
    for _ in 0..2 {
        let Broken::Cache(error) = numbers.half(7).await.unwrap_err() else {
            panic!("not through the cache")
        };
        assert!(error.to_string().contains("7 is odd"), "{error}");
    }
    assert_eq!(numbers.calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn an_absence_is_kept_for_a_time_of_its_own() {
    let numbers = Numbers::new();
    for (number, calls) in [(1, 1), (1, 1), (9, 2), (9, 2)] {
        assert_eq!(numbers.find(number).await.unwrap(), (number > 5).then_some(number));
        assert_eq!(numbers.calls.load(Ordering::Relaxed), calls);
    }
    advance(MINUTE / 10).await;
    numbers.find(1).await.unwrap();
    numbers.find(9).await.unwrap();
    assert_eq!(numbers.calls.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_fail_does_not_fail_with_the_cache() {
    let (cache, calls) = (exact(), Arc::default());
    for _ in 0..2 {
        assert_eq!(sum(&cache, &calls, 1, 2, (None, ())).await, 3);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert_eq!(sum(&cache, &calls, 3, 4, (Some("panics in a load"), ())).await, 7, "so it ran here");
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}
