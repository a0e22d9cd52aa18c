use seawall_sql::{Cell, Column, RowBatch};

use super::fields::Fields;
use super::value::{Kind, misfit};

/// Turns CSV records into rows.
#[derive(Debug)]
pub(super) struct CsvRows {
    columns: Vec<(String, Kind)>,
    delimiter: u8,
    fields: Fields,
}

impl CsvRows {
    pub(super) fn new(columns: &[Column], delimiter: u8) -> Self {
        let columns = columns.iter().map(|column| (column.name.clone(), Kind::of(column))).collect();
        Self { columns, delimiter, fields: Fields::default() }
    }

    /// Adds the record's row, or says why it is none; then the batch may hold some of its cells.
    pub(super) fn read(&mut self, record: &str, quoted: bool, rows: &mut RowBatch) -> Result<(), String> {
        self.fields.split(record, self.delimiter, quoted);
        if self.fields.len() != self.columns.len() {
            let (found, wanted) = (self.fields.len(), self.columns.len());
            return Err(format!("{found} fields where the header has {wanted}"));
        }
        for (field, (name, kind)) in self.fields.of(record).zip(&self.columns) {
            let cell =
                if field.text.is_empty() && !field.quoted { Some(Cell::Null) } else { kind.read(field.text) };
            rows.push(cell.ok_or_else(|| misfit(name, *kind, field.text))?);
        }
        Ok(())
    }
}
