//! What is measured together.

use seawall_bench::Comparison;

use crate::backend::Backend;
use crate::goals::{
    AMPLIFICATION, BREAKER_CLOSED, BREAKER_FULL, BREAKER_OPEN, BREAKER_TIME, CACHE, CHAOS, COALESCE,
    CONCURRENCY_ADAPTIVE, CONCURRENCY_FIXED, FAILURES, FALLBACK, FLIGHT, HEDGE, KEYED_MEMORY, KEYED_UNIFORM,
    KEYED_ZIPF, LOAD_SHED, RATE_LIMIT, RETRY, STACK, TIMEOUT,
};
use crate::subject::Subject;
use crate::{breaker, cache, concurrency, defects, flight, keyed, others, rate_limit, retry, stack, timeout};

/// Subjects that do the same, and so are measured in turn.
pub(crate) struct Group {
    pub(crate) what: &'static str,
    /// How many calls a sample has.
    pub(crate) calls: u64,
    /// Whether the backend is called at all, so that it matters how it answers.
    pub(crate) answers: bool,
    pub(crate) subjects: fn(Backend) -> Vec<Subject>,
}

/// Less than a millisecond for most: short samples are disturbed less often.
const CALLS: u64 = 5_000;
/// How many calls are in the windows of those whose cost grows with them.
const FEW_CALLS: u64 = 1_000;

pub(crate) const GROUPS: &[Group] = &[
    group(BREAKER_CLOSED, CALLS, breaker::closed),
    group(BREAKER_TIME, FEW_CALLS, breaker::time_window),
    group(BREAKER_FULL, FEW_CALLS, breaker::full_time_window),
    Group { answers: false, ..group(BREAKER_OPEN, CALLS, breaker::open) },
    group(RATE_LIMIT, CALLS, rate_limit::subjects),
    group(CONCURRENCY_FIXED, CALLS, concurrency::fixed),
    group(CONCURRENCY_ADAPTIVE, CALLS, concurrency::adaptive),
    group(TIMEOUT, CALLS, timeout::subjects),
    group(RETRY, CALLS, retry::subjects),
    group(STACK, CALLS, stack::subjects),
    // Whether the backend pends matters to nobody whose answer is there.
    Group { answers: false, ..group(CACHE, CALLS, cache::hit) },
    group(HEDGE, CALLS, others::hedge),
    group(LOAD_SHED, CALLS, others::load_shed),
    group(FALLBACK, CALLS, others::fallback),
    group(CHAOS, CALLS, others::chaos),
    // Ours makes a task for each.
    group(COALESCE, FEW_CALLS, others::coalesce),
    Group { answers: false, ..group(KEYED_UNIFORM, CALLS, keyed::uniform) },
    Group { answers: false, ..group(KEYED_ZIPF, CALLS, keyed::zipf) },
];

/// What is not a time.
pub(crate) struct Figure {
    pub(crate) what: &'static str,
    pub(crate) measure: fn() -> Vec<Comparison>,
}

pub(crate) const FIGURES: &[Figure] = &[
    Figure { what: FLIGHT, measure: flight::polls },
    Figure { what: KEYED_MEMORY, measure: keyed::memory },
    Figure { what: FAILURES, measure: defects::failures_to_open },
    Figure { what: AMPLIFICATION, measure: defects::amplification },
];

const fn group(what: &'static str, calls: u64, subjects: fn(Backend) -> Vec<Subject>) -> Group {
    Group { what, calls, answers: true, subjects }
}
