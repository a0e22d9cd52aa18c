//! The outlier detector's rules, one by one and in random interleavings.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use seawall_core::{EndpointId, Epoch, Event, FailureKind, Jitter, Outcome, OutlierConfig, OutlierDetector};

use crate::retry_budget::some_instant;

const SECOND: Duration = Duration::from_secs(1);
const FAILED: Outcome = Outcome::failure(FailureKind::Transient);

fn config() -> OutlierConfig {
    OutlierConfig { ejection_jitter: Jitter::None, ..OutlierConfig::default() }
}

struct Bench {
    detector: OutlierDetector,
    ids: Vec<EndpointId>,
    rng: fastrand::Rng,
    start: Instant,
}

impl Bench {
    fn new(endpoints: usize, config: OutlierConfig) -> Self {
        let start = some_instant();
        let mut detector = OutlierDetector::new(config).unwrap();
        let ids = (0..endpoints).map(|_| detector.insert(start)).collect();
        Self { detector, ids, rng: fastrand::Rng::with_seed(1), start }
    }

    fn record(&mut self, endpoint: usize, outcome: Outcome, times: usize, at: Duration) -> Vec<Event> {
        let id = self.ids[endpoint];
        let mut events = Vec::new();
        for _ in 0..times {
            let epoch = self.detector.epoch(id);
            let told = self.detector.record(id, epoch, outcome, self.start + at, &mut self.rng);
            events.extend(told.into_iter().map(|(_, event)| event));
        }
        events
    }

    fn settle(&mut self, at: Duration) -> Vec<Event> {
        self.detector.settle(self.start + at).into_iter().map(|(_, event)| event).collect()
    }

    fn used(&self) -> Vec<bool> {
        self.ids.iter().map(|&id| self.detector.uses(id)).collect()
    }
}

#[test]
fn failures_in_a_row_eject_and_a_success_between_them_does_not() {
    let mut bench = Bench::new(3, config());
    bench.record(0, FAILED, 4, Duration::ZERO);
    bench.record(0, Outcome::Success, 1, Duration::ZERO);
    assert_eq!(bench.record(0, FAILED, 4, Duration::ZERO), []);
    let ejected = Event::Ejected { reason: "consecutive failures", wait: 30 * SECOND };
    assert_eq!(bench.record(0, FAILED, 1, Duration::ZERO), [ejected]);
    assert_eq!(bench.used(), [false, true, true]);
}

#[test]
fn time_outs_in_a_row_eject_nobody_who_answers_at_other_times_and_whoever_never_does() {
    for kind in [FailureKind::Timeout, FailureKind::Overloaded { retry_after: None }] {
        let (outcome, mut bench) = (Outcome::failure(kind), Bench::new(4, config()));
        bench.record(0, Outcome::Success, 100, Duration::ZERO);
        assert_eq!(
            bench.record(0, outcome, 99, SECOND),
            [],
            "it has too much to do, as all of them may have"
        );
        let ejected = |reason| [Event::Ejected { reason, wait: 30 * SECOND }];
        assert_eq!(bench.record(0, outcome, 1, SECOND), ejected("failure rate"));
        assert_eq!(bench.record(1, outcome, 5, SECOND), ejected("consecutive failures"));
        // Those that something else is the matter with are told by it, whatever comes between.
        let mut bench = Bench::new(3, config());
        bench.record(0, Outcome::Success, 100, Duration::ZERO);
        bench.record(0, FAILED, 4, SECOND);
        assert_eq!(bench.record(0, outcome, 4, SECOND), []);
        assert_eq!(bench.record(0, FAILED, 1, SECOND), ejected("consecutive failures"));
    }
}

#[test]
fn a_failure_rate_ejects_once_there_are_enough_calls() {
    let mut bench = Bench::new(3, OutlierConfig { consecutive_failures: None, ..config() });
    for _ in 0..9 {
        bench.record(0, Outcome::Success, 1, Duration::ZERO);
        assert_eq!(bench.record(0, FAILED, 1, Duration::ZERO), []);
    }
    bench.record(0, Outcome::Success, 1, Duration::ZERO);
    let ejected = Event::Ejected { reason: "failure rate", wait: 30 * SECOND };
    assert_eq!(bench.record(0, FAILED, 1, Duration::ZERO), [ejected]);
}

#[test]
fn what_says_nothing_about_the_endpoint_ejects_nothing() {
    let mut bench = Bench::new(3, config());
    for kind in [FailureKind::Permanent, FailureKind::Cancelled, FailureKind::Refused] {
        assert_eq!(bench.record(0, Outcome::failure(kind), 100, Duration::ZERO), []);
    }
}

#[test]
fn an_endpoint_comes_back_and_stays_away_longer_each_time_until_it_proves_itself() {
    let mut bench = Bench::new(3, config());
    let mut at = Duration::ZERO;
    for nth in 1..=3 {
        let ejected = Event::Ejected { reason: "consecutive failures", wait: nth * 30 * SECOND };
        assert_eq!(bench.record(0, FAILED, 5, at), [ejected]);
        at += nth * 30 * SECOND;
        assert_eq!(bench.settle(at.saturating_sub(SECOND)), []);
        assert_eq!(bench.settle(at), [Event::Readmitted]);
    }
    at += 90 * SECOND;
    bench.record(0, Outcome::Success, 1, at);
    let first = Event::Ejected { reason: "consecutive failures", wait: 30 * SECOND };
    assert_eq!(bench.record(0, FAILED, 5, at), [first]);
}

#[test]
fn no_more_than_the_share_is_ejected_and_never_the_only_one() {
    let mut bench = Bench::new(5, config());
    for endpoint in 0..5 {
        bench.record(endpoint, FAILED, 10, Duration::ZERO);
    }
    assert_eq!(bench.used(), [false, false, true, true, true]);

    let mut alone = Bench::new(1, OutlierConfig { max_ejected: 1.0, ..config() });
    alone.record(0, FAILED, 100, Duration::ZERO);
    assert_eq!(alone.used(), [true]);

    let mut off = Bench::new(3, OutlierConfig { max_ejected: 0.0, ..config() });
    off.record(0, FAILED, 100, Duration::ZERO);
    assert_eq!(off.used(), [true; 3]);
}

#[test]
fn a_short_ejection_by_chance_proves_nothing() {
    let mut bench = Bench::new(3, OutlierConfig { ejection_jitter: Jitter::Full, ..config() });
    let (mut at, mut longest) = (Duration::ZERO, Duration::ZERO);
    for nth in 1..=10 {
        let [Event::Ejected { wait, .. }] = bench.record(0, FAILED, 5, at)[..] else { panic!("not ejected") };
        let planned = nth * 30 * SECOND;
        assert!(wait <= planned.min(300 * SECOND), "{wait:?}");
        longest = longest.max(wait);
        at += wait;
        assert_eq!(bench.settle(at), [Event::Readmitted]);
        // Longer than it was ejected, and shorter than it was to be.
        at += planned.min(300 * SECOND).saturating_sub(SECOND);
    }
    assert!(longest > 60 * SECOND, "it grows all the same: {longest:?}");
}

#[test]
fn the_defaults_come_to_what_the_documentation_lists() {
    let ejected = |endpoints: usize, failing: usize| {
        let mut bench = Bench::new(endpoints, config());
        for endpoint in 0..failing {
            bench.record(endpoint, FAILED, 10, Duration::ZERO);
        }
        assert!(!bench.detector.is_panicking());
        let ejected = bench.used().iter().filter(|used| !**used).count();
        (ejected, endpoints - ejected)
    };
    let docs = include_str!("../../src/outlier/config.rs");
    let mut checked = 0;
    for row in docs.lines().filter_map(|line| line.strip_prefix("/// | ")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let Ok(endpoints) = cells[0].parse::<usize>() else { continue };
        let fails = |cell: &str| cell.split_once(" fail: ").map_or(0, |(number, _)| number.parse().unwrap());
        for (cell, failing) in [(cells[1], 1), (cells[2], fails(cells[2])), (cells[3], endpoints)] {
            let says = match ejected(endpoints, failing) {
                (0, 1) => "it is used".to_owned(),
                (ejected, used) => format!("{ejected} ejected, {used} used"),
            };
            if !cell.is_empty() {
                assert!(cell.ends_with(&says), "{endpoints} endpoints: `{cell}`, but {says}");
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 13);
}

#[test]
fn when_too_few_are_healthy_all_are_used() {
    let mut bench = Bench::new(5, OutlierConfig { max_ejected: 1.0, ..config() });
    bench.record(0, FAILED, 5, Duration::ZERO);
    bench.record(1, FAILED, 5, Duration::ZERO);
    assert_eq!(bench.used(), [false, false, true, true, true]);
    let events = bench.record(2, FAILED, 5, SECOND);
    assert!(matches!(events[..], [Event::Ejected { .. }, Event::PanicEntered { healthy }] if healthy < 0.41));
    assert_eq!(bench.used(), [true; 5]);
    assert_eq!(bench.settle(30 * SECOND), [Event::Readmitted, Event::Readmitted, Event::PanicLeft]);
    assert_eq!(bench.used(), [true, true, false, true, true]);
}

#[test]
fn more_endpoints_end_a_panic() {
    let mut bench = Bench::new(1, config());
    bench.detector.eject(bench.ids[0], 60 * SECOND, bench.start);
    assert_eq!(bench.used(), [true]);
    bench.ids.push(bench.detector.insert(bench.start));
    assert_eq!(bench.settle(Duration::ZERO), [Event::PanicLeft]);
    assert_eq!(bench.used(), [false, true]);
    assert_eq!(bench.settle(Duration::ZERO), []);
}

#[test]
fn the_result_of_a_call_made_before_an_ejection_does_not_count_after_it() {
    let mut bench = Bench::new(3, OutlierConfig { consecutive_failures: NonZeroU32::new(1), ..config() });
    let (id, late) = (bench.ids[0], bench.detector.epoch(bench.ids[0]));
    bench.record(0, FAILED, 1, Duration::ZERO);
    bench.settle(30 * SECOND);
    let told = bench.detector.record(id, late, FAILED, bench.start + 30 * SECOND, &mut bench.rng);
    assert_eq!(told, []);
    assert!(bench.detector.uses(id));
    assert_eq!(bench.record(0, FAILED, 1, 31 * SECOND).len(), 1, "a new call counts");
}

#[test]
fn an_operator_ejects_over_any_limit() {
    let mut bench = Bench::new(1, config());
    let told = bench.detector.eject(bench.ids[0], SECOND, bench.start);
    assert_eq!(told.len(), 2, "ejected, and panic: {told:?}");
    assert!(bench.detector.is_ejected(bench.ids[0]));
    assert_eq!(bench.settle(SECOND), [Event::Readmitted, Event::PanicLeft]);
}

#[test]
fn a_configuration_that_cannot_work_is_refused_and_the_old_one_stays() {
    let mut bench = Bench::new(2, config());
    let message = |config: OutlierConfig| config.validate().unwrap_err().to_string();
    let bad = OutlierConfig { panic_threshold: Some(0.0), ..config() };
    assert_eq!(message(bad.clone()), "panic_threshold is 0: must be above 0 and at most 1");
    assert!(bench.detector.reconfigure(bad, bench.start).is_err());
    assert_eq!(bench.detector.config(), &config());
    assert_eq!(
        message(OutlierConfig { max_ejected: 1.5, ..config() }),
        "max_ejected is 1.5: must be at least 0 and at most 1"
    );
    assert_eq!(
        message(OutlierConfig { max_ejection_duration: SECOND, ..config() }),
        "max_ejection_duration is 1s: must be at least ejection_duration"
    );
}

#[test]
fn the_defaults_are_those_that_the_documentation_lists() {
    assert_eq!(
        serde_json::to_string(&OutlierConfig::default()).unwrap(),
        r#"{"consecutive_failures":5,"failure_rate_threshold":0.5,"minimum_number_of_calls":20,"window":"10s","#
            .to_owned()
            + r#""ejection_duration":"30s","max_ejection_duration":"5m","ejection_jitter":"equal","#
            + r#""max_ejected":0.5,"panic_threshold":0.5}"#
    );
}

#[derive(Clone, Debug)]
enum Step {
    Record { endpoint: usize, success: bool, late: bool },
    Pass(u64),
    Insert,
    Remove(usize),
    Eject(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (any::<usize>(), any::<bool>(), any::<bool>())
            .prop_map(|(endpoint, success, late)| Step::Record { endpoint, success, late }),
        4 => (0u64..60).prop_map(Step::Pass),
        1 => Just(Step::Insert),
        1 => any::<usize>().prop_map(Step::Remove),
        1 => any::<usize>().prop_map(Step::Eject),
    ]
}

proptest! {
    #[test]
    fn ejections_are_bounded_announced_and_end(steps in proptest::collection::vec(step(), 0..300)) {
        let config = OutlierConfig { consecutive_failures: NonZeroU32::new(2), ..OutlierConfig::default() };
        let mut bench = Bench::new(4, config.clone());
        let (mut at, mut ejected, mut panic) = (Duration::ZERO, 0_i64, false);
        for step in steps {
            let now = bench.start + at;
            let pick = |which: usize, ids: &[EndpointId]| (!ids.is_empty()).then(|| which % ids.len());
            let told = match step {
                Step::Record { endpoint, success, late } => {
                    let Some(place) = pick(endpoint, &bench.ids) else { continue };
                    let id = bench.ids[place];
                    let epoch = if late { Epoch::from_number(u64::MAX) } else { bench.detector.epoch(id) };
                    let outcome = if success { Outcome::Success } else { FAILED };
                    let told = bench.detector.record(id, epoch, outcome, now, &mut bench.rng);
                    prop_assert!(!late || told.is_empty());
                    told
                }
                Step::Pass(seconds) => {
                    at += Duration::from_secs(seconds);
                    bench.detector.settle(bench.start + at)
                }
                Step::Insert => {
                    bench.ids.push(bench.detector.insert(now));
                    bench.detector.settle(now)
                }
                Step::Remove(which) => {
                    let Some(place) = pick(which, &bench.ids) else { continue };
                    let id = bench.ids.remove(place);
                    ejected -= i64::from(bench.detector.is_ejected(id));
                    bench.detector.remove(id)
                }
                Step::Eject(which) => {
                    let Some(place) = pick(which, &bench.ids) else { continue };
                    ejected -= i64::from(bench.detector.is_ejected(bench.ids[place]));
                    bench.detector.eject(bench.ids[place], SECOND, now)
                }
            };
            for (_, event) in told {
                match event {
                    Event::Ejected { wait, reason } => {
                        prop_assert!(wait <= config.max_ejection_duration);
                        ejected += 1;
                        // Operators eject as many as they like, and removing healthy ones leaves a larger share.
                        let endpoints = i64::try_from(bench.ids.len()).unwrap();
                        prop_assert!(reason == "by an operator" || ejected <= (endpoints / 2).max(1));
                        prop_assert!(reason == "by an operator" || ejected < endpoints);
                    }
                    Event::Readmitted => ejected -= 1,
                    Event::PanicEntered { .. } => prop_assert!(!std::mem::replace(&mut panic, true)),
                    Event::PanicLeft => prop_assert!(std::mem::replace(&mut panic, false)),
                    _ => prop_assert!(false, "{:?} is none of its events", event),
                }
            }
            let counted = bench.ids.iter().filter(|&&id| bench.detector.is_ejected(id)).count();
            prop_assert_eq!(i64::try_from(counted).unwrap(), ejected);
            prop_assert_eq!(bench.detector.is_panicking(), panic, "nobody was told");
            prop_assert_eq!(panic, counted * 2 > bench.ids.len());
            for &id in &bench.ids {
                prop_assert_eq!(bench.detector.uses(id), panic || !bench.detector.is_ejected(id));
            }
        }
        bench.detector.settle(bench.start + at + config.max_ejection_duration);
        prop_assert!(bench.used().iter().all(|&used| used), "everybody comes back");
        prop_assert!(!bench.detector.is_panicking());
    }
}
