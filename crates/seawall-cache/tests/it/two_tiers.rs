use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seawall_cache::{Cache, CacheBuilder, CacheConfig, Encoded, Json, Postcard, SecondTierConfig, Ttl};
use seawall_core::{Error, Event, FailureKind, Observer, Origin};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::{Instant, advance, sleep};

use crate::MINUTE;
use crate::second_tier::{Mood, Store};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

fn config() -> CacheConfig {
    CacheConfig { jitter: 0.0, early_refresh: 0.0, ..CacheConfig::default() }
}

fn any(store: &Arc<Store>) -> CacheBuilder<String, Encoded> {
    Cache::any("app").config(&config()).second_tier(Arc::<Store>::clone(store), Json)
}

/// As many processes as asked for, which share a store.
fn processes<const N: usize>(store: &Arc<Store>) -> [Cache; N] {
    [(); N].map(|()| any(store).build().unwrap())
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
}

fn user(name: &str) -> User {
    User { name: name.to_owned() }
}

fn users(store: &Arc<Store>, version: u16) -> Cache<u64, User> {
    Cache::builder("users")
        .config(&config())
        .version(version)
        .second_tier(Arc::<Store>::clone(store), Postcard)
        .build()
        .unwrap()
}

async fn must_not_load<T>() -> Result<T, Error> {
    panic!("must not load")
}

#[tokio::test(start_paused = true)]
async fn what_one_process_set_another_reads() {
    let store = Store::new();
    let [one, other] = processes(&store);
    one.set("a", &1, MINUTE).await.unwrap();
    assert_eq!(other.get::<u8>("a").await.unwrap(), Some(1));
    assert_eq!(other.get_or_load("a", MINUTE, must_not_load::<u8>).await.unwrap(), 1);
    let stats = other.stats();
    assert_eq!((stats.second_tier_hits, stats.hits, stats.misses), (1, 1, 1), "the second time from memory");
}

#[tokio::test(start_paused = true)]
async fn what_one_process_loaded_another_does_not_load_again() {
    let store = Store::new();
    let (one, other) = (users(&store, 1), users(&store, 1));
    assert_eq!(one.get_or_load(&7, MINUTE, || async { Ok(user("Ada")) }).await.unwrap(), user("Ada"));
    sleep(MILLISECOND).await;
    assert_eq!(other.get_or_load(&7, MINUTE, must_not_load).await.unwrap(), user("Ada"));
    assert_eq!(other.fetch(&7).await.unwrap(), Some(user("Ada")));
    assert_eq!(other.fetch(&8).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn time_goes_on_in_the_second_tier() {
    let store = Store::new();
    let [one, other] = processes(&store);
    one.set("a", &1, MINUTE).await.unwrap();
    advance(59 * SECOND).await;
    assert_eq!(other.get::<u8>("a").await.unwrap(), Some(1));
    advance(SECOND).await;
    assert_eq!(other.get::<u8>("a").await.unwrap(), None, "not a minute from when it was read");
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_in_the_second_tier_answers_only_in_place_of_a_failure() {
    let store = Store::new();
    let [one, other] = processes(&store);
    let ttl = Ttl::fresh(MINUTE).on_error(MINUTE);
    one.set("a", &1, ttl).await.unwrap();
    advance(MINUTE + SECOND).await;
    let down = || async { Err::<i32, _>(Error::new(FailureKind::Transient, "sql", "users")) };
    assert_eq!(other.get_or_load("a", ttl, down).await.unwrap(), 1);
    assert_eq!(other.get_or_load("a", ttl, || async { Ok(2) }).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_removal_reaches_the_memory_of_every_process() {
    let store = Store::new();
    let [one, other] = processes(&store);
    one.set("a", &1, MINUTE).await.unwrap();
    one.set("b", &1, MINUTE).await.unwrap();
    assert_eq!(other.get::<u8>("a").await.unwrap(), Some(1));
    assert_eq!(other.get::<u8>("b").await.unwrap(), Some(1));
    one.remove("a").await.unwrap();
    for cache in [&one, &other] {
        assert_eq!(cache.get::<u8>("a").await.unwrap(), None);
        assert_eq!(cache.get::<u8>("b").await.unwrap(), Some(1));
    }
    assert_eq!((one.stats().invalidations_heard, other.stats().invalidations_heard), (0, 3), "not one's own");
}

#[tokio::test(start_paused = true)]
async fn what_the_second_tier_had_until_it_was_told_does_not_come_back_from_there() {
    for end in ["remove", "invalidate", "clear"] {
        let store = Store::new();
        let [cache] = processes(&store);
        cache.set("a", &1, Ttl::fresh(MINUTE).tagged(["numbers"])).await.unwrap();
        store.delay(50 * MILLISECOND);
        let telling = tokio::spawn({
            let cache = cache.clone();
            async move {
                match end {
                    "remove" => cache.remove("a").await.map(drop),
                    "invalidate" => cache.invalidate(["numbers"]).await,
                    _ => cache.clear().await,
                }
            }
        });
        sleep(10 * MILLISECOND).await;
        store.delay(10 * MILLISECOND);
        assert_eq!(cache.get::<u8>("a").await.unwrap(), Some(1), "{end}: the second tier is not told yet");
        telling.await.unwrap().unwrap();
        assert_eq!(cache.get::<u8>("a").await.unwrap(), None, "{end}: now it is");
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_process_sets_replaces_what_others_remember() {
    let store = Store::new();
    let [one, other] = processes(&store);
    one.set("a", &1, MINUTE).await.unwrap();
    assert_eq!(other.get::<u8>("a").await.unwrap(), Some(1));
    one.set("a", &2, MINUTE).await.unwrap();
    assert_eq!(other.get::<u8>("a").await.unwrap(), Some(2));
    assert_eq!(one.get::<u8>("a").await.unwrap(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_tag_ends_its_entries_in_both_tiers_and_every_process() {
    let store = Store::new();
    let [one, other, late] = processes(&store);
    let ttl = Ttl::fresh(MINUTE);
    one.set("a", &1, ttl.tagged(["users"])).await.unwrap();
    one.set("b", &1, ttl.tagged(["orders", "users"])).await.unwrap();
    one.set("c", &1, ttl.tagged(["orders"])).await.unwrap();
    for key in ["a", "b", "c"] {
        assert_eq!(other.get::<u8>(key).await.unwrap(), Some(1), "{key}");
    }
    one.invalidate(["users"]).await.unwrap();
    for cache in [&one, &other, &late] {
        assert_eq!(cache.get::<u8>("a").await.unwrap(), None);
        assert_eq!(cache.get::<u8>("b").await.unwrap(), None);
        assert_eq!(cache.get::<u8>("c").await.unwrap(), Some(1));
    }
    one.set("a", &2, ttl.tagged(["users"])).await.unwrap();
    assert_eq!(late.get::<u8>("a").await.unwrap(), Some(2), "the tag goes on");
}

#[tokio::test(start_paused = true)]
async fn clearing_ends_everything_everywhere() {
    let store = Store::new();
    let [one, other] = processes(&store);
    one.set("a", &1, MINUTE).await.unwrap();
    assert_eq!(other.get::<u8>("a").await.unwrap(), Some(1));
    one.clear().await.unwrap();
    assert_eq!(one.get::<u8>("a").await.unwrap(), None);
    assert_eq!(other.get::<u8>("a").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_tag_whose_token_the_second_tier_lost_is_invalid_and_not_valid_again() {
    let store = Store::new();
    let [one, other] = processes(&store);
    one.set("a", &1, Ttl::fresh(MINUTE).tagged(["users"])).await.unwrap();
    store.lose("app:t:");
    assert_eq!(other.get::<u8>("a").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn when_messages_may_be_lost_memory_is_emptied() {
    let store = Store::new();
    let [one, other] = processes(&store);
    one.set("a", &1, MINUTE).await.unwrap();
    assert_eq!(other.get::<u8>("a").await.unwrap(), Some(1));
    *store.deaf.lock().unwrap() = true;
    one.set("a", &2, MINUTE).await.unwrap();
    assert_eq!(other.get::<u8>("a").await.unwrap(), Some(1), "it has not heard");
    store.reconnected();
    assert_eq!(other.get::<u8>("a").await.unwrap(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_lost_outdates_memory_for_its_memory_time_at_most() {
    let store = Store::new();
    let [one, other] = processes(&store);
    one.set("a", &1, 10 * MINUTE).await.unwrap();
    assert_eq!(other.get::<u8>("a").await.unwrap(), Some(1));
    *store.deaf.lock().unwrap() = true;
    one.set("a", &2, 10 * MINUTE).await.unwrap();
    advance(SecondTierConfig::default().memory_time).await;
    assert_eq!(other.get::<u8>("a").await.unwrap(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_dead_second_tier_fails_no_read_that_memory_or_the_source_can_answer() {
    for mood in [Mood::Failing, Mood::BlackHole, Mood::Panicking] {
        let store = Store::new();
        let [cache] = processes(&store);
        cache.set("a", &1, 10 * MINUTE).await.unwrap();
        store.mood(mood);
        assert_eq!(cache.get::<u8>("a").await.unwrap(), Some(1), "{mood:?}: from memory");
        assert_eq!(cache.get_or_load("b", MINUTE, || async { Ok(2) }).await.unwrap(), 2, "{mood:?}");
        assert_eq!(cache.get::<u8>("c").await.unwrap(), None, "{mood:?}: nobody has it");
        cache.set("d", &4, MINUTE).await.unwrap();
        assert_eq!(cache.get::<u8>("d").await.unwrap(), Some(4), "{mood:?}");
        assert!(cache.stats().second_tier_failures >= 3, "{mood:?}");

        advance(SecondTierConfig::default().memory_time).await;
        let down = || async { Err::<u8, _>(Error::new(FailureKind::Transient, "sql", "users")) };
        let value = cache.get_or_load("a", MINUTE, down).await;
        assert_eq!(value.unwrap(), 1, "{mood:?}: memory's is within its time, though nobody can confirm it");
    }
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_costs_a_read_its_budget_and_then_nothing() {
    let store = Store::new();
    let [cache] = processes(&store);
    store.mood(Mood::BlackHole);
    let mut waits = Vec::new();
    for key in 0..20 {
        let begin = Instant::now();
        cache.get_or_load(&key.to_string(), MINUTE, move || async move { Ok(key) }).await.unwrap();
        waits.push(begin.elapsed().as_millis());
    }
    assert_eq!(waits[..5], [100, 100, 100, 100, 100]);
    assert_eq!(waits[5..], [0; 15], "its circuit is open");
    assert_eq!(store.requests(), 5);

    store.mood(Mood::Well);
    sleep(2 * SECOND).await;
    for key in 20..30 {
        cache.get_or_load(&key.to_string(), MINUTE, move || async move { Ok(key) }).await.unwrap();
        sleep(MILLISECOND).await;
    }
    assert!(!store.held("app:k:29").is_empty(), "and closed again");
}

#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

impl Observer for Recorder {
    fn observe(&self, origin: Origin<'_>, event: &Event) {
        assert_eq!((origin.pipeline, origin.strategy, origin.target), ("test", "cache", "app"));
        self.0.lock().unwrap().push(*event);
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_in_the_second_tier_is_told() {
    let (store, recorder) = (Store::new(), Arc::<Recorder>::default());
    let observer: Arc<dyn Observer> = Arc::<Recorder>::clone(&recorder);
    let cache = any(&store).pipeline("test").observer(observer).build().unwrap();
    store.mood(Mood::Failing);
    for _ in 0..6 {
        assert_eq!(cache.get::<u8>("a").await.unwrap(), None);
    }
    let told = recorder.0.lock().unwrap().clone();
    let transient = Event::FellBack { kind: FailureKind::Transient };
    assert_eq!(told[..4], [transient; 4]);
    assert!(matches!(told[4..], [Event::Opened { .. }, Event::FellBack { .. }]), "{told:?}");
    assert_eq!((cache.stats().second_tier_failures, cache.stats().second_tier_skips), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_the_second_tier_did_not_hear_is_an_error_and_is_not_undone_by_it() {
    let store = Store::new();
    let [cache] = processes(&store);
    cache.set("a", &1, MINUTE).await.unwrap();
    sleep(MILLISECOND).await;
    store.mood(Mood::Failing);
    cache.remove("a").await.unwrap_err();
    store.mood(Mood::Well);
    assert_eq!(
        cache.get::<u8>("a").await.unwrap(),
        None,
        "the second tier has it still, but is not believed"
    );
    sleep(MILLISECOND).await;
    cache.set("a", &2, MINUTE).await.unwrap();
    cache.set("b", &2, MINUTE).await.unwrap();
    let [other] = processes(&store);
    assert_eq!(other.get::<u8>("a").await.unwrap(), Some(2), "what is written later is");
}

/// Process `one` loads while `other` invalidates: what `one` read before must be nowhere afterwards.
async fn late_fill(invalidate: impl AsyncFnOnce(&Cache), heard: bool) {
    let store = Store::new();
    let [one, other, third] = processes(&store);
    *store.deaf.lock().unwrap() = !heard;
    let (started, has_started) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let loading = tokio::spawn({
        let one = one.clone();
        async move {
            let loader = move || async move {
                started.send(()).unwrap();
                may_go_on.await.unwrap();
                Ok(1)
            };
            one.get_or_load("a", Ttl::fresh(MINUTE).tagged(["users"]), loader).await
        }
    });
    has_started.await.unwrap();
    invalidate(&other).await;
    go_on.send(()).unwrap();
    assert_eq!(loading.await.unwrap().unwrap(), 1, "those who waited get what was loaded");
    sleep(SECOND).await;
    assert_eq!(third.get::<u8>("a").await.unwrap(), None, "not in the second tier");
    if heard {
        assert_eq!(one.get::<u8>("a").await.unwrap(), None, "not in memory");
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_does_not_bring_back_what_another_process_removed_meanwhile() {
    for heard in [true, false] {
        late_fill(async |other| assert!(!other.remove("a").await.unwrap()), heard).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_does_not_bring_back_what_another_process_invalidated_by_tag_meanwhile() {
    for heard in [true, false] {
        late_fill(async |other| other.invalidate(["users"]).await.unwrap(), heard).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_does_not_bring_back_what_another_process_cleared_meanwhile() {
    for heard in [true, false] {
        late_fill(async |other| other.clear().await.unwrap(), heard).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_does_not_overwrite_in_the_second_tier_what_was_set_meanwhile() {
    let store = Store::new();
    let [one, other, third] = processes(&store);
    let slow = || async {
        sleep(SECOND).await;
        Ok(1)
    };
    let loading = tokio::spawn({
        let one = one.clone();
        async move { one.get_or_load("a", MINUTE, slow).await }
    });
    sleep(SECOND / 2).await;
    other.set("a", &2, MINUTE).await.unwrap();
    assert_eq!(loading.await.unwrap().unwrap(), 1);
    sleep(SECOND).await;
    assert_eq!(third.get::<u8>("a").await.unwrap(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn another_version_of_the_type_or_another_codec_counts_as_nothing() {
    let store = Store::new();
    let (old, new) = (users(&store, 1), users(&store, 2));
    old.set(7, user("Ada"), MINUTE).await.unwrap();
    assert_eq!(new.fetch(&7).await.unwrap(), None);
    new.set(7, user("Grace"), MINUTE).await.unwrap();
    assert_eq!(old.fetch(&7).await.unwrap(), None, "it heard, and cannot read the new one");

    let json: Cache<u64, User> =
        Cache::builder("users").version(2).second_tier(Arc::<Store>::clone(&store), Json).build().unwrap();
    assert_eq!(json.fetch(&7).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_record_counts_as_nothing_and_is_overwritten() {
    let store = Store::new();
    for garbage in [&b"{}"[..], &[0; 200], &[1; 63], &[255; 64], &[1; 64]] {
        store.put("app:k:a", garbage.to_vec());
        let [one, other] = processes(&store);
        assert_eq!(one.get::<u8>("a").await.unwrap(), None);
        assert_eq!(one.get_or_load("a", MINUTE, || async { Ok(1) }).await.unwrap(), 1);
        sleep(MILLISECOND).await;
        assert_eq!(other.get::<u8>("a").await.unwrap(), Some(1), "{garbage:?}");
    }
    store.tell(b"nonsense");
    store.tell(&[]);
}

#[tokio::test(start_paused = true)]
async fn an_entry_of_another_type_in_the_second_tier_is_loaded_anew() {
    let store = Store::new();
    let [one, other] = processes(&store);
    one.set("a", "text", MINUTE).await.unwrap();
    assert_eq!(other.get_or_load("a", MINUTE, || async { Ok(1) }).await.unwrap(), 1);
    sleep(MILLISECOND).await;
    let [third] = processes(&store);
    assert_eq!(third.get::<u8>("a").await.unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn who_loads_while_somebody_only_looks_loads_all_the_same_and_once() {
    let store = Store::new();
    store.delay(50 * MILLISECOND);
    let [cache] = processes(&store);
    let loads = Arc::new(AtomicU32::new(0));
    let looking = tokio::spawn({
        let cache = cache.clone();
        async move { cache.get::<u32>("a").await }
    });
    sleep(MILLISECOND).await;
    let loading = [(); 10].map(|()| {
        let (cache, loads) = (cache.clone(), Arc::clone(&loads));
        tokio::spawn(async move {
            let loader = move || async move { Ok(loads.fetch_add(1, Ordering::Relaxed)) };
            cache.get_or_load("a", MINUTE, loader).await
        })
    });
    assert_eq!(looking.await.unwrap().unwrap(), None);
    for loading in loading {
        assert_eq!(loading.await.unwrap().unwrap(), 0);
    }
    assert_eq!(loads.load(Ordering::Relaxed), 1);
}

type Map = std::collections::BTreeMap<(u8, u8), u8>;

#[tokio::test(start_paused = true)]
async fn a_value_without_a_form_in_the_codec_is_kept_nowhere() {
    let store = Store::new();
    let cache: Cache<String, Map> =
        Cache::builder("maps").second_tier(Arc::<Store>::clone(&store), Json).build().unwrap();
    let map = Map::from([((1, 2), 3)]);
    assert_eq!(cache.set("a".into(), map.clone(), MINUTE).await.unwrap_err().kind(), FailureKind::Permanent);
    assert_eq!(cache.get("a"), None);
    let loaded = map.clone();
    assert_eq!(cache.get_or_load("a", MINUTE, || async { Ok(loaded) }).await.unwrap(), map);
    assert_eq!(cache.get("a"), Some(map), "what is loaded is kept in memory");
}

#[test]
fn a_name_that_could_be_mistaken_for_another_is_refused() {
    for name in ["", "a:k"] {
        let error = Cache::<u64, u64>::builder(name).build().unwrap_err();
        assert_eq!(error.field(), "name");
    }
}
