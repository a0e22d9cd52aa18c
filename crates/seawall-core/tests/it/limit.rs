use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use seawall_core::{Epoch, Event, FailureKind, Limit, LimitAlgorithm, LimitConfig, Outcome, Sample};

use crate::retry_budget::some_instant;

pub(crate) const TIMEOUT: Outcome = Outcome::failure(FailureKind::Timeout);
pub(crate) const TOOK: Duration = Duration::from_millis(20);

pub(crate) const MOVING: [LimitAlgorithm; 3] =
    [LimitAlgorithm::Aimd, LimitAlgorithm::Vegas, LimitAlgorithm::Gradient];

pub(crate) fn starting_at(initial: f64) -> Limit {
    Limit::new(LimitConfig { initial, ..LimitConfig::default() }).unwrap()
}

/// A call that was admitted just now, when the whole limit was in use.
pub(crate) fn full(limit: &Limit, outcome: Outcome) -> Sample {
    let in_flight = (limit.limit() as u32).max(1);
    Sample { epoch: limit.epoch(), in_flight, took: Some(TOOK), outcome: Some(outcome) }
}

fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
}

#[test]
fn timeouts_and_overload_cut_and_every_other_failure_is_nothing_to_it() {
    for (kind, cuts) in [
        (FailureKind::Timeout, true),
        (FailureKind::Overloaded { retry_after: None }, true),
        (FailureKind::Transient, false),
        (FailureKind::Permanent, false),
        (FailureKind::Cancelled, false),
        (FailureKind::Refused, false),
    ] {
        for algorithm in MOVING {
            let config = LimitConfig { algorithm, ..LimitConfig::default() };
            let mut limit = Limit::new(config).unwrap();
            for _ in 0..100_000 {
                limit.record(full(&limit, Outcome::failure(kind)), some_instant());
            }
            assert_eq!(limit.limit() < 50.0, cuts, "{kind:?} {algorithm:?}: {}", limit.limit());
            limit.record(Sample { outcome: None, ..full(&limit, TIMEOUT) }, some_instant());
        }
    }
}

#[test]
fn a_burst_of_timeouts_admitted_before_a_cut_counts_once() {
    let mut limit = starting_at(100.0);
    let burst = full(&limit, TIMEOUT);
    for _ in 0..24 {
        limit.record(burst, some_instant());
    }
    assert_near(limit.limit(), 50.0);
    limit.record(Sample { took: None, ..full(&limit, Outcome::Success) }, some_instant());
    assert_near(limit.limit(), 51.0);
    limit.record(full(&limit, TIMEOUT), some_instant());
    assert!(limit.limit() > 25.0 && limit.limit() < 27.0, "{}", limit.limit());
}

#[test]
fn a_cut_is_as_deep_as_the_share_of_calls_that_met_overload_and_a_tenth_at_least() {
    for (answers, left) in [(0, 50.0), (1, 75.0), (3, 87.5), (9, 95.0), (10_000, 95.0)] {
        let mut limit = starting_at(100.0);
        let call = full(&limit, Outcome::Success);
        for _ in 0..answers {
            limit.record(Sample { in_flight: 49, ..call }, some_instant());
        }
        limit.record(full(&limit, TIMEOUT), some_instant());
        assert_near(limit.limit(), left);
    }
}

#[test]
fn a_cut_starts_from_twice_what_was_used() {
    let mut limit = starting_at(100.0);
    limit.record(Sample { in_flight: 4, ..full(&limit, TIMEOUT) }, some_instant());
    assert_near(limit.limit(), 4.0);
}

/// The limit, from 20 on, after each of so many calls in a row that timed out after half a second, a millisecond apart.
fn after_timeouts(between: impl Fn(&mut Limit, usize, Instant)) -> Vec<f64> {
    let mut limit = starting_at(20.0);
    let lost = Sample { took: Some(Duration::from_millis(500)), ..full(&limit, TIMEOUT) };
    let began = some_instant() + Duration::from_secs(1);
    let after = (0..9).map(|number| {
        let now = began + Duration::from_millis(number as u64);
        between(&mut limit, number, now);
        limit.record(lost, now);
        limit.limit()
    });
    after.collect()
}

#[test]
fn the_limit_is_cut_far_once_when_as_many_are_lost_in_a_row_as_were_under_way() {
    // By half for the first; when five of ten are lost, to an eighth. What is left of them says no more.
    let expected = [10.0, 10.0, 10.0, 10.0, 1.25, 1.25, 1.25, 1.25, 1.25];
    assert_eq!(after_timeouts(|_, _, _| ()), expected);
}

#[test]
fn no_flight_is_lost_of_which_some_are_answered() {
    let answered = |limit: &mut Limit, number: usize, now| {
        // An answer that took almost as long as a timeout, from the same queue.
        let took = Some(Duration::from_millis(499));
        let call = Sample { epoch: Epoch::default(), took, ..full(limit, Outcome::Success) };
        if number % 4 == 3 {
            limit.record(call, now);
        }
    };
    assert_eq!(after_timeouts(answered), [10.0; 9]);
    let counted = |limit: &mut Limit, number: usize, _| limit.count(u32::from(number % 4 == 3), 1);
    assert_eq!(after_timeouts(counted), [10.0; 9]);
}

#[test]
fn calls_that_others_overtook_were_not_lost_to_a_queue() {
    let overtaken = |limit: &mut Limit, number: usize, now| {
        if number == 0 {
            limit.record(Sample { took: Some(TOOK), ..full(limit, Outcome::Success) }, now);
        }
    };
    assert_eq!(after_timeouts(overtaken), [15.75; 9]);
}

#[test]
fn what_leaves_half_of_the_limit_free_does_not_raise_it() {
    let mut limit = starting_at(20.0);
    for in_flight in 1..10 {
        assert_eq!(
            limit.record(Sample { in_flight, ..full(&limit, Outcome::Success) }, some_instant()),
            None
        );
        assert_near(limit.limit(), 20.0);
    }
    limit.record(Sample { in_flight: 10, ..full(&limit, Outcome::Success) }, some_instant());
    assert_near(limit.limit(), 21.0);
}

#[test]
fn one_call_at_a_time_is_never_too_few_below_two() {
    for start in [0.1, 0.5, 1.0, 1.9, 2.0] {
        let mut limit = starting_at(start);
        let call = Sample { in_flight: 1, ..full(&limit, Outcome::Success) };
        limit.record(call, some_instant());
        assert!(limit.limit() > start, "{start}");
    }
}

#[test]
fn before_anything_fails_each_round_doubles_the_limit() {
    let mut limit = starting_at(10.0);
    for expected in [20.0, 40.0, 80.0] {
        for _ in 0..limit.limit() as u32 {
            limit.record(full(&limit, Outcome::Success), some_instant());
        }
        assert_near(limit.limit(), expected);
    }
}

/// How much the limit rises in each second of few answers that took so long, after a cut from 100 to 50.
fn rises_after(cut: Outcome, timeout: Duration, took: Duration) -> [f64; 8] {
    let mut limit = starting_at(100.0);
    let mut now = some_instant();
    limit.record(Sample { took: Some(timeout), ..full(&limit, cut) }, now);
    [(); 8].map(|()| {
        let before = limit.limit();
        for _ in 0..100 {
            now += Duration::from_millis(10);
            limit.record(Sample { took: Some(took), ..full(&limit, Outcome::Success) }, now);
        }
        limit.limit() - before
    })
}

#[test]
fn after_a_cut_it_comes_back_fast_rests_there_and_goes_on_faster_and_faster() {
    let overloaded = Outcome::failure(FailureKind::Overloaded { retry_after: None });
    let rises = rises_after(overloaded, TOOK, TOOK);
    assert!(rises[0] > 14.0 && rises[3] < 2.0 && rises[4] < 5.0 && rises[7] > 80.0, "{rises:?}");
}

#[test]
fn quick_answers_double_it_and_others_steer_it_to_where_they_take_a_part_of_what_timed_out() {
    let timeout = Duration::from_millis(500);
    let quick = rises_after(TIMEOUT, timeout, Duration::from_millis(50));
    assert!(quick[0] > 99.0 && quick[3] > 99.0, "{quick:?}");
    let neither = rises_after(TIMEOUT, timeout, Duration::from_millis(120));
    assert!(neither[0] > 14.0 && neither[3] < 4.0 && neither[7] > 80.0, "{neither:?}");
    let slow = rises_after(TIMEOUT, timeout, Duration::from_millis(200));
    // Where answers take 0.4 of what times out, a limit of some three calls is right.
    assert!(slow.iter().all(|&rise| rise < 0.0) && slow.iter().sum::<f64>() > -47.0, "{slow:?}");
}

#[test]
fn slow_answers_leave_the_less_to_a_client_the_more_it_has() {
    let settled = |start: f64| {
        let mut limit = starting_at(start);
        let now = some_instant();
        limit.record(Sample { took: Some(Duration::from_millis(500)), ..full(&limit, TIMEOUT) }, now);
        for _ in 0..3000 {
            let took = Some(Duration::from_millis(200));
            limit.record(Sample { took, ..full(&limit, Outcome::Success) }, now);
        }
        limit.limit()
    };
    for start in [0.2, 1.0, 5.0, 60.0] {
        let settled = settled(start);
        assert!((settled - 10f64.powf(0.5)).abs() < 0.1, "{start}: {settled}");
    }
}

#[test]
fn a_timeout_of_a_call_that_had_less_time_than_others_says_nothing_until_all_have() {
    let mut limit = starting_at(100.0);
    let timeout = |limit: &Limit, millis| {
        let took = Some(Duration::from_millis(millis));
        Sample { took, ..full(limit, TIMEOUT) }
    };
    limit.record(timeout(&limit, 500), some_instant());
    assert_near(limit.limit(), 50.0);
    for _ in 0..16 {
        limit.record(timeout(&limit, 100), some_instant());
        assert_near(limit.limit(), 50.0);
    }
    limit.record(timeout(&limit, 100), some_instant());
    assert_near(limit.limit(), 25.0);
}

#[test]
fn below_one_calls_go_one_at_a_time_with_pauses_that_make_the_limit_true() {
    let limit = starting_at(0.25);
    // A quarter of the time a call is under way.
    assert_eq!(limit.pace(TOOK, None), TOOK * 3);
    assert_eq!(limit.pace(Duration::from_secs(10), None), Duration::from_secs(2));
    assert_eq!(limit.pace(Duration::MAX, None), Duration::from_secs(2));
    assert_eq!(starting_at(1.0).pace(TOOK, None), Duration::ZERO);
    assert_eq!(starting_at(7.0).pace(TOOK, None), Duration::ZERO);
}

#[test]
fn a_backend_that_sheds_at_once_is_not_called_as_fast_as_it_sheds() {
    let ms = Duration::from_millis;
    let shed = Some(Outcome::failure(FailureKind::Overloaded { retry_after: None }));
    let mut limit = starting_at(0.25);
    assert_eq!(limit.pace(Duration::ZERO, shed), ms(30), "a call is taken to take 10 ms at the least");
    let now = some_instant();
    let timeout = Sample { epoch: limit.epoch(), in_flight: 1, took: Some(ms(100)), outcome: Some(TIMEOUT) };
    limit.record(timeout, now);
    let calls = limit.limit();
    assert_eq!(limit.pace(ms(1), shed), ms(100).mul_f64(1.0 / calls - 1.0), "as long as what timed out");
    // What is shed or breaks off is no measure; an answer is.
    let epoch = limit.epoch();
    for outcome in [shed, Some(Outcome::failure(FailureKind::Transient)), None] {
        limit.record(Sample { epoch, took: Some(ms(1)), outcome, ..timeout }, now);
    }
    let calls = limit.limit();
    assert_eq!(limit.pace(ms(1), shed), ms(100).mul_f64(1.0 / calls - 1.0));
    let answer =
        Sample { epoch: limit.epoch(), took: Some(ms(20)), outcome: Some(Outcome::Success), ..timeout };
    limit.record(answer, now);
    let calls = limit.limit();
    assert_eq!(limit.pace(ms(1), shed), ms(60).mul_f64(1.0 / calls - 1.0));
}

#[test]
fn a_backend_that_says_for_how_long_is_left_alone_for_so_long_within_the_longest_pause() {
    let asks = |wait| Some(Outcome::failure(FailureKind::Overloaded { retry_after: Some(wait) }));
    let limit = starting_at(0.25);
    let second = Duration::from_secs(1);
    assert_eq!(limit.pace(Duration::ZERO, asks(second)), second);
    assert_eq!(limit.pace(Duration::ZERO, asks(60 * second)), 2 * second);
    assert_eq!(
        limit.pace(second, asks(Duration::ZERO)),
        2 * second,
        "it lengthens a pause and shortens none"
    );
    assert_eq!(starting_at(1.0).pace(Duration::ZERO, asks(second)), Duration::ZERO);
}

#[test]
fn a_fixed_limit_stays_where_it_is() {
    let mut limit = Limit::new(LimitConfig::fixed(NonZeroU32::new(7).unwrap())).unwrap();
    for outcome in [Outcome::Success, TIMEOUT] {
        assert_eq!(limit.record(full(&limit, outcome), some_instant()), None);
        assert_near(limit.limit(), 7.0);
    }
}

#[test]
fn it_says_that_it_moved_when_it_moved_by_a_quarter_or_a_fifth() {
    let mut limit = starting_at(20.0);
    let events: Vec<_> =
        (0..20).filter_map(|_| limit.record(full(&limit, Outcome::Success), some_instant())).collect();
    let told = [25.0, 32.0, 40.0].map(|limit| Event::LimitChanged { limit });
    assert_eq!(events, told);
    assert_eq!(limit.record(full(&limit, TIMEOUT), some_instant()), None, "by a twentieth");
    assert_eq!(
        limit.record(full(&limit, TIMEOUT), some_instant()),
        Some(Event::LimitChanged { limit: 19.0 })
    );
}

#[test]
fn it_says_when_it_arrives_at_the_top() {
    let max = NonZeroU32::new(21).unwrap();
    let mut limit = Limit::new(LimitConfig { initial: 20.0, max, ..LimitConfig::default() }).unwrap();
    let arrived = limit.record(full(&limit, Outcome::Success), some_instant());
    assert_eq!(arrived, Some(Event::LimitChanged { limit: 21.0 }));
}

#[test]
fn reconfiguring_keeps_what_was_learnt_within_the_new_bounds_and_refuses_what_cannot_be() {
    let mut limit = starting_at(100.0);
    limit.record(full(&limit, TIMEOUT), some_instant());
    let epoch = limit.epoch();
    limit.reconfigure(LimitConfig { initial: 7.0, ..LimitConfig::default() }).unwrap();
    assert_near(limit.limit(), 50.0);
    assert_eq!(limit.epoch(), epoch);
    limit.reconfigure(LimitConfig { max: NonZeroU32::new(30).unwrap(), ..LimitConfig::default() }).unwrap();
    assert_near(limit.limit(), 30.0);
    let wrong = LimitConfig { min: 0.0, ..LimitConfig::default() };
    let invalid = limit.reconfigure(wrong).unwrap_err();
    assert_eq!(invalid.to_string(), "min is 0: must be at least 0.001 and at most max");
    assert_eq!(limit.config().max.get(), 30);
    limit.reconfigure(LimitConfig { min: 40.0, ..LimitConfig::default() }).unwrap();
    assert_near(limit.limit(), 40.0);
}

#[test]
fn late_samples_drops_and_calls_that_leave_room_move_nothing() {
    let mut limit = starting_at(20.0);
    let old = limit.epoch();
    limit.record(full(&limit, TIMEOUT), some_instant());
    for sample in [
        Sample { in_flight: 1, ..full(&limit, Outcome::Success) },
        Sample { epoch: old, ..full(&limit, TIMEOUT) },
        Sample { epoch: old, ..full(&limit, Outcome::Success) },
        Sample { outcome: None, ..full(&limit, TIMEOUT) },
    ] {
        assert_eq!(limit.record(sample, some_instant()), None);
        assert_near(limit.limit(), 10.0);
    }
}

#[test]
fn what_it_says_it_pays_no_attention_to_does_no_more_than_count() {
    for calls in [0.5, 1.0, 1.5, 2.0, 7.3, 20.0, 500.0] {
        let limit = starting_at(calls);
        let from = limit.attention().grows_from;
        for in_flight in 1..=500 {
            let mut asked = starting_at(calls);
            asked.record(Sample { in_flight, ..full(&limit, Outcome::Success) }, some_instant());
            assert_eq!(asked.limit() > calls, in_flight >= from, "{in_flight} of {calls}");
        }
    }
}

#[test]
fn extremes_are_borne() {
    let now: Instant = some_instant();
    for algorithm in MOVING {
        for max in [1, u32::MAX] {
            let max = NonZeroU32::new(max).unwrap();
            let config = LimitConfig { algorithm, max, min: 0.001, initial: 1e300, ..LimitConfig::default() };
            let mut limit = Limit::new(config).unwrap();
            for took in [Duration::ZERO, Duration::MAX, Duration::from_nanos(1)] {
                for in_flight in [0, 1, u32::MAX] {
                    for outcome in [Outcome::Success, TIMEOUT] {
                        for _ in 0..200 {
                            let epoch = limit.epoch();
                            let took = Some(took);
                            limit.record(Sample { epoch, in_flight, took, outcome: Some(outcome) }, now);
                            assert!(limit.limit() >= 0.001 && limit.limit() <= f64::from(max.get()));
                            limit.pace(Duration::MAX, Some(outcome));
                        }
                    }
                }
            }
        }
    }
}
