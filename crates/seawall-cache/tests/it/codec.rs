//! Whatever bytes a second tier holds: what was written reads back, and nothing else is ever served or takes anybody down.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use seawall_cache::{Cache, CacheConfig, Codec, Json, Postcard};
use serde::{Deserialize, Serialize};

use crate::MINUTE;
use crate::second_tier::Store;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Number(i64),
    Text(String),
    Many(Vec<Option<u8>>),
    Named { key: BTreeMap<String, (u16, bool)> },
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Nothing),
        any::<i64>().prop_map(Shape::Number),
        any::<String>().prop_map(Shape::Text),
        prop::collection::vec(any::<Option<u8>>(), 0..20).prop_map(Shape::Many),
        prop::collection::btree_map(any::<String>(), any::<(u16, bool)>(), 0..5)
            .prop_map(|key| Shape::Named { key }),
    ]
}

/// What can happen to bytes on their way.
#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Other(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<prop::sample::Index>(), 1..=u8::MAX).prop_map(|(at, by)| Damage::Flip(at, by)),
        2 => any::<prop::sample::Index>().prop_map(Damage::Cut),
        1 => (any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Damage::Other),
    ]
}

fn damaged(mut bytes: Vec<u8>, damage: &Damage) -> Vec<u8> {
    match damage {
        Damage::Flip(at, by) if !bytes.is_empty() => {
            let at = at.index(bytes.len());
            bytes[at] ^= by;
        }
        Damage::Flip(..) => {}
        Damage::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
        Damage::Insert(at, more) => {
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..at, more.iter().copied());
        }
        Damage::Other(other) => bytes.clone_from(other),
    }
    bytes
}

fn written(codec: &impl Codec<Shape>, value: &Shape, before: &[u8]) -> Vec<u8> {
    let mut bytes = before.to_vec();
    codec.encode(value, &mut bytes).unwrap();
    bytes
}

fn reads_back(codec: &impl Codec<Shape>, value: &Shape, before: &[u8]) {
    let bytes = written(codec, value, before);
    assert!(bytes.starts_with(before), "a form is appended");
    assert_eq!(codec.decode(Bytes::from(bytes).slice(before.len()..)).unwrap(), *value);
}

/// Bytes that read as a value at all read as one that has a form.
fn survives(codec: &impl Codec<Shape>, bytes: Vec<u8>) {
    if let Ok(value) = codec.decode(bytes.into()) {
        reads_back(codec, &value, &[]);
    }
}

proptest! {
    #[test]
    fn a_value_reads_back_by_the_codec_that_wrote_it(value in shape(), before: Vec<u8>) {
        reads_back(&Json, &value, &before);
        reads_back(&Postcard, &value, &before);
    }

    #[test]
    fn no_bytes_make_a_codec_panic(value in shape(), how in damage()) {
        survives(&Json, damaged(written(&Json, &value, &[]), &how));
        survives(&Postcard, damaged(written(&Postcard, &value, &[]), &how));
    }

    #[test]
    fn a_cut_form_is_no_value(value in shape(), cut: prop::sample::Index) {
        let bytes = written(&Postcard, &value, &[]);
        let cut = cut.index(bytes.len());
        prop_assert!(Codec::<Shape>::decode(&Postcard, bytes[..cut].to_vec().into()).is_err());
        let more = written(&Postcard, &value, &[]).into_iter().chain([0]).collect::<Vec<_>>();
        prop_assert!(Codec::<Shape>::decode(&Postcard, more.into()).is_err());
    }

    #[test]
    fn whatever_the_second_tier_holds_a_load_answers(value in shape(), how in damage(), on_tokens: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let store = Store::new();
            let process = || {
                let config = CacheConfig { jitter: 0.0, ..CacheConfig::default() };
                let cache: Cache<String, Shape> = Cache::builder("shapes")
                    .config(&config)
                    .second_tier(Arc::<Store>::clone(&store), Postcard)
                    .build()
                    .unwrap();
                cache
            };
            process().set("a".to_owned(), value.clone(), MINUTE).await.unwrap();
            let kind = if on_tokens { "shapes:t:" } else { "shapes:k:" };
            for (key, bytes) in store.held(kind) {
                store.put(&key, damaged(bytes.to_vec(), &how));
            }
            let cache = process();
            let source = Shape::Text("from the source".to_owned());
            let loaded = cache.get_or_load("a", MINUTE, { let source = source.clone(); || async { Ok(source) } });
            let loaded = loaded.await.unwrap();
            assert_eq!(cache.get("a"), Some(loaded), "and memory has what was answered");
        });
    }
}
