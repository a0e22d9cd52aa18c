//! What a load is made of: the table, its columns, its key.

use seawall_core::Error;

use super::builder::{BulkTable, Kind, Place};
use super::tables::Tables;
use super::target::{Change, Target};
use crate::named::Dialect;
use crate::{Bulk, Column, Sql, TableSchema, schema};

/// As it was when somebody looked last. Only Postgres compares, and only a table that is named is looked at.
pub(super) fn remembered(bulk: &Bulk<'_>) -> Option<Target> {
    let (Place::Client(sql), BulkTable::Named(name)) = (&bulk.place, bulk.table) else { return None };
    let table = tables(sql)?.recall(name)?;
    // What is wrong with it may be so no more.
    let (schema, change) = resolve(table.schema.clone(), &bulk.kind, bulk.columns.as_deref()).ok()?;
    Some(Target::new(&schema, change, Dialect::Postgres).ok()?.unless_changed(&table.declared))
}

/// Asks the database where it has to. Says too whether the table is what it was when somebody looked last.
pub(super) async fn target(bulk: &mut Bulk<'_>) -> Result<(Target, bool), Error> {
    let (name, dialect) = match &bulk.place {
        Place::Client(sql) => (sql.name().to_owned(), sql.dialect()?),
        Place::Transaction(transaction) => (transaction.name().to_owned(), transaction.dialect()),
    };
    let wrong = |message| schema::wrong(&name, message);
    let mut is_the_same = true;
    let table = match bulk.table {
        BulkTable::Known(table) => table.clone(),
        BulkTable::Named(table) => {
            let found = match &mut bulk.place {
                Place::Client(sql) => match tables(sql) {
                    None => sql.table(table).await?,
                    Some(tables) => {
                        let before = tables.recall(table);
                        tables.forget(table);
                        let found = sql.declared_table(table).await?;
                        found.map(|(schema, declared)| {
                            tables.remember(&schema, &declared);
                            is_the_same = before.is_none_or(|before| before.declared == declared);
                            schema
                        })
                    }
                },
                Place::Transaction(transaction) => transaction.table(table).await?,
            };
            found.ok_or_else(|| wrong(format!("there is no table `{table}`")))?
        }
    };
    let (table, change) = resolve(table, &bulk.kind, bulk.columns.as_deref()).map_err(wrong)?;
    Ok((Target::new(&table, change, dialect).map_err(wrong)?, is_the_same))
}

fn tables(sql: &Sql) -> Option<&Tables> {
    let inner = &sql.database().ok()?.0;
    (inner.texts.dialect() == Dialect::Postgres).then_some(&inner.tables)
}

/// What an upsert of rows that have all of the table's columns changes.
pub(crate) fn upsert(table: &TableSchema, key: &[String]) -> Result<Change, String> {
    let kind = Kind::Upsert { key: key.to_vec(), update: None };
    resolve(table.clone(), &kind, None).map(|(_, change)| change)
}

/// The table with the columns that rows have, and what becomes of them.
fn resolve(
    mut table: TableSchema,
    kind: &Kind,
    columns: Option<&[String]>,
) -> Result<(TableSchema, Change), String> {
    let wanted = match (kind, columns) {
        (Kind::Delete { .. }, Some(_)) => return Err("the columns of a delete are its key".into()),
        (Kind::Delete { key }, None) => Some(key.as_slice()),
        (_, columns) => columns,
    };
    if let Some(wanted) = wanted {
        let find = |name: &String| {
            let found = table.columns.iter().find(|column| column.name == *name);
            found.cloned().ok_or_else(|| {
                let known = list(&table.columns);
                format!("the table `{}` has no column `{name}` to write: it has {known}", table.name)
            })
        };
        table.columns = wanted.iter().map(find).collect::<Result<_, _>>()?;
    }
    if table.columns.is_empty() {
        return Err("a row has at least one column".into());
    }
    let places = |names: &[String]| {
        let place = |name: &String| {
            let found = table.columns.iter().position(|column| column.name == *name);
            found.ok_or_else(|| {
                format!("the column `{name}` is not among those of the rows: {}", list(&table.columns))
            })
        };
        names.iter().map(place).collect::<Result<Vec<_>, _>>()
    };
    let others =
        |key: &[usize]| (0..table.columns.len()).filter(|place| !key.contains(place)).collect::<Vec<_>>();
    let change = match kind {
        Kind::Insert => Change::Insert,
        Kind::Delete { .. } => Change::Delete,
        Kind::Upsert { key, update } => {
            let key = some(places(key)?)?;
            let update = update.as_deref().map(places).transpose()?.unwrap_or_else(|| others(&key));
            Change::Upsert { key, update }
        }
        Kind::Update { key } => {
            let key = some(places(key)?)?;
            let set = others(&key);
            if set.is_empty() {
                return Err("there is nothing to update: all columns of the rows are the key".into());
            }
            Change::Update { key, set }
        }
    };
    Ok((table, change))
}

fn some(key: Vec<usize>) -> Result<Vec<usize>, String> {
    if key.is_empty() { Err("the key has no columns".into()) } else { Ok(key) }
}

fn list(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
    format!("`{}`", names.join("`, `"))
}
