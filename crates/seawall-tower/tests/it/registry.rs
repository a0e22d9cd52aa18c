use std::num::NonZeroUsize;
use std::sync::Arc;

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

proptest! {
    #[test]
    fn it_never_grows_beyond_its_capacity_and_never_forgets_what_must_be_kept(
        capacity in 1usize..8,
        asked in prop::collection::vec((0u8..20, any::<bool>()), 0..200),
    ) {
        let registry = registry(capacity);
        let mut must_keep: Vec<String> = vec![];
        for (name, keep) in asked {
            let name = name.to_string();
            let value = registry.entry(&name, || keep);
            let kept = names(&registry);
            prop_assert!(kept.len() <= capacity);
            prop_assert!(must_keep.iter().all(|name| kept.contains(name)));
            if *value && kept.contains(&name) && !must_keep.contains(&name) {
                must_keep.push(name);
            }
        }
    }
}
