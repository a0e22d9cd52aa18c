//! A second tier in this process, that fails and hangs on request, and tells everybody who listens.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::Bytes;
use seawall_cache::{SecondTier, TierFuture, TierListener};
use seawall_core::{Error, FailureKind};
use tokio::time::Instant;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Well,
    Failing,
    BlackHole,
    Panicking,
}

#[derive(Default)]
pub(crate) struct Store {
    entries: Mutex<BTreeMap<String, (Bytes, Instant)>>,
    listeners: Mutex<Vec<Weak<dyn TierListener>>>,
    mood: Mutex<Mood>,
    delay: Mutex<Duration>,
    /// Whether messages get lost.
    pub(crate) deaf: Mutex<bool>,
    pub(crate) requests: AtomicU32,
    pub(crate) writes: AtomicU32,
}

impl Store {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// How long each request takes.
    pub(crate) fn delay(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// What is held now under keys that begin so.
    pub(crate) fn held(&self, prefix: &str) -> Vec<(String, Bytes)> {
        let now = Instant::now();
        let entries = self.entries.lock().unwrap();
        let alive = entries.iter().filter(|(key, (_, until))| key.starts_with(prefix) && now < *until);
        alive.map(|(key, (value, _))| (key.clone(), value.clone())).collect()
    }

    pub(crate) fn put(&self, key: &str, value: impl Into<Bytes>) {
        let until = Instant::now() + Duration::from_hours(1);
        self.entries.lock().unwrap().insert(key.to_owned(), (value.into(), until));
    }

    pub(crate) fn lose(&self, prefix: &str) {
        self.entries.lock().unwrap().retain(|key, _| !key.starts_with(prefix));
    }

    pub(crate) fn reconnected(&self) {
        self.each_listener(|listener| listener.missed());
    }

    pub(crate) fn tell(&self, message: &[u8]) {
        self.each_listener(|listener| listener.heard(message));
    }

    fn each_listener(&self, tell: impl Fn(&dyn TierListener)) {
        let listeners: Vec<_> = self.listeners.lock().unwrap().iter().filter_map(Weak::upgrade).collect();
        for listener in &listeners {
            tell(&**listener);
        }
    }

    fn answer<'a, T: Send + 'a>(
        &'a self,
        write: bool,
        then: impl FnOnce(&mut BTreeMap<String, (Bytes, Instant)>) -> T + Send + 'a,
    ) -> TierFuture<'a, T> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let (mood, delay) = (*self.mood.lock().unwrap(), *self.delay.lock().unwrap());
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            match mood {
                Mood::Well => {}
                Mood::Failing => return Err(Error::new(FailureKind::Transient, "redis", "test")),
                Mood::BlackHole => std::future::pending().await,
                Mood::Panicking => panic!("a second tier must not take the cache along"),
            }
            if write {
                self.writes.fetch_add(1, Ordering::Relaxed);
            }
            let mut entries = self.entries.lock().unwrap();
            let now = Instant::now();
            entries.retain(|_, (_, until)| now < *until);
            Ok(then(&mut entries))
        })
    }
}

impl SecondTier for Store {
    fn get<'a>(&'a self, keys: &'a [String]) -> TierFuture<'a, Vec<Option<Bytes>>> {
        self.answer(false, |entries| {
            keys.iter().map(|key| entries.get(key).map(|(value, _)| value.clone())).collect()
        })
    }

    fn set<'a>(&'a self, key: &'a str, value: Bytes, ttl: Duration) -> TierFuture<'a, ()> {
        self.answer(true, move |entries| {
            entries.insert(key.to_owned(), (value, Instant::now() + ttl));
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        head: &'a [u8],
        value: Bytes,
        ttl: Duration,
    ) -> TierFuture<'a, bool> {
        self.answer(true, move |entries| {
            let is_so = entries
                .get(key)
                .map_or(head.is_empty(), |(there, _)| !head.is_empty() && there.starts_with(head));
            if is_so {
                entries.insert(key.to_owned(), (value, Instant::now() + ttl));
            }
            is_so
        })
    }

    fn publish(&self, message: Bytes) -> TierFuture<'_, ()> {
        let told = self.answer(false, |_| ());
        Box::pin(async move {
            told.await?;
            if !*self.deaf.lock().unwrap() {
                self.tell(&message);
            }
            Ok(())
        })
    }

    fn listen(&self, listener: Weak<dyn TierListener>) {
        self.listeners.lock().unwrap().push(listener);
    }
}
