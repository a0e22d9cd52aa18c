use std::time::Duration;

/// A share as a percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// So many times as many.
pub(super) fn times(factor: f64) -> String {
    format!("{factor:.3}")
}

/// A time to recovery, in seconds.
pub(super) fn recovery(time: Option<Duration>) -> String {
    time.map_or_else(|| "never".to_owned(), |time| format!("{} s", time.as_secs_f64().round()))
}

/// A time that answers took, in milliseconds.
pub(super) fn latency(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{:.0} ms", time.as_secs_f64() * 1000.0))
}
