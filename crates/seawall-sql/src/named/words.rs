//! Words that say what a statement does.

/// Words that can write, or lock as a write does. A text without any of them only reads, as far as a text can say.
pub(super) const WRITING: &[&str] = &[
    "alter", "analyze", "attach", "call", "copy", "create", "delete", "detach", "do", "drop", "grant",
    "insert", "into", "lock", "merge", "pragma", "reindex", "revoke", "share", "truncate", "update",
    "vacuum",
];
/// Words that a text that reads begins with.
pub(super) const READING: &[&str] =
    &["desc", "describe", "explain", "select", "show", "table", "values", "with"];
/// Words that move a session into or out of a transaction when a statement begins with them.
pub(super) const CONTROL: &[&str] =
    &["abort", "begin", "commit", "end", "release", "rollback", "savepoint", "start"];

/// The same in the dialect of MySQL.
pub(super) const CONTROL_MYSQL: &[&str] = &["xa"];
/// Words that a statement begins with which MySQL commits the open transaction for, whatever becomes of it.
/// <https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html>
pub(super) const COMMITTING: &[&str] = &[
    "alter",
    "analyze",
    "cache",
    "check",
    "create",
    "drop",
    "flush",
    "grant",
    "install",
    "load",
    "lock",
    "optimize",
    "rename",
    "repair",
    "reset",
    "revoke",
    "truncate",
    "uninstall",
    "unlock",
];

/// What a statement does, where its first word says it.
pub(super) const OPERATIONS: &[&str] = &[
    "alter", "call", "create", "delete", "do", "drop", "explain", "insert", "merge", "replace", "select",
    "show", "truncate", "update", "values",
];
