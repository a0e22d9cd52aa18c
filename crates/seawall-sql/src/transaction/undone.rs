use seawall_core::{Error, FailureKind};

use crate::classify;

/// Whether a transaction in which a statement failed so came to nothing through no fault of its own: all of it may be
/// made again. Somebody else was in the way, or the connection broke before the `COMMIT` was sent.
pub(super) fn undoes_transaction(error: &Error) -> bool {
    let Some(cause) = driver_error(error) else { return false };
    if let sqlx::Error::Database(error) = cause {
        let code = error.code().unwrap_or_default();
        if classify::mysql_undid_all(cause) {
            return true;
        }
        // A serialization failure and a deadlock.
        if code == "40001" || code == "40P01" {
            return true;
        }
        // SQLite's BUSY and LOCKED, whatever extends them.
        if code.len() < 5 && matches!(code.parse::<i32>().map(|code| code & 0xff), Ok(5 | 6)) {
            return true;
        }
    }
    let judged = classify::judge(cause);
    judged.kind == FailureKind::Transient && !judged.session_survives
}

/// What the driver said.
fn driver_error(error: &Error) -> Option<&sqlx::Error> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(driver) = error.downcast_ref() {
            return Some(driver);
        }
        cause = error.source();
    }
    None
}
