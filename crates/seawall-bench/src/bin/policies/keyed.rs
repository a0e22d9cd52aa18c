//! State by key, such as a circuit for each host: what finding it costs among a thousand and among a million.

use std::any::Any;
use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use fastrand::Rng;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;
use seawall_bench::{Better, Comparison, Side, allocations};
use seawall_tower::Registry;

use crate::backend::Backend;
use crate::goals::KEYED_MEMORY;
use crate::subject::Subject;

const FEW: u32 = 1_000;
const MANY: u32 = 1_000_000;

pub(crate) fn uniform(_: Backend) -> Vec<Subject> {
    subjects(|keys, rng| rng.u32(0..keys))
}

/// A few keys make most of the calls, as it is with hosts and tenants.
pub(crate) fn zipf(_: Backend) -> Vec<Subject> {
    // Of Zipf's law with exponent 1, the inverse of the distribution is an exponential.
    subjects(|keys, rng| f64::from(keys).powf(rng.f64()) as u32 - 1)
}

/// What a million keys take in memory, each with a value of 8 bytes.
pub(crate) fn memory() -> Vec<Comparison> {
    let held = |make: fn() -> Box<dyn Any>| {
        let (counted, _kept) = allocations::count(make);
        (counted.bytes - counted.freed) as f64 / f64::from(MANY)
    };
    let ours = held(|| Box::new(registry(MANY)));
    let line = |peer: &str, theirs| Comparison {
        what: KEYED_MEMORY.to_owned(),
        subject: Side::new("seawall", vec![ours]),
        peer: Side::new(peer, vec![theirs]),
        unit: "B/key",
        better: Better::Lower,
        goal: None,
        threads: 1,
    };
    vec![
        line("governor", held(|| Box::new(governed(MANY)))),
        line("HashMap<String, Arc<u64>>", held(|| Box::new(map(MANY)))),
    ]
}

fn subjects(draw: fn(u32, &mut Rng) -> u32) -> Vec<Subject> {
    let governor = Arc::new(governed(MANY));
    let moka = Cache::new(u64::from(MANY));
    for key in 0..MANY {
        moka.insert(Name::of(key).as_str().to_owned(), u64::from(key));
    }
    vec![
        look_up("seawall, 1,000,000 keys", calls(MANY, draw), found(registry(MANY))),
        look_up("seawall, 1,000 keys", calls(FEW, draw), found(registry(FEW))),
        // A key of this one is an owned string, which its users make for each call.
        look_up("governor, 1,000,000 keys", calls(MANY, draw), move |name| {
            governor.check_key(&name.to_owned()).is_ok()
        }),
        look_up("moka, 1,000,000 keys", calls(MANY, draw), move |name| moka.get(name).is_some()),
    ]
}

fn registry(keys: u32) -> Arc<Registry<u64>> {
    let capacity = NonZeroUsize::new(keys as usize).expect("there are keys");
    let registry = Registry::new(capacity, |_| true);
    for key in 0..keys {
        registry.entry(Name::of(key).as_str(), || u64::from(key));
    }
    Arc::new(registry)
}

fn governed(keys: u32) -> DefaultKeyedRateLimiter<String> {
    let governor = RateLimiter::keyed(Quota::per_second(NonZeroU32::MAX));
    for key in 0..keys {
        governor.check_key(&Name::of(key).as_str().to_owned()).expect("there is quota");
    }
    governor
}

fn map(keys: u32) -> HashMap<String, Arc<u64>> {
    (0..keys).map(|key| (Name::of(key).as_str().to_owned(), Arc::new(u64::from(key)))).collect()
}

fn found(registry: Arc<Registry<u64>>) -> impl Fn(&str) -> bool + Clone + Send + 'static {
    move |name| *registry.entry(name, || u64::MAX) != u64::MAX
}

/// The keys of a million calls, drawn before and read one after the other, so that drawing costs nothing here.
fn calls(keys: u32, draw: fn(u32, &mut Rng) -> u32) -> Arc<[u32]> {
    let mut rng = Rng::with_seed(3);
    (0..1_000_000).map(|_| draw(keys, &mut rng)).collect()
}

fn look_up(
    name: &'static str,
    calls: Arc<[u32]>,
    look_up: impl Fn(&str) -> bool + Clone + Send + 'static,
) -> Subject {
    let mut next = 0;
    Subject::function(name, move |_| {
        next = (next + 1) % calls.len();
        look_up(Name::of(calls[next]).as_str())
    })
}

/// A name as long as a host's, made where it is used: the names of a million keys would be out of the caches
/// themselves.
struct Name([u8; 16]);

impl Name {
    fn of(key: u32) -> Self {
        let mut name = *b"host-0000000.org";
        let mut rest = key;
        for digit in name[5..12].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).expect("a digit");
            rest /= 10;
        }
        Self(name)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("it is ASCII")
    }
}
