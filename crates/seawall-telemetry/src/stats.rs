use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::histogram::Counts;
use crate::names::{
    ABANDONED, BUDGET_EXHAUSTED, CIRCUIT_STATES, OPENED, OUTCOMES, REFUSED, RETRIED, TIMED_OUT,
};
use crate::registry::Registry;

/// What happened since the start, by pipeline and target.
///
/// Each number is read without stopping anybody, so numbers that belong together may be a few calls apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatsSnapshot {
    /// One entry per pipeline and target, sorted by both names.
    pub targets: Vec<TargetStats>,
}

impl StatsSnapshot {
    /// The statistics of one target, if anything was told of it.
    pub fn target(&self, pipeline: &str, target: &str) -> Option<&TargetStats> {
        self.targets.iter().find(|stats| stats.pipeline == pipeline && stats.target == target)
    }
}

/// What one pipeline did with one target, all its strategies taken together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetStats {
    /// The pipeline's name.
    pub pipeline: String,
    /// The target's name, or `_OTHER` for all targets beyond the cap.
    pub target: String,
    /// Whole calls, by how they ended.
    pub calls: OutcomeCounts,
    /// Single attempts, by how they ended.
    pub attempts: OutcomeCounts,
    /// Calls that their callers dropped.
    pub abandoned: u64,
    /// Attempts made because one before them failed.
    pub retries: u64,
    /// Retries not made because the retry budget was spent.
    pub budget_exhaustions: u64,
    /// Calls that a layer declined.
    pub refusals: u64,
    /// Calls that a time limit cut short.
    pub timeouts: u64,
    /// The circuit breaker, if there is one and it changed its state at least once.
    pub circuit: Option<CircuitStats>,
    /// How long whole calls took; none before the first ended.
    pub duration: Option<DurationStats>,
    /// How long calls waited their turn, those that had to; none before the first did.
    pub queue_duration: Option<DurationStats>,
    /// The limits that moved, by strategy: of a `concurrency_limit` in calls at a time, of a `rate_limit` in calls a
    /// second.
    pub limits: BTreeMap<String, f64>,
    /// What budgets held when they were last asked for a retry, by strategy, in retries.
    pub budget_balances: BTreeMap<String, f64>,
}

/// How many calls or attempts ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeCounts {
    /// The backend did what it was asked.
    pub success: u64,
    /// Failed, and may work if tried again.
    pub transient: u64,
    /// No answer in time.
    pub timeout: u64,
    /// The backend had too much to do.
    pub overloaded: u64,
    /// Failed, and will fail again.
    pub permanent: u64,
    /// The caller gave up.
    pub cancelled: u64,
    /// A layer said no.
    pub refused: u64,
    /// Failed in a way this version has no name for.
    pub other: u64,
}

impl OutcomeCounts {
    /// Everything that ended.
    pub fn total(&self) -> u64 {
        self.success + self.failures()
    }

    /// Everything that ended without success.
    pub fn failures(&self) -> u64 {
        let Self { success: _, transient, timeout, overloaded, permanent, cancelled, refused, other } = *self;
        transient + timeout + overloaded + permanent + cancelled + refused + other
    }

    fn add(&mut self, counts: [u64; OUTCOMES.len()]) {
        let [success, transient, timeout, overloaded, permanent, cancelled, refused, other] = counts;
        self.success += success;
        self.transient += transient;
        self.timeout += timeout;
        self.overloaded += overloaded;
        self.permanent += permanent;
        self.cancelled += cancelled;
        self.refused += refused;
        self.other += other;
    }
}

/// A circuit breaker, as its events tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitStats {
    /// One of [`CIRCUIT_STATES`](crate::names::CIRCUIT_STATES).
    pub state: String,
    /// How often it opened.
    pub openings: u64,
}

/// How long calls took. Serialized as seconds.
///
/// `p50`, `p95` and `p99` are at most 1/64 (1.6 %) off; `mean` and `max` are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurationStats {
    /// The mean.
    #[serde(with = "seconds")]
    pub mean: Duration,
    /// Half of the calls took no longer.
    #[serde(with = "seconds")]
    pub p50: Duration,
    /// 95 of 100 calls took no longer.
    #[serde(with = "seconds")]
    pub p95: Duration,
    /// 99 of 100 calls took no longer.
    #[serde(with = "seconds")]
    pub p99: Duration,
    /// The longest.
    #[serde(with = "seconds")]
    pub max: Duration,
}

impl StatsSnapshot {
    pub(crate) fn of(registry: &Registry) -> Self {
        let mut gathered: BTreeMap<(Arc<str>, Arc<str>), Gathered> = BTreeMap::new();
        for series in registry.series() {
            let labels = &series.labels;
            let Gathered { stats, durations, queued } = gathered
                .entry((Arc::clone(&labels.pipeline), Arc::clone(&labels.target)))
                .or_insert_with(Gathered::new);
            let events = series.events();
            stats.calls.add(series.calls());
            stats.attempts.add(series.attempts());
            stats.abandoned += events[ABANDONED];
            stats.retries += events[RETRIED];
            stats.budget_exhaustions += events[BUDGET_EXHAUSTED];
            stats.refusals += events[REFUSED];
            stats.timeouts += events[TIMED_OUT];
            if let Some(state) = series.circuit() {
                let openings = stats.circuit.take().map_or(0, |circuit| circuit.openings) + events[OPENED];
                stats.circuit = Some(CircuitStats { state: CIRCUIT_STATES[state].to_owned(), openings });
            }
            series.add_durations(durations);
            series.add_queued(queued);
            let strategy = || labels.strategy.to_owned();
            stats.limits.extend(series.limit().map(|limit| (strategy(), limit)));
            stats.budget_balances.extend(series.balance().map(|balance| (strategy(), balance)));
        }
        let targets = gathered
            .into_iter()
            .map(|((pipeline, target), Gathered { stats, durations, queued })| TargetStats {
                pipeline: pipeline.as_ref().to_owned(),
                target: target.as_ref().to_owned(),
                duration: DurationStats::of(&durations),
                queue_duration: DurationStats::of(&queued),
                ..stats
            })
            .collect();
        Self { targets }
    }
}

/// What the strategies of one target add up to.
struct Gathered {
    stats: TargetStats,
    durations: Counts,
    queued: Counts,
}

impl Gathered {
    fn new() -> Self {
        Self { stats: TargetStats::default(), durations: Counts::new(), queued: Counts::new() }
    }
}

impl DurationStats {
    fn of(counts: &Counts) -> Option<Self> {
        (counts.count() > 0).then(|| Self {
            mean: counts.mean(),
            p50: counts.quantile(0.50),
            p95: counts.quantile(0.95),
            p99: counts.quantile(0.99),
            max: counts.max(),
        })
    }
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
