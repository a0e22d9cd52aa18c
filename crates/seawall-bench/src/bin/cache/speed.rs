//! What an operation costs its thread: processor time, so that what else the machine does is not counted.

use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use seawall_bench::{Better, Comparison, Side, allocations};
use tokio::runtime::Runtime;

use crate::engines::{Engine, Text, foyer, moka, moka_with_ttl, quick_cache, seawall};
use crate::zipf::zipf;

const KEYS: u64 = 10_000;
const CAPACITY: u64 = 2 * KEYS;
/// How often two threads are started for a sample before it is given up.
const ATTEMPTS: usize = 30;
/// So few keys for each that they are often through before the system gives their processors to somebody else.
const KEYS_OF_TWO: usize = 20_000;

/// What is done with each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Hit,
    Set,
    /// Nine hits, and then a set.
    Mix,
}

/// Does an operation with each of these keys.
type Work = Arc<dyn Fn(Operation, &[u64]) + Send + Sync>;

struct Subject {
    name: &'static str,
    work: Work,
}

/// What our time may be of theirs.
struct Goal {
    what: &'static str,
    operation: Operation,
    peers: &'static [(&'static str, Option<f64>)],
}

const GOALS: [Goal; 3] = [
    Goal {
        what: "hit",
        operation: Operation::Hit,
        peers: &[("quick_cache", Some(1.5)), ("moka", Some(1.0 / 3.0)), ("moka, ttl", None), ("foyer", None)],
    },
    Goal {
        what: "set",
        operation: Operation::Set,
        peers: &[("quick_cache", Some(1.5)), ("moka", Some(1.0 / 3.0)), ("moka, ttl", None), ("foyer", None)],
    },
    Goal {
        what: "nine hits and a set",
        operation: Operation::Mix,
        peers: &[("quick_cache", None), ("moka", None), ("moka, ttl", None), ("foyer", None)],
    },
];

pub(crate) fn rows(runtime: &Runtime, quick: bool) -> Vec<Comparison> {
    let rounds = if quick { 3 } else { 12 };
    let keys = zipf(KEYS, 1.0, 200_000, 1);
    let subjects = [
        subject("seawall", &seawall(runtime, CAPACITY)),
        subject("quick_cache", &quick_cache(CAPACITY)),
        subject("moka", &moka(CAPACITY)),
        subject("moka, ttl", &moka_with_ttl(CAPACITY)),
        subject("foyer", &foyer(CAPACITY)),
    ];
    GOALS.iter().flat_map(|goal| compare(goal, &subjects, &keys, rounds)).collect()
}

fn subject(name: &'static str, engine: &impl Engine) -> Subject {
    let texts: Vec<Text> = (0..KEYS).map(|key| format!("{key:0>100}").into()).collect();
    for (key, text) in (0..KEYS).zip(&texts) {
        engine.set(key, Text::clone(text));
    }
    let engine = engine.clone();
    let set = move |engine: &_, key: u64| Engine::set(engine, key, Text::clone(&texts[key as usize]));
    let work = move |operation, keys: &[u64]| match operation {
        Operation::Hit => keys.iter().for_each(|key| {
            assert!(black_box(engine.get(black_box(*key))).is_some());
        }),
        Operation::Set => keys.iter().for_each(|key| set(&engine, black_box(*key))),
        Operation::Mix => {
            for (number, key) in keys.iter().enumerate() {
                if number % 10 == 9 {
                    set(&engine, black_box(*key));
                } else {
                    black_box(engine.get(black_box(*key)));
                }
            }
        }
    };
    Subject { name, work: Arc::new(work) }
}

/// Everybody in turn, and whoever comes first comes later in the next round.
fn compare(goal: &Goal, subjects: &[Subject], keys: &[u64], rounds: usize) -> Vec<Comparison> {
    let mut sides: Vec<_> = subjects
        .iter()
        .map(|subject| {
            (subject.work)(goal.operation, keys);
            let (counted, ()) = allocations::count(|| (subject.work)(goal.operation, keys));
            Side {
                allocations: Some(counted.count as f64 / keys.len() as f64),
                bytes: Some(counted.bytes as f64 / keys.len() as f64),
                ..Side::new(subject.name, Vec::new())
            }
        })
        .collect();
    for round in 0..rounds {
        for turn in 0..subjects.len() {
            let turn = (turn + round) % subjects.len();
            let (work, side) = (&subjects[turn].work, &mut sides[turn]);
            side.samples.push(Stretch::of(work, goal.operation, keys).each);
            side.two_threads.extend(by_two(work, goal.operation, keys));
        }
    }
    let ours = &sides[0];
    let mut rows: Vec<_> = goal
        .peers
        .iter()
        .map(|(peer, at_most)| {
            let peer = sides.iter().find(|side| side.name == *peer).expect("every peer is measured");
            row(goal.what, ours.clone(), peer.clone(), *at_most, 1)
        })
        .collect();
    for (side, limit) in [(ours, Some(2.0)), (&sides[1], None)] {
        let named =
            |threads, samples: &[f64]| Side::new(format!("{}, {threads}", side.name), samples.to_vec());
        let (two, one) = (named("two threads", &side.two_threads), named("one thread", &side.samples));
        rows.push(row(goal.what, two, one, limit, 2));
    }
    rows
}

fn row(what: &str, subject: Side, peer: Side, goal: Option<f64>, threads: u32) -> Comparison {
    Comparison { what: what.to_owned(), subject, peer, unit: "ns", better: Better::Lower, goal, threads }
}

/// A sample of two threads at once, if the machine has let them be at it at once.
fn by_two(work: &Work, operation: Operation, keys: &[u64]) -> Option<f64> {
    (0..ATTEMPTS).find_map(|_| {
        let waiting = AtomicU32::new(2);
        let run = |keys: &[u64]| {
            waiting.fetch_sub(1, Ordering::AcqRel);
            // Not a `Barrier`: it sleeps, and wakes up late.
            while waiting.load(Ordering::Acquire) > 0 {
                spin_loop();
            }
            Stretch::of(work, operation, keys)
        };
        let (mine, its) = (&keys[..KEYS_OF_TWO], &keys[KEYS_OF_TWO..2 * KEYS_OF_TWO]);
        let (one, other) = thread::scope(|scope| {
            let thread = scope.spawn(|| run(its));
            (run(mine), thread.join().expect("a thread that measures does not panic"))
        });
        one.undisturbed_beside(&other).then_some(one.each.max(other.each))
    })
}

/// A sample: the processor's time and the wall's.
struct Stretch {
    /// Nanoseconds of the processor for each key.
    each: f64,
    processor: Duration,
    began: Duration,
    ended: Duration,
}

impl Stretch {
    fn of(work: &Work, operation: Operation, keys: &[u64]) -> Self {
        let (began, processor) = (read(ClockId::Monotonic), read(ClockId::ThreadCPUTime));
        work(operation, keys);
        let processor = read(ClockId::ThreadCPUTime).saturating_sub(processor);
        let ended = read(ClockId::Monotonic);
        Self { each: processor.as_nanos() as f64 / keys.len() as f64, processor, began, ended }
    }

    /// Whether both had a processor all the time, and at the same time.
    fn undisturbed_beside(&self, other: &Self) -> bool {
        let together = self.ended.min(other.ended).saturating_sub(self.began.max(other.began));
        [self, other].iter().all(|one| {
            let wall = one.ended.saturating_sub(one.began).as_secs_f64();
            one.processor.as_secs_f64() >= 0.95 * wall && together.as_secs_f64() >= 0.9 * wall
        })
    }
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
