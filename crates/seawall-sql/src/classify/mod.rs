mod codes;

use std::time::Duration;

use seawall_core::{ByKind, Classify, Error, Failure, FailureKind, Outcome};

use crate::Reply;
use codes::{LOST, POSTGRES, SQLITE, STALE, WRONG, verdict};

/// What an answer of the database means to everybody who has to act on it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own, in one table")]
pub(crate) struct Verdict {
    pub(crate) kind: FailureKind,
    pub(crate) may_have_executed: bool,
    /// Whether the session can be used again.
    pub(crate) session_survives: bool,
    /// Whether the server is not what it was when the session began, so that the other sessions are of no use either.
    pub(crate) server_changed: bool,
    /// Whether it is the fault of the values, so that other rows may do better.
    pub(crate) about_data: bool,
    /// What to do, where the database's own words do not say.
    advice: &'static str,
}

/// Says what an error of the driver means.
pub(crate) fn judge(error: &sqlx::Error) -> Verdict {
    match error {
        sqlx::Error::Database(error) => {
            #[cfg(feature = "mysql")]
            if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
                return mysql(error.number(), error.code().unwrap_or_default(), error.message());
            }
            let code = error.code().unwrap_or_default();
            // Postgres' codes have five characters, SQLite's are numbers of at most four digits.
            if code.len() == 5 {
                // Postgres plans anew in a new session.
                if code == "0A000" && error.message().contains("cached plan") {
                    return STALE;
                }
                let entry = |code: &str| {
                    POSTGRES.iter().find(|(known, _)| *known == code).map(|(_, verdict)| *verdict)
                };
                return entry(&code).or_else(|| entry(&code[..2])).unwrap_or(WRONG);
            }
            let primary = code.parse::<i32>().map_or(1, |code| code & 0xff);
            SQLITE.iter().find(|(known, _)| *known == primary).map_or(WRONG, |(_, verdict)| *verdict)
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            LOST
        }
        // The statement was run; its rows cannot be read, and what is left of them is not worth waiting for.
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => {
            verdict(FailureKind::Permanent, true, false)
        }
        sqlx::Error::Encode(_) => WRONG,
        _ => verdict(FailureKind::Permanent, true, false),
    }
}

/// What the server of MySQL's kind means by a number.
#[cfg(feature = "mysql")]
fn mysql(number: u16, state: &str, message: &str) -> Verdict {
    // Other options keep the server from doing other things.
    if number == 1290 && !message.contains("read") {
        return WRONG;
    }
    let known = codes::MYSQL.iter().find(|(known, _)| *known == number).map(|(_, verdict)| *verdict);
    let class = || codes::MYSQL_CLASSES.iter().find(|(class, _)| state.starts_with(class));
    known.or_else(|| class().map(|(_, verdict)| *verdict)).unwrap_or(WRONG)
}

/// Whether MySQL undid the whole transaction, or may have, so that what follows would be committed piece by piece.
#[cfg(feature = "mysql")]
pub(crate) fn mysql_undid_all(error: &sqlx::Error) -> bool {
    let number = crate::driver::mysql::number(error);
    number.is_some_and(|number| matches!(number, 1020 | 1180 | 1205 | 1206 | 1213 | 1412 | 1613 | 1614))
}

#[cfg(not(feature = "mysql"))]
pub(crate) fn mysql_undid_all(_: &sqlx::Error) -> bool {
    false
}

/// The driver's error as Seawall's.
pub(crate) fn error(name: &str, cause: sqlx::Error) -> Error {
    let judged = judge(&cause);
    let error = Error::new(judged.kind, "sql", name.to_owned());
    let error = if judged.may_have_executed { error } else { error.not_executed() };
    let error = if judged.advice.is_empty() { error } else { error.with_message(judged.advice) };
    error.with_source(cause)
}

/// The driver's error when a connection could not be opened: nothing was executed.
pub(crate) fn connect_error(name: &str, cause: sqlx::Error) -> Error {
    if let Some(advice) = encryption(&cause) {
        let error = Error::new(FailureKind::Permanent, "sql", name.to_owned()).not_executed();
        return error.with_message(advice).with_source(cause);
    }
    let is_missing = matches!(&cause, sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::NotFound);
    let error = error(name, cause).not_executed();
    if is_missing {
        // The socket of a server that is being restarted comes back.
        return error
            .with_message("a file that the URL names is not there: a certificate, or the server's socket");
    }
    error
}

/// What to do about a connection that could not be encrypted as the URL demands. That does not pass by itself, though the
/// driver tells it as it tells a connection that broke.
fn encryption(cause: &sqlx::Error) -> Option<&'static str> {
    match cause {
        sqlx::Error::Tls(cause) if cause.to_string().contains("does not support TLS") => {
            Some("the server does not encrypt, and the URL demands it: see its `sslmode`")
        }
        sqlx::Error::Tls(_) => Some("check the certificates that the URL names"),
        sqlx::Error::Io(error) if error.to_string().starts_with("invalid peer certificate") => Some(
            "the server's certificate is not trusted: check the root certificate and the host that the URL names",
        ),
        _ => None,
    }
}

/// Whether a call failed because of its values, so that others may do better.
pub(crate) fn is_about_data(error: &Error) -> bool {
    driver_error(error).is_some_and(|error| judge(error).about_data)
}

/// Whether the database itself refused a call for good, and did nothing of it.
pub(crate) fn is_refusal(error: &Error) -> bool {
    error.kind() == FailureKind::Permanent
        && !error.may_have_executed()
        && matches!(driver_error(error), Some(sqlx::Error::Database(_)))
}

fn driver_error(error: &Error) -> Option<&sqlx::Error> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        cause = error.source();
    }
    None
}

/// What the database said, without the driver's wrapping.
pub(crate) fn words(cause: &sqlx::Error) -> String {
    match cause {
        sqlx::Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    }
}

/// Whether a statement failed because a unique key has the value already.
pub fn is_unique_violation(error: &Error) -> bool {
    match driver_error(error) {
        Some(sqlx::Error::Database(error)) => error.is_unique_violation(),
        _ => false,
    }
}

/// The classifier of SQL calls: every layer reads their results through it.
///
/// An [`Error`] knows its kind, which comes from one table of database codes. One thing is added: a call that only
/// found no free connection is no fault of the database's, so it counts as [`FailureKind::Refused`] here (neither
/// held against the database by a circuit breaker nor retried into the same full pool), though the error itself
/// says [`FailureKind::Overloaded`].
///
/// A statement is repeated after it may have been executed only if it is repeatable:
/// a text that only reads, or one its caller called idempotent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SqlClassifier;

impl Classify<Reply, Error> for SqlClassifier {
    fn classify(&self, result: Result<&Reply, &Error>) -> Outcome {
        match result {
            Err(error) if error.layer() == crate::pool::LAYER => {
                let failure = Failure { kind: FailureKind::Refused, may_have_executed: false };
                Outcome::Failure(failure)
            }
            result => ByKind.classify(result),
        }
    }

    fn note_attempts(&self, error: &mut Error, attempts: u32, elapsed: Duration) {
        Classify::<Reply, Error>::note_attempts(&ByKind, error, attempts, elapsed);
    }

    fn note_may_have_executed(&self, error: &mut Error) {
        Classify::<Reply, Error>::note_may_have_executed(&ByKind, error);
    }
}

#[cfg(all(test, feature = "mysql"))]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_mysql_mean_what_they_mean_everywhere() {
        let kind = |number, state| {
            let judged = mysql(number, state, "running with the --read-only option");
            (judged.kind, judged.may_have_executed, judged.session_survives, judged.about_data)
        };
        let overloaded = FailureKind::Overloaded { retry_after: None };
        for (number, state, meaning) in [
            (1213, "40001", (FailureKind::Transient, false, true, false)),
            (1205, "HY000", (FailureKind::Transient, false, true, false)),
            (1040, "08004", (overloaded, false, false, false)),
            (1203, "42000", (overloaded, false, false, false)),
            (1226, "42000", (overloaded, false, false, false)),
            (1053, "08S01", (FailureKind::Transient, true, false, false)),
            (1927, "70100", (FailureKind::Transient, true, false, false)),
            (3024, "HY000", (FailureKind::Timeout, true, true, false)),
            (1969, "70100", (FailureKind::Timeout, true, true, false)),
            (1180, "HY000", (FailureKind::Permanent, true, false, false)),
            (1290, "HY000", (FailureKind::Transient, false, false, false)),
            (1792, "25006", (FailureKind::Transient, false, false, false)),
            (1836, "HY000", (FailureKind::Transient, false, false, false)),
            (1615, "HY000", (FailureKind::Transient, false, false, false)),
            (1062, "23000", (FailureKind::Permanent, false, true, true)),
            (1264, "22003", (FailureKind::Permanent, false, true, true)),
            (1064, "42000", (FailureKind::Permanent, false, true, false)),
            (1146, "42S02", (FailureKind::Permanent, false, true, false)),
            (1045, "28000", (FailureKind::Permanent, false, false, false)),
        ] {
            assert_eq!(kind(number, state), meaning, "{number}");
        }
        let other = mysql(1290, "HY000", "running with the --secure-file-priv option");
        assert_eq!((other.kind, other.session_survives), (FailureKind::Permanent, true));
    }

    #[test]
    fn no_number_is_in_the_table_twice() {
        assert!(codes::MYSQL.is_sorted_by(|(before, _), (after, _)| before < after));
    }
}
