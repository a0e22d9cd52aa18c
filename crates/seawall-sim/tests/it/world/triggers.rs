//! Each trigger does what it says, from when it begins until it ends.

use std::time::Duration;

use seawall_core::FailureKind;
use seawall_sim::policy::NoRetries;
use seawall_sim::world::{End, Run, run};

use super::{answered, calls_at, ends, parse, play, server, took};

const TRANSIENT: End = End::Failed(FailureKind::Transient);
const OVERLOADED: End = End::Failed(FailureKind::Overloaded { retry_after: None });

/// Calls at those times while that goes on, from 1 s to 2 s.
fn suffer(workers: u32, kind: &str, times: impl IntoIterator<Item = u64>) -> Run {
    play(&calls_at(times, &format!("{}\n{}", server(workers, ""), trigger(kind))))
}

fn trigger(kind: &str) -> String {
    format!("[[triggers]]\nat = \"1s\"\nlasts = \"1s\"\n{kind}\n")
}

#[test]
fn a_capacity_cut_takes_workers_when_they_are_done_and_gives_them_back_when_it_ends() {
    let kind = "kind = \"capacity_cut\"\nto = 0.5";
    // At 1050 ms two are done, and only one takes another; at 2000 ms there are two again.
    let run = suffer(2, kind, [950, 950, 1001, 1002, 1950, 1951]);
    assert_eq!(answered(&run), [100, 100, 149, 248, 100, 149]);
}

#[test]
fn a_cut_of_all_capacity_lets_everything_wait() {
    let run = suffer(2, "kind = \"capacity_cut\"\nto = 0.0", [950, 1001, 1999, 2000]);
    assert_eq!(answered(&run), [100, 1099, 101, 200]);
}

#[test]
fn a_brownout_slows_all_work_down_for_as_long_as_it_lasts() {
    // Of the first, half is left when it begins; of the last, a quarter is done when it ends.
    let run = suffer(9, "kind = \"brownout\"\nslower = 4.0", [800, 950, 1500, 1900, 2000]);
    assert_eq!(answered(&run), [100, 50 + 200, 400, 100 + 75, 100]);
}

#[test]
fn an_attempt_that_fails_before_the_queue_neither_waits_nor_takes_a_worker() {
    let kind = "kind = \"partial_failure\"\nshare = 1.0\nafter = \"20ms\"";
    let run = suffer(1, kind, [950, 1000, 1001, 1999, 2000]);
    assert_eq!(ends(&run), [End::Answered, TRANSIENT, TRANSIENT, TRANSIENT, End::Answered]);
    assert_eq!(took(&run), [100, 20, 20, 20, 100]);
    assert_eq!(run.worked.as_millis(), 200);
}

#[test]
fn an_attempt_that_fails_at_work_waits_for_a_worker_and_takes_it() {
    let kind = "kind = \"partial_failure\"\nshare = 1.0\nafter = \"20ms\"\ntakes_worker = true";
    let run = suffer(1, kind, [950, 1000, 1001, 1990, 2000]);
    assert_eq!(ends(&run), [End::Answered, TRANSIENT, TRANSIENT, TRANSIENT, End::Answered]);
    assert_eq!(took(&run), [100, 70, 89, 20, 110]);
    assert_eq!(run.worked.as_millis(), 260);
}

#[test]
fn a_failure_says_that_there_is_too_much_to_do_if_it_is_told_to() {
    for takes_worker in [false, true] {
        let kind = "kind = \"partial_failure\"\nshare = 1.0\nafter = \"20ms\"\noverloaded = true";
        let run = suffer(9, &format!("{kind}\ntakes_worker = {takes_worker}"), [1500]);
        assert_eq!((ends(&run), took(&run)), (vec![OVERLOADED], vec![20]));
    }
}

#[test]
fn a_share_fails_whatever_else_goes_wrong() {
    let failing = "kind = \"partial_failure\"\nshare = 0.3\nafter = \"0s\"";
    let alone = suffer(1000, failing, 1000..2000);
    let failed = |run: &Run| -> Vec<bool> { run.calls.iter().map(|call| call.end == TRANSIENT).collect() };
    let count = failed(&alone).iter().filter(|failed| **failed).count();
    assert!((250..350).contains(&count), "{count}");

    let text =
        format!("{}{}{}", server(1000, ""), trigger(failing), trigger("kind = \"brownout\"\nslower = 2"));
    assert_eq!(failed(&play(&calls_at(1000..2000, &text))), failed(&alone));
}

#[test]
fn a_black_hole_never_answers_and_takes_no_worker() {
    let mut scenario =
        calls_at([1000, 1999, 2000], &format!("{}{}", server(1, ""), trigger("kind = \"black_hole\"")));
    scenario.clients.attempt_timeout = Duration::from_millis(500);
    let run = play(&scenario);
    let timeout = End::Failed(FailureKind::Timeout);
    assert_eq!(ends(&run), [timeout, timeout, End::Answered]);
    assert_eq!(took(&run), [500, 500, 100]);
}

#[test]
fn a_black_hole_swallows_its_share() {
    let run = suffer(1000, "kind = \"black_hole\"\nshare = 0.2", 1000..2000);
    let lost = run.calls.iter().filter(|call| call.end != End::Answered).count();
    assert!((150..250).contains(&lost), "{lost}");
}

#[test]
fn in_a_pause_everything_stands_still() {
    let kind = "kind = \"pauses\"\nevery = \"500ms\"\nfor = \"200ms\"";
    // From 1000 to 1200 ms, and from 1500 to 1700 ms.
    let run = suffer(9, kind, [950, 1100, 1199, 1200, 1450, 1600, 2000]);
    assert_eq!(answered(&run), [300, 200, 101, 100, 300, 200, 100]);
}

#[test]
fn a_failure_that_falls_into_a_pause_is_seen_after_it() {
    let text = format!(
        "{}{}{}",
        server(9, ""),
        trigger("kind = \"pauses\"\nevery = \"500ms\"\nfor = \"200ms\""),
        trigger("kind = \"partial_failure\"\nshare = 1.0\nafter = \"100ms\"")
    );
    let run = play(&calls_at([1250, 1450, 1600], &text));
    assert_eq!(ends(&run), [TRANSIENT; 3]);
    assert_eq!(took(&run), [100, 250, 200]);
}

#[test]
fn a_flapping_server_refuses_at_once_while_it_is_down_and_fails_what_it_holds_when_it_goes() {
    let kind = "kind = \"flapping\"\ndown = \"200ms\"\nup = \"300ms\"";
    // Down from 1000 to 1200 ms, and from 1500 to 1700 ms.
    let run = suffer(1, kind, [950, 960, 1000, 1199, 1200, 1450, 1700, 2000]);
    let up = End::Answered;
    assert_eq!(ends(&run), [TRANSIENT, TRANSIENT, TRANSIENT, TRANSIENT, up, TRANSIENT, up, up]);
    assert_eq!(took(&run), [50, 40, 0, 0, 100, 50, 100, 100]);
    assert_eq!(run.seconds.iter().map(|second| second.refusals).sum::<u64>(), 2);
    assert_eq!(run.worked.as_millis(), 50 + 100 + 50 + 100 + 100);
}

#[test]
fn a_cold_start_fails_what_there_is_and_gets_warm_until_its_end() {
    let run = suffer(9, "kind = \"cold_start\"\nslower = 5.0", [950, 1000, 1500, 1990, 2000]);
    assert_eq!(ends(&run)[0], TRANSIENT);
    let took = took(&run);
    assert_eq!(took[0], 50);
    // Of 5 - 4t times as slow, with t in seconds, what is done from t0 to t1 is ln((5 - 4 t0) / (5 - 4 t1)) / 4.
    let from = |t0: f64| 1000.0 * ((5.0 - (5.0 - 4.0 * t0) * f64::exp(-0.4)) / 4.0 - t0);
    for (took, exact) in [(took[1], from(0.0)), (took[2], from(0.5))] {
        assert!((took as f64 - exact).abs() <= 2.0, "{took} is not {exact}");
    }
    assert!((100..=101).contains(&took[3]), "warm but for the last 10 ms: {}", took[3]);
    assert_eq!(took[4], 100);
}

#[test]
fn a_load_spike_brings_more_calls() {
    let scenario = parse(
        r#"
        name = "spike"
        duration = "30s"
        clients = { count = 5, rate = 100.0 }
        tiers = [{ name = "server", workers = 50, service_time = { kind = "fixed", time = "1ms" } }]
        triggers = [{ kind = "load_spike", at = "10s", lasts = "10s", factor = 3.0 }]
        "#,
    );
    let run = run(&scenario, &NoRetries, 1);
    let within = |from: u64| run.calls.iter().filter(|call| call.arrived.as_secs() / 10 == from).count();
    assert!((900..1100).contains(&within(0)));
    assert!((2800..3200).contains(&within(1)));
    assert!((900..1100).contains(&within(2)));
}

#[test]
fn only_the_replicas_named_are_befallen() {
    let text = server(100, "replicas = 2") + &trigger("kind = \"brownout\"\nslower = 3.0\nreplicas = [1]");
    let took = answered(&play(&calls_at(1000..1100, &text)));
    let slow = took.iter().filter(|took| **took == 300).count();
    assert_eq!(slow + took.iter().filter(|took| **took == 100).count(), 100);
    assert!((30..70).contains(&slow), "{slow}");
}

#[test]
fn only_the_tier_named_is_befallen() {
    let text = server(9, "calls = [\"other\"]")
        + "[[tiers]]\nname = \"other\"\nworkers = 1\nservice_time = { kind = \"fixed\", time = \"50ms\" }\n"
        + &trigger("kind = \"brownout\"\nslower = 3.0\ntier = \"other\"");
    assert_eq!(answered(&play(&calls_at([500, 1500], &text))), [150, 250]);
}

#[test]
fn what_goes_wrong_at_once_adds_up_and_ends_one_by_one() {
    let text = format!(
        "{}{}{}[[triggers]]\nkind = \"capacity_cut\"\nat = \"1s\"\nlasts = \"500ms\"\nto = 0.5\n",
        server(4, ""),
        trigger("kind = \"brownout\"\nslower = 2.0"),
        trigger("kind = \"capacity_cut\"\nto = 0.5"),
    );
    // One worker at half the speed; from 1500 ms on two.
    let run = play(&calls_at([1000, 1000, 1000, 1000, 1000, 2000], &text));
    assert_eq!(answered(&run), [200, 400, 600, 700, 800, 100]);
}
