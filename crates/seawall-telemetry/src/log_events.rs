use std::time::Duration;

use seawall_core::{Event, Origin};
use tracing::Level;

use crate::names::{LOG_TARGET, attribute, event_name};

/// Writes an event to the log. What an outage multiplies (refusals, failed attempts, …) is `DEBUG`, or the log
/// would become the next outage; what a budget or a state machine bounds is `INFO` or `WARN`.
///
/// Successes are not written at all: that is what spans and metrics are for.
pub(crate) fn write(origin: Origin<'_>, event: &Event) {
    macro_rules! log {
        ($level:ident, $message:literal $(, $name:ident = $value:expr)*) => {
            tracing::event!(target: LOG_TARGET, Level::$level, {
                { attribute::EVENT_NAME } = event_name(event),
                { attribute::PIPELINE_NAME } = origin.pipeline,
                { attribute::STRATEGY_NAME } = origin.strategy,
                { attribute::STRATEGY_TARGET } = origin.target,
                $({ attribute::$name } = $value,)*
            }, $message)
        };
    }
    match *event {
        Event::Attempted { attempt, outcome, elapsed } => {
            if let Some(kind) = outcome.failure_kind() {
                log!(
                    DEBUG,
                    "attempt failed",
                    ATTEMPT_INDEX = attempt,
                    ERROR_TYPE = kind.as_str(),
                    DURATION = elapsed.as_secs_f64()
                );
            }
        }
        Event::Completed { outcome, elapsed } => {
            if let Some(kind) = outcome.failure_kind() {
                log!(DEBUG, "call failed", ERROR_TYPE = kind.as_str(), DURATION = elapsed.as_secs_f64());
            }
        }
        Event::Abandoned { elapsed } => log!(DEBUG, "call was dropped", DURATION = elapsed.as_secs_f64()),
        Event::Retried { attempt, kind, delay, balance } => {
            log!(
                INFO,
                "attempt will be repeated",
                ATTEMPT_INDEX = attempt,
                ERROR_TYPE = kind.as_str(),
                DELAY = delay.as_secs_f64(),
                BUDGET_BALANCE = balance
            );
        }
        Event::BudgetExhausted { balance } => log!(DEBUG, "retry budget is spent", BUDGET_BALANCE = balance),
        Event::Refused { reason, retry_after } => {
            log!(
                DEBUG,
                "call was refused",
                REASON = reason,
                DELAY = retry_after.map(|wait| wait.as_secs_f64())
            );
        }
        Event::TimedOut { after } => log!(DEBUG, "call timed out", DURATION = after.as_secs_f64()),
        Event::Opened { wait } => log!(WARN, "circuit opened", DELAY = Duration::as_secs_f64(&wait)),
        Event::HalfOpened => log!(INFO, "circuit lets probes through"),
        Event::Closed => log!(INFO, "circuit closed"),
        Event::Dequeued { waited } => {
            log!(DEBUG, "call waited its turn", QUEUE_DURATION = waited.as_secs_f64());
        }
        Event::LimitChanged { limit } => log!(DEBUG, "limit moved", LIMIT = limit),
        Event::Paused { wait } => log!(INFO, "backend asked for a pause", DELAY = wait.as_secs_f64()),
        Event::Hedged { attempt, delay } => {
            log!(DEBUG, "attempt was hedged", ATTEMPT_INDEX = attempt, DELAY = delay.as_secs_f64());
        }
        Event::FellBack { kind } => log!(DEBUG, "fallback answered", ERROR_TYPE = kind.as_str()),
        // One of these for nearly every call: metrics only.
        Event::Coalesced | Event::Hit { .. } | Event::Missed => {}
        Event::FaultInjected { fault } => log!(DEBUG, "fault was injected", FAULT = fault),
        Event::Ejected { reason, wait } => {
            log!(WARN, "endpoint was ejected", REASON = reason, DELAY = wait.as_secs_f64());
        }
        Event::Readmitted => log!(INFO, "endpoint is back"),
        Event::PanicEntered { healthy } => {
            log!(WARN, "too few endpoints are healthy, all are used", SHARE = healthy);
        }
        Event::PanicLeft => log!(INFO, "enough endpoints are healthy"),
        Event::WeightChanged { weight } => log!(INFO, "rollout weight changed", SHARE = weight),
        Event::RolledBack { reason } => log!(WARN, "rollout was rolled back", REASON = reason),
        Event::LeakSuspected { held, place } => {
            log!(
                WARN,
                "a connection has been in use for long",
                DURATION = held.as_secs_f64(),
                CODE_FILE = place.file(),
                CODE_LINE = place.line()
            );
        }
        Event::QueryRanSlow { elapsed, place } => {
            log!(
                WARN,
                "a query was slow",
                DURATION = elapsed.as_secs_f64(),
                CODE_FILE = place.file(),
                CODE_LINE = place.line()
            );
        }
        Event::Reconfigured => log!(INFO, "configuration changed"),
        Event::ReconfigurationRefused => log!(WARN, "configuration was refused, the old one stays"),
        Event::Forced { state } => log!(WARN, "circuit was forced", CIRCUIT_BREAKER_STATE = state),
        _ => log!(DEBUG, "something happened that this version has no name for"),
    }
}
