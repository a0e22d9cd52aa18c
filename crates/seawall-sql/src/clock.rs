//! The calendar, read in one place.

use std::time::SystemTime;

/// What the calendar says: for what is shown to people, or compared between processes.
#[expect(clippy::disallowed_methods, reason = "this is the edge at which it is read")]
pub(crate) fn calendar() -> SystemTime {
    SystemTime::now()
}
