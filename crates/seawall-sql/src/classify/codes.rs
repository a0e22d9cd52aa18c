//! What the databases' codes mean: one table for each.

use seawall_core::FailureKind;

use super::Verdict;

pub(super) const fn verdict(kind: FailureKind, may_have_executed: bool, session_survives: bool) -> Verdict {
    Verdict {
        kind,
        may_have_executed,
        session_survives,
        server_changed: false,
        about_data: false,
        advice: "",
    }
}

const fn advise(verdict: Verdict, advice: &'static str) -> Verdict {
    Verdict { advice, ..verdict }
}

const OVERLOADED: FailureKind = FailureKind::Overloaded { retry_after: None };
/// The input is at fault and the statement was undone.
pub(super) const WRONG: Verdict = verdict(FailureKind::Permanent, false, true);
/// A value is at fault.
pub(super) const DATA: Verdict = Verdict { about_data: true, ..WRONG };
/// Somebody else was in the way; the statement was undone.
pub(super) const CONFLICT: Verdict = verdict(FailureKind::Transient, false, true);
/// The connection is gone, and nobody knows what became of the statement.
pub(super) const LOST: Verdict = verdict(FailureKind::Transient, true, false);
/// The session is of no more use; the statement was not run.
pub(super) const STALE: Verdict = verdict(FailureKind::Transient, false, false);
/// The server takes no writes any more: others of the sessions go to it too. The statement was not run.
const DEMOTED: Verdict = Verdict {
    server_changed: true,
    ..advise(STALE, "the server takes no writes: it is a replica, or was demoted")
};
/// The server is going down, with all its sessions.
const GOING_DOWN: Verdict = Verdict { server_changed: true, ..LOST };

/// Postgres: SQLSTATEs, and classes of them by their first two characters. A whole code goes before its class.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
pub(super) const POSTGRES: &[(&str, Verdict)] = &[
    ("08", LOST),
    // Also of two rows of one statement that have the same key.
    ("21", DATA),
    ("22", DATA),
    ("23", DATA),
    ("25006", DEMOTED),
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
    ("57P01", GOING_DOWN),
    ("57P02", GOING_DOWN),
    ("57P03", STALE),
    ("57P05", STALE),
    ("58", LOST),
    ("P0001", DATA),
];

/// SQLite: primary result codes, the low byte of the extended ones. <https://www.sqlite.org/rescode.html>
pub(super) const SQLITE: &[(i32, Verdict)] = &[
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

const LOGIN: Verdict = verdict(FailureKind::Permanent, false, false);

/// MySQL and MariaDB: numbers. <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>,
/// <https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference>
pub(super) const MYSQL: &[(u16, Verdict)] = &[
    // The row has changed since the transaction's snapshot.
    (1020, CONFLICT),
    (1021, advise(WRONG, "make room on the server's disk")),
    // Too many connections.
    (1040, verdict(OVERLOADED, false, false)),
    (1041, verdict(OVERLOADED, false, false)),
    (1044, advise(LOGIN, "check the user and the password of the URL, and what the user may do")),
    (1045, advise(LOGIN, "check the user and the password of the URL")),
    (1049, advise(LOGIN, "check the database of the URL, or create it")),
    // The server is shutting down.
    (1053, GOING_DOWN),
    (1114, advise(WRONG, "make room: the table is full")),
    (1129, advise(LOGIN, "the server blocks this host after many failed connections: `flush hosts` there")),
    (1130, advise(LOGIN, "the server takes no connections from this host: grant them to the user")),
    // The packet is too large, or broken: the server hangs up.
    (1153, advise(verdict(FailureKind::Permanent, false, false), "raise the server's max_allowed_packet")),
    (1158, LOST),
    (1159, LOST),
    (1160, LOST),
    (1161, LOST),
    // It failed while it committed.
    (1180, verdict(FailureKind::Permanent, true, false)),
    (1184, LOST),
    (1203, verdict(OVERLOADED, false, false)),
    // It waited for a lock for too long; only the statement was undone, unless the server is set otherwise.
    (1205, CONFLICT),
    (1206, CONFLICT),
    (1213, CONFLICT),
    (1226, verdict(OVERLOADED, false, false)),
    // The statement is not known to this session.
    (1243, STALE),
    (1264, DATA),
    (1265, DATA),
    (1290, DEMOTED),
    (1292, DATA),
    // As Postgres' 57014: somebody or a limit stopped it.
    (1317, verdict(FailureKind::Timeout, true, true)),
    (1364, DATA),
    (1366, DATA),
    (1367, DATA),
    (1406, DATA),
    (1411, DATA),
    (1412, CONFLICT),
    // As many statements are prepared as may be; those of this session go with it.
    (1461, verdict(OVERLOADED, false, false)),
    // What was prepared has to be prepared anew.
    (1615, STALE),
    (1690, DATA),
    (1698, advise(LOGIN, "check the user and the password of the URL")),
    (1792, DEMOTED),
    (1836, DEMOTED),
    (1927, LOST),
    (1969, verdict(FailureKind::Timeout, true, true)),
    (3024, verdict(FailureKind::Timeout, true, true)),
    // A row was locked, and the statement did not want to wait.
    (3572, CONFLICT),
    (3819, DATA),
    (4025, DATA),
    (4031, LOST),
];

/// What those codes of MySQL mean that are in no table, by the class of their SQLSTATE.
pub(super) const MYSQL_CLASSES: &[(&str, Verdict)] = &[
    ("08", LOST),
    ("22", DATA),
    ("23", DATA),
    ("28", advise(LOGIN, "check the user and the password of the URL")),
    ("40", CONFLICT),
    ("45", DATA),
];
