use std::time::Duration;

use seawall_core::{ByKind, Classify, Error, Failure, FailureKind, Outcome};

use crate::Reply;

/// What an answer of the database means to everybody who has to act on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) kind: FailureKind,
    pub(crate) may_have_executed: bool,
    /// Whether the session can be used again.
    pub(crate) session_survives: bool,
    /// Whether it is the fault of the values, so that other rows may do better.
    pub(crate) about_data: bool,
    /// What to do, where the database's own words do not say.
    advice: &'static str,
}

const fn verdict(kind: FailureKind, may_have_executed: bool, session_survives: bool) -> Verdict {
    Verdict { kind, may_have_executed, session_survives, about_data: false, advice: "" }
}

const fn advise(verdict: Verdict, advice: &'static str) -> Verdict {
    Verdict { advice, ..verdict }
}

const OVERLOADED: FailureKind = FailureKind::Overloaded { retry_after: None };
/// The input is at fault and the statement was undone.
const WRONG: Verdict = verdict(FailureKind::Permanent, false, true);
/// A value is at fault.
const DATA: Verdict = Verdict { about_data: true, ..WRONG };
/// Somebody else was in the way; the statement was undone.
const CONFLICT: Verdict = verdict(FailureKind::Transient, false, true);
/// The connection is gone, and nobody knows what became of the statement.
const LOST: Verdict = verdict(FailureKind::Transient, true, false);
/// The session is of no more use; the statement was not run.
const STALE: Verdict = verdict(FailureKind::Transient, false, false);

/// Postgres: SQLSTATEs, and classes of them by their first two characters. A whole code goes before its class.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const POSTGRES: &[(&str, Verdict)] = &[
    ("08", LOST),
    ("22", DATA),
    ("23", DATA),
    ("25006", advise(STALE, "the server takes no writes: it is a replica, or was demoted")),
    (
        "25P02",
        advise(
            verdict(FailureKind::Permanent, false, false),
            "an earlier statement of the transaction failed: roll it back",
        ),
    ),
    ("25P03", STALE),
    ("25P04", verdict(FailureKind::Timeout, false, false)),
    ("26000", STALE),
    (
        "28",
        advise(verdict(FailureKind::Permanent, false, false), "check the user and the password of the URL"),
    ),
    (
        "3D000",
        advise(verdict(FailureKind::Permanent, false, false), "check the database of the URL, or create it"),
    ),
    ("40001", CONFLICT),
    ("40003", LOST),
    ("40P01", CONFLICT),
    ("42P05", STALE),
    ("42P18", advise(WRONG, "say what type the parameter has, as in `:name::text`")),
    ("53100", advise(WRONG, "make room on the server's disk")),
    ("53300", verdict(OVERLOADED, false, false)),
    ("53", verdict(OVERLOADED, false, true)),
    ("54", DATA),
    ("55006", CONFLICT),
    ("55P03", CONFLICT),
    // It was undone, but making it again would take as long again: only if it is known to be repeatable.
    ("57014", verdict(FailureKind::Timeout, true, true)),
    ("57P01", LOST),
    ("57P02", LOST),
    ("57P03", STALE),
    ("57P05", STALE),
    ("58", LOST),
    ("P0001", DATA),
];

/// SQLite: primary result codes, the low byte of the extended ones. <https://www.sqlite.org/rescode.html>
const SQLITE: &[(i32, Verdict)] = &[
    (5, CONFLICT),
    (6, CONFLICT),
    (7, verdict(OVERLOADED, false, false)),
    (8, advise(WRONG, "make the file and its folder writable; statements that write go through `execute`")),
    (9, verdict(FailureKind::Timeout, true, false)),
    (10, LOST),
    (
        11,
        advise(
            verdict(FailureKind::Permanent, false, false),
            "restore the file from a backup, or use `sqlite3 .recover`",
        ),
    ),
    (13, advise(verdict(FailureKind::Permanent, false, false), "make room on the disk")),
    (
        14,
        advise(
            verdict(FailureKind::Permanent, false, false),
            "check that the folder exists and that the file may be opened",
        ),
    ),
    (15, STALE),
    (17, STALE),
    (18, DATA),
    (19, DATA),
    (20, DATA),
    (26, advise(verdict(FailureKind::Permanent, false, false), "the file is something else: check the path")),
];

/// Says what an error of the driver means.
pub(crate) fn judge(error: &sqlx::Error) -> Verdict {
    match error {
        sqlx::Error::Database(error) => {
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
    error(name, cause).not_executed()
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
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(sqlx::Error::Database(error)) = error.downcast_ref() {
            return error.is_unique_violation();
        }
        cause = error.source();
    }
    false
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
}
