use std::time::{Duration, Instant};

use seawall_core::Ewma;

const MILLI: Duration = Duration::from_millis(1);
const DECAY: Duration = Duration::from_secs(10);

fn start() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "some instant to start from; no test depends on which")]
    Instant::now()
}

#[test]
fn samples_of_one_time_weigh_the_same_in_whatever_order_they_come() {
    let now = start();
    let (mut rising, mut falling) = (Ewma::new(DECAY), Ewma::new(DECAY));
    for millis in 1..=9 {
        rising.record(millis * MILLI, now);
        falling.record((10 - millis) * MILLI, now);
    }
    assert_eq!(rising.estimate(now), Some(5 * MILLI));
    assert_eq!(falling.estimate(now), Some(5 * MILLI));
}

#[test]
fn a_straggler_among_many_moves_it_little_and_a_first_one_is_soon_outvoted() {
    let now = start();
    let mut latency = Ewma::new(DECAY);
    latency.record(500 * MILLI, now);
    for call in 0..1000 {
        latency.record(5 * MILLI, now + call * MILLI);
    }
    let before = latency.estimate(now + 1000 * MILLI).unwrap();
    assert!(before < 6 * MILLI, "{before:?}");
    latency.record(75 * MILLI, now + 1000 * MILLI);
    assert!(latency.estimate(now + 1000 * MILLI).unwrap() < before + MILLI);
}

#[test]
fn it_follows_a_backend_that_gets_slower_within_its_decay() {
    let now = start();
    let mut latency = Ewma::new(DECAY);
    for call in 0..3000 {
        latency.record(5 * MILLI, now + 10 * call * MILLI);
    }
    for call in 3000..4000 {
        latency.record(50 * MILLI, now + 10 * call * MILLI);
    }
    // 63 % of the way, in one decay.
    let estimate = latency.estimate(now + 40_000 * MILLI).unwrap();
    assert!((31 * MILLI..35 * MILLI).contains(&estimate), "{estimate:?}");
}

#[test]
fn clocks_that_go_back_do_no_harm() {
    let before = start();
    let now = before + DECAY;
    let mut latency = Ewma::new(DECAY);
    latency.record(10 * MILLI, now);
    latency.record(20 * MILLI, before);
    assert_eq!(latency.estimate(now), Some(15 * MILLI));
}
