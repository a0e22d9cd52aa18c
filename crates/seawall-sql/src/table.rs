use std::fmt;

/// The type of a column, as far as a bulk load has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// `true` or `false`; `BOOLEAN` everywhere.
    Boolean,
    /// A whole number of 64 bits; `BIGINT`, or `INTEGER` in SQLite.
    Integer,
    /// A floating-point number of 64 bits; `DOUBLE PRECISION`, or `REAL` in SQLite.
    Real,
    /// A moment with its offset from UTC, travelling as text; `TIMESTAMPTZ`, `TEXT` in SQLite, or in MySQL
    /// `DATETIME(6)`, which is stored in UTC.
    Timestamp,
    /// Text in UTF-8; `TEXT`, or `LONGTEXT` in MySQL.
    Text,
    /// Any other type, by its SQL name; values travel as text and the database reads them.
    Other(String),
}

/// A column of a [`TableSchema`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, unquoted.
    pub name: String,
    /// What it holds.
    pub column_type: ColumnType,
}

/// A table that rows are loaded into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSchema {
    /// Its name, unquoted; `schema.table` names a schema.
    pub name: String,
    /// Its columns, in the order of a [`RowBatch`](crate::RowBatch)'s cells.
    pub columns: Vec<Column>,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Timestamp => "timestamp",
            Self::Text => "text",
            Self::Other(name) => name,
        })
    }
}
