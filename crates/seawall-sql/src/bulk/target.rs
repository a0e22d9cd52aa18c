use crate::named::Dialect;
use crate::schema::Declared;
use crate::{ColumnType, RowBatch, TableSchema, schema};

/// What becomes of the rows. Columns are told by their place.
#[derive(Debug)]
pub(crate) enum Change {
    Insert,
    /// Rows whose key is there update it; with no column to update, they are left alone.
    Upsert {
        key: Vec<usize>,
        update: Vec<usize>,
    },
    Update {
        key: Vec<usize>,
        set: Vec<usize>,
    },
    /// All columns are the key.
    Delete,
}

/// A table as statements name it, and what they do to it.
#[derive(Debug)]
pub(crate) struct Target {
    shown: String,
    /// Quoted, as all names here.
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) kinds: Vec<ColumnType>,
    #[cfg(feature = "postgres")]
    pub(super) types: Vec<String>,
    pub(super) change: Change,
    /// What the server is to compare before it takes anything.
    pub(super) if_declared: Option<Declared>,
}

/// What statements that join rows with the table call the two.
pub(super) const TABLE: &str = "seawall_table";
pub(super) const ROWS: &str = "seawall_rows";

impl Target {
    pub(crate) fn new(table: &TableSchema, change: Change, dialect: Dialect) -> Result<Self, String> {
        let columns = || table.columns.iter();
        Ok(Self {
            shown: table.name.clone(),
            name: schema::table_name(&table.name, dialect)?,
            columns: columns()
                .map(|column| schema::quote(&column.name, dialect))
                .collect::<Result<_, _>>()?,
            kinds: columns().map(|column| column.column_type.clone()).collect(),
            #[cfg(feature = "postgres")]
            types: columns()
                .map(|column| schema::type_name(&column.column_type, dialect).map(str::to_owned))
                .collect::<Result<_, _>>()?,
            change,
            if_declared: None,
        })
    }

    /// The same, but nothing is changed where the table is not what it was any more.
    pub(super) fn unless_changed(self, declared: &Declared) -> Self {
        Self { if_declared: Some(declared.clone()), ..self }
    }

    /// Whether rows of this width go into it.
    pub(super) fn fits(&self, batch: &RowBatch) -> Result<(), String> {
        if self.columns.len() == batch.width() {
            return Ok(());
        }
        let (cells, columns) = (batch.width(), self.columns.len());
        Err(format!("the rows have {cells} cells and the table `{}` has {columns} columns", self.shown))
    }

    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// `INSERT INTO t (a,b)`.
    pub(super) fn insert_into(&self) -> String {
        format!("INSERT INTO {} ({})", self.name, self.columns.join(","))
    }

    /// Some columns, in a list.
    pub(super) fn list(&self, columns: &[usize], each: impl Fn(&str) -> String, between: &str) -> String {
        columns.iter().map(|&column| each(&self.columns[column])).collect::<Vec<_>>().join(between)
    }

    /// What follows the rows of an `INSERT`, as Postgres and SQLite say it.
    pub(super) fn on_conflict(&self) -> String {
        let Change::Upsert { key, update } = &self.change else { return String::new() };
        let key = self.list(key, str::to_owned, ",");
        if update.is_empty() {
            return format!(" ON CONFLICT ({key}) DO NOTHING");
        }
        let update = self.list(update, |name| format!("{name} = excluded.{name}"), ",");
        format!(" ON CONFLICT ({key}) DO UPDATE SET {update}")
    }

    /// That the rows are those of the table with the same key.
    pub(super) fn same(&self, key: &[usize]) -> String {
        self.list(key, |name| format!("{TABLE}.{name} = {ROWS}.{name}"), " AND ")
    }

    /// An `UPDATE` from rows that are called [`ROWS`], as Postgres and SQLite say it.
    pub(super) fn update_from(&self, key: &[usize], set: &[usize], rows: &str) -> String {
        let set = self.list(set, |name| format!("{name} = {ROWS}.{name}"), ",");
        format!("UPDATE {} AS {TABLE} SET {set} FROM {rows} WHERE {}", self.name, self.same(key))
    }

    /// A `DELETE` of those whose key is in a list, as SQLite and MySQL say it.
    pub(super) fn delete_in(&self, list: &str) -> String {
        let key = self.columns.join(",");
        let key = if self.width() == 1 { key } else { format!("({key})") };
        format!("DELETE FROM {} WHERE {key} IN ({list})", self.name)
    }

    /// `(?,?),(?,?)` for so many rows.
    pub(super) fn placeholders(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.width()].join(","));
        vec![row.as_str(); rows].join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Column;

    fn target(change: Change) -> Target {
        let column = |name: &str| Column { name: name.into(), column_type: ColumnType::Integer };
        let table = TableSchema { name: "s.t".into(), columns: ["k", "a\"; drop", "b"].map(column).into() };
        Target::new(&table, change, Dialect::Sqlite).unwrap()
    }

    #[test]
    fn names_are_quoted_wherever_they_stand() {
        let upsert = target(Change::Upsert { key: vec![0], update: vec![1, 2] });
        assert_eq!(upsert.insert_into(), r#"INSERT INTO "s"."t" ("k","a""; drop","b")"#);
        assert_eq!(
            upsert.on_conflict(),
            r#" ON CONFLICT ("k") DO UPDATE SET "a""; drop" = excluded."a""; drop","b" = excluded."b""#
        );
        let ignore = target(Change::Upsert { key: vec![0, 2], update: vec![] });
        assert_eq!(ignore.on_conflict(), r#" ON CONFLICT ("k","b") DO NOTHING"#);
        assert_eq!(target(Change::Insert).on_conflict(), "");
    }

    #[test]
    fn an_update_finds_its_rows_by_all_of_the_key() {
        let update = target(Change::Update { key: vec![0, 2], set: vec![1] });
        assert_eq!(
            update.update_from(&[0, 2], &[1], "x AS seawall_rows"),
            r#"UPDATE "s"."t" AS seawall_table SET "a""; drop" = seawall_rows."a""; drop" FROM x AS seawall_rows WHERE seawall_table."k" = seawall_rows."k" AND seawall_table."b" = seawall_rows."b""#
        );
    }

    #[test]
    fn there_is_a_place_for_every_value() {
        assert_eq!(target(Change::Insert).placeholders(2), "(?,?,?),(?,?,?)");
    }
}
