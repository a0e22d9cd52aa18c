//! The cache beside a model of it, step by step, under a paused clock.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use seawall_cache::{Cache, CacheConfig, Ttl};
use seawall_core::{Error, FailureKind};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance};

#[derive(Clone, Copy, Debug)]
struct Times {
    fresh: u64,
    stale: u64,
    on_error: u64,
    tag: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Set(u8, Times),
    Remove(u8),
    Invalidate(u8),
    Clear,
    Pass(u64),
    Get(u8),
    /// Loads and sees at once whether that works.
    Load(u8, Times, bool),
    /// Loads, but the loader has read its value and goes on only when it is let.
    BeginLoad(u8, Times),
    EndLoads,
}

fn times() -> impl Strategy<Value = Times> {
    (1..60_u64, 0..40_u64, 0..60_u64, prop::option::of(0..3_u8))
        .prop_map(|(fresh, stale, on_error, tag)| Times { fresh, stale, on_error, tag })
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..4_u8;
    prop_oneof![
        3 => (key.clone(), times()).prop_map(|(key, times)| Step::Set(key, times)),
        2 => key.clone().prop_map(Step::Remove),
        1 => (0..3_u8).prop_map(Step::Invalidate),
        1 => Just(Step::Clear),
        4 => (1..40_u64).prop_map(Step::Pass),
        4 => key.clone().prop_map(Step::Get),
        4 => (key.clone(), times(), any::<bool>()).prop_map(|(key, times, works)| Step::Load(key, times, works)),
        3 => (key, times()).prop_map(|(key, times)| Step::BeginLoad(key, times)),
        2 => Just(Step::EndLoads),
    ]
}

/// What may be under a key by the promises of the cache: the newest version of each key is the number of the step that
/// wrote it, and nothing older than the last invalidation may ever be seen again.
#[derive(Default)]
struct Model {
    /// By key: the version, when it was written, and how long it is good for.
    entries: BTreeMap<u8, (u32, Instant, Times)>,
    /// By key: versions below this were invalidated.
    oldest: BTreeMap<u8, u32>,
}

impl Model {
    fn age(&self, key: u8, version: u32) -> Option<(Duration, Times)> {
        let (there, written, times) = self.entries.get(&key)?;
        (*there == version).then(|| (written.elapsed(), *times))
    }

    fn end(&mut self, key: u8, version: u32) {
        self.entries.remove(&key);
        self.oldest.insert(key, version);
    }

    fn check_fresh(&self, key: u8, version: u32) {
        let Some((age, times)) = self.age(key, version) else {
            panic!("{key}: version {version} was served, which is not the newest")
        };
        assert!(age < Duration::from_secs(times.fresh), "{key}: {age:?} of {times:?}");
    }
}

struct Loading {
    key: u8,
    version: u32,
    times: Times,
    go_on: oneshot::Sender<()>,
    task: JoinHandle<Result<u32, Error>>,
}

fn ttl(times: Times) -> seawall_cache::Tagged<Ttl> {
    let seconds = Duration::from_secs;
    let tags: Vec<String> = times.tag.iter().map(ToString::to_string).collect();
    Ttl::fresh(seconds(times.fresh))
        .stale(seconds(times.stale))
        .on_error(seconds(times.on_error))
        .tagged(tags)
}

struct World {
    cache: Cache<u8, u32>,
    model: Model,
    loading: Vec<Loading>,
}

impl World {
    fn new() -> Self {
        let config = CacheConfig {
            jitter: 0.0,
            early_refresh: 0.0,
            load_timeout: Duration::from_hours(24),
            ..CacheConfig::default()
        };
        let cache = Cache::builder("model").config(&config).capacity(1000).build().unwrap();
        Self { cache, model: Model::default(), loading: Vec::new() }
    }

    async fn take(&mut self, step: Step, version: u32) {
        let Self { cache, model, .. } = self;
        match step {
            Step::Set(key, times) => {
                cache.set(key, version, ttl(times)).await.unwrap();
                model.entries.insert(key, (version, Instant::now(), times));
                model.oldest.insert(key, version);
            }
            Step::Remove(key) => {
                cache.remove(&key).await.unwrap();
                model.end(key, version);
            }
            Step::Invalidate(tag) => {
                cache.invalidate([tag.to_string()]).await.unwrap();
                model.entries.retain(|_, (_, _, times)| times.tag != Some(tag));
                for load in &mut self.loading {
                    if load.times.tag == Some(tag) {
                        // It may land, but nobody may be served from it.
                        load.times.fresh = 0;
                    }
                }
            }
            Step::Clear => {
                cache.clear().await.unwrap();
                (0..4).for_each(|key| model.end(key, version));
            }
            Step::Pass(seconds) => advance(Duration::from_secs(seconds)).await,
            Step::Get(key) => self.look(key),
            Step::Load(key, times, works) => self.load(key, times, works, version).await,
            Step::BeginLoad(key, times) => self.begin_load(key, times, version).await,
            Step::EndLoads => self.end_loads().await,
        }
        assert!(self.cache.stats().entries <= 4);
    }

    fn look(&self, key: u8) {
        if let Some(got) = self.cache.get(&key) {
            self.model.check_fresh(key, got);
        } else if let Some((there, written, times)) = self.model.entries.get(&key) {
            let over = written.elapsed() >= Duration::from_secs(times.fresh);
            assert!(over, "{key}: version {there} is fresh and was not served");
        }
    }

    async fn load(&mut self, key: u8, times: Times, works: bool, version: u32) {
        if self.loading.iter().any(|load| load.key == key) {
            return;
        }
        let loader = move || async move {
            works.then_some(version).ok_or_else(|| Error::new(FailureKind::Transient, "sql", "model"))
        };
        let got = self.cache.get_or_load(&key, ttl(times), loader).await;
        settle().await;
        let before = self.model.entries.get(&key).copied();
        let seconds = Duration::from_secs;
        let fresh = before.is_some_and(|(_, written, of)| written.elapsed() < seconds(of.fresh));
        match got {
            Ok(got) if got == version => assert!(!fresh, "{key}: loaded while version {before:?} was fresh"),
            Ok(got) => {
                let (age, of) =
                    self.model.age(key, got).unwrap_or_else(|| panic!("{key}: {got} is not the newest"));
                let grace = if works { of.stale } else { of.stale.max(of.on_error) };
                assert!(age < seconds(of.fresh + grace), "{key}: {age:?} of {of:?}");
            }
            Err(_) => {
                let grace = before.map_or(0, |(_, _, of)| of.fresh + of.stale.max(of.on_error));
                let age = before.map(|(_, written, _)| written.elapsed());
                assert!(age.is_none_or(|age| age >= seconds(grace)), "{key}: failed, with {before:?}");
            }
        }
        // Whether for us or behind the scenes, it was loaded unless something fresh was there.
        if works && !fresh {
            self.model.entries.insert(key, (version, Instant::now(), times));
        }
    }

    async fn begin_load(&mut self, key: u8, times: Times, version: u32) {
        if self.loading.iter().any(|load| load.key == key) || self.cache.get(&key).is_some() {
            return;
        }
        let (go_on, may_go_on) = oneshot::channel();
        let loader = move || async move {
            drop(may_go_on.await);
            Ok(version)
        };
        let cache = self.cache.clone();
        let task = tokio::spawn(async move { cache.get_or_load(&key, ttl(times), loader).await });
        settle().await;
        self.loading.push(Loading { key, version, times, go_on, task });
    }

    async fn end_loads(&mut self) {
        for Loading { key, version, times, go_on, task } in self.loading.drain(..) {
            go_on.send(()).unwrap();
            task.await.unwrap().unwrap();
            settle().await;
            if self.model.oldest.get(&key).is_some_and(|oldest| *oldest > version) {
                continue;
            }
            if times.fresh == 0 {
                self.model.entries.remove(&key);
            } else {
                self.model.entries.insert(key, (version, Instant::now(), times));
            }
        }
    }
}

/// Lets every task run that can.
async fn settle() {
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}

async fn run(steps: Vec<Step>) {
    let mut world = World::new();
    for (version, step) in (1..).zip(steps) {
        world.take(step, version).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn it_serves_nothing_expired_nothing_invalidated_and_all_that_it_should(
        steps in prop::collection::vec(step(), 0..50)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(steps));
    }
}
