//! Workers, queues and abandoned work.

use std::time::Duration;

use seawall_core::FailureKind;
use seawall_sim::policy::{Client, NoRetries, Policy, Stack, Terms};
use seawall_sim::world::{CallRecord, End, Link, run};

use super::{answered, calls_at, ends, parse, play, server, took};

const OVERLOADED: End = End::Failed(FailureKind::Overloaded { retry_after: None });

#[test]
fn a_worker_that_is_done_takes_the_next_at_that_very_instant() {
    let text = r#"
        [[tiers]]
        name = "server"
        workers = 1
        service_time = { kind = "fixed", time = "10300us" }
    "#;
    // Were each one begun at a turn only, a hundred would take 1100 ms.
    let took = answered(&play(&calls_at([0; 100], text)));
    assert_eq!(took[99], 1030);
}

#[test]
fn the_world_turns_without_drift() {
    let scenario = parse(
        r#"
        name = "drift"
        duration = "200s"
        clients = { count = 3, rate = 10.0 }
        tiers = [{ name = "server", workers = 10, service_time = { kind = "fixed", time = "10ms" } }]
        "#,
    );
    let run = run(&scenario, &NoRetries, 1);
    assert_eq!(run.seconds.len(), 202, "two of them after the last call came");
    // It sets out at the next turn, and its answer comes at a turn, too.
    let on_time = |call: &&CallRecord| (10..11).contains(&call.took.as_millis());
    assert_eq!(run.calls.iter().filter(on_time).count(), run.calls.len());
}

#[test]
fn an_answer_that_is_there_just_in_time_is_not_late() {
    for (limit, end) in [(100, End::Answered), (99, End::Failed(FailureKind::Timeout))] {
        let mut scenario = calls_at([10, 250], &server(1, ""));
        scenario.clients.attempt_timeout = Duration::from_millis(limit);
        assert_eq!(ends(&play(&scenario)), [end; 2], "{limit} ms");
    }
}

#[test]
fn who_came_first_is_next() {
    let run = play(&calls_at([0, 10, 20, 30], &server(1, "")));
    assert_eq!(answered(&run), [100, 190, 280, 370]);
}

#[test]
fn who_came_last_is_next_with_a_lifo_queue() {
    let run = play(&calls_at([0, 10, 20, 30], &server(1, r#"queue = { kind = "lifo" }"#)));
    assert_eq!(answered(&run), [100, 390, 280, 170]);
}

#[test]
fn the_most_important_is_next_with_a_priority_queue_and_among_equals_who_came_first() {
    let mut scenario = calls_at(0..20, &server(1, r#"queue = { kind = "priority" }"#));
    let shares = parse(
        r#"
        name = "shares"
        duration = "20s"
        clients = { count = 1, rate = 1.0, priorities = { critical = 1, high = 1, normal = 1, low = 1, background = 1 } }
        tiers = [{ name = "server", workers = 1, service_time = { kind = "fixed", time = "1ms" } }]
        "#,
    );
    scenario.clients.priorities = shares.clients.priorities;
    let run = play(&scenario);
    answered(&run);
    // The first came when there was nobody else.
    let mut waited: Vec<_> = run.calls[1..].to_vec();
    waited.sort_by_key(|call| (std::cmp::Reverse(call.priority), call.arrived));
    assert!(waited.first().unwrap().priority > waited.last().unwrap().priority, "there are several classes");
    assert!(waited.is_sorted_by_key(|call| call.arrived + call.took));
}

#[test]
fn a_full_queue_refuses_at_once() {
    let run = play(&calls_at(0..5, &server(1, "queue = { bound = 2 }")));
    assert_eq!(ends(&run), [End::Answered, End::Answered, End::Answered, OVERLOADED, OVERLOADED]);
    assert_eq!(took(&run), [100, 199, 298, 0, 0]);
    assert_eq!(run.seconds.iter().map(|second| second.refusals).sum::<u64>(), 2);
}

#[test]
fn abandoned_work_is_done_for_nobody_unless_it_is_dropped() {
    let worked = |drops: bool| {
        let mut scenario = calls_at(0..4, &server(1, &format!("drops_abandoned = {drops}")));
        scenario.clients.attempt_timeout = Duration::from_millis(150);
        let run = play(&scenario);
        assert_eq!(took(&run), [100, 150, 150, 150]);
        (run.worked.as_millis(), run.wasted.as_millis())
    };
    // The first is answered after 100 ms. The second has the worker from then until its caller leaves at 151 ms, the
    // others from when the one before left until they leave themselves, 1 ms later.
    assert_eq!(worked(true), (153, 53));
    assert_eq!(worked(false), (400, 300));
}

#[test]
fn work_is_dropped_where_it_waits_when_its_turn_comes() {
    let mut scenario = calls_at([0, 1, 2, 160], &server(1, "drops_abandoned = true\nqueue = { bound = 2 }"));
    scenario.clients.attempt_timeout = Duration::from_millis(90);
    // The first leaves at 90 ms, when the two behind it have 1 and 2 ms left: the server has time for the last.
    let run = play(&scenario);
    assert_eq!(took(&run), [90; 4]);
    assert_eq!(run.worked.as_millis(), 90 + 1 + 1 + 90);
}

#[test]
fn a_second_says_what_happened_in_it() {
    let run = play(&calls_at([500, 500, 500, 1500], &server(2, "")));
    let [first, second, third] = [run.seconds[0], run.seconds[1], run.seconds[2]];
    assert_eq!((first.attempts, second.attempts, third.attempts), (3, 1, 0));
    assert_eq!(first.worked.as_millis(), 300);
    assert_eq!(second.worked.as_millis(), 100);
    assert!((first.utilisation - 0.15).abs() < 1e-9, "{}", first.utilisation);
    assert!((second.utilisation - 0.05).abs() < 1e-9);
    assert!(third.utilisation.abs() < 1e-9);
    assert_eq!(run.worked.as_millis(), 400);
}

#[test]
fn who_waits_at_the_end_of_a_second_is_queued() {
    let run = play(&calls_at([950, 960, 970], &server(1, "")));
    assert_eq!(run.seconds.iter().map(|second| second.queued).collect::<Vec<_>>(), [2, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn attempts_go_to_all_replicas() {
    let run = play(&calls_at([0; 300], &server(100, "replicas = 3")));
    // About a hundred each: some have to wait at each, most do not.
    assert!((280..300).contains(&took(&run).iter().filter(|took| **took == 100).count()));
}

/// Sends everything to the last replica.
#[derive(Debug)]
struct ToTheLast;

impl Policy for ToTheLast {
    fn name(&self) -> &'static str {
        "to-the-last"
    }

    fn about(&self) -> &'static str {
        "sends everything to the last replica"
    }

    fn client(&self, link: &Link, _: Terms, _: u64) -> Client {
        Client { stack: Stack::new(link.to(link.replicas() - 1)), gauges: None }
    }
}

#[test]
fn a_policy_may_choose_the_replica_itself() {
    let run = run(&calls_at([0; 5], &server(1, "replicas = 3")), &ToTheLast, 1);
    assert_eq!(answered(&run), [100, 200, 300, 400, 500]);
}

#[test]
fn a_call_that_never_ends_is_lost_and_its_attempts_are_counted() {
    let text = server(1, "[[triggers]]\nkind = \"black_hole\"\nat = \"0s\"\nlasts = \"4s\"");
    let run = run(&calls_at([10], &text), &ToTheLast, 1);
    assert_eq!(ends(&run), [End::Lost]);
    assert_eq!(run.calls[0].attempts, 1);
    assert_eq!(run.calls[0].took, Duration::ZERO);
}
