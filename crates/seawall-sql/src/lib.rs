//! Being written.

mod rows;
mod table;

pub use rows::{Cell, RowBatch};
pub use table::{Column, ColumnType, TableSchema};
