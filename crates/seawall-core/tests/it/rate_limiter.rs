use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use seawall_core::{Event, RateLimitConfig, RateLimiter, Refused};

use crate::retry_budget::some_instant;

const MS: Duration = Duration::from_millis(1);

pub(crate) fn permits(permits: u32) -> NonZeroU32 {
    NonZeroU32::new(permits).unwrap()
}

pub(crate) fn config(limit: u32, period: Duration, burst: u32) -> RateLimitConfig {
    RateLimitConfig { limit: permits(limit), period, burst: permits(burst), ..RateLimitConfig::default() }
}

/// One permit every 10 ms.
fn limiter(burst: u32) -> (RateLimiter, Instant) {
    let now = some_instant();
    (RateLimiter::new(config(100, Duration::from_secs(1), burst), now).unwrap(), now)
}

fn wait(refused: Result<(), Refused>) -> Duration {
    refused.unwrap_err().retry_after.unwrap()
}

#[test]
fn a_burst_passes_and_then_one_permit_comes_at_a_time() {
    let (mut limiter, start) = limiter(3);
    for _ in 0..3 {
        limiter.try_acquire(permits(1), start).unwrap();
    }
    for turn in 1..=5 {
        let nearly = start + (turn * 10 - 1) * MS;
        assert_eq!(wait(limiter.try_acquire(permits(1), nearly)), MS);
        limiter.try_acquire(permits(1), nearly + MS).unwrap();
    }
}

/// A fixed window of 100 a second lets 200 through around its edge: 100 at 0.99 s, 100 more at 1.01 s.
#[test]
fn there_is_no_window_at_whose_edge_twice_the_limit_passes() {
    let (mut limiter, start) = limiter(10);
    let mut passed = 0;
    for at in (900..1_100).step_by(1) {
        for _ in 0..5 {
            passed += u32::from(limiter.try_acquire(permits(1), start + at * MS).is_ok());
        }
    }
    assert_eq!(passed, 10 + 19, "the burst, and what comes in the 199 ms");
}

#[test]
fn a_call_that_weighs_more_takes_and_waits_for_more() {
    let (mut limiter, start) = limiter(10);
    limiter.try_acquire(permits(8), start).unwrap();
    assert_eq!(limiter.balance(start), 2);
    assert_eq!(wait(limiter.try_acquire(permits(5), start)), 30 * MS);
    assert_eq!(limiter.balance(start), 2, "a refused call takes nothing");
    limiter.try_acquire(permits(5), start + 30 * MS).unwrap();
    assert_eq!(limiter.balance(start + 30 * MS), 0);
}

#[test]
fn a_call_that_weighs_more_than_the_burst_is_told_that_waiting_is_no_use() {
    let (mut limiter, start) = limiter(10);
    let refused = limiter.try_acquire(permits(11), start).unwrap_err();
    assert_eq!(refused, Refused { reason: "the call weighs more than the burst", retry_after: None });
}

#[test]
fn a_refund_gives_back_what_was_taken() {
    let (mut limiter, start) = limiter(10);
    limiter.try_acquire(permits(10), start).unwrap();
    limiter.refund(permits(4), start, start);
    assert_eq!(limiter.balance(start), 4);
    limiter.refund(permits(6), start, start);
    limiter.refund(permits(6), start, start);
    assert_eq!(limiter.balance(start), 10, "never above the burst");
}

#[test]
fn a_permit_held_for_long_has_come_back_by_itself_and_is_not_given_back_twice() {
    let (mut limiter, start) = limiter(1);
    limiter.try_acquire(permits(1), start).unwrap();
    let later = start + 10 * MS;
    limiter.try_acquire(permits(1), later).unwrap();
    limiter.refund(permits(1), start, later);
    assert!(limiter.try_acquire(permits(1), later).is_err());
}

#[test]
fn a_permit_taken_by_another_limit_is_not_given_back_at_the_worth_of_this_one() {
    let (mut limiter, start) = limiter(1);
    limiter.try_acquire(permits(1), start).unwrap();
    // It has come back, and another is taken by the limit of then: one an hour.
    let later = start + 10 * MS;
    limiter.reconfigure(config(1, Duration::from_hours(1), 1), later).unwrap();
    limiter.try_acquire(permits(1), later).unwrap();
    limiter.refund(permits(1), start, later);
    assert_eq!(wait(limiter.try_acquire(permits(1), later)), Duration::from_hours(1));
}

#[test]
fn a_rate_that_is_no_whole_number_of_nanoseconds_is_never_exceeded() {
    let now = some_instant();
    let mut limiter = RateLimiter::new(config(3, Duration::from_secs(1), 1), now).unwrap();
    limiter.try_acquire(permits(1), now).unwrap();
    assert_eq!(wait(limiter.try_acquire(permits(1), now)), Duration::from_nanos(333_333_334));
}

#[test]
fn after_a_pause_calls_start_again_one_by_one() {
    let (mut limiter, start) = limiter(10);
    assert_eq!(limiter.pause(500 * MS, start), Some(Event::Paused { wait: 500 * MS }));
    let refused = limiter.try_acquire(permits(1), start + 100 * MS).unwrap_err();
    assert_eq!(refused, Refused { reason: "the backend asked for a pause", retry_after: Some(400 * MS) });

    let end = start + 500 * MS;
    assert_eq!(limiter.balance(end), 1);
    limiter.try_acquire(permits(1), end).unwrap();
    let refused = limiter.try_acquire(permits(1), end).unwrap_err();
    assert_eq!(refused, Refused { reason: "the rate limit is reached", retry_after: Some(10 * MS) });
}

#[test]
fn a_pause_is_only_lengthened_and_never_beyond_the_maximum() {
    let (mut limiter, start) = limiter(10);
    assert_eq!(limiter.pause(Duration::ZERO, start), None);
    assert!(limiter.pause(500 * MS, start).is_some());
    assert_eq!(limiter.pause(300 * MS, start + 100 * MS), None);
    assert_eq!(wait(limiter.try_acquire(permits(1), start)), 500 * MS);

    let half_a_minute = Duration::from_secs(30);
    assert_eq!(limiter.pause(Duration::from_hours(1), start), Some(Event::Paused { wait: half_a_minute }));
    assert_eq!(wait(limiter.try_acquire(permits(1), start)), half_a_minute);
}

#[test]
fn permits_given_back_do_not_end_a_pause() {
    let (mut limiter, start) = limiter(10);
    limiter.try_acquire(permits(10), start).unwrap();
    limiter.pause(500 * MS, start);
    limiter.refund(permits(10), start, start + MS);
    assert_eq!(wait(limiter.try_acquire(permits(1), start + MS)), 499 * MS);
}

#[test]
fn permits_given_back_after_a_pause_bring_no_burst() {
    let (mut limiter, start) = limiter(10);
    limiter.try_acquire(permits(10), start).unwrap();
    limiter.pause(20 * MS, start);
    let end = start + 20 * MS;
    limiter.refund(permits(10), start, end);
    assert_eq!(limiter.balance(end), 1);
    assert_eq!(limiter.balance(end + 10 * MS), 2);
}

#[test]
fn another_limit_keeps_what_is_owed() {
    let (mut limiter, start) = limiter(10);
    limiter.try_acquire(permits(10), start).unwrap();

    // Ten times the limit: as many permits are owed, and come in ten times as fast.
    limiter.reconfigure(config(1_000, Duration::from_secs(1), 10), start).unwrap();
    assert_eq!(limiter.balance(start), 0);
    assert_eq!(wait(limiter.try_acquire(permits(1), start)), MS);

    // A smaller burst: of the ten owed, six have to come in before one of five is free.
    limiter.reconfigure(config(1_000, Duration::from_secs(1), 5), start).unwrap();
    assert_eq!(wait(limiter.try_acquire(permits(1), start)), 6 * MS);

    // A greater one is there at once.
    limiter.reconfigure(config(1_000, Duration::from_secs(1), 12), start).unwrap();
    assert_eq!(limiter.balance(start), 2);
}

#[test]
fn another_limit_does_not_end_a_pause() {
    let (mut limiter, start) = limiter(10);
    limiter.pause(500 * MS, start);
    limiter.reconfigure(config(1_000_000, Duration::from_secs(1), 10), start).unwrap();
    assert_eq!(wait(limiter.try_acquire(permits(1), start)), 500 * MS);
}

#[test]
fn a_smaller_burst_during_a_pause_owes_nothing_that_nobody_took() {
    let (mut limiter, start) = limiter(10);
    limiter.pause(500 * MS, start);
    limiter.reconfigure(config(100, Duration::from_secs(1), 1), start).unwrap();
    let end = start + 500 * MS;
    assert_eq!(wait(limiter.try_acquire(permits(1), start)), 500 * MS);
    limiter.try_acquire(permits(1), end).unwrap();
    assert_eq!(wait(limiter.try_acquire(permits(1), end)), 10 * MS);
}

#[test]
fn what_was_taken_before_a_pause_is_owed_by_a_smaller_burst_all_the_same() {
    let smaller = config(100, Duration::from_secs(1), 1);
    // Ten are owed, and the pause is over before they have come in.
    let (mut taken, start) = limiter(10);
    taken.try_acquire(permits(10), start).unwrap();
    let mut refunded = taken.clone();
    for limiter in [&mut taken, &mut refunded] {
        limiter.pause(20 * MS, start);
        limiter.pause(30 * MS, start + MS);
    }
    taken.reconfigure(smaller.clone(), start + MS).unwrap();
    assert_eq!(wait(taken.try_acquire(permits(1), start + 31 * MS)), 69 * MS);
    // What was given back is not.
    refunded.refund(permits(10), start, start);
    refunded.reconfigure(smaller, start + MS).unwrap();
    refunded.try_acquire(permits(1), start + 31 * MS).unwrap();
}

#[test]
fn an_invalid_configuration_is_refused_and_the_old_one_stays() {
    let (mut limiter, start) = limiter(10);
    let invalid = limiter.reconfigure(config(1, Duration::ZERO, 1), start).unwrap_err();
    assert_eq!(invalid.to_string(), "period is 0s: must be above zero");
    let invalid = config(1, Duration::from_hours(1), u32::MAX).validate().unwrap_err();
    assert_eq!(invalid.to_string(), "burst is 4294967295: must be earned back within a year at the limit");
    let invalid = RateLimitConfig { max_waiting: 1_000_001, ..RateLimitConfig::default() };
    assert_eq!(
        invalid.validate().unwrap_err().to_string(),
        "max_waiting is 1000001: must be at most 1000000"
    );
    RateLimitConfig { max_waiting: 1_000_000, ..invalid }.validate().unwrap();
    assert_eq!(limiter.config(), &config(100, Duration::from_secs(1), 10));
}

#[test]
fn it_says_how_long_a_whole_queue_takes() {
    let (mut limiter, start) = limiter(10);
    assert_eq!(limiter.wait(10, start), Duration::ZERO);
    assert_eq!(limiter.wait(110, start), Duration::from_secs(1));
    limiter.try_acquire(permits(10), start).unwrap();
    assert_eq!(limiter.wait(1, start), 10 * MS);
    assert_eq!(limiter.wait(100, start), Duration::from_secs(1));
}

#[test]
fn it_is_full_when_everything_has_come_back() {
    let (mut limiter, start) = limiter(10);
    assert!(limiter.is_full(start));
    limiter.try_acquire(permits(2), start).unwrap();
    assert!(!limiter.is_full(start + 19 * MS));
    assert!(limiter.is_full(start + 20 * MS));
    limiter.pause(500 * MS, start + 20 * MS);
    assert!(!limiter.is_full(start + 520 * MS));
}
