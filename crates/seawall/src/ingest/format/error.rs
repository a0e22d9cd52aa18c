use std::io;

use super::compression::StreamError;
use super::{Compression, Mark};

/// Why a source cannot be read at all, or no further.
///
/// A malformed row is no error: it becomes a [`Malformed`](super::Malformed) of its batch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The reader failed; every whole record before has been handed out.
    #[error("reading failed: {0}")]
    Read(#[source] io::Error),

    /// A compressed stream ends inside a gzip member or a zstd frame.
    #[error(
        "the {compression} stream is cut off: it ends after {bytes} decompressed bytes, inside a member; \
         the rows before are whole, copy or fetch the source again for the rest"
    )]
    Truncated {
        /// Of which kind the stream is.
        compression: Compression,
        /// Decompressed bytes that came out whole.
        bytes: u64,
    },

    /// A compressed stream is damaged, or was made with options that need too much memory.
    #[error(
        "the {compression} stream cannot be decoded after {bytes} decompressed bytes: {cause}; if its program reads \
         it, pipe it in: for zstd made with --long or --ultra, `zstd -dc --memory=2GB FILE | seawall ingest -`"
    )]
    Undecodable {
        /// Of which kind the stream is.
        compression: Compression,
        /// Decompressed bytes that came out whole.
        bytes: u64,
        /// What the decoder says.
        #[source]
        cause: io::Error,
    },

    /// The source is text in another encoding than UTF-8.
    #[error("the source is {encoding}, not UTF-8; convert it with `iconv -f {encoding} -t UTF-8`")]
    Encoding {
        /// The encoding's name, as `iconv` knows it.
        encoding: &'static str,
    },

    /// The source is no text.
    #[error("the source is {what}, not CSV or NDJSON text; {advice}")]
    NotText {
        /// What it seems to be.
        what: &'static str,
        /// What to do about it.
        advice: &'static str,
    },

    /// The source is one JSON array, which cannot be streamed line by line.
    #[error("the source is a JSON array, not one object a line; convert it with `jq -c '.[]'`")]
    JsonArray,

    /// There is nothing to tell the columns from.
    #[error("the source is empty: there is no {0}")]
    Empty(&'static str),

    /// A file of CSV whose first record does not end.
    #[error("the header does not end within the first {limit} bytes; is there an unclosed quote in it?")]
    HeaderTooLong {
        /// How far it was read.
        limit: usize,
    },

    /// A name in the header begins with a quote, and no quote ends it.
    #[error("a quoted name in the header is never closed")]
    HeaderUnclosed,

    /// The header is not UTF-8; most likely the whole source is in a national encoding.
    #[error(
        "the header is not UTF-8 at byte {at}; convert the source, for example with `iconv -f WINDOWS-1252 -t UTF-8`"
    )]
    HeaderNotUtf8 {
        /// The first byte that is wrong, counted from 0.
        at: usize,
    },

    /// A column has no name.
    #[error("column {number} of the header has no name")]
    UnnamedColumn {
        /// Which one, counted from 1.
        number: usize,
    },

    /// Two columns have the same name, or names that differ in letter case only.
    #[error("the header names column `{name}` twice (letter case aside)")]
    DuplicateColumn {
        /// The second of them.
        name: String,
    },

    /// The first line holds values where names should be.
    #[error(
        "the first line looks like data, not like a header: {line}; put a line of column names above it, or \
         name the header's columns with a schema if that is what it is"
    )]
    NoHeader {
        /// The line's beginning.
        line: String,
    },

    /// The header is one column that contains another delimiter.
    #[error("the header is one column, `{header}`; if its delimiter is {found:?}, say so (`--delimiter`)")]
    Delimiter {
        /// The header's beginning.
        header: String,
        /// The delimiter that it seems to use.
        found: char,
    },

    /// The schema has columns that the header has not.
    #[error("the source lacks {missing}, which the table has; the source has {present}")]
    MissingColumns {
        /// The names of the absent ones, quoted.
        missing: String,
        /// The names in the header, quoted.
        present: String,
    },

    /// The header has columns that the schema has not.
    #[error("the source has {unknown}, which the table lacks; the table has {declared}")]
    UnknownColumns {
        /// The names of the surplus ones, quoted.
        unknown: String,
        /// The names of the schema, quoted.
        declared: String,
    },

    /// A schema in words does not parse.
    #[error("schema: {problem} at character {at}")]
    Schema {
        /// Where, counted from 1.
        at: usize,
        /// What is wrong there.
        problem: String,
    },

    /// The source ends before the place where reading should go on: it is not the source of before.
    #[error(
        "the source has {length} bytes, but {} bytes of it were already loaded: it has changed since",
        from.position
    )]
    SourceShorter {
        /// Where reading should have gone on.
        from: Mark,
        /// How many bytes there are, decompressed.
        length: u64,
    },
}

impl From<io::Error> for FormatError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<StreamError>() {
            Ok(StreamError { compression, bytes, cause: None }) => Self::Truncated { compression, bytes },
            Ok(StreamError { compression, bytes, cause: Some(cause) }) => {
                Self::Undecodable { compression, bytes, cause }
            }
            Err(error) => Self::Read(error),
        }
    }
}
