//! The one table of names: metrics, attributes and events, as every exporter and log line spells them.
//!
//! `OpenTelemetry` has no convention for resilience. The attribute names are those that other resilience libraries
//! use already (`resilience.pipeline.name`, `resilience.strategy.name`, `resilience.event.name`); `error.type` is
//! the stable convention. Durations are in seconds.

use seawall_core::{Event, FailureKind, Outcome};

/// The instrumentation scope of all metrics and spans made here.
pub const SCOPE: &str = "seawall";

/// The target of the log events, for filters: `seawall::resilience=debug`.
pub const LOG_TARGET: &str = "seawall::resilience";

/// What a label's value becomes once the label has as many values as it may have.
pub const OTHER: &str = "_OTHER";

/// Names of metrics. The Prometheus exporter replaces dots and adds `_seconds` and `_total`.
pub mod metric {
    /// Counter of events, by pipeline, strategy, target and event name.
    pub const EVENT: &str = "resilience.event";
    /// Histogram of whole calls in seconds, by pipeline, strategy, target and `error.type`.
    pub const PIPELINE_DURATION: &str = "resilience.pipeline.duration";
    /// Histogram of single attempts in seconds, by pipeline, strategy, target and `error.type`.
    pub const ATTEMPT_DURATION: &str = "resilience.attempt.duration";
    /// Histogram of the time that calls waited their turn, in seconds, by pipeline, strategy and target.
    pub const QUEUE_DURATION: &str = "resilience.queue.duration";
    /// Gauge of a limit, by pipeline, strategy and target: calls at a time, or calls a second.
    pub const LIMIT: &str = "resilience.limit";
    /// Gauge of what a retry budget held when it was last asked, in retries, by pipeline, strategy and target.
    pub const BUDGET_BALANCE: &str = "resilience.retry_budget.balance";
    /// Histogram of single attempts of HTTP requests in seconds, as the stable convention for HTTP clients has it. Its
    /// attributes are in the client's own table, `seawall-http/src/telemetry/names.rs`: this crate does not know that
    /// one.
    pub const HTTP_CLIENT_REQUEST_DURATION: &str = "http.client.request.duration";
    /// Histogram of calls to a database in seconds, as the stable convention for database clients has it. Its attributes are
    /// in the clients' own tables, `telemetry/names.rs` of each.
    pub const DB_CLIENT_OPERATION_DURATION: &str = "db.client.operation.duration";
    /// Gauge that is 1 for the state a circuit is in and 0 for the others.
    pub const CIRCUIT_BREAKER_STATE: &str = "resilience.circuit_breaker.state";
}

/// Names of attributes, on metrics and on log events alike.
pub mod attribute {
    /// The pipeline: one client or one named stack.
    pub const PIPELINE_NAME: &str = "resilience.pipeline.name";
    /// The strategy, such as `retry`.
    pub const STRATEGY_NAME: &str = "resilience.strategy.name";
    /// What the strategy guards, such as an authority.
    pub const STRATEGY_TARGET: &str = "resilience.strategy.target";
    /// What happened: one of [`EVENTS`](super::EVENTS).
    pub const EVENT_NAME: &str = "resilience.event.name";
    /// Which attempt, from 1. On log events only: it is not bounded.
    pub const ATTEMPT_INDEX: &str = "resilience.attempt.index";
    /// How a call failed: a [`FailureKind`](seawall_core::FailureKind) by name. Absent on success.
    pub const ERROR_TYPE: &str = "error.type";
    /// The state of a circuit: one of [`CIRCUIT_STATES`](super::CIRCUIT_STATES).
    pub const CIRCUIT_BREAKER_STATE: &str = "resilience.circuit_breaker.state";
    /// How long something took, in seconds.
    pub const DURATION: &str = "resilience.event.duration";
    /// How long to wait before the next step, in seconds.
    pub const DELAY: &str = "resilience.event.delay";
    /// What a retry budget holds, in retries.
    pub const BUDGET_BALANCE: &str = "resilience.retry_budget.balance";
    /// How many calls at a time, or a second, a limit allows.
    pub const LIMIT: &str = "resilience.limit";
    /// How long a call waited its turn, in seconds.
    pub const QUEUE_DURATION: &str = "resilience.queue.duration";
    /// Which fault was injected.
    pub const FAULT: &str = "resilience.chaos.fault";
    /// A share, from 0 to 1: of healthy endpoints, or of calls sent to a new stack.
    pub const SHARE: &str = "resilience.share";
    /// Why a layer said no or took a step, in a few words.
    pub const REASON: &str = "resilience.refusal.reason";
    /// The file and line of the code that something is about; `OpenTelemetry` has one for each.
    pub const CODE_FILE: &str = "code.file.path";
    /// See [`CODE_FILE`].
    pub const CODE_LINE: &str = "code.line.number";
    /// Marks the series that further ones are counted in once there are as many as there may be; the SDK's own name.
    pub const OVERFLOW: &str = "otel.metric.overflow";
    /// Which rule of stability a configuration breaks, on the warning that the facade writes.
    pub const STABILITY_RULE: &str = "resilience.stability.rule";
}

/// Names of [`Event`]s; the last stands for events this version does not know.
pub const EVENTS: [&str; 31] = [
    "attempted",
    "completed",
    "abandoned",
    "retried",
    "budget_exhausted",
    "refused",
    "timed_out",
    "opened",
    "half_opened",
    "closed",
    "forced",
    "dequeued",
    "limit_changed",
    "paused",
    "hedged",
    "fell_back",
    "coalesced",
    "hit",
    "missed",
    "fault_injected",
    "ejected",
    "readmitted",
    "panic_entered",
    "panic_left",
    "weight_changed",
    "rolled_back",
    "reconfigured",
    "reconfiguration_refused",
    "leak_suspected",
    "query_ran_slow",
    OTHER,
];

// The places in `EVENTS` that the statistics read.
pub(crate) const ABANDONED: usize = 2;
pub(crate) const RETRIED: usize = 3;
pub(crate) const BUDGET_EXHAUSTED: usize = 4;
pub(crate) const REFUSED: usize = 5;
pub(crate) const TIMED_OUT: usize = 6;
pub(crate) const OPENED: usize = 7;

/// The name of an event.
///
/// ```
/// use seawall_core::Event;
/// use seawall_telemetry::names::event_name;
///
/// assert_eq!(event_name(&Event::HalfOpened), "half_opened");
/// ```
pub fn event_name(event: &Event) -> &'static str {
    EVENTS[event_index(event)]
}

pub(crate) fn event_index(event: &Event) -> usize {
    match event {
        Event::Attempted { .. } => 0,
        Event::Completed { .. } => 1,
        Event::Abandoned { .. } => ABANDONED,
        Event::Retried { .. } => RETRIED,
        Event::BudgetExhausted { .. } => BUDGET_EXHAUSTED,
        Event::Refused { .. } => REFUSED,
        Event::TimedOut { .. } => TIMED_OUT,
        Event::Opened { .. } => OPENED,
        Event::HalfOpened => 8,
        Event::Closed => 9,
        Event::Forced { .. } => 10,
        Event::Dequeued { .. } => 11,
        Event::LimitChanged { .. } => 12,
        Event::Paused { .. } => 13,
        Event::Hedged { .. } => 14,
        Event::FellBack { .. } => 15,
        Event::Coalesced => 16,
        Event::Hit { .. } => 17,
        Event::Missed => 18,
        Event::FaultInjected { .. } => 19,
        Event::Ejected { .. } => 20,
        Event::Readmitted => 21,
        Event::PanicEntered { .. } => 22,
        Event::PanicLeft => 23,
        Event::WeightChanged { .. } => 24,
        Event::RolledBack { .. } => 25,
        Event::Reconfigured => 26,
        Event::ReconfigurationRefused => 27,
        Event::LeakSuspected { .. } => 28,
        Event::QueryRanSlow { .. } => 29,
        _ => EVENTS.len() - 1,
    }
}

/// Names of outcomes: success, the kinds of failure, and kinds this version does not know.
pub const OUTCOMES: [&str; 8] =
    ["success", "transient", "timeout", "overloaded", "permanent", "cancelled", "refused", OTHER];

/// The place of a success in [`OUTCOMES`].
pub(crate) const SUCCESS: usize = 0;

pub(crate) fn outcome_index(outcome: Outcome) -> usize {
    match outcome.failure_kind() {
        None => SUCCESS,
        Some(FailureKind::Transient) => 1,
        Some(FailureKind::Timeout) => 2,
        Some(FailureKind::Overloaded { .. }) => 3,
        Some(FailureKind::Permanent) => 4,
        Some(FailureKind::Cancelled) => 5,
        Some(FailureKind::Refused) => 6,
        Some(_) => OUTCOMES.len() - 1,
    }
}

/// Names of a circuit's states; the last stands for states this version does not know.
pub const CIRCUIT_STATES: [&str; 8] =
    ["closed", "open", "half_open", "forced_open", "forced_closed", "disabled", "metrics_only", OTHER];

/// The state an event puts a circuit into, as its place in [`CIRCUIT_STATES`]; none for other events.
pub(crate) fn circuit_state_index(event: &Event) -> Option<usize> {
    let name = match event {
        Event::Opened { .. } => "open",
        Event::HalfOpened => "half_open",
        // A circuit that is given back to itself starts anew, letting calls flow.
        Event::Closed | Event::Forced { state: "auto" } => "closed",
        Event::Forced { state } => state,
        _ => return None,
    };
    Some(CIRCUIT_STATES.iter().position(|state| *state == name).unwrap_or(CIRCUIT_STATES.len() - 1))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    /// `Event` is open for growth, so the compiler cannot check this list: whoever adds a variant adds it here.
    fn one_of_each() -> Vec<Event> {
        let (outcome, elapsed) = (Outcome::Success, Duration::ZERO);
        vec![
            Event::Attempted { attempt: 1, outcome, elapsed },
            Event::Completed { outcome, elapsed },
            Event::Abandoned { elapsed },
            Event::Retried { attempt: 1, kind: FailureKind::Transient, delay: elapsed, balance: None },
            Event::BudgetExhausted { balance: 0.0 },
            Event::Refused { reason: "circuit is open", retry_after: None },
            Event::TimedOut { after: elapsed },
            Event::Opened { wait: elapsed },
            Event::HalfOpened,
            Event::Closed,
            Event::Forced { state: "forced_open" },
            Event::Dequeued { waited: elapsed },
            Event::LimitChanged { limit: 1.0 },
            Event::Paused { wait: elapsed },
            Event::Hedged { attempt: 2, delay: elapsed },
            Event::FellBack { kind: FailureKind::Transient },
            Event::Coalesced,
            Event::Hit { stale: false },
            Event::Missed,
            Event::FaultInjected { fault: "error" },
            Event::Ejected { reason: "consecutive failures", wait: elapsed },
            Event::Readmitted,
            Event::PanicEntered { healthy: 0.3 },
            Event::PanicLeft,
            Event::WeightChanged { weight: 0.1 },
            Event::RolledBack { reason: "error rate" },
            Event::Reconfigured,
            Event::ReconfigurationRefused,
            Event::LeakSuspected { held: elapsed, place: std::panic::Location::caller() },
            Event::QueryRanSlow { elapsed, place: std::panic::Location::caller() },
        ]
    }

    #[test]
    fn every_event_has_a_name_of_its_own() {
        let names: HashSet<_> = one_of_each().iter().map(event_name).collect();
        assert_eq!(names.len(), EVENTS.len() - 1);
        assert!(!names.contains(OTHER));
    }

    #[test]
    fn an_event_is_named_after_its_variant() {
        for event in one_of_each() {
            let debug = format!("{event:?}");
            let variant: String = debug.chars().take_while(char::is_ascii_alphanumeric).collect();
            assert_eq!(event_name(&event).replace('_', ""), variant.to_lowercase());
        }
    }

    #[test]
    fn outcomes_are_named_as_the_core_names_them() {
        assert_eq!(OUTCOMES[outcome_index(Outcome::Success)], "success");
        for kind in [
            FailureKind::Transient,
            FailureKind::Timeout,
            FailureKind::Overloaded { retry_after: None },
            FailureKind::Permanent,
            FailureKind::Cancelled,
            FailureKind::Refused,
        ] {
            assert_eq!(OUTCOMES[outcome_index(Outcome::failure(kind))], kind.as_str());
        }
    }

    #[test]
    fn circuit_events_name_the_state_they_lead_to() {
        let state = |event| circuit_state_index(&event).map(|index| CIRCUIT_STATES[index]);
        assert_eq!(state(Event::Opened { wait: Duration::ZERO }), Some("open"));
        assert_eq!(state(Event::HalfOpened), Some("half_open"));
        assert_eq!(state(Event::Closed), Some("closed"));
        assert_eq!(state(Event::Forced { state: "auto" }), Some("closed"));
        assert_eq!(state(Event::Forced { state: "disabled" }), Some("disabled"));
        assert_eq!(state(Event::Forced { state: "unheard of" }), Some(OTHER));
        assert_eq!(state(Event::TimedOut { after: Duration::ZERO }), None);
    }
}
