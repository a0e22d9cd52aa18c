//! What a run amounts to, of runs for which one can count it.

use std::time::Duration;

use seawall_core::{FailureKind, Priority};
use seawall_sim::measure::{Goodput, by_second, summarize};
use seawall_sim::world::{CallRecord, End};

use crate::made_up::{answered, cut, run, scenario};

const SECOND: Duration = Duration::from_secs(1);

fn recovery(triggers: &str, calls: u32, lost: impl Fn(u32) -> u32) -> Option<Duration> {
    summarize(&scenario(triggers), &run(calls, lost)).recovery
}

#[test]
fn a_second_is_that_in_which_its_calls_came() {
    let seconds = by_second(&scenario(""), &run(10, |second| second % 3));
    assert_eq!(seconds.len(), 40);
    assert_eq!(seconds[0], Goodput { offered: 10, good: 10 });
    assert_eq!(seconds[5], Goodput { offered: 10, good: 8 });
    assert_eq!(seconds[39].share(), Some(1.0));
    assert_eq!(Goodput::default().share(), None);
}

#[test]
fn only_answers_within_the_deadline_are_good_and_only_after_the_warm_up() {
    let mut run = run(10, |second| if second < 5 { 10 } else { 0 });
    run.calls[50].took = Duration::from_secs(2);
    run.calls[51].took = Duration::from_millis(2001);
    run.calls[52].end = End::Failed(FailureKind::Timeout);
    run.calls[53].end = End::Failed(FailureKind::Refused);
    let summary = summarize(&scenario(""), &run);
    assert!((summary.goodput - 347.0 / 350.0).abs() < 1e-12, "{}", summary.goodput);
    assert!((summary.refused - 1.0 / 350.0).abs() < 1e-12, "{}", summary.refused);
    assert_eq!(summary.lost, 3);
}

#[test]
fn recovery_is_counted_from_the_end_of_the_trigger() {
    let bad_until_18 = |second| if (10..18).contains(&second) { 50 } else { 0 };
    assert_eq!(recovery(&cut("10s", "5s"), 100, bad_until_18), Some(3 * SECOND));
    assert_eq!(recovery(&cut("10s", "8s"), 100, bad_until_18), Some(Duration::ZERO));
}

#[test]
fn the_last_trigger_to_end_counts() {
    let triggers = cut("10s", "12s") + &cut("12s", "1s");
    let bad_until_24 = |second| if (10..24).contains(&second) { 50 } else { 0 };
    assert_eq!(recovery(&triggers, 100, bad_until_24), Some(2 * SECOND));
}

#[test]
fn seconds_begin_with_the_end_of_the_trigger_wherever_that_is() {
    // Of the calls after 15.5 s those until 18 s are lost: seconds from 15.5, 16.5 and, in half, from 17.5 s.
    let bad_until_18 = |second| if (10..18).contains(&second) { 100 } else { 0 };
    assert_eq!(recovery(&cut("10s", "5500ms"), 100, bad_until_18), Some(3 * SECOND));
}

#[test]
fn ninety_five_of_a_hundred_are_well_and_ninety_four_are_not() {
    let steadily = |lost| move |second| if (10..15).contains(&second) { 50 } else { lost };
    assert_eq!(recovery(&cut("10s", "5s"), 100, steadily(5)), Some(Duration::ZERO));
    assert_eq!(recovery(&cut("10s", "5s"), 100, steadily(6)), None);
}

#[test]
fn ten_seconds_must_be_well_each_by_itself() {
    let with_a_dip_at = |dip| move |second| if (10..15).contains(&second) || second == dip { 6 } else { 0 };
    assert_eq!(recovery(&cut("10s", "5s"), 100, with_a_dip_at(24)), Some(10 * SECOND));
    assert_eq!(recovery(&cut("10s", "5s"), 100, with_a_dip_at(25)), Some(Duration::ZERO));
}

#[test]
fn what_the_run_is_too_short_to_show_did_not_happen() {
    let bad_until = |end| move |second| if (10..end).contains(&second) { 50 } else { 0 };
    assert_eq!(recovery(&cut("10s", "5s"), 100, bad_until(30)), Some(15 * SECOND));
    assert_eq!(recovery(&cut("10s", "5s"), 100, bad_until(31)), None);
}

#[test]
fn who_never_fell_needs_no_recovery_even_if_the_trigger_outlasts_the_run() {
    assert_eq!(recovery(&cut("10s", "30s"), 100, |_| 0), Some(Duration::ZERO));
    assert_eq!(recovery(&cut("10s", "30s"), 100, |second| u32::from(second > 10) * 50), None);
    // What came before the trigger is not its doing.
    assert_eq!(recovery(&cut("10s", "30s"), 100, |second| u32::from(second < 10) * 50), Some(Duration::ZERO));
}

#[test]
fn without_a_trigger_recovery_is_counted_from_the_fall() {
    assert_eq!(recovery("", 100, |_| 0), Some(Duration::ZERO));
    let bad = |second| if (20..27).contains(&second) { 50 } else { 0 };
    assert_eq!(recovery("", 100, bad), Some(7 * SECOND));
    assert_eq!(recovery("", 100, |second| u32::from(second >= 20) * 50), None);
}

#[test]
fn with_few_calls_a_second_several_seconds_are_judged_together() {
    // Of five calls a second, one lost in twenty is well; two are not.
    let in_one_of_four = |lost| {
        move |second| match second {
            10..15 => 5,
            _ if second % 4 == 0 => lost,
            _ => 0,
        }
    };
    assert_eq!(recovery(&cut("10s", "5s"), 5, in_one_of_four(1)), Some(Duration::ZERO));
    assert_eq!(recovery(&cut("10s", "5s"), 5, in_one_of_four(2)), None);
    // The four seconds from 15 s on are bad because of their first.
    let bad_until_16 = |second| u32::from((10..16).contains(&second)) * 5;
    assert_eq!(recovery(&cut("10s", "5s"), 5, bad_until_16), Some(4 * SECOND));
}

#[test]
fn the_few_calls_that_are_left_at_the_end_are_judged_with_those_before_them() {
    // From 30 s on: twenty calls, then thirty, of which one is lost; the last ten alone would be too bad.
    let one_at_the_end = |second| match second {
        10..15 => 5,
        39 => 1,
        _ => 0,
    };
    assert_eq!(recovery(&cut("10s", "20s"), 5, one_at_the_end), Some(Duration::ZERO));
}

#[test]
fn attempts_are_counted_for_each_call_and_at_their_worst_for_those_of_ten_seconds() {
    let mut run = run(100, |_| 0);
    // Ten retries a second for a minute would be a tenth more; these are as many as a minute's, in five seconds.
    for second in 20..25 {
        run.seconds[second].from_clients += 100;
        for call in &mut run.calls[second * 100..(second + 1) * 100] {
            call.attempts = 2;
        }
    }
    // Before the measured time, anything goes.
    run.seconds[4].from_clients += 10_000;
    let summary = summarize(&scenario(""), &run);
    assert!((summary.amplification - 40.0 / 35.0).abs() < 1e-12, "{}", summary.amplification);
    assert!((summary.peak_amplification - 1.5).abs() < 1e-12, "{}", summary.peak_amplification);
}

#[test]
fn the_peak_is_found_where_a_window_is_cut_by_the_end_of_the_run_or_has_hardly_a_call() {
    let mut at_the_end = run(100, |_| 0);
    at_the_end.seconds[39].from_clients += 500;
    let peak = summarize(&scenario(""), &at_the_end).peak_amplification;
    assert!((peak - 1.5).abs() < 1e-12, "{peak}");

    // One call a second: windows are twenty seconds long, so that three retries in them are 3 of 20.
    let mut few = run(1, |_| 0);
    few.seconds[20].from_clients += 3;
    let peak = summarize(&scenario(""), &few).peak_amplification;
    assert!((peak - 1.15).abs() < 1e-12, "{peak}");
}

#[test]
fn wasted_work_is_a_share_of_the_work_that_was_done() {
    let mut run = run(10, |_| 0);
    for (second, seen) in run.seconds.iter_mut().enumerate() {
        seen.worked = SECOND / 2;
        seen.wasted = if second < 5 { SECOND / 2 } else { SECOND / 20 };
    }
    let wasted = summarize(&scenario(""), &run).wasted;
    assert!((wasted - 0.1).abs() < 1e-9, "{wasted}");
}

#[test]
fn percentiles_are_times_of_answers_and_nothing_else() {
    let mut run = run(100, |_| 0);
    for (call, millis) in run.calls.iter_mut().skip(500).zip(1..) {
        call.took = Duration::from_millis(if millis <= 1000 { millis } else { 1 });
        if millis > 1000 {
            call.end = End::Failed(FailureKind::Timeout);
        }
    }
    let summary = summarize(&scenario(""), &run);
    let times = [summary.p50, summary.p99, summary.p999];
    assert_eq!(times, [500, 990, 999].map(|millis| Some(Duration::from_millis(millis))));
    let nobody = summarize(&scenario(""), &crate::made_up::run(100, |_| 100));
    assert_eq!((nobody.p50, nobody.p999, nobody.goodput), (None, None, 0.0));
}

#[test]
fn goodput_is_told_by_class_and_fairness_between_clients() {
    let mut run = run(100, |_| 0);
    for (index, call) in run.calls.iter_mut().enumerate() {
        // Client 1 has only every other of its calls answered, and they are the less important half of all.
        if index % 2 == 1 {
            (call.client, call.priority) = (1, Priority::Low);
            call.end = if index % 4 == 1 { End::Lost } else { End::Answered };
        }
    }
    let summary = summarize(&scenario(""), &run);
    let classes: Vec<_> = summary.by_priority.into_iter().collect();
    assert_eq!(classes, [(Priority::Low, 0.5), (Priority::Normal, 1.0)]);
    assert!((summary.fairness - 0.9).abs() < 1e-12, "{}", summary.fairness);
}

#[test]
fn calls_are_lost_from_the_first_trigger_on() {
    let summary = summarize(&scenario(&cut("10s", "5s")), &run(100, |_| 1));
    assert_eq!(summary.lost, 30);
    assert_eq!(summarize(&scenario(""), &run(100, |_| 1)).lost, 35);
}

#[test]
fn a_run_without_calls_amounts_to_nothing() {
    let mut run = run(1, |_| 0);
    run.calls = vec![CallRecord { ..answered(SECOND) }];
    let summary = summarize(&scenario(""), &run);
    assert_eq!((summary.goodput, summary.amplification, summary.lost), (0.0, 0.0, 0));
    assert_eq!(summary.recovery, Some(Duration::ZERO));
}
