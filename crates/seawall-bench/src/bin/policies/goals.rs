//! What is compared with what, and how it should come out. The one place for both.

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) is: Is,
}

/// What is asked of a subject.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Is {
    /// To take at most so many times as long as another; `None` for information.
    Beside(&'static str, Option<f64>),
    /// To allocate at most so often a call.
    Allocating(f64),
}

/// What two threads on one instance may cost each of them, beside one alone.
pub(crate) const TWO_THREADS: f64 = 2.5;

/// How often somebody who waits for another's call may be polled.
pub(crate) const POLLS_A_WAIT: f64 = 3.0;

/// After how many failures in a row a count window of 100 calls opens at 50 %.
pub(crate) const FAILURES_TO_OPEN: f64 = 50.0;
/// By how many points the retries of an outage may miss the share of calls that a budget grants.
pub(crate) const POINTS_OFF: f64 = 1.0;

pub(crate) const BREAKER_CLOSED: &str = "breaker closed, count window";
pub(crate) const BREAKER_TIME: &str = "breaker closed, time window";
pub(crate) const BREAKER_FULL: &str = "breaker closed, full time window";
pub(crate) const BREAKER_OPEN: &str = "breaker open, refusing";
pub(crate) const RATE_LIMIT: &str = "rate limit, within it";
pub(crate) const CONCURRENCY_FIXED: &str = "concurrency limit, fixed";
pub(crate) const CONCURRENCY_ADAPTIVE: &str = "concurrency limit, adaptive";
pub(crate) const KEYED_UNIFORM: &str = "keyed registry, every key as often";
pub(crate) const KEYED_ZIPF: &str = "keyed registry, some keys more often";
pub(crate) const KEYED_MEMORY: &str = "keyed registry, memory of 1,000,000 keys";
pub(crate) const TIMEOUT: &str = "timeout";
pub(crate) const RETRY: &str = "retry, first try succeeds";
pub(crate) const STACK: &str = "five layers";
pub(crate) const CACHE: &str = "cache, hit";
pub(crate) const HEDGE: &str = "hedge, first attempt answers";
pub(crate) const LOAD_SHED: &str = "load shed, not needed";
pub(crate) const FALLBACK: &str = "fallback, not needed";
pub(crate) const CHAOS: &str = "chaos, switched off";
pub(crate) const COALESCE: &str = "coalesce, nobody joins";
pub(crate) const FLIGHT: &str = "single flight, polls of a waiter";

pub(crate) const FAILURES: &str = "failures in a row until a count window opens";
pub(crate) const AMPLIFICATION: &str = "retry budget in an outage, points off";

pub(crate) const GOALS: &[Goal] = &[
    goal(BREAKER_CLOSED, "seawall", "recloser", 1.0),
    goal(BREAKER_CLOSED, "seawall", "tower-resilience", 1.0 / 4.0),
    goal(BREAKER_CLOSED, "seawall", "seatbelt", 1.0 / 3.0),
    shown(BREAKER_CLOSED, "seawall", "failsafe"),
    shown(BREAKER_CLOSED, "seawall", "failsafe, consecutive"),
    shown(BREAKER_CLOSED, "seawall, both windows", "recloser"),
    shown(BREAKER_CLOSED, "seawall, both windows", "tower-resilience"),
    shown(BREAKER_CLOSED, "seawall, both windows", "seatbelt"),
    allocates(BREAKER_CLOSED, "seawall", 0.0),
    goal(BREAKER_TIME, "seawall", "tower-resilience", 1.0 / 4.0),
    goal(BREAKER_FULL, "seawall, 100,000 calls in it", "seawall, empty", 1.1),
    goal(BREAKER_OPEN, "seawall", "seawall, closed", 1.0 / 4.0),
    shown(BREAKER_OPEN, "seawall", "recloser"),
    shown(BREAKER_OPEN, "seawall", "tower-resilience"),
    shown(BREAKER_OPEN, "seawall", "seatbelt"),
    shown(BREAKER_OPEN, "seawall", "failsafe"),
    goal(RATE_LIMIT, "seawall", "governor", 1.3),
    shown(RATE_LIMIT, "seawall", "governor, Instant"),
    shown(RATE_LIMIT, "seawall", "tower-resilience"),
    shown(RATE_LIMIT, "seawall", "tower-resilience, bucket"),
    goal(CONCURRENCY_FIXED, "seawall", "tower", 1.0),
    shown(CONCURRENCY_FIXED, "seawall", "tower-resilience"),
    shown(CONCURRENCY_FIXED, "seawall", "tower-resilience, backpressure"),
    goal(CONCURRENCY_ADAPTIVE, "seawall", "tower-resilience, AIMD", 1.0 / 4.0),
    shown(CONCURRENCY_ADAPTIVE, "seawall", "tower-resilience, Vegas"),
    goal(TIMEOUT, "seawall", "tower", 1.1),
    shown(TIMEOUT, "seawall", "tower-resilience"),
    shown(TIMEOUT, "seawall", "seatbelt"),
    shown(TIMEOUT, "seawall, deadline", "tower"),
    goal(RETRY, "seawall", "tower, TpsBudget", 1.0 / 4.0),
    shown(RETRY, "seawall", "tower-resilience"),
    shown(RETRY, "seawall, no budget", "tower, no budget"),
    goal(STACK, "seawall", "tower-resilience", 1.0 / 6.0),
    allocates(STACK, "seawall", 0.0),
    shown(STACK, "seawall, erased", "tower-resilience"),
    allocates(STACK, "seawall, erased", 1.0),
    goal(STACK, "seawall, idle telemetry", "seawall", 1.1),
    allocates(STACK, "seawall, idle telemetry", 0.0),
    shown(STACK, "seawall, Prometheus", "seawall"),
    shown(STACK, "seawall, three layers", "tower, three layers"),
    shown(CACHE, "seawall", "tower-resilience"),
    shown(CACHE, "seawall", "moka"),
    shown(HEDGE, "seawall", "tower-resilience"),
    shown(HEDGE, "seawall, fixed delay", "tower-resilience"),
    shown(LOAD_SHED, "seawall", "tower"),
    shown(FALLBACK, "seawall", "tower-resilience"),
    shown(CHAOS, "seawall", "tower-resilience"),
    shown(COALESCE, "seawall", "tower-resilience"),
    goal(KEYED_UNIFORM, "seawall, 1,000,000 keys", "seawall, 1,000 keys", 2.0),
    shown(KEYED_UNIFORM, "seawall, 1,000,000 rate limiters", "governor, 1,000,000 keys"),
    shown(KEYED_UNIFORM, "seawall, 1,000,000 keys", "moka, 1,000,000 keys"),
    shown(KEYED_UNIFORM, "governor, 1,000,000 keys", "governor, 1,000 keys"),
    shown(KEYED_UNIFORM, "moka, 1,000,000 keys", "moka, 1,000 keys"),
    goal(KEYED_ZIPF, "seawall, 1,000,000 keys", "seawall, 1,000 keys", 2.0),
    shown(KEYED_ZIPF, "seawall, 1,000,000 rate limiters", "governor, 1,000,000 keys"),
    shown(KEYED_ZIPF, "seawall, 1,000,000 keys", "moka, 1,000,000 keys"),
    shown(KEYED_ZIPF, "governor, 1,000,000 keys", "governor, 1,000 keys"),
    shown(KEYED_ZIPF, "moka, 1,000,000 keys", "moka, 1,000 keys"),
];

const fn goal(what: &'static str, subject: &'static str, peer: &'static str, at_most: f64) -> Goal {
    Goal { what, subject, is: Is::Beside(peer, Some(at_most)) }
}

const fn shown(what: &'static str, subject: &'static str, peer: &'static str) -> Goal {
    Goal { what, subject, is: Is::Beside(peer, None) }
}

const fn allocates(what: &'static str, subject: &'static str, at_most: f64) -> Goal {
    Goal { what, subject, is: Is::Allocating(at_most) }
}
