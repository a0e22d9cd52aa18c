use std::sync::Arc;

use seawall_core::{Error, FailureKind};

use crate::{FromValue, Value};

/// A row that a query returned.
///
/// ```
/// # async fn example(sql: seawall_sql::Sql) -> Result<(), seawall_core::Error> {
/// use seawall_sql::Row;
///
/// let rows: Vec<Row> = sql.query("select id, name from users").fetch_all().await?;
/// for row in &rows {
///     let id: i64 = row.get("id")?;
///     let name: Option<String> = row.get(1)?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    /// A row of these columns; what a stack of your own answers with in a test.
    ///
    /// # Panics
    /// If there are not as many values as columns.
    pub fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        assert_eq!(columns.len(), values.len(), "a row has one value for each column");
        Self { columns, values }
    }

    /// The value of a column, by its name or by its position from 0.
    ///
    /// Of two columns with one name, the first is found.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] if there is no such column, or if its value is not a `T`.
    pub fn get<T: FromValue>(&self, column: impl ColumnIndex) -> Result<T, Error> {
        let index = column.find(&self.columns).ok_or_else(|| {
            let known = self.columns.join("`, `");
            row_error(format!("there is no column {}: the row has `{known}`", column.describe()))
        })?;
        self.decode(index)
    }

    /// The value of a column as it came, if there is such a column.
    pub fn value(&self, column: impl ColumnIndex) -> Option<&Value> {
        column.find(&self.columns).map(|index| &self.values[index])
    }

    /// The names of the columns, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The values, in the order of the columns.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The values without the names.
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }

    fn decode<T: FromValue>(&self, index: usize) -> Result<T, Error> {
        let value = &self.values[index];
        T::from_value(value).map_err(|wanted| misfit(&self.columns[index], value.kind(), wanted))
    }
}

/// Reads a value that nobody else will.
fn take<T: FromValue>(columns: &[String], index: usize, value: Option<Value>) -> Result<T, Error> {
    let value = value.unwrap_or(Value::Null);
    let kind = value.kind();
    T::take(value).map_err(|wanted| misfit(&columns[index], kind, wanted))
}

#[cold]
fn misfit(column: &str, kind: &str, wanted: &str) -> Error {
    let hint = if kind == Value::Null.kind() { ", read it as an Option" } else { "" };
    row_error(format!("column `{column}` holds {kind}, not {wanted}{hint}"))
}

fn row_error(message: String) -> Error {
    Error::new(FailureKind::Permanent, "sql", "row").with_message(message)
}

/// Finds a column: by name (`&str`) or by position from 0 (`usize`).
pub trait ColumnIndex: Copy {
    /// The position of the column among `columns`.
    fn find(self, columns: &[String]) -> Option<usize>;
    /// The column as messages name it.
    fn describe(self) -> String;
}

impl ColumnIndex for usize {
    fn find(self, columns: &[String]) -> Option<usize> {
        (self < columns.len()).then_some(self)
    }

    fn describe(self) -> String {
        format!("number {self} (from 0)")
    }
}

impl ColumnIndex for &str {
    fn find(self, columns: &[String]) -> Option<usize> {
        columns.iter().position(|column| column == self)
    }

    fn describe(self) -> String {
        format!("`{self}`")
    }
}

/// What a row can be read as: [`Row`] itself, a tuple with one place for each column, or a type of your own.
///
/// ```
/// use seawall_core::Error;
/// use seawall_sql::{FromRow, Row};
///
/// struct User { id: i64, name: String }
/// impl FromRow for User {
///     fn from_row(row: Row) -> Result<Self, Error> {
///         Ok(Self { id: row.get("id")?, name: row.get("name")? })
///     }
/// }
/// ```
pub trait FromRow: Sized {
    /// Reads a row.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] if the row does not fit.
    fn from_row(row: Row) -> Result<Self, Error>;
}

impl FromRow for Row {
    fn from_row(row: Row) -> Result<Self, Error> {
        Ok(row)
    }
}

macro_rules! tuple {
    ($width:literal: $($place:ident $index:literal),+) => {
        impl<$($place: FromValue),+> FromRow for ($($place,)+) {
            fn from_row(row: Row) -> Result<Self, Error> {
                if row.values.len() != $width {
                    return Err(row_error(format!(
                        "the row has {} columns and is read as a tuple of {}", row.values.len(), $width
                    )));
                }
                let Row { columns, values } = row;
                let mut values = values.into_iter();
                Ok(($(take::<$place>(&columns, $index, values.next())?,)+))
            }
        }
    };
}

tuple!(1: A 0);
tuple!(2: A 0, B 1);
tuple!(3: A 0, B 1, C 2);
tuple!(4: A 0, B 1, C 2, D 3);
tuple!(5: A 0, B 1, C 2, D 3, E 4);
tuple!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
