//! Tables: making them, and reading what they are made of.

use seawall_core::{CallContext, Error, FailureKind};

use crate::named::Dialect;
use crate::pool::Lease;
use crate::{Column, ColumnType, TableSchema, Value};

/// Quotes the name of a table as SQL text; `schema.table` becomes two names. These are the quotes of the standard:
/// SQLite and Postgres read what is inside them as a name and nothing else, MySQL takes it for a string unless told
/// otherwise.
///
/// ```
/// assert_eq!(seawall_sql::quote_table("market.trades").unwrap(), r#""market"."trades""#);
/// ```
///
/// # Errors
/// If a name is empty or holds a NUL.
pub fn quote_table(name: &str) -> Result<String, String> {
    table_name(name, Dialect::Postgres)
}

/// Quotes the name of a table as a database reads it.
pub(crate) fn table_name(name: &str, dialect: Dialect) -> Result<String, String> {
    match name.split_once('.') {
        Some((schema, table)) => Ok(format!("{}.{}", quote(schema, dialect)?, quote(table, dialect)?)),
        None => quote(name, dialect),
    }
}

/// Quotes the name of a column.
pub(crate) fn quote(name: &str, dialect: Dialect) -> Result<String, String> {
    if name.is_empty() || name.contains('\0') {
        return Err(format!("{name:?} cannot be the name of a table or column"));
    }
    let sign = if dialect == Dialect::MySql { "`" } else { "\"" };
    Ok(format!("{sign}{}{sign}", name.replace(sign, &sign.repeat(2))))
}

pub(crate) fn wrong(name: &str, message: String) -> Error {
    Error::new(FailureKind::Permanent, "sql", name.to_owned()).with_message(message).not_executed()
}

pub(crate) async fn create(lease: &mut Lease, table: &TableSchema) -> Result<(), Error> {
    let dialect = lease.session().connection.dialect();
    let mut sql = definition(table, dialect).map_err(|message| wrong(lease.name(), message))?;
    lease.allow(CallContext::current_deadline()).await?;
    if dialect == Dialect::MySql && !takes_any_text(lease, &table.name).await? {
        sql.push_str(" CHARACTER SET utf8mb4");
    }
    lease.run(|connection| connection.run(sql.into())).await
}

/// Whether a table that is made there holds any text by default. One of another character set would refuse some.
async fn takes_any_text(lease: &mut Lease, table: &str) -> Result<bool, Error> {
    let schema = Value::from(table.split_once('.').map(|(schema, _)| schema));
    let sql = "SELECT default_character_set_name = 'utf8mb4' FROM information_schema.schemata \
               WHERE schema_name = coalesce(?, database())";
    let (values, way) = ([&schema], lease.session().way());
    let rows = lease.run(|connection| connection.fetch_once(sql, &values, true, way)).await?;
    // Without such a schema it is the creating that fails.
    rows.first().map_or(Ok(true), |row| row.get(0))
}

fn definition(table: &TableSchema, dialect: Dialect) -> Result<String, String> {
    if table.columns.is_empty() {
        return Err(format!("the table `{}` has no columns", table.name));
    }
    let columns = table
        .columns
        .iter()
        .map(|column| {
            Ok(format!("{} {}", quote(&column.name, dialect)?, type_name(&column.column_type, dialect)?))
        })
        .collect::<Result<Vec<_>, String>>()?;
    Ok(format!("CREATE TABLE {} ({})", table_name(&table.name, dialect)?, columns.join(", ")))
}

pub(crate) fn type_name(column_type: &ColumnType, dialect: Dialect) -> Result<&str, String> {
    Ok(match (column_type, dialect) {
        (ColumnType::Boolean, _) => "BOOLEAN",
        (ColumnType::Integer, Dialect::Sqlite) => "INTEGER",
        (ColumnType::Integer, _) => "BIGINT",
        (ColumnType::Real, Dialect::Sqlite) => "REAL",
        (ColumnType::Real, _) => "DOUBLE PRECISION",
        (ColumnType::Timestamp, Dialect::Postgres) => "TIMESTAMPTZ",
        // In UTC. The type of that name ends with the year 2038.
        (ColumnType::Timestamp, Dialect::MySql) => "DATETIME(6)",
        // The type of that name ends after 64 KiB.
        (ColumnType::Text, Dialect::MySql) => "LONGTEXT",
        (ColumnType::Text, _) | (ColumnType::Timestamp, Dialect::Sqlite) => "TEXT",
        (ColumnType::Other(name), _) => {
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

/// How the columns of a table were declared, in the database's own words: a line each, its name and its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared(pub(crate) String);

pub(crate) async fn read(lease: &mut Lease, name: &str) -> Result<Option<TableSchema>, Error> {
    Ok(read_declared(lease, name).await?.map(|(table, _)| table))
}

/// The same with how they were declared.
pub(crate) async fn read_declared(
    lease: &mut Lease,
    name: &str,
) -> Result<Option<(TableSchema, Declared)>, Error> {
    let dialect = lease.session().connection.dialect();
    let quoted = table_name(name, dialect).map_err(|message| wrong(lease.name(), message))?;
    let (schema, table) = name.split_once('.').map_or((None, name), |(schema, table)| (Some(schema), table));
    // Generated columns cannot be loaded into; dropped ones are still in Postgres' catalogue.
    let (sql, values) = match dialect {
        Dialect::Sqlite => (
            "SELECT name, type FROM pragma_table_info(?1, ?2) ORDER BY cid",
            vec![Value::from(table), Value::from(schema.unwrap_or("main"))],
        ),
        Dialect::Postgres => (
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute \
             WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
            vec![Value::from(quoted)],
        ),
        Dialect::MySql => (
            "SELECT column_name, column_type FROM information_schema.columns WHERE table_name = ? \
             AND table_schema = coalesce(?, database()) AND coalesce(generation_expression, '') = '' \
             ORDER BY ordinal_position",
            vec![Value::from(table), Value::from(schema)],
        ),
    };
    let values: Vec<&Value> = values.iter().collect();
    let way = lease.session().way();
    let rows = lease.run(|connection| connection.fetch_once(sql, &values, false, way)).await?;
    let mut declared = Vec::new();
    let columns = rows
        .into_iter()
        .map(|row| {
            let (name, of_type): (String, String) = (row.get(0)?, row.get(1)?);
            declared.push(format!("{name} {of_type}"));
            Ok(Column { name, column_type: column_type(&of_type, dialect) })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let found = !columns.is_empty();
    Ok(found
        .then(|| (TableSchema { name: name.to_owned(), columns }, Declared(declared.join(DECLARED_BETWEEN)))))
}

/// What is between the columns of a [`Declared`].
pub(crate) const DECLARED_BETWEEN: &str = "\n";

/// What a declared type is to a bulk load. Lengths and precisions stay with the database, which enforces them.
fn column_type(declared: &str, dialect: Dialect) -> ColumnType {
    let lower = declared.to_ascii_lowercase();
    let word = lower.split('(').next().unwrap_or_default().trim();
    if dialect == Dialect::MySql {
        match word {
            // What it makes of a boolean.
            "tinyint" if lower == "tinyint(1)" => return ColumnType::Boolean,
            "datetime" | "timestamp" => return ColumnType::Timestamp,
            "tinytext" | "mediumtext" | "longtext" => return ColumnType::Text,
            _ => {}
        }
    }
    match word.trim_end_matches(" unsigned") {
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
        let sql = definition(
            &table(&[("x\"; drop", ColumnType::Integer), ("when", ColumnType::Timestamp)]),
            Dialect::Postgres,
        );
        assert_eq!(sql.unwrap(), r#"CREATE TABLE "s"."a""b" ("x""; drop" BIGINT, "when" TIMESTAMPTZ)"#);
        let sql = definition(&table(&[("x`; drop", ColumnType::Text)]), Dialect::MySql);
        assert_eq!(sql.unwrap(), "CREATE TABLE `s`.`a\"b` (`x``; drop` LONGTEXT)");
        assert!(definition(&table(&[("", ColumnType::Text)]), Dialect::Sqlite).is_err());
        assert!(definition(&table(&[]), Dialect::Sqlite).is_err());
    }

    #[test]
    fn a_type_cannot_smuggle_a_statement_in() {
        for name in ["text); drop table x; --", "a'b", ""] {
            let smuggled = table(&[("a", ColumnType::Other(name.into()))]);
            assert!(definition(&smuggled, Dialect::Postgres).is_err(), "{name}");
        }
        let honest = table(&[("a", ColumnType::Other("numeric(10,2)[]".into()))]);
        assert!(definition(&honest, Dialect::Postgres).is_ok());
    }

    #[test]
    fn declared_types_are_recognised() {
        let everywhere = |declared| column_type(declared, Dialect::Sqlite);
        assert_eq!(everywhere("VARCHAR(20)"), ColumnType::Text);
        assert_eq!(everywhere("timestamp with time zone"), ColumnType::Timestamp);
        assert_eq!(everywhere("numeric(10,2)"), ColumnType::Other("numeric(10,2)".into()));
        assert_eq!(everywhere("datetime"), ColumnType::Other("datetime".into()));
        assert_eq!(everywhere(""), ColumnType::Other(String::new()));
        let mysql = |declared| column_type(declared, Dialect::MySql);
        assert_eq!(mysql("tinyint(1)"), ColumnType::Boolean);
        assert_eq!(mysql("tinyint(4)"), ColumnType::Integer);
        assert_eq!(mysql("int unsigned"), ColumnType::Integer);
        assert_eq!(mysql("datetime(6)"), ColumnType::Timestamp);
        assert_eq!(mysql("longtext"), ColumnType::Text);
    }
}
