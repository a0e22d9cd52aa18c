use std::borrow::Cow;
use std::sync::Arc;

use crate::{Cell, Row, RowBatch, Value};

/// What can be a row on its way into a table: a tuple or an array with one place for each column, a list of
/// [`Value`]s, a [`Row`] that came out of another one, a reference to any of these, or a type of your own.
///
/// ```
/// use seawall_sql::{RowBatch, ToCell, ToRow};
///
/// struct User { id: i64, name: String, mail: Option<String> }
///
/// impl ToRow for User {
///     fn to_row(&self, row: &mut RowBatch) {
///         (self.id, &self.name, &self.mail).to_row(row);
///     }
/// }
/// ```
pub trait ToRow {
    /// Pushes the cells of the row, in the order of the columns: as many as there are columns.
    fn to_row(&self, row: &mut RowBatch);
}

impl<R: ToRow + ?Sized> ToRow for &R {
    fn to_row(&self, row: &mut RowBatch) {
        (**self).to_row(row);
    }
}

impl ToRow for Row {
    fn to_row(&self, row: &mut RowBatch) {
        self.values().to_row(row);
    }
}

impl<C: ToCell> ToRow for [C] {
    fn to_row(&self, row: &mut RowBatch) {
        for cell in self {
            row.push(cell.to_cell());
        }
    }
}

impl<C: ToCell, const WIDTH: usize> ToRow for [C; WIDTH] {
    fn to_row(&self, row: &mut RowBatch) {
        self.as_slice().to_row(row);
    }
}

impl<C: ToCell> ToRow for Vec<C> {
    fn to_row(&self, row: &mut RowBatch) {
        self.as_slice().to_row(row);
    }
}

macro_rules! tuple {
    ($($place:ident $index:tt),+) => {
        impl<$($place: ToCell),+> ToRow for ($($place,)+) {
            fn to_row(&self, row: &mut RowBatch) {
                $(row.push(self.$index.to_cell());)+
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

/// What can be a cell of a row: numbers, text, bytes, `bool`, and `Option`s of these.
///
/// Text is read by the database as what the column is: dates, `numeric`, `uuid` and `json` travel as text.
pub trait ToCell {
    /// The cell.
    fn to_cell(&self) -> Cell<'_>;
}

impl<C: ToCell + ?Sized> ToCell for &C {
    fn to_cell(&self) -> Cell<'_> {
        (**self).to_cell()
    }
}

impl<C: ToCell> ToCell for Option<C> {
    fn to_cell(&self) -> Cell<'_> {
        self.as_ref().map_or(Cell::Null, C::to_cell)
    }
}

impl ToCell for Cell<'_> {
    fn to_cell(&self) -> Cell<'_> {
        *self
    }
}

/// # Panics
/// For a [`Value::List`], which no cell holds.
impl ToCell for Value {
    fn to_cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Bool(value) => Cell::Boolean(*value),
            Self::Integer(value) => Cell::Integer(*value),
            Self::Real(value) => Cell::Real(*value),
            Self::Text(value) => Cell::Text(value),
            Self::Bytes(value) => Cell::Bytes(value),
            Self::List(_) => panic!("a bulk insert takes no lists: insert arrays one row at a time"),
        }
    }
}

macro_rules! cell {
    ($($source:ty => $variant:ident(|$value:ident| $read:expr)),+ $(,)?) => {$(
        impl ToCell for $source {
            fn to_cell(&self) -> Cell<'_> {
                let $value = self;
                Cell::$variant($read)
            }
        }
    )+};
}

cell! {
    bool => Boolean(|value| *value),
    i8 => Integer(|value| i64::from(*value)),
    i16 => Integer(|value| i64::from(*value)),
    i32 => Integer(|value| i64::from(*value)),
    i64 => Integer(|value| *value),
    u8 => Integer(|value| i64::from(*value)),
    u16 => Integer(|value| i64::from(*value)),
    u32 => Integer(|value| i64::from(*value)),
    f32 => Real(|value| f64::from(*value)),
    f64 => Real(|value| *value),
    str => Text(|value| value),
    String => Text(|value| value),
    Box<str> => Text(|value| value),
    Arc<str> => Text(|value| value),
    Cow<'_, str> => Text(|value| value),
    [u8] => Bytes(|value| value),
    Vec<u8> => Bytes(|value| value),
}
