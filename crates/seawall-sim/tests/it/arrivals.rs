use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use seawall_sim::chance::Seed;
use seawall_sim::policy;
use seawall_sim::scenario::Scenario;
use seawall_sim::world::{Arrival, Arrivals, run};

/// A scenario whose calls come so.
fn scenario(clients: &str) -> Scenario {
    let text = format!(
        r#"
        name = "arrivals"
        duration = "2h"
        tiers = [{{ name = "server", workers = 1000, service_time = {{ kind = "exponential", mean = "20ms" }} }}]
        [clients]
        {clients}
        "#
    );
    Scenario::parse(&text, Path::new("tests/it/arrivals.toml")).unwrap()
}

/// The same with a load spike.
fn spiked(clients: &str, at: &str, lasts: &str, factor: f64) -> Scenario {
    let trigger = format!("at = '{at}'\nlasts = '{lasts}'\nkind = 'load_spike'\nfactor = {factor:.6}");
    scenario(&format!("{clients}\n[[triggers]]\n{trigger}"))
}

fn until(arrivals: &mut Arrivals, seconds: f64) -> Vec<Arrival> {
    let until = Duration::from_secs_f64(seconds);
    std::iter::from_fn(|| arrivals.next_until(until)).collect()
}

fn arrivals(scenario: &Scenario, seconds: f64, seed: u64) -> Vec<Arrival> {
    until(&mut Arrivals::new(scenario, Seed(seed)), seconds)
}

fn between(arrivals: &[Arrival], from: f64, to: f64) -> usize {
    arrivals.iter().filter(|arrival| (from..to).contains(&arrival.at.as_secs_f64())).count()
}

/// A number of independent calls strays from what is expected by no more than five standard deviations.
#[track_caller]
fn assert_about(found: usize, expected: f64) {
    let strays = (found as f64 - expected).abs() / expected.sqrt();
    assert!(strays <= 5.0, "{found} are far from {expected}");
}

/// The mean and the variance of how many come in each so many seconds.
fn counts(arrivals: &[Arrival], window: f64, windows: usize) -> (f64, f64) {
    let mut counts = vec![0.0; windows];
    for arrival in arrivals {
        if let Some(count) = counts.get_mut((arrival.at.as_secs_f64() / window) as usize) {
            *count += 1.0;
        }
    }
    let mean = counts.iter().sum::<f64>() / windows as f64;
    (mean, counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / (windows - 1) as f64)
}

#[test]
fn independent_calls_come_at_their_rate_and_as_unevenly_as_chance_has_it() {
    let all = arrivals(&scenario("count = 5\nrate = 100.0"), 500.0, 1);
    assert_about(all.len(), 50_000.0);
    let (mean, variance) = counts(&all, 0.25, 2000);
    assert!(
        (0.9..1.1).contains(&(variance / mean)),
        "a Poisson process has a variance of its mean: {variance}"
    );
    for client in 0..5 {
        assert_about(all.iter().filter(|arrival| arrival.client == client).count(), 10_000.0);
    }
}

#[test]
fn bursts_come_at_their_rate_on_average_and_as_unevenly_as_they_should() {
    let (on, off, rate) = (0.2, 0.8, 100.0);
    let clients = r#"
        count = 10
        rate = 100.0
        arrivals = { kind = "on_off", on = "200ms", off = "800ms" }
    "#;
    let all = arrivals(&scenario(clients), 2000.0, 2);
    let (mean, variance) = counts(&all, 4.0, 500);
    // Each client is an interrupted Poisson process. Over times much longer than a burst its counts have this variance
    // for each call (A. Kuczura, 1973).
    let (share, relaxation) = (on / (on + off), on * off / (on + off));
    let while_on = rate / 10.0 / share;
    let dispersion = 1.0 + 2.0 * while_on * (1.0 - share) * relaxation;
    let strays = (mean - rate * 4.0).abs() / (rate * 4.0 * dispersion / 500.0).sqrt();
    assert!(strays < 5.0, "{mean} in four seconds");
    assert!((0.75..1.25).contains(&(variance / mean / dispersion)), "{} for {dispersion}", variance / mean);
}

#[test]
fn a_client_calls_in_bursts_and_is_silent_in_between() {
    let clients = "count = 1\nrate = 100.0\narrivals = { kind = 'on_off', on = '1s', off = '9s' }";
    let all = arrivals(&scenario(clients), 2000.0, 3);
    let gaps: Vec<f64> =
        all.windows(2).map(|two| (two[1].at.saturating_sub(two[0].at)).as_secs_f64()).collect();
    // While it calls, a thousand a second come: a gap of a tenth is a silence.
    let silences: Vec<f64> = gaps.into_iter().filter(|gap| *gap > 0.1).collect();
    assert_about(silences.len(), 200.0 * (-0.1_f64 / 9.0).exp());
    let mean = silences.iter().sum::<f64>() / silences.len() as f64;
    assert!((7.0..11.5).contains(&mean), "silent for {mean} s on average");
}

#[test]
fn a_ramp_goes_in_lines_and_steps_from_point_to_point() {
    let clients = r#"
        count = 5
        [clients.arrivals]
        kind = "ramp"
        [[clients.arrivals.points]]
        at = "10s"
        rate = 1000.0
        [[clients.arrivals.points]]
        at = "20s"
        rate = 0
        [[clients.arrivals.points]]
        at = "30s"
        rate = 2000.0
        [[clients.arrivals.points]]
        at = "30s"
        rate = 500.0
        "#;
    let all = arrivals(&scenario(clients), 40.0, 4);
    for (from, to, expected) in [
        (0.0, 10.0, 10_000.0),
        (10.0, 15.0, 3_750.0),
        (15.0, 20.0, 1_250.0),
        (20.0, 25.0, 2_500.0),
        (25.0, 30.0, 7_500.0),
        (30.0, 40.0, 5_000.0),
    ] {
        assert_about(between(&all, from, to), expected);
    }
    // How many are expected between two calls is exponentially distributed with mean 1, whatever the rate does.
    let expected = |at: f64| match at {
        ..10.0 => 1000.0 * at,
        ..20.0 => 15_000.0 - 50.0 * (20.0 - at).powi(2),
        ..30.0 => 15_000.0 + 100.0 * (at - 20.0).powi(2),
        _ => 25_000.0 + 500.0 * (at - 30.0),
    };
    let gaps =
        all.windows(2).map(|two| expected(two[1].at.as_secs_f64()) - expected(two[0].at.as_secs_f64()));
    let gaps: Vec<f64> = gaps.collect();
    for (wait, share) in [(0.5, 0.6065), (1.0, 0.3679), (3.0, 0.0498)] {
        assert_about(gaps.iter().filter(|gap| **gap > wait).count(), gaps.len() as f64 * share);
    }
}

const TRACE: &str = "count = 2\narrivals = { kind = 'trace', file = 'four.trace' }";

#[test]
fn a_trace_is_played_as_it_is_to_the_clients_in_turn() {
    let at = |at: u64, client| Arrival { at: Duration::from_millis(at), client };
    assert_eq!(arrivals(&scenario(TRACE), 5.0, 5), [at(0, 0), at(1500, 1), at(1500, 0), at(4200, 1)]);
    let twice = arrivals(&spiked(TRACE, "0s", "4200ms", 2.0), 5.0, 5);
    let expected = [at(0, 0), at(0, 1), at(1500, 0), at(1500, 1), at(1500, 0), at(1500, 1), at(4200, 0)];
    assert_eq!(twice, expected);
}

#[test]
fn a_factor_beyond_a_whole_number_copies_some_calls_of_a_trace() {
    for (factor, expected) in [(2.25, 9000.0), (0.25, 1000.0)] {
        let scenario = spiked(TRACE, "0s", "5s", factor);
        assert_about((0..1000).map(|seed| arrivals(&scenario, 5.0, seed).len()).sum(), expected);
    }
}

#[test]
fn a_spike_is_in_force_at_once_and_over_at_once() {
    let independent = "count = 5\nrate = 50.0";
    let bursts = "count = 50\nrate = 50.0\narrivals = { kind = 'on_off', on = '20ms', off = '20ms' }";
    for clients in [independent, bursts] {
        let all = arrivals(&spiked(clients, "100s", "100s", 5.0), 300.0, 6);
        assert_about(between(&all, 0.0, 100.0), 5000.0);
        assert_about(between(&all, 100.0, 200.0), 25_000.0);
        assert_about(between(&all, 200.0, 300.0), 5000.0);
    }
}

#[test]
fn a_call_that_is_long_in_coming_comes_as_soon_as_a_spike_has_it() {
    // Every thousand seconds; then for less than a turn of the world every millisecond.
    let rare = spiked("count = 1\nrate = 0.001", "1000100us", "100ms", 1e6);
    let waits = (0..1000).map(|seed| {
        let all = arrivals(&rare, 1.1, seed);
        let before = between(&all, 0.0, 1.0001);
        assert!(before <= 1, "{before} within a second");
        all[before].at.as_secs_f64() - 1.0001
    });
    let mean = waits.sum::<f64>() / 1000.0;
    assert!((0.000_84..0.001_16).contains(&mean), "waited {mean} s");
}

#[test]
fn spikes_at_the_same_time_multiply() {
    let spike = "\n[[triggers]]\nat = '150s'\nlasts = '100s'\nkind = 'load_spike'\nfactor = 0.5";
    let mut scenario = spiked("count = 5\nrate = 100.0", "100s", "100s", 4.0);
    scenario.triggers.extend(self::scenario(&format!("count = 5\nrate = 100.0{spike}")).triggers);
    let all = arrivals(&scenario, 300.0, 6);
    for (from, expected) in [
        (0.0, 5000.0),
        (50.0, 5000.0),
        (100.0, 20_000.0),
        (150.0, 10_000.0),
        (200.0, 2500.0),
        (250.0, 5000.0),
    ] {
        assert_about(between(&all, from, from + 50.0), expected);
    }
}

#[test]
fn all_policies_meet_the_same_calls_with_the_same_work() {
    let mut scenario = scenario("count = 5\nrate = 200.0\npriorities = { critical = 1, low = 2 }");
    scenario.duration = Duration::from_secs(5);
    let play = |name: &str| run(&scenario, &*policy::by_name(name).unwrap(), 7).calls;
    let (none, ours) = (play("none"), play("seawall"));
    assert_about(none.len(), 1000.0);
    assert_eq!(none.len(), ours.len());
    for (none, ours) in none.iter().zip(&ours) {
        let call = |call: &seawall_sim::world::CallRecord| (call.arrived, call.client, call.priority);
        assert_eq!(call(none), call(ours));
        if (none.attempts, ours.attempts) == (1, 1) && none.end == ours.end {
            assert_eq!(none.took, ours.took, "the work of a first attempt is the same");
        }
    }
    assert!(none.iter().filter(|call| call.attempts == 1).count() > 900, "most calls take one attempt");
}

fn any_clients() -> impl Strategy<Value = String> {
    let ramp = prop::collection::vec((0..9_000_u32, 0.0..300.0_f64), 1..6).prop_map(|mut points| {
        points.sort_by_key(|(at, _)| *at);
        let points: Vec<_> =
            points.iter().map(|(at, rate)| format!("{{ at = '{at}ms', rate = {rate:.2} }}")).collect();
        format!(
            "arrivals = {{ kind = 'ramp', points = [{}, {{ at = '10s', rate = 50 }}] }}",
            points.join(",")
        )
    });
    let bursts = (1..2000_u32, 1..2000_u32).prop_map(|(on, off)| {
        format!("rate = 100\narrivals = {{ kind = 'on_off', on = '{on}ms', off = '{off}ms' }}")
    });
    let trace = Just("arrivals = { kind = 'trace', file = 'four.trace' }".to_owned());
    let kind = prop_oneof![Just("rate = 100".to_owned()), ramp, bursts, trace];
    (1..20_u32, kind).prop_map(|(count, kind)| format!("count = {count}\n{kind}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn calls_come_in_order_and_to_clients_that_are_there(
        clients in any_clients(),
        seed: u64,
        steps in prop::collection::vec(0.0..3.0_f64, 1..6),
        factor in 0.1..5.0_f64,
    ) {
        let scenario = spiked(&clients, "1s", "2500us", factor);
        let mut arrivals = Arrivals::new(&scenario, Seed(seed));
        let (mut asked, mut last) = (0.0, Duration::ZERO);
        for step in steps {
            asked += step;
            for arrival in until(&mut arrivals, asked) {
                prop_assert!(arrival.at >= last);
                prop_assert!(arrival.at <= Duration::from_secs_f64(asked));
                prop_assert!(arrival.client < scenario.clients.count.get());
                last = arrival.at;
            }
        }
    }

    #[test]
    fn it_does_not_matter_how_often_one_asks(
        clients in any_clients(),
        seed: u64,
        step in 0.001..1.0_f64,
        factor in 0.1..5.0_f64,
    ) {
        let scenario = spiked(&clients, "1s", "2500us", factor);
        let at_once = self::arrivals(&scenario, 5.0, seed);
        let mut arrivals = Arrivals::new(&scenario, Seed(seed));
        let mut in_steps = Vec::new();
        let mut asked = 0.0;
        while asked < 5.0 {
            asked = (asked + step).min(5.0);
            in_steps.extend(until(&mut arrivals, asked));
        }
        prop_assert_eq!(at_once.len(), in_steps.len());
        for (one, other) in at_once.iter().zip(&in_steps) {
            prop_assert_eq!(one.client, other.client);
            let apart = one.at.abs_diff(other.at);
            prop_assert!(apart < Duration::from_micros(1), "{:?} apart", apart);
        }
    }
}
