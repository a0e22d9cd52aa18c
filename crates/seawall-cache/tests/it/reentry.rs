//! Keys and values that look into their cache as they are dropped. Whoever drops one must hold no lock.

use std::cell::Cell;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use seawall_cache::{Cache, Shelf, Ttl, Weigh};
use seawall_core::{Error, FailureKind};
use tokio::time::sleep;

use crate::MINUTE;

/// Nothing here takes that long, unless somebody waits for himself.
const FOR_EVER: Duration = Duration::from_mins(2);
const SECOND: Duration = Duration::from_secs(1);

/// A cache, and how often somebody looked into it while he was dropped.
#[derive(Default)]
struct World {
    cache: OnceLock<Cache<Nosy, Nosy>>,
    looks: AtomicU32,
}

/// A key or a value, of which every copy looks into the world's cache as it is dropped.
#[derive(Clone)]
struct Nosy {
    number: u32,
    world: Option<Weak<World>>,
}

impl PartialEq for Nosy {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Nosy {}

impl Hash for Nosy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

thread_local! {
    /// Whoever is dropped because of a look does not look, or there would be no end.
    static LOOKS: Cell<bool> = const { Cell::new(false) };
}

impl Drop for Nosy {
    fn drop(&mut self) {
        let Some(world) = self.world.as_ref().and_then(Weak::upgrade) else { return };
        if LOOKS.replace(true) {
            return;
        }
        world.looks.fetch_add(1, Ordering::Relaxed);
        let cache = world.cache();
        let dull = |number| Self { number, world: None };
        // What is in memory is done at once.
        cache.get(&dull(self.number));
        cache.set(dull(1_000_000), dull(0), MINUTE).now_or_never().unwrap().unwrap();
        cache.remove(&dull(1_000_000)).now_or_never().unwrap().unwrap();
        LOOKS.set(false);
    }
}

impl World {
    /// With a cache so small that everything in it is behind one lock.
    fn new() -> Arc<Self> {
        let world = Arc::<Self>::default();
        assert!(world.cache.set(Cache::builder("nosy").capacity(64).build().unwrap()).is_ok());
        world
    }

    fn cache(&self) -> &Cache<Nosy, Nosy> {
        self.cache.get().unwrap()
    }

    fn nosy(self: &Arc<Self>, number: u32) -> Nosy {
        Nosy { number, world: Some(Arc::downgrade(self)) }
    }

    async fn set(self: &Arc<Self>, number: u32, ttl: Ttl) {
        self.cache().set(self.nosy(number), self.nosy(number), ttl).await.unwrap();
    }

    fn set_some(self: &Arc<Self>) -> impl Future<Output = ()> {
        let world = Arc::clone(self);
        async move {
            for number in 0..10 {
                world.set(number, MINUTE.into()).await;
            }
        }
    }

    /// Loads a key that nobody else uses, for a minute.
    fn load_something(self: &Arc<Self>) {
        let world = Arc::clone(self);
        tokio::spawn(async move {
            let made = world.nosy(2_000_000);
            let load = || async {
                sleep(MINUTE).await;
                Ok(made)
            };
            drop(world.cache().get_or_load(&world.nosy(2_000_000), MINUTE, load).await);
        });
    }
}

/// Does it in a thread of its own, under a paused clock, and fails if that waits for itself.
fn ends<F: Future<Output = ()>>(work: impl FnOnce(Arc<World>) -> F + Send + 'static) {
    let (done, is_done) = mpsc::channel::<()>();
    let worker = thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let world = World::new();
        runtime.block_on(work(Arc::clone(&world)));
        assert!(world.looks.load(Ordering::Relaxed) > 0, "nobody was dropped");
        drop(done);
    });
    let ended = is_done.recv_timeout(FOR_EVER);
    assert_ne!(ended, Err(mpsc::RecvTimeoutError::Timeout), "it waits for itself");
    worker.join().unwrap();
}

#[test]
fn whoever_is_removed_may_look_into_the_cache() {
    ends(async |world: Arc<World>| {
        world.set_some().await;
        for number in 0..10 {
            assert!(world.cache().remove(&world.nosy(number)).await.unwrap());
        }
    });
}

#[test]
fn whoever_is_cleared_may_look_into_the_cache() {
    ends(async |world: Arc<World>| {
        world.set_some().await;
        world.cache().clear().await.unwrap();
        assert_eq!(world.cache().stats().entries, 0);
    });
}

#[test]
fn whoever_is_cleared_while_something_is_loaded_may_look_into_the_cache() {
    ends(async |world: Arc<World>| {
        world.set_some().await;
        world.load_something();
        tokio::task::yield_now().await;
        world.cache().clear().await.unwrap();
        assert_eq!(world.cache().stats().entries, 0);
    });
}

#[test]
fn whoever_is_replaced_may_look_into_the_cache() {
    ends(async |world: Arc<World>| {
        world.set_some().await;
        world.set_some().await;
    });
}

#[test]
fn whoever_is_replaced_while_something_is_loaded_may_look_into_the_cache() {
    ends(async |world: Arc<World>| {
        world.set_some().await;
        world.load_something();
        tokio::task::yield_now().await;
        world.set_some().await;
    });
}

#[test]
fn whoever_is_pushed_out_may_look_into_the_cache() {
    ends(async |world: Arc<World>| {
        for number in 0..1000 {
            world.set(number, MINUTE.into()).await;
        }
        assert!(world.cache().stats().evictions > 0);
    });
}

#[test]
fn whoever_is_over_may_look_into_the_cache() {
    ends(async |world: Arc<World>| {
        world.set(1, MINUTE.into()).await;
        sleep(2 * MINUTE).await;
        assert!(world.cache().get(&world.nosy(1)).is_none());
        assert_eq!(world.cache().stats().entries, 0);
    });
}

#[test]
fn whoever_a_load_replaces_may_look_into_the_cache() {
    ends(async |world: Arc<World>| {
        for tag in [None, Some("all")] {
            let ttl = Ttl::fresh(SECOND).stale(MINUTE).tagged(tag.as_slice());
            world.cache().set(world.nosy(1), world.nosy(1), ttl).await.unwrap();
            // Over by its tag, or stale.
            world.cache().invalidate(["all"]).await.unwrap();
            sleep(2 * SECOND).await;
            let made = world.nosy(2);
            let loaded =
                world.cache().get_or_load(&world.nosy(1), MINUTE, || async { Ok(made) }).await.unwrap();
            assert_eq!(loaded.number, if tag.is_some() { 2 } else { 1 });
            sleep(SECOND).await;
            assert_eq!(world.cache().get(&world.nosy(1)).unwrap().number, 2);
        }
    });
}

#[test]
fn whoever_rests_after_a_failed_load_may_look_into_the_cache() {
    ends(async |world: Arc<World>| {
        let ttl = Ttl::fresh(SECOND).on_error(MINUTE).failures(SECOND);
        world.set(1, ttl).await;
        for _ in 0..3 {
            sleep(2 * SECOND).await;
            let load = || async { Err(Error::new(FailureKind::Transient, "test", "down")) };
            let loaded = world.cache().get_or_load(&world.nosy(1), ttl, load).await.unwrap();
            assert_eq!(loaded.number, 1);
        }
        assert_eq!(world.cache().stats().stale_on_error, 3);
    });
}

#[test]
fn whoever_a_disowned_load_brings_may_look_into_the_cache() {
    ends(async |world: Arc<World>| {
        world.load_something();
        tokio::task::yield_now().await;
        assert!(!world.cache().remove(&world.nosy(2_000_000)).await.unwrap());
        sleep(2 * MINUTE).await;
        assert_eq!(world.cache().stats().entries, 0);
    });
}

/// Looks into the shelf it was on.
struct Curious(Weak<Shelf<Arc<Self>>>, Nosy);

impl Weigh for Curious {
    fn weight(&self) -> u64 {
        u64::from(self.1.number)
    }
}

impl Drop for Curious {
    fn drop(&mut self) {
        if let Some(shelf) = self.0.upgrade() {
            shelf.find("other");
            shelf.remove("other");
        }
    }
}

#[test]
fn whoever_leaves_a_shelf_may_look_into_it() {
    ends(async |world: Arc<World>| {
        let shelf = Arc::new(Shelf::new(NonZeroU64::new(10_000).unwrap()));
        let put = |key: &str, weight| {
            let value = Curious(Arc::downgrade(&shelf), world.nosy(weight));
            shelf.insert(key.into(), Arc::new(value))
        };
        assert!(put("a", 100));
        assert!(put("a", 100), "replaced");
        assert!(!put("a", 1_000_000), "too heavy");
        assert!(put("a", 100));
        assert!(shelf.remove_if("a", |_| true).is_some());
        for number in 0..1000 {
            assert!(put(&number.to_string(), 100));
        }
        assert!(shelf.evictions() > 0);
        shelf.clear();
        assert_eq!(shelf.entries(), 0);
    });
}
