//! From the bytes of a source to batches of typed rows.
//!
//! Everything here is synchronous and runs on one blocking thread; memory is bounded by the batch limits and by
//! the longest record allowed, whatever the size of the source.
//!
//! 1. [`Compression::detect`] and [`decompress`] turn the bytes of a source into text.
//! 2. [`Sample::read`] looks at its beginning: encoding, format, header. [`Sample::infer`] finds the columns' types,
//!    [`Sample::fit`] matches the header with columns that are known already.
//! 3. [`Sample::into_rows`], or [`RowReader::new`] where the source can be positioned, streams [`Batch`]es.
//!
//! ```
//! use seawall::ingest::format::{Batch, BatchEnd, FormatOptions, Limits, Sample, parse_columns};
//! use seawall::sql::Cell;
//!
//! let mut source = &b"id,name\n1,ann\nx,bob\n"[..];
//! let sample = Sample::read(&mut source, "people.csv", &FormatOptions::default())?;
//! let columns = sample.fit(&parse_columns("name text, id integer")?)?;
//! let (mut batch, from) = (Batch::new(columns.len()), sample.first_record());
//! let mut reader = sample.into_rows(source, columns, from)?;
//!
//! assert_eq!(reader.next_batch(&mut batch, &Limits::default())?, BatchEnd::EndOfInput);
//! assert_eq!(batch.rows.row(0).collect::<Vec<_>>(), [Cell::Integer(1), Cell::Text("ann")]);
//! assert_eq!(batch.malformed[0].line, 3);
//! assert_eq!(batch.malformed[0].reason, "column `id`: \"x\" is not an integer of 64 bits");
//! # Ok::<(), seawall::ingest::format::FormatError>(())
//! ```
//!
//! # What a row is
//! **CSV** is RFC 4180 as the `csv` crate reads it: a record ends at LF, CRLF or CR outside of quotes; a quote opens
//! a quoted field at the field's first byte only; empty lines are no records. The first record is the header.
//! An empty field is NULL, but a quoted empty field (`""`) of a text column is the empty string, as for `psql \copy`.
//!
//! **NDJSON** is one object a line. A key that is absent, or `null`, is NULL; a key that no column has makes the row
//! malformed, as does a key that comes twice. Objects and arrays go into text columns as the JSON text they are.
//!
//! Both read values alike: blank is NULL where the column is not text, and white space around a value that is not
//! text does not count. What a value must be is said at [`Layout::columns`].
//!
//! A row that is not so becomes a [`Malformed`] with its line, position and reason: it never stops the run.

mod batch;
mod compression;
mod csv;
mod detect;
mod encoding;
mod error;
mod fields;
mod frame;
mod infer;
mod layout;
mod ndjson;
mod reader;
mod sample;
mod schema;
mod value;
mod window;

pub use batch::{Batch, Limits, Malformed, Mark, Origin};
pub use compression::{Compression, Decompressed, decompress};
pub use detect::{Delimiter, Format};
pub use error::FormatError;
pub use layout::{FormatOptions, Layout};
pub use reader::{BatchEnd, RowReader};
pub use sample::Sample;
pub use schema::parse_columns;
