use std::collections::BTreeMap;

use proptest::prelude::*;
use seawall_core::FailureKind;
use serde::{Deserialize, Serialize};

use crate::{MINUTE, exact};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
    age: u8,
}

#[tokio::test]
async fn a_value_comes_back_as_it_was_set() {
    let cache = exact();
    let ada = User { name: "Ada".into(), age: 36 };
    cache.set("user:1", &ada, MINUTE).await.unwrap();
    assert_eq!(cache.get::<User>("user:1").await.unwrap(), Some(ada));
    assert_eq!(cache.get::<User>("user:2").await.unwrap(), None);
}

#[tokio::test]
async fn a_cached_none_is_told_from_no_entry() {
    let cache = exact();
    cache.set("user:1", &None::<User>, MINUTE).await.unwrap();
    assert_eq!(cache.get::<Option<User>>("user:1").await.unwrap(), Some(None));
    assert_eq!(cache.get::<Option<User>>("user:2").await.unwrap(), None);
}

#[tokio::test]
async fn a_value_of_another_type_is_an_error_that_names_key_and_type() {
    let cache = exact();
    cache.set("user:1", "Ada", MINUTE).await.unwrap();
    let error = cache.get::<User>("user:1").await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert_eq!(error.name(), "user:1");
    assert!(error.to_string().contains("User"), "{error}");
}

#[tokio::test]
async fn a_value_without_a_json_form_is_an_error_and_nothing_is_kept() {
    let cache = exact();
    let keyed_by_pairs = BTreeMap::from([((1, 2), 3)]);
    let error = cache.set("map", &keyed_by_pairs, MINUTE).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert_eq!(cache.stats().entries, 0);
}

#[tokio::test]
async fn removing_says_whether_there_was_something() {
    let cache = exact();
    cache.set("a", &1, MINUTE).await.unwrap();
    assert!(cache.remove("a").await.unwrap());
    assert!(!cache.remove("a").await.unwrap());
    assert_eq!(cache.get::<u8>("a").await.unwrap(), None);
}

#[tokio::test]
async fn clearing_forgets_everything_for_every_handle() {
    let cache = exact();
    let handle = cache.clone();
    cache.set("a", &1, MINUTE).await.unwrap();
    cache.set("b", &2, MINUTE).await.unwrap();
    handle.clear().await.unwrap();
    assert_eq!(cache.get::<u8>("a").await.unwrap(), None);
    assert_eq!(cache.stats().entries, 0);
}

#[tokio::test]
async fn neither_keys_nor_values_show_in_debug() {
    let cache = exact();
    cache.set("session:tok3n", "s3cret", MINUTE).await.unwrap();
    let debug = format!("{cache:?}");
    assert!(!debug.contains("s3cret") && !debug.contains("tok3n"), "{debug}");
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8, u32),
    Remove(u8),
    Clear,
    Get(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8, any::<u32>()).prop_map(|(key, value)| Step::Set(key, value)),
        2 => (0..6_u8).prop_map(Step::Remove),
        1 => Just(Step::Clear),
        4 => (0..6_u8).prop_map(Step::Get),
    ]
}

proptest! {
    #[test]
    fn while_there_is_room_it_answers_like_a_map(steps in prop::collection::vec(step(), 0..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let cache = exact();
            let mut model = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Set(key, value) => {
                        cache.set(&key.to_string(), &value, MINUTE).await.unwrap();
                        model.insert(key, value);
                    }
                    Step::Remove(key) => {
                        let removed = cache.remove(&key.to_string()).await.unwrap();
                        assert_eq!(removed, model.remove(&key).is_some());
                    }
                    Step::Clear => {
                        cache.clear().await.unwrap();
                        model.clear();
                    }
                    Step::Get(key) => {
                        assert_eq!(cache.get::<u32>(&key.to_string()).await.unwrap(), model.get(&key).copied());
                    }
                }
            }
            assert_eq!(cache.stats().entries, model.len() as u64);
        });
    }
}
