use seawall_core::FailureKind::{Refused, Timeout, Transient};
use seawall_sim::policy;
use seawall_sim::scenario::Scenario;
use seawall_sim::world::{CallRecord, End, Run, run};
use std::time::Duration;

/// A hundred calls a second, and what goes wrong from the second second on.
fn trouble(seconds: u32, clients: u32, trigger: &str) -> Scenario {
    let text = format!(
        r#"
        name = "trouble"
        duration = "{seconds}s"
        measure_from = "1s"
        clients = {{ count = {clients}, rate = 100.0 }}

        [[tiers]]
        name = "server"
        workers = 4
        service_time = {{ kind = "exponential", mean = "20ms" }}

        [[triggers]]
        at = "2s"
        lasts = "{}s"
        {trigger}
        "#,
        seconds - 2
    );
    Scenario::parse(&text, "trouble.toml".as_ref()).unwrap()
}

const BLACK_HOLE: &str = r#"kind = "black_hole""#;
const HALF_FAIL: &str = r#"kind = "partial_failure"
        share = 0.5
        after = "1ms""#;
const ALL_FAIL: &str = r#"kind = "partial_failure"
        share = 1.0
        after = "1ms""#;

fn play(name: &str, trigger: &str) -> Run {
    run(&trouble(20, 1, trigger), &*policy::by_name(name).unwrap(), 3)
}

/// The calls that came and ended while it went wrong.
fn calls_in_trouble(run: &Run) -> impl Iterator<Item = &CallRecord> {
    let trouble = Duration::from_secs(2)..Duration::from_secs(18);
    run.calls.iter().filter(move |call| trouble.contains(&call.arrived))
}

fn retries(run: &Run) -> u32 {
    calls_in_trouble(run).map(|call| call.attempts.saturating_sub(1)).sum()
}

/// The most attempts that one call made of any of so many clients.
fn most_attempts(name: &str, clients: u32) -> u32 {
    let run = run(&trouble(4, clients, ALL_FAIL), &*policy::by_name(name).unwrap(), 3);
    calls_in_trouble(&run).map(|call| call.attempts).max().unwrap()
}

#[test]
fn every_policy_has_a_name_of_its_own_and_is_found_by_it() {
    let mut names: Vec<_> = policy::all().iter().map(|policy| policy.name()).collect();
    for name in &names {
        assert_eq!(policy::by_name(name).unwrap().name(), *name);
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_model_says_that_it_is_one() {
    let models = ["polly", "resilience4j", "finagle", "envoy", "grpc", "aws", "aws-2.1", "sre", "gradient2"];
    for policy in policy::all() {
        let says_so = policy.about().starts_with("a model of ");
        assert_eq!(says_so, models.contains(&policy.name()), "{}: {}", policy.name(), policy.about());
    }
}

#[test]
fn a_call_makes_as_many_attempts_as_the_library_does_by_default() {
    // Few calls a client, or circuits open before; but for `sre`, which retries one of ten.
    for (name, attempts) in
        [("naive", 4), ("immediate", 4), ("polly", 4), ("resilience4j", 3), ("finagle", 4), ("envoy", 2)]
    {
        assert_eq!(most_attempts(name, 100), attempts, "{name}");
    }
    for (name, attempts) in [("grpc", 4), ("aws", 3), ("aws-2.1", 3), ("gradient2", 4), ("tower", 4)] {
        assert_eq!(most_attempts(name, 100), attempts, "{name}");
    }
    assert_eq!(most_attempts("sre", 1), 3);
}

#[test]
fn a_call_that_is_never_answered_ends_with_its_deadline() {
    let run = play("naive", BLACK_HOLE);
    for call in calls_in_trouble(&run) {
        assert_eq!((call.end, call.attempts), (End::Failed(Timeout), 4));
        let late = call.took.saturating_sub(Duration::from_secs(2));
        assert!(
            call.took >= Duration::from_millis(1999) && late < Duration::from_millis(5),
            "{:?}",
            call.took
        );
    }
}

#[test]
fn naive_retries_make_the_most_of_failures_by_chance() {
    let run = play("naive", HALF_FAIL);
    let (good, all) = calls_in_trouble(&run).fold((0, 0), |(good, all), call| {
        assert!(matches!(call.end, End::Answered | End::Failed(Transient)));
        (good + u32::from(call.end == End::Answered), all + 1)
    });
    let share = f64::from(good) / f64::from(all);
    assert!((0.90..0.97).contains(&share), "of 16 calls one fails four times: {share}");
}

#[test]
fn what_a_model_refuses_is_sent_to_nobody() {
    let run = play("polly", ALL_FAIL);
    let refused = run.calls.iter().filter(|call| call.end == End::Failed(Refused));
    assert!(refused.clone().count() > 1000);
    assert!(refused.filter(|call| call.attempts == 0).count() > 1000);
}

#[test]
fn towers_budget_is_driven_by_virtual_time() {
    // While nothing is answered nothing is earned: 100 retries of the reserve, and 10 a second as they are forgotten.
    let retries = retries(&play("tower", BLACK_HOLE));
    assert!((200..400).contains(&retries), "{retries}");
}

#[test]
fn models_of_a_ratio_keep_to_it_when_nothing_works() {
    // 1600 calls; 20 %, and 100 + 10 a second.
    let finagle = retries(&play("finagle", BLACK_HOLE));
    assert!((500..660).contains(&finagle), "{finagle}");
    // As many as were earned before, and a few.
    let grpc = retries(&play("grpc", BLACK_HOLE));
    assert!(grpc <= 5, "{grpc}");
    // The quota, at 10 each.
    assert_eq!(retries(&play("aws", BLACK_HOLE)), 50);
    assert_eq!(retries(&play("aws-2.1", BLACK_HOLE)), 35);
}
