use std::cell::Cell;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use seawall_core::{Event, Origin, Outcome};

use crate::durations::{BoundDurations, DurationHistograms};
use crate::histogram::{Counts, Histogram};
use crate::names::{EVENTS, OUTCOMES, SUCCESS, circuit_state_index, event_index, outcome_index};

/// Threads write into shards of their own, or two cores would pass each cache line to and fro.
const SHARDS: usize = 4;
/// Where no state of a circuit has been told.
const UNTOLD: u8 = u8::MAX;

/// All numbers kept about one origin. Written without locks; read by adding up the shards.
pub(crate) struct Series {
    pub(crate) labels: Labels,
    shards: [OnceLock<Box<Shard>>; SHARDS],
    circuit: AtomicU8,
    /// What an operator forced upon the circuit; it hides what the circuit decides by itself.
    forced: AtomicU8,
    /// Limit and balance as last told, as bits; `NAN` where none was.
    limit: AtomicU64,
    balance: AtomicU64,
    calls: BoundDurations,
    attempts: BoundDurations,
    queues: BoundDurations,
}

/// An origin that is kept.
#[derive(Clone)]
pub(crate) struct Labels {
    pub(crate) pipeline: Arc<str>,
    pub(crate) strategy: &'static str,
    pub(crate) target: Arc<str>,
}

impl From<Origin<'_>> for Labels {
    fn from(origin: Origin<'_>) -> Self {
        Self { pipeline: origin.pipeline.into(), strategy: origin.strategy, target: origin.target.into() }
    }
}

#[derive(Default)]
struct Shard {
    events: [AtomicU64; EVENTS.len()],
    calls: [AtomicU64; OUTCOMES.len()],
    attempts: [AtomicU64; OUTCOMES.len()],
    durations: OnceLock<Histogram>,
    queued: OnceLock<Histogram>,
}

impl Series {
    /// Durations are exported through `histograms`, if anybody reads them.
    pub(crate) fn new(labels: Labels, histograms: Option<&DurationHistograms>) -> Self {
        let untold = || AtomicU64::new(f64::NAN.to_bits());
        Self {
            labels,
            shards: Default::default(),
            circuit: AtomicU8::new(UNTOLD),
            forced: AtomicU8::new(UNTOLD),
            limit: untold(),
            balance: untold(),
            calls: BoundDurations::new(histograms.map(|histograms| histograms.calls.clone())),
            attempts: BoundDurations::new(histograms.map(|histograms| histograms.attempts.clone())),
            queues: BoundDurations::new(histograms.map(|histograms| histograms.queues.clone())),
        }
    }

    pub(crate) fn record(&self, event: &Event) {
        let shard = self.shards[shard_of_this_thread()].get_or_init(Box::default);
        shard.events[event_index(event)].fetch_add(1, Relaxed);
        if let Some(state) = circuit_state_index(event) {
            self.switch_circuit(event, state as u8);
        }
        match *event {
            Event::Completed { outcome, elapsed } => self.completed(shard, outcome, elapsed),
            Event::Attempted { outcome, elapsed, .. } => {
                let outcome = outcome_index(outcome);
                shard.attempts[outcome].fetch_add(1, Relaxed);
                self.attempts.record(&self.labels, outcome, elapsed);
            }
            Event::Dequeued { waited } => {
                shard.queued.get_or_init(Histogram::new).record(waited);
                // Whose turn it is has no outcome yet: the handle that names no error.
                self.queues.record(&self.labels, SUCCESS, waited);
            }
            Event::LimitChanged { limit } => self.limit.store(limit.to_bits(), Relaxed),
            Event::Retried { balance: Some(balance), .. } | Event::BudgetExhausted { balance } => {
                self.balance.store(balance.to_bits(), Relaxed);
            }
            _ => {}
        }
    }

    fn switch_circuit(&self, event: &Event, state: u8) {
        match event {
            Event::Forced { state: "auto" } => {
                self.circuit.store(state, Relaxed);
                self.forced.store(UNTOLD, Relaxed);
            }
            Event::Forced { .. } => self.forced.store(state, Relaxed),
            _ => self.circuit.store(state, Relaxed),
        }
    }

    fn completed(&self, shard: &Shard, outcome: Outcome, elapsed: Duration) {
        let outcome = outcome_index(outcome);
        shard.calls[outcome].fetch_add(1, Relaxed);
        shard.durations.get_or_init(Histogram::new).record(elapsed);
        self.calls.record(&self.labels, outcome, elapsed);
    }

    pub(crate) fn events(&self) -> [u64; EVENTS.len()] {
        self.add_up(|shard| &shard.events)
    }

    pub(crate) fn calls(&self) -> [u64; OUTCOMES.len()] {
        self.add_up(|shard| &shard.calls)
    }

    pub(crate) fn attempts(&self) -> [u64; OUTCOMES.len()] {
        self.add_up(|shard| &shard.attempts)
    }

    pub(crate) fn add_durations(&self, counts: &mut Counts) {
        self.touched().filter_map(|shard| shard.durations.get()).for_each(|histogram| counts.add(histogram));
    }

    pub(crate) fn add_queued(&self, counts: &mut Counts) {
        self.touched().filter_map(|shard| shard.queued.get()).for_each(|histogram| counts.add(histogram));
    }

    /// The limit here, if one was ever told of.
    pub(crate) fn limit(&self) -> Option<f64> {
        told(&self.limit)
    }

    /// What the retry budget held when it was last told of, if ever.
    pub(crate) fn balance(&self) -> Option<f64> {
        told(&self.balance)
    }

    /// The state of the circuit here, as its place in `CIRCUIT_STATES`; none if none ever told of itself.
    pub(crate) fn circuit(&self) -> Option<usize> {
        let told =
            |state: &AtomicU8| Some(state.load(Relaxed)).filter(|state| *state != UNTOLD).map(usize::from);
        told(&self.forced).or_else(|| told(&self.circuit))
    }

    fn add_up<const N: usize>(&self, counters: impl Fn(&Shard) -> &[AtomicU64; N]) -> [u64; N] {
        let mut totals = [0; N];
        for shard in self.touched() {
            for (total, counter) in totals.iter_mut().zip(counters(shard)) {
                *total += counter.load(Relaxed);
            }
        }
        totals
    }

    fn touched(&self) -> impl Iterator<Item = &Shard> {
        self.shards.iter().filter_map(|shard| shard.get().map(|shard| &**shard))
    }
}

fn told(value: &AtomicU64) -> Option<f64> {
    Some(f64::from_bits(value.load(Relaxed))).filter(|value| !value.is_nan())
}

fn shard_of_this_thread() -> usize {
    const UNSET: usize = usize::MAX;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: Cell<usize> = const { Cell::new(UNSET) };
    }
    SHARD.with(|shard| {
        if shard.get() == UNSET {
            shard.set(NEXT.fetch_add(1, Relaxed) % SHARDS);
        }
        shard.get()
    })
}
