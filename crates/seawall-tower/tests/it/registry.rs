use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier};

use proptest::prelude::*;
use seawall_tower::Registry;

fn registry(capacity: usize) -> Registry<bool> {
    Registry::new(NonZeroUsize::new(capacity).unwrap(), |keep| !keep)
}

fn names(registry: &Registry<bool>) -> Vec<String> {
    registry.entries().into_iter().map(|(name, _)| name.to_string()).collect()
}

#[test]
fn the_same_name_is_the_same_value() {
    let registry = registry(2);
    let one = registry.entry("a", || false);
    assert!(Arc::ptr_eq(&one, &registry.entry("a", || unreachable!("it is there"))));
}

#[test]
fn the_value_not_asked_for_the_longest_makes_room() {
    let registry = registry(2);
    registry.entry("a", || false);
    registry.entry("b", || false);
    registry.entry("a", || false);
    registry.entry("c", || false);
    assert_eq!(names(&registry), ["a", "c"]);
}

#[test]
fn a_value_in_use_is_not_forgotten() {
    let registry = registry(1);
    let held = registry.entry("held", || false);
    registry.entry("other", || false);
    assert_eq!(names(&registry), ["held"]);
    drop(held);
    registry.entry("other", || false);
    assert_eq!(names(&registry), ["other"]);
}

#[test]
fn making_a_value_locks_nobody_out() {
    let registry = registry(10);
    let outer = registry.entry("outer", || *registry.entry("inner", || true));
    assert!(*outer && *registry.entry("inner", || unreachable!("it is there")));
    // Asked for while it is being made, a name is made twice, and the first one that is there stays.
    let late = registry.entry("twice", || !*registry.entry("twice", || true));
    assert!(*late);
    assert_eq!(names(&registry), ["inner", "outer", "twice"]);
}

#[test]
fn names_meet_no_value_of_another() {
    let registry: Registry<u32> = Registry::new(NonZeroUsize::new(100_000).unwrap(), |_| true);
    for number in 0..20_000 {
        registry.entry(&number.to_string(), || number);
    }
    for number in 0..20_000 {
        assert_eq!(*registry.entry(&number.to_string(), || unreachable!("there is room for all")), number);
    }
    let entries = registry.entries();
    assert_eq!(entries.len(), 20_000);
    assert!(entries.iter().all(|(name, number)| **name == *number.to_string()));
    assert!(entries.is_sorted_by(|(one, _), (other, _)| one < other));
}

#[test]
fn names_in_use_outlive_a_flood_of_others() {
    let registry = registry(1000);
    let used: Vec<_> = (0..100).map(|number| format!("used-{number}")).collect();
    for flood in 0..20_000 {
        registry.entry(&used[flood % used.len()], || false);
        registry.entry(&format!("once-{flood}"), || false);
    }
    let kept = names(&registry);
    assert_eq!(kept.len(), 1000);
    let lost = used.iter().filter(|name| !kept.contains(name)).count();
    assert!(lost <= 5, "{lost} of 100 names asked for all the time were forgotten");
}

#[test]
fn a_full_part_takes_room_from_the_others() {
    // Parts of a registry fill unevenly: its capacity is still exact.
    let registry = registry(1024);
    for number in 0..1024 {
        registry.entry(&number.to_string(), || true);
    }
    assert_eq!(names(&registry).len(), 1024);
    let registry = self::registry(1024);
    let held: Vec<_> = (0..1000).map(|number| registry.entry(&format!("held-{number}"), || true)).collect();
    for number in 0..1000 {
        registry.entry(&format!("other-{number}"), || false);
    }
    // The 24 places left go from hand to hand, in whatever part they are.
    assert_eq!(names(&registry).len(), 1024);
    assert!(held.iter().all(|value| Arc::strong_count(value) == 2), "all of them are still kept");
}

#[test]
fn a_registry_grows_and_shrinks() {
    let size = |size| NonZeroUsize::new(size).unwrap();
    let registry = registry(2000);
    let held = registry.entry("held", || false);
    for number in 0..1999 {
        registry.entry(&number.to_string(), || number < 100);
    }
    registry.resize(size(500));
    let kept = names(&registry);
    assert_eq!(kept.len(), 500);
    assert!(kept.contains(&"held".to_owned()) && (0..100).all(|number| kept.contains(&number.to_string())));
    // What may not be forgotten stays, however small the registry is to be.
    registry.resize(size(1));
    assert_eq!(names(&registry).len(), 101);
    registry.entry("new", || false);
    assert!(!names(&registry).contains(&"new".to_owned()));
    drop(held);
    registry.resize(size(102));
    registry.entry("new", || false);
    assert_eq!(names(&registry).len(), 102);
}

#[test]
fn an_insertion_looks_at_no_more_than_256_values() {
    struct Asked(Arc<AtomicUsize>);
    let looks = Arc::new(AtomicUsize::new(0));
    let stubborn = |asked: &Asked| {
        asked.0.fetch_add(1, Relaxed);
        false
    };
    let registry = Registry::new(NonZeroUsize::new(5000).unwrap(), stubborn);
    for number in 0..5000 {
        registry.entry(&number.to_string(), || Asked(Arc::clone(&looks)));
    }
    for number in 0..10 {
        looks.store(0, Relaxed);
        registry.entry(&format!("new-{number}"), || Asked(Arc::clone(&looks)));
        let looks = looks.load(Relaxed);
        assert!((16..=256).contains(&looks), "{looks} looks");
    }
    assert_eq!(registry.entries().len(), 5000);
}

#[test]
fn threads_share_one_value_of_each_name_and_never_exceed_the_capacity() {
    const THREADS: usize = 4;
    let registry: Registry<usize> = Registry::new(NonZeroUsize::new(200).unwrap(), |_| true);
    let start = Barrier::new(THREADS);
    let held: Vec<HashMap<usize, Arc<usize>>> = std::thread::scope(|scope| {
        let run = |seed: u64| {
            let (registry, start) = (&registry, &start);
            move || {
                let mut rng = fastrand::Rng::with_seed(seed);
                let mut held = HashMap::new();
                start.wait();
                for _ in 0..5000 {
                    let shared = rng.usize(0..100);
                    let value = registry.entry(&shared.to_string(), || shared);
                    let first = Arc::clone(held.entry(shared).or_insert_with(|| Arc::clone(&value)));
                    assert!(Arc::ptr_eq(&first, &value), "{shared} was another while it was held");
                    let passing = rng.usize(1000..2000);
                    assert_eq!(*registry.entry(&passing.to_string(), || passing), passing);
                }
                assert!(registry.entries().len() <= 200);
                held
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|seed| scope.spawn(run(seed as u64))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (name, value) in &held[0] {
        assert!(held.iter().all(|others| others.get(name).is_none_or(|other| Arc::ptr_eq(value, other))));
    }
}

/// What is asked of a registry in the property below.
#[derive(Clone, Debug)]
enum Ask {
    /// Ask for a name, whose value may be forgotten or not if it is made now; hold the value or not.
    For { name: u16, keep: bool, hold: bool },
    /// Let go of what is held of a name.
    LetGo { name: u16 },
}

fn asks() -> impl Strategy<Value = Ask> {
    prop_oneof![
        4 => (0u16..400, any::<bool>(), any::<bool>()).prop_map(|(name, keep, hold)| Ask::For { name, keep, hold }),
        1 => (0u16..400).prop_map(|name| Ask::LetGo { name }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_never_grows_beyond_its_capacity_and_never_forgets_what_must_be_kept(
        // One part, and several.
        capacity in prop_oneof![1usize..8, 128usize..300],
        asks in prop::collection::vec(asks(), 0..400),
    ) {
        let registry = registry(capacity);
        let mut held: HashMap<u16, Arc<bool>> = HashMap::new();
        let mut must_keep: HashMap<u16, Arc<bool>> = HashMap::new();
        for ask in asks {
            let value = match ask {
                Ask::LetGo { name } => {
                    held.remove(&name);
                    None
                }
                Ask::For { name, keep, hold } => Some((name, hold, registry.entry(&name.to_string(), || keep))),
            };
            let kept: HashMap<_, _> = registry.entries().into_iter().collect();
            prop_assert!(kept.len() <= capacity);
            let is_kept = |name: &u16, value: &Arc<bool>| {
                kept.get(name.to_string().as_str()).is_some_and(|kept| Arc::ptr_eq(kept, value))
            };
            prop_assert!(held.iter().chain(&must_keep).all(|(name, value)| is_kept(name, value)));
            if let Some((name, hold, value)) = value.filter(|(name, _, value)| is_kept(name, value)) {
                if *value {
                    must_keep.insert(name, Arc::clone(&value));
                }
                if hold {
                    held.insert(name, value);
                }
            }
        }
    }

    #[test]
    fn a_small_registry_forgets_in_the_order_of_use(
        capacity in 1usize..=16,
        asked in prop::collection::vec(0u8..30, 0..200),
    ) {
        let registry = registry(capacity);
        // The model: names with their age. Those asked for between the same two insertions are of one age.
        let mut model: HashMap<u8, usize> = HashMap::new();
        let mut clock = 0;
        for name in asked {
            let before = names(&registry);
            registry.entry(&name.to_string(), || false);
            let after = names(&registry);
            let gone: Vec<u8> =
                before.iter().filter(|name| !after.contains(name)).map(|name| name.parse().unwrap()).collect();
            if let Some(age) = model.get_mut(&name) {
                *age = clock + 1;
                prop_assert!(gone.is_empty());
                continue;
            }
            prop_assert_eq!(gone.len(), usize::from(model.len() == capacity));
            if let [gone] = gone[..] {
                let age = model.remove(&gone);
                prop_assert!(model.values().all(|other| age <= Some(*other)), "{gone} was not the oldest");
            }
            clock += 2;
            model.insert(name, clock);
        }
    }
}
