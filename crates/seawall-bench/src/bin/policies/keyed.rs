//! State by key, such as a circuit for each host: what finding it costs among a thousand and among a million.

use std::any::Any;
use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use fastrand::Rng;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;
use seawall_bench::{Better, Comparison, Side, allocations};
use seawall_tower::{Identity, KeyedRateLimiterHandle, Registry};

use crate::backend::Backend;
use crate::goals::KEYED_MEMORY;
use crate::rate_limit;
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

/// What a million keys take in memory, each with a value of 8 bytes, and how many are kept of twice as many.
pub(crate) fn memory() -> Vec<Comparison> {
    let held = |make: fn() -> Box<dyn Any>| held(make) / f64::from(MANY);
    let ours = held(|| Box::new(registry(MANY)));
    let kept = registry_of(MANY, 2 * MANY).entries().len() as f64;
    vec![
        line("governor", ours, held(|| Box::new(governed(MANY))), "B/key", None),
        line("HashMap<String, Arc<u64>>", ours, held(|| Box::new(map(MANY))), "B/key", None),
        line("at most, of 2,000,000 keys", kept, f64::from(MANY), "keys", Some(1.0)),
    ]
}

/// How many bytes are kept of those that were allocated.
fn held(make: impl FnOnce() -> Box<dyn Any>) -> f64 {
    let (counted, _kept) = allocations::count(make);
    (counted.bytes - counted.freed) as f64
}

fn line(peer: &str, ours: f64, theirs: f64, unit: &'static str, goal: Option<f64>) -> Comparison {
    Comparison {
        what: KEYED_MEMORY.to_owned(),
        subject: Side::new("seawall", vec![ours]),
        peer: Side::new(peer, vec![theirs]),
        unit,
        better: Better::Lower,
        goal,
        threads: 1,
    }
}

fn subjects(draw: fn(u32, &mut Rng) -> u32) -> Vec<Subject> {
    let limiters = limited(MANY);
    let (governor, few_governed) = (governor(MANY), governor(FEW));
    let (moka, few_in_moka) = (moka(MANY), moka(FEW));
    vec![
        look_up("seawall, 1,000,000 keys", calls(MANY, draw), found(registry(MANY))),
        look_up("seawall, 1,000 keys", calls(FEW, draw), found(registry(FEW))),
        look_up("seawall, 1,000,000 rate limiters", calls(MANY, draw), move |name| {
            limiters.limiter(name).try_acquire(NonZeroU32::MIN).is_ok()
        }),
        look_up("governor, 1,000,000 keys", calls(MANY, draw), governor),
        look_up("governor, 1,000 keys", calls(FEW, draw), few_governed),
        look_up("moka, 1,000,000 keys", calls(MANY, draw), moka),
        look_up("moka, 1,000 keys", calls(FEW, draw), few_in_moka),
    ]
}

fn registry(keys: u32) -> Arc<Registry<u64>> {
    registry_of(keys, keys)
}

fn registry_of(capacity: u32, keys: u32) -> Arc<Registry<u64>> {
    let registry = Registry::new(most(capacity), |_| true);
    for key in 0..keys {
        registry.entry(Name::of(key).as_str(), || u64::from(key));
    }
    Arc::new(registry)
}

fn most(keys: u32) -> NonZeroUsize {
    NonZeroUsize::new(keys as usize).expect("there are keys")
}

fn limited(keys: u32) -> KeyedRateLimiterHandle {
    let limiters = KeyedRateLimiterHandle::new(Identity::default(), &rate_limit::config(), most(keys));
    let limiters = limiters.expect("the config is valid");
    for key in 0..keys {
        limiters.limiter(Name::of(key).as_str());
    }
    limiters
}

fn governed(keys: u32) -> DefaultKeyedRateLimiter<String> {
    let governor = RateLimiter::keyed(Quota::per_second(NonZeroU32::MAX));
    for key in 0..keys {
        governor.check_key(&Name::of(key).as_str().to_owned()).expect("there is quota");
    }
    governor
}

fn governor(keys: u32) -> impl Fn(&str) -> bool + Clone + Send + 'static {
    let governed = Arc::new(governed(keys));
    // A key of this one is an owned string, which its users make for each call.
    move |name| governed.check_key(&name.to_owned()).is_ok()
}

fn moka(keys: u32) -> impl Fn(&str) -> bool + Clone + Send + 'static {
    let cache = Cache::new(u64::from(keys));
    for key in 0..keys {
        cache.insert(Name::of(key).as_str().to_owned(), u64::from(key));
    }
    // A few may have made room for others; that costs the same.
    move |name| cache.get(name).is_none_or(|value| value < u64::MAX)
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
