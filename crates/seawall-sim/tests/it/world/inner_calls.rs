//! Tiers that call tiers.

use std::future::ready;
use std::num::NonZeroU32;
use std::time::Duration;

use seawall_core::{Error, FailureKind};
use seawall_sim::policy::{self, Client, NoRetries, Policy, Stack, Terms};
use seawall_sim::scenario::Scenario;
use seawall_sim::world::{End, Link, Run, run};
use tower::service_fn;

use super::{answered, calls_at, ends, parse, play, took};

/// A front that works for 50 ms and calls each of the others, named `back0` and so on, that work so long.
fn tiers(front: &str, backs: &[(u64, &str)]) -> String {
    let names: Vec<_> = (0..backs.len()).map(|index| format!("\"back{index}\"")).collect();
    let front = format!(
        "[[tiers]]\nname = \"front\"\nworkers = 1\nservice_time = {{ kind = \"fixed\", time = \"50ms\" }}\n\
         calls = [{}]\n{front}\n",
        names.join(", ")
    );
    let back = |(name, (time, more)): (&String, &(u64, &str))| {
        format!(
            "[[tiers]]\nname = {name}\nworkers = 9\nservice_time = {{ kind = \"fixed\", time = \"{time}ms\" }}\n{more}\n"
        )
    };
    front + &names.iter().zip(backs).map(back).collect::<String>()
}

fn attempts(run: &Run) -> (u64, u64) {
    let sum = |of: fn(&seawall_sim::world::Second) -> u64| run.seconds.iter().map(of).sum();
    (sum(|second| second.from_clients), sum(|second| second.attempts))
}

#[test]
fn a_server_calls_one_tier_after_another_and_holds_its_worker_meanwhile() {
    let run = play(&calls_at([0, 10], &tiers("", &[(30, ""), (40, "")])));
    assert_eq!(answered(&run), [120, 230]);
    assert_eq!(attempts(&run), (2, 6));
    assert_eq!(run.worked.as_millis(), 240, "waiting is not work");
    // 240 ms of the front's one worker and 140 ms of the others' eighteen.
    assert!((run.seconds[0].utilisation - 0.38 / 19.0).abs() < 1e-9, "{}", run.seconds[0].utilisation);
}

#[test]
fn the_first_call_that_fails_is_the_last_and_fails_the_attempt_in_its_way() {
    for (overloaded, kind) in
        [(false, FailureKind::Transient), (true, FailureKind::Overloaded { retry_after: None })]
    {
        let trigger = format!(
            "[[triggers]]\ntier = \"back0\"\nat = \"0s\"\nlasts = \"1s\"\nkind = \"partial_failure\"\nshare = 1.0\n\
             after = \"5ms\"\noverloaded = {overloaded}"
        );
        let run = play(&calls_at([10], &(tiers("", &[(30, ""), (40, "")]) + &trigger)));
        assert_eq!((ends(&run), took(&run)), (vec![End::Failed(kind)], vec![55]));
        assert_eq!(attempts(&run), (1, 2));
    }
}

#[test]
fn a_full_queue_further_down_is_passed_on_as_overload() {
    let mut scenario = calls_at([10, 10], &tiers("", &[(30, "queue = { bound = 0 }")]));
    // Two attempts come to one worker at the same time.
    (scenario.tiers[0].workers, scenario.tiers[1].workers) =
        (NonZeroU32::new(2).unwrap(), NonZeroU32::new(1).unwrap());
    let run = play(&scenario);
    assert_eq!(ends(&run), [End::Answered, End::Failed(FailureKind::Overloaded { retry_after: None })]);
    assert_eq!(took(&run), [80, 50]);
}

/// Refuses all calls to tiers of two replicas.
#[derive(Debug)]
struct Refuses;

impl Policy for Refuses {
    fn name(&self) -> &'static str {
        "refuses"
    }

    fn about(&self) -> &'static str {
        "refuses"
    }

    fn client(&self, link: &Link, _: Terms, _: u64) -> Client {
        let refused = || Error::new(FailureKind::Refused, "test", "test");
        let stack = match link.replicas() {
            2 => Stack::new(service_fn(move |_| ready(Err(refused())))),
            _ => Stack::new(link.clone()),
        };
        Client { stack, gauges: None }
    }
}

#[test]
fn a_call_that_the_policy_refuses_further_down_is_passed_on_as_overload() {
    let scenario = calls_at([10], &tiers("", &[(30, ""), (40, "replicas = 2")]));
    let run = run(&scenario, &Refuses, 1);
    assert_eq!(ends(&run), [End::Failed(FailureKind::Overloaded { retry_after: None })]);
    assert_eq!(took(&run), [80]);
}

#[test]
fn a_server_that_goes_down_takes_its_calls_with_it() {
    let down = "[[triggers]]\nat = \"100ms\"\nlasts = \"100ms\"\nkind = \"flapping\"\ndown = \"50ms\"\nup = \"50ms\"";
    let text = tiers("", &[(500, "drops_abandoned = true")]) + down;
    let run = play(&calls_at([10], &text));
    assert_eq!((ends(&run), took(&run)), (vec![End::Failed(FailureKind::Transient)], vec![90]));
    assert_eq!(run.worked.as_millis(), 50 + 40, "the back is left at 100 ms, when the front goes");
}

#[test]
fn calls_for_one_who_has_left_go_on_unless_abandoned_work_is_dropped() {
    let worked = |drops: bool| {
        let front = format!("drops_abandoned = {drops}");
        let mut scenario = calls_at([0], &tiers(&front, &[(500, "drops_abandoned = true")]));
        scenario.clients.attempt_timeout = Duration::from_millis(120);
        let run = play(&scenario);
        assert_eq!(took(&run), [120]);
        assert_eq!(run.worked, run.wasted);
        run.worked.as_millis()
    };
    // The inner call begins at 50 ms and would give up at 170 ms by itself; that it is stopped is seen at a turn.
    assert_eq!(worked(false), 50 + 120);
    assert_eq!(worked(true), 50 + 71);
}

#[test]
fn a_cache_spares_its_share_of_the_calls_and_a_flushed_one_fills_by_use() {
    let scenario = parse(
        r#"
        name = "flush"
        duration = "60s"
        clients = { count = 5, rate = 100.0 }
        triggers = [{ kind = "cache_flush", at = "30s", lasts = "30s" }]

        [[tiers]]
        name = "front"
        workers = 100
        service_time = { kind = "fixed", time = "1ms" }
        calls = ["back"]
        cache_hit_ratio = 0.9
        cache_size = 100

        [[tiers]]
        name = "back"
        workers = 100
        service_time = { kind = "fixed", time = "1ms" }
        "#,
    );
    let run = run(&scenario, &NoRetries, 1);
    let missed = |seconds: std::ops::Range<usize>| {
        let sum =
            |misses, second: &seawall_sim::world::Second| misses + second.attempts - second.from_clients;
        run.seconds[seconds].iter().fold(0, sum) as f64
    };
    let calls = |seconds: std::ops::Range<usize>| {
        run.seconds[seconds].iter().map(|second| second.from_clients).sum::<u64>() as f64
    };
    let share = missed(0..30) / calls(0..30);
    assert!((share - 0.1).abs() < 0.02, "{share}");
    for seconds in [30..31, 30..33, 30..60] {
        let expected = (0..calls(seconds.clone()) as u32)
            .fold(0.0, |misses: f64, _| misses + 1.0 - 0.9 * (1.0 - (-misses / 100.0).exp()));
        let missed = missed(seconds);
        assert!((missed / expected - 1.0).abs() < 0.12, "{missed} instead of {expected}");
    }
}

/// Nothing goes wrong, but everything is left to chance.
fn by_chance() -> Scenario {
    parse(
        r#"
        name = "chance"
        duration = "12s"
        clients = { count = 5, rate = 50.0 }

        [[tiers]]
        name = "front"
        replicas = 3
        workers = 20
        service_time = { kind = "exponential", mean = "5ms" }
        calls = ["middle", "back"]
        cache_hit_ratio = 0.3

        [[tiers]]
        name = "middle"
        replicas = 2
        workers = 20
        service_time = { kind = "exponential", mean = "5ms" }
        calls = ["back"]

        [[tiers]]
        name = "back"
        replicas = 4
        workers = 20
        service_time = { kind = "exponential", mean = "5ms" }
        "#,
    )
}

#[test]
fn inner_calls_too_are_the_same_for_every_policy() {
    let plays = ["none", "seawall"].map(|name| run(&by_chance(), &*policy::by_name(name).unwrap(), 7));
    answered(&plays[0]);
    assert_eq!(plays[0].calls, plays[1].calls);
    assert_eq!(plays[0].worked, plays[1].worked);
    assert!(plays[0].calls.len() > 400);
    let (outer, all) = attempts(&plays[0]);
    // Of each, 0.7 to the middle, and as many to the back from both.
    assert!((all as f64 / outer as f64 - 3.1).abs() < 0.15, "{all} of {outer}");
}
