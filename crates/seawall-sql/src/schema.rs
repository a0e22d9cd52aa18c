//! Tables: making them, and reading what they are made of.

use std::sync::Arc;

use seawall_core::{Error, FailureKind};

use crate::pool::Lease;
use crate::{Column, ColumnType, Connection, TableSchema, Value};

/// Quotes the name of a table as SQL text; `schema.table` becomes two names. Both databases take the quotes of the
/// standard, and read what is inside them as a name and nothing else.
///
/// ```
/// assert_eq!(seawall_sql::quote_table("market.trades").unwrap(), r#""market"."trades""#);
/// ```
///
/// # Errors
/// If a name is empty or holds a NUL.
pub fn quote_table(name: &str) -> Result<String, String> {
    match name.split_once('.') {
        Some((schema, table)) => Ok(format!("{}.{}", quote(schema)?, quote(table)?)),
        None => quote(name),
    }
}

/// Quotes the name of a column.
pub(crate) fn quote(name: &str) -> Result<String, String> {
    if name.is_empty() || name.contains('\0') {
        return Err(format!("{name:?} cannot be the name of a table or column"));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

pub(crate) fn wrong(name: &str, message: String) -> Error {
    Error::new(FailureKind::Permanent, "sql", name.to_owned()).with_message(message).not_executed()
}

pub(crate) async fn create(lease: &mut Lease, table: &TableSchema) -> Result<(), Error> {
    let sqlite = is_sqlite(&lease.session().connection);
    let sql = definition(table, sqlite).map_err(|message| wrong(lease.name(), message))?;
    lease.run(|connection| connection.run(sql.into())).await
}

fn is_sqlite(connection: &Connection) -> bool {
    match connection {
        #[cfg(feature = "sqlite")]
        Connection::Sqlite(_) => true,
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => false,
    }
}

fn definition(table: &TableSchema, sqlite: bool) -> Result<String, String> {
    if table.columns.is_empty() {
        return Err(format!("the table `{}` has no columns", table.name));
    }
    let columns = table
        .columns
        .iter()
        .map(|column| Ok(format!("{} {}", quote(&column.name)?, type_name(&column.column_type, sqlite)?)))
        .collect::<Result<Vec<_>, String>>()?;
    Ok(format!("CREATE TABLE {} ({})", quote_table(&table.name)?, columns.join(", ")))
}

pub(crate) fn type_name(column_type: &ColumnType, sqlite: bool) -> Result<&str, String> {
    Ok(match column_type {
        ColumnType::Boolean => "BOOLEAN",
        ColumnType::Integer if sqlite => "INTEGER",
        ColumnType::Integer => "BIGINT",
        ColumnType::Real if sqlite => "REAL",
        ColumnType::Real => "DOUBLE PRECISION",
        ColumnType::Timestamp if sqlite => "TEXT",
        ColumnType::Timestamp => "TIMESTAMPTZ",
        ColumnType::Text => "TEXT",
        ColumnType::Other(name) => {
            // It becomes part of a statement, so it may hold what a type's name is made of and nothing else.
            let plain = |c: char| {
                c.is_alphanumeric() || matches!(c, ' ' | '_' | '(' | ')' | ',' | '.' | '[' | ']' | '"')
            };
            if name.is_empty() || !name.chars().all(plain) {
                return Err(format!("{name:?} cannot be the name of a type"));
            }
            name
        }
    })
}

pub(crate) async fn read(lease: &mut Lease, name: &str) -> Result<Option<TableSchema>, Error> {
    let quoted = quote_table(name).map_err(|message| wrong(lease.name(), message))?;
    let (sql, values) = if is_sqlite(&lease.session().connection) {
        let (schema, table) = name.split_once('.').unwrap_or(("main", name));
        (
            "SELECT name, type FROM pragma_table_info(?1, ?2) ORDER BY cid",
            vec![Value::from(table), Value::from(schema)],
        )
    } else {
        // Generated columns cannot be loaded into; dropped ones are still in the catalogue.
        (
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute \
             WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
            vec![Value::from(quoted)],
        )
    };
    let values: Vec<&Value> = values.iter().collect();
    let rows = lease.run(|connection| connection.fetch(Arc::from(sql), &values, false)).await?;
    let columns = rows
        .into_iter()
        .map(|row| Ok(Column { name: row.get(0)?, column_type: column_type(&row.get::<String>(1)?) }))
        .collect::<Result<Vec<_>, Error>>()?;
    Ok((!columns.is_empty()).then(|| TableSchema { name: name.to_owned(), columns }))
}

/// What a declared type is to a bulk load. Lengths and precisions stay with the database, which enforces them.
fn column_type(declared: &str) -> ColumnType {
    let lower = declared.to_ascii_lowercase();
    let word = lower.split('(').next().unwrap_or_default().trim();
    match word {
        "bool" | "boolean" => ColumnType::Boolean,
        "int" | "integer" | "bigint" | "smallint" | "tinyint" | "mediumint" | "int2" | "int4" | "int8" => {
            ColumnType::Integer
        }
        "real" | "float" | "double" | "double precision" | "float4" | "float8" => ColumnType::Real,
        "timestamptz" | "timestamp with time zone" => ColumnType::Timestamp,
        "text" | "varchar" | "character varying" | "clob" => ColumnType::Text,
        _ => ColumnType::Other(declared.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, ColumnType)]) -> TableSchema {
        let column = |(name, column_type): &(&str, ColumnType)| Column {
            name: (*name).into(),
            column_type: column_type.clone(),
        };
        TableSchema { name: "s.a\"b".into(), columns: columns.iter().map(column).collect() }
    }

    #[test]
    fn names_are_quoted_whatever_they_hold() {
        let sql =
            definition(&table(&[("x\"; drop", ColumnType::Integer), ("when", ColumnType::Timestamp)]), false);
        assert_eq!(sql.unwrap(), r#"CREATE TABLE "s"."a""b" ("x""; drop" BIGINT, "when" TIMESTAMPTZ)"#);
        assert!(definition(&table(&[("", ColumnType::Text)]), true).is_err());
        assert!(definition(&table(&[]), true).is_err());
    }

    #[test]
    fn a_type_cannot_smuggle_a_statement_in() {
        for name in ["text); drop table x; --", "a'b", ""] {
            assert!(definition(&table(&[("a", ColumnType::Other(name.into()))]), false).is_err(), "{name}");
        }
        assert!(definition(&table(&[("a", ColumnType::Other("numeric(10,2)[]".into()))]), false).is_ok());
    }

    #[test]
    fn declared_types_are_recognised() {
        assert_eq!(column_type("VARCHAR(20)"), ColumnType::Text);
        assert_eq!(column_type("timestamp with time zone"), ColumnType::Timestamp);
        assert_eq!(column_type("numeric(10,2)"), ColumnType::Other("numeric(10,2)".into()));
        assert_eq!(column_type(""), ColumnType::Other(String::new()));
    }
}
