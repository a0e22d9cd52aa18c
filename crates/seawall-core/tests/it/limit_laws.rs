//! What a limit does in the long run, in simulated worlds of 20 workers that take 20 ms for a call: 1000 calls a
//! second. Calls time out after 500 ms, and the backend works on them all the same.

use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;
use seawall_core::{Epoch, FailureKind, Limit, LimitAlgorithm, LimitConfig, Outcome, Sample};

use crate::limit::{MOVING, TIMEOUT};
use crate::limit_world::{Backend, Demand, World};
use crate::retry_budget::some_instant;

const SECOND: Duration = Duration::from_secs(1);

/// So high a `max` that it stops nothing.
fn unbounded(algorithm: LimitAlgorithm) -> Limit {
    let max = NonZeroU32::new(10_000).unwrap();
    Limit::new(LimitConfig { algorithm, max, ..LimitConfig::default() }).unwrap()
}

/// The highest the limits come together from the 20th to the 110th second, and the share of what the backend can do,
/// or is asked to, that gets done then.
fn settled(backend: Backend, demand: Demand, clients: usize, algorithm: LimitAlgorithm) -> (f64, f64) {
    let limits = (0..clients).map(|_| unbounded(algorithm)).collect();
    let answerable = 1.0 - backend.hanging;
    let mut world = World::new(backend, demand, limits, 1);
    world.run(SECOND * 20, |_| false);
    let before = world.answered;
    let mut highest = 0.0f64;
    for tenth in 200..1100 {
        world.run(SECOND * tenth / 10, |_| false);
        highest = highest.max(world.limits().sum());
    }
    assert!(world.calls > 50_000);
    let possible = match demand {
        Demand::Full => 1000.0,
        Demand::PerSecond(rate) => (rate * answerable).min(1000.0),
    };
    (highest, (world.answered - before) as f64 / 90.0 / possible)
}

fn at_the_limit(algorithm: LimitAlgorithm) -> f64 {
    match algorithm {
        // The last call that does not time out waits behind 500 others.
        LimitAlgorithm::Aimd | LimitAlgorithm::Fixed => 750.0,
        LimitAlgorithm::Vegas => 110.0,
        LimitAlgorithm::Gradient => 250.0,
    }
}

#[test]
fn no_limit_drifts_under_more_demand_than_the_backend_can_meet() {
    for algorithm in MOVING {
        for (demand, exponential) in [(Demand::PerSecond(1050.0), true), (Demand::Full, false)] {
            let backend = Backend { exponential, ..Backend::default() };
            let (highest, done) = settled(backend, demand, 1, algorithm);
            assert!(highest < at_the_limit(algorithm), "{algorithm:?} {demand:?}: {highest}");
            assert!(done > 0.85, "{algorithm:?} {demand:?} {exponential}: {done}");
        }
    }
}

#[test]
fn no_limit_drifts_or_starves_while_a_tenth_of_all_calls_hang_for_ever() {
    for algorithm in MOVING {
        for demand in [Demand::PerSecond(800.0), Demand::Full] {
            let backend = Backend { hanging: 0.1, ..Backend::default() };
            let (highest, done) = settled(backend, demand, 1, algorithm);
            assert!(highest < at_the_limit(algorithm) + 60.0, "{algorithm:?} {demand:?}: {highest}");
            assert!(done > 0.85, "{algorithm:?} {demand:?}: {done}");
        }
    }
}

#[test]
fn fifty_clients_that_overload_one_backend_together_settle_at_what_it_bears() {
    for algorithm in MOVING {
        let (highest, done) = settled(Backend::default(), Demand::Full, 50, algorithm);
        assert!(highest < 1100.0, "{algorithm:?}: {highest}");
        assert!(done > 0.7, "{algorithm:?}: {done}");
    }
}

/// A limit that timeouts have brought to the lowest.
fn down() -> Limit {
    let mut limit = Limit::new(LimitConfig::default()).unwrap();
    for _ in 0..20 {
        let took = Some(Duration::from_millis(500));
        let call = Sample { epoch: limit.epoch(), in_flight: 1, took, outcome: Some(TIMEOUT) };
        limit.record(call, some_instant());
    }
    assert!((limit.limit() - 0.1).abs() < 1e-9);
    limit
}

#[test]
fn many_or_few_clients_of_a_backend_that_came_back_all_get_what_they_want_within_three_seconds() {
    for clients in [1, 5, 50, 500] {
        let limits = (0..clients).map(|_| down()).collect();
        let mut world = World::new(Backend::default(), Demand::PerSecond(800.0), limits, 3)
            .paused(LimitConfig::default().max_pause);
        world.run(SECOND * 3, |_| false);
        world.give_up_beyond(0);
        let before = world.answered;
        world.run(SECOND * 13, |_| false);
        let waiting: u32 = world.clients.iter().map(|client| client.waiting).sum();
        let done = world.answered - before;
        assert!(done > 7_800 && waiting < 20, "{clients} clients: {done}, {waiting} waiting");
        assert!(world.calls - world.answered < 100, "{clients} clients: calls timed out");
    }
}

/// Ten seconds at a fifth of the capacity; how long after them a second comes in which 95 % gets done.
fn back_after(clients: u32, seed: u64) -> f64 {
    let limits = (0..clients).map(|_| Limit::new(LimitConfig::default()).unwrap()).collect();
    let mut world = World::new(Backend::default(), Demand::PerSecond(800.0), limits, seed);
    world.run(SECOND * 10, |_| false);
    world.backend.service = Duration::from_millis(100);
    for tenth in 100..200 {
        world.run(SECOND * tenth / 10, |_| false);
        // Callers wait two seconds.
        world.give_up_beyond((1600 / clients).max(2));
    }
    world.backend.service = Duration::from_millis(20);
    let mut answered = vec![];
    for tenth in 200..600 {
        world.run(SECOND * tenth / 10, |_| false);
        world.give_up_beyond((1600 / clients).max(2));
        answered.push(world.answered);
        if let [.., earlier, _, _, _, _, _, _, _, _, _, now] = answered[..]
            && now - earlier >= 760
        {
            return f64::from(tenth - 210) / 10.0;
        }
    }
    f64::INFINITY
}

#[test]
fn after_ten_seconds_at_a_fifth_of_its_capacity_the_backend_is_soon_used_again() {
    for (clients, within) in [(1, 5.0), (5, 5.0), (50, 5.0), (500, 15.0)] {
        let worst = (1..=5).map(|seed| back_after(clients, seed)).fold(0.0, f64::max);
        assert!(worst <= within, "{clients} clients: {worst} s");
    }
}

#[derive(Clone, Debug)]
struct Step {
    late: bool,
    in_flight: u32,
    took: Option<Duration>,
    outcome: Option<Outcome>,
    times: u32,
    pass: Duration,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        4 => Just(Some(Outcome::Success)),
        4 => Just(Some(TIMEOUT)),
        1 => Just(Some(Outcome::failure(FailureKind::Overloaded { retry_after: None }))),
        1 => Just(Some(Outcome::failure(FailureKind::Transient))),
        1 => Just(Some(Outcome::failure(FailureKind::Permanent))),
        1 => Just(None),
    ];
    let took = prop_oneof![
        1 => Just(None),
        1 => Just(Some(Duration::ZERO)),
        1 => Just(Some(Duration::MAX)),
        4 => (0u64..1_000_000_000).prop_map(|nanos| Some(Duration::from_nanos(nanos))),
    ];
    let in_flight = prop_oneof![4 => 0u32..100, 1 => Just(u32::MAX)];
    let step = (any::<bool>(), in_flight, took, outcome, 1u32..300, 0u64..2_000).prop_map(
        |(late, in_flight, took, outcome, times, millis)| {
            let pass = Duration::from_millis(millis);
            // What timed out took longer than healthy answers do: see the law of slow answers below.
            let took = took.map(|took| if outcome == Some(TIMEOUT) { took.max(SECOND / 4) } else { took });
            Step { late, in_flight, took, outcome, times, pass }
        },
    );
    prop::collection::vec(step, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// No state is a trap: not a limit far below 1, not a wrong idea of how long calls usually take.
    #[test]
    fn from_any_state_a_healthy_backend_is_given_the_full_limit_again(
        steps in steps(),
        which in 0usize..3,
        millis in 1u64..50,
    ) {
        let algorithm = MOVING[which];
        let max = NonZeroU32::new(200).unwrap();
        let config = LimitConfig { algorithm, max, ..LimitConfig::default() };
        let mut limit = Limit::new(config.clone()).unwrap();
        let mut now = some_instant();
        let mut old = Epoch::default();
        for step in steps {
            now += step.pass;
            for _ in 0..step.times {
                let epoch = if step.late { old } else { limit.epoch() };
                old = limit.epoch();
                let before = limit.limit();
                let Step { in_flight, took, outcome, .. } = step;
                limit.record(Sample { epoch, in_flight, took, outcome }, now);
                prop_assert!(limit.limit() >= config.min && limit.limit() <= 200.0);
                // An answer that was slow takes a fifth of a call at most; all else is a cut.
                let cut = limit.limit() < before - 0.2 - 1e-9;
                let far = limit.limit() <= (before / 8.0).max(config.min) + 1e-9;
                prop_assert!(!cut || epoch == old || far, "a late sample cut, and not because all was lost");
                prop_assert!(!cut || limit.epoch() != old, "a cut without a new epoch");
            }
        }
        let service = Duration::from_millis(millis);
        let backend = Backend { workers: 10_000, service, exponential: false, ..Backend::default() };
        let mut world = World::starting(now, backend, Demand::Full, vec![limit], 1).paused(config.max_pause);
        let full = |world: &World| world.limits().all(|limit| limit >= 200.0);
        world.run(SECOND * 60, full);
        prop_assert!(full(&world), "{:?} of 200", world.limits().collect::<Vec<_>>());
        let within = if algorithm == LimitAlgorithm::Aimd { SECOND * 10 } else { SECOND * 30 };
        prop_assert!(world.now <= within, "{algorithm:?} took {:?} and {} calls", world.now, world.calls);
    }
}

#[test]
fn answers_almost_as_slow_as_what_timed_out_make_the_way_back_longer_and_no_trap() {
    let service = Duration::from_millis(300);
    let backend = Backend { workers: 10_000, service, exponential: false, ..Backend::default() };
    let mut world =
        World::new(backend, Demand::Full, vec![down()], 1).paused(LimitConfig::default().max_pause);
    let full = |world: &World| world.limits().all(|limit| limit >= 500.0);
    world.run(SECOND * 200, full);
    assert!(world.now > SECOND * 10 && world.now < SECOND * 140, "{:?}", world.now);
}
