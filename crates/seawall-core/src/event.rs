use std::panic::Location;
use std::time::Duration;

use crate::{FailureKind, Measurement, Outcome};

/// Who tells an [`Event`]: a strategy, what it guards, and the pipeline it stands in.
///
/// Telemetry writes them as `resilience.strategy.name`, `resilience.strategy.target` and
/// `resilience.pipeline.name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The pipeline: one client or one named stack, such as `http`.
    pub pipeline: &'a str,
    /// The strategy, such as `circuit_breaker`.
    pub strategy: &'static str,
    /// What it guards, such as an authority. Must be bounded in number and hold no secret.
    pub target: &'a str,
}

/// Something that happened in a policy or a layer. Borrowed and `Copy`, so telling nobody costs nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// One attempt ended.
    Attempted {
        /// Which attempt, from 1.
        attempt: u32,
        /// How it ended.
        outcome: Outcome,
        /// How long it took.
        elapsed: Duration,
    },
    /// A whole call ended, all its attempts and waits included.
    Completed {
        /// How it ended.
        outcome: Outcome,
        /// How long it took.
        elapsed: Duration,
    },
    /// A caller dropped the call before it ended.
    Abandoned {
        /// How long it had been under way.
        elapsed: Duration,
    },
    /// An attempt failed and another will be made.
    Retried {
        /// The attempt that failed, from 1.
        attempt: u32,
        /// How it failed.
        kind: FailureKind,
        /// How long the retry waits first.
        delay: Duration,
        /// What the budget holds after paying for the retry; `None` where no budget pays.
        balance: Option<f64>,
    },
    /// A retry was possible and was not made because the retry budget is spent.
    BudgetExhausted {
        /// What the budget holds, in retries.
        balance: f64,
    },
    /// The layer said no itself.
    Refused {
        /// Why, in a few words.
        reason: &'static str,
        /// When it is worth asking again.
        retry_after: Option<Duration>,
    },
    /// A time limit cut a call short.
    TimedOut {
        /// After how long.
        after: Duration,
    },
    /// A circuit opened: calls are refused.
    Opened {
        /// For how long at least.
        wait: Duration,
    },
    /// A circuit lets probes through.
    HalfOpened,
    /// A circuit closed: calls flow.
    Closed,
    /// A call that had to wait its turn was let in.
    Dequeued {
        /// How long it waited.
        waited: Duration,
    },
    /// A limit moved: it follows what the backend can bear, or what an operator set.
    LimitChanged {
        /// The new limit: calls at a time, or calls a second.
        limit: f64,
    },
    /// The backend asked to be left alone: the layer lets nothing through for a while.
    Paused {
        /// For how long.
        wait: Duration,
    },
    /// A further attempt was sent beside those that have not answered yet.
    Hedged {
        /// Which attempt it is, from 2.
        attempt: u32,
        /// How long the ones before it have been under way.
        delay: Duration,
    },
    /// A fallback answered in place of a failure.
    FellBack {
        /// What the failure was.
        kind: FailureKind,
    },
    /// A call joined one under way that asks for the same.
    Coalesced,
    /// A cache answered.
    Hit {
        /// Whether the answer was past its time.
        stale: bool,
    },
    /// A cache had no answer.
    Missed,
    /// A fault was injected on purpose.
    FaultInjected {
        /// Which fault, by name.
        fault: &'static str,
    },
    /// An endpoint was taken out of the balance.
    Ejected {
        /// Why, in a few words.
        reason: &'static str,
        /// For how long.
        wait: Duration,
    },
    /// An endpoint was taken back into the balance.
    Readmitted,
    /// So few endpoints are healthy that all of them are used again, the ejected ones too.
    PanicEntered {
        /// The share of endpoints that are healthy.
        healthy: f64,
    },
    /// Enough endpoints are healthy again.
    PanicLeft,
    /// The share of calls that a rollout sends to the new stack was changed.
    WeightChanged {
        /// The share, from 0 to 1.
        weight: f64,
    },
    /// A rollout sends everything to the old stack again, because the new one broke its threshold.
    RolledBack {
        /// Why, in a few words.
        reason: &'static str,
    },
    /// A pooled resource has been in use for longer than anybody should need it: it may have been forgotten.
    LeakSuspected {
        /// For how long.
        held: Duration,
        /// Where it was asked for.
        place: &'static Location<'static>,
    },
    /// A query took longer than it should.
    QueryRanSlow {
        /// How long.
        elapsed: Duration,
        /// Where it was asked for.
        place: &'static Location<'static>,
    },
    /// Another configuration is in force.
    Reconfigured,
    /// A new configuration was refused; the old one stays.
    ReconfigurationRefused,
    /// An operator forced a state upon a circuit (`"forced_open"`, `"forced_closed"`, …) or took it back (`"auto"`).
    Forced {
        /// The state, by its telemetry name.
        state: &'static str,
    },
}

/// Is told what policies and layers do. Telemetry implements it; `()` listens to nothing.
///
/// Called on the path of the call: it must not block, and should not allocate.
///
/// ```
/// use seawall_core::{Event, Observer, Origin};
///
/// struct Print;
/// impl Observer for Print {
///     fn observe(&self, origin: Origin<'_>, event: &Event) {
///         println!("{}: {event:?}", origin.strategy);
///     }
/// }
/// ```
pub trait Observer: Send + Sync {
    /// Takes note of an event.
    fn observe(&self, origin: Origin<'_>, event: &Event);

    /// Takes note of how long an operation took. Does nothing by default.
    fn measure(&self, _measurement: &Measurement<'_>) {}

    /// Whether it takes note of measurements at all. Asked by clients when they are made, so that they need not read the
    /// clock for nobody. True by default.
    fn wants_measurements(&self) -> bool {
        true
    }

    /// Whether a span that is made now would be recorded: it is not where the trace that it would belong to was sampled
    /// out. Asked by clients before they make one, because a span that nobody sees costs as much as any. True by default:
    /// the subscriber of `tracing` decides.
    fn wants_span(&self) -> bool {
        true
    }

    /// Hands over, by name and value, what tells the next service which trace the current span belongs to: the headers
    /// of a request. There are none by default.
    fn trace_headers(&self, _set: &mut dyn FnMut(&str, &str)) {}
}

impl Observer for () {
    fn observe(&self, _: Origin<'_>, _: &Event) {}

    fn wants_measurements(&self) -> bool {
        false
    }
}

impl<O: Observer + ?Sized> Observer for std::sync::Arc<O> {
    fn observe(&self, origin: Origin<'_>, event: &Event) {
        (**self).observe(origin, event);
    }

    fn measure(&self, measurement: &Measurement<'_>) {
        (**self).measure(measurement);
    }

    fn wants_measurements(&self) -> bool {
        (**self).wants_measurements()
    }

    fn wants_span(&self) -> bool {
        (**self).wants_span()
    }

    fn trace_headers(&self, set: &mut dyn FnMut(&str, &str)) {
        (**self).trace_headers(set);
    }
}

impl<O: Observer> Observer for Option<O> {
    fn observe(&self, origin: Origin<'_>, event: &Event) {
        if let Some(observer) = self {
            observer.observe(origin, event);
        }
    }

    fn measure(&self, measurement: &Measurement<'_>) {
        if let Some(observer) = self {
            observer.measure(measurement);
        }
    }

    fn wants_measurements(&self) -> bool {
        self.as_ref().is_some_and(Observer::wants_measurements)
    }

    fn wants_span(&self) -> bool {
        self.as_ref().is_none_or(Observer::wants_span)
    }

    fn trace_headers(&self, set: &mut dyn FnMut(&str, &str)) {
        if let Some(observer) = self {
            observer.trace_headers(set);
        }
    }
}
