use std::ops::Range;

/// A value of a [`RowBatch`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text; also the carrier of timestamps and of every type the client does not know.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// Rows on their way into a table, packed into three allocations that are reused from batch to batch.
///
/// ```
/// use seawall_sql::{Cell, RowBatch};
///
/// let mut batch = RowBatch::new(2);
/// batch.push(Cell::Integer(1));
/// batch.push(Cell::Text("ann"));
/// batch.push(Cell::Integer(2));
/// batch.undo_row(); // the second row turned out to be malformed
/// assert_eq!(batch.len(), 1);
/// assert_eq!(batch.row(0).collect::<Vec<_>>(), [Cell::Integer(1), Cell::Text("ann")]);
/// ```
#[derive(Clone, Debug)]
pub struct RowBatch {
    width: usize,
    cells: Vec<Packed>,
    text: String,
    bytes: Vec<u8>,
}

/// A cell whose text or bytes, if it has any, lie in what the batch has one of.
#[derive(Clone, Copy, Debug)]
enum Packed {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text { start: u32, end: u32 },
    Bytes { start: u32, end: u32 },
}

impl RowBatch {
    /// How much text one batch can hold, and how many bytes: positions in it are 32 bits wide.
    pub const MAX_TEXT: usize = u32::MAX as usize;

    /// An empty batch of rows with `width` cells each.
    ///
    /// # Panics
    /// If `width` is zero.
    pub fn new(width: usize) -> Self {
        assert!(width > 0, "a row has at least one cell");
        Self { width, cells: Vec::new(), text: String::new(), bytes: Vec::new() }
    }

    /// Adds the next cell of the row being built. A row is complete with its last cell.
    ///
    /// # Panics
    /// If the batch's text or bytes would pass [`MAX_TEXT`](Self::MAX_TEXT): callers bound their batches far below.
    pub fn push(&mut self, cell: Cell<'_>) {
        self.cells.push(match cell {
            Cell::Null => Packed::Null,
            Cell::Boolean(value) => Packed::Boolean(value),
            Cell::Integer(value) => Packed::Integer(value),
            Cell::Real(value) => Packed::Real(value),
            Cell::Text(value) => {
                let start = self.text.len();
                let end = start + value.len();
                assert!(end <= Self::MAX_TEXT, "a batch holds at most 4 GiB of text");
                self.text.push_str(value);
                Packed::Text { start: start as u32, end: end as u32 }
            }
            Cell::Bytes(value) => {
                let start = self.bytes.len();
                let end = start + value.len();
                assert!(end <= Self::MAX_TEXT, "a batch holds at most 4 GiB of bytes");
                self.bytes.extend_from_slice(value);
                Packed::Bytes { start: start as u32, end: end as u32 }
            }
        });
    }

    /// Takes back the cells of an incomplete row. Their text and bytes stay until [`clear`](Self::clear).
    pub fn undo_row(&mut self) {
        self.cells.truncate(self.len() * self.width);
    }

    /// How many complete rows there are.
    pub fn len(&self) -> usize {
        self.cells.len() / self.width
    }

    /// Whether there is no complete row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cells a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Memory in use, in bytes; what a caller bounds its batches by.
    pub fn size(&self) -> usize {
        self.cells.len() * size_of::<Packed>() + self.text.len() + self.bytes.len()
    }

    /// How many cells there are, those of an incomplete row included.
    pub(crate) fn cells(&self) -> usize {
        self.cells.len()
    }

    /// Takes what it holds for rows of another width.
    pub(crate) fn widen(&mut self, width: usize) {
        self.width = width;
    }

    /// Forgets all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.cells.clear();
        self.text.clear();
        self.bytes.clear();
    }

    /// The cells of row `index`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, index: usize) -> impl ExactSizeIterator<Item = Cell<'_>> {
        self.rows(index..index + 1)
    }

    /// The cells of a range of rows, one row after the other.
    ///
    /// # Panics
    /// If the range reaches beyond the last row.
    pub fn rows(&self, range: Range<usize>) -> impl ExactSizeIterator<Item = Cell<'_>> {
        self.cells[range.start * self.width..range.end * self.width].iter().map(|cell| self.unpacked(*cell))
    }

    /// The cells of one column in a range of rows.
    pub(crate) fn column(
        &self,
        column: usize,
        range: Range<usize>,
    ) -> impl ExactSizeIterator<Item = Cell<'_>> + Clone {
        range.map(move |row| self.unpacked(self.cells[row * self.width + column]))
    }

    fn unpacked(&self, cell: Packed) -> Cell<'_> {
        match cell {
            Packed::Null => Cell::Null,
            Packed::Boolean(value) => Cell::Boolean(value),
            Packed::Integer(value) => Cell::Integer(value),
            Packed::Real(value) => Cell::Real(value),
            Packed::Text { start, end } => Cell::Text(&self.text[start as usize..end as usize]),
            Packed::Bytes { start, end } => Cell::Bytes(&self.bytes[start as usize..end as usize]),
        }
    }
}
