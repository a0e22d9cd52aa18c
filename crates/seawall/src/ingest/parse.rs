//! The thread between transfer and loader: decompresses, splits, types.

use std::io::{self, Read};

use seawall_core::{Error, FailureKind};
use seawall_sql::Column;
use tokio::sync::mpsc;

use super::format::{
    Batch, BatchEnd, Compression, FormatError, FormatOptions, Layout, Limits, Mark, RowReader, Sample,
    decompress,
};
use super::ledger::History;
use super::recorded::Recorded;
use super::spares::Spares;
use super::transfer::{ChunkReader, TransferError};
use super::verify::Verify;

/// Cells of one batch at the most: a row of many columns may take far more memory than its bytes in the source.
const MOST_CELLS: usize = 500_000;

/// What one source's thread has to know.
#[derive(Debug)]
pub(crate) struct Parser {
    /// The source in messages.
    pub(crate) source: String,
    /// The name whose ending tells format and compression.
    pub(crate) file_name: String,
    pub(crate) options: FormatOptions,
    pub(crate) limits: Limits,
    /// Which byte of the source comes first.
    pub(crate) at: u64,
    pub(crate) history: History,
    /// How earlier runs read it, unless this is the first.
    pub(crate) recorded: Option<Recorded>,
}

/// What the thread sends.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// First, how the source is read.
    Recorded(Recorded),
    /// Then its batches; `last` with the one that ends it.
    Batch { batch: Batch, last: bool },
}

/// Why the thread ended before the source did.
#[derive(Debug)]
pub(crate) enum ParseError {
    /// What is committed of the source is not in it any more.
    Changed(String),
    /// It may be; a look at what is committed will tell.
    Suspect,
    /// It cannot be read, or read no further.
    Failed(Error),
    /// Nobody takes batches any more.
    NobodyListens,
}

impl Parser {
    /// Runs to the end of the source. Blocks its thread.
    ///
    /// `columns` says what the columns of a new source are in the table; emptied batches come from `spares`.
    pub(crate) fn run(
        self,
        mut chunks: ChunkReader,
        columns: impl FnOnce(&Sample) -> Result<Vec<Column>, Error>,
        parsed: &mpsc::Sender<Parsed>,
        spares: &Spares,
    ) -> Result<(), ParseError> {
        let (compression, head) = self.compression(&mut chunks)?;
        let decompressed =
            decompress(head.chain(chunks), compression).map_err(|error| self.failed(error.into()))?;
        let mut bytes = Verify::new(decompressed, self.at, &self.history.entries);
        let (layout, mut rows) = if self.at > 0 {
            self.enter(bytes)?
        } else {
            let options = self.options_of_this_source();
            let sample =
                Sample::read(&mut bytes, &self.file_name, &options).map_err(|error| self.failed(error))?;
            self.begin(sample, bytes, columns)?
        };
        let width = layout.columns.len();
        let limits = Limits { rows: self.limits.rows.min((MOST_CELLS / width).max(1)), ..self.limits };
        send(parsed, Parsed::Recorded(Recorded { compression, layout }))?;
        loop {
            let mut batch = spares.take(width);
            let end = rows.next_batch(&mut batch, &limits).map_err(|error| self.failed(error))?;
            let last = end == BatchEnd::EndOfInput;
            send(parsed, Parsed::Batch { batch, last })?;
            if last {
                return Ok(());
            }
        }
    }

    /// How the source is compressed, and the bytes that were looked at to tell.
    fn compression(
        &self,
        chunks: &mut ChunkReader,
    ) -> Result<(Compression, io::Cursor<Vec<u8>>), ParseError> {
        let mut head = Vec::new();
        if self.at > 0 {
            // Only what is not compressed can be entered in its middle.
            return Ok((Compression::None, io::Cursor::new(head)));
        }
        let read = chunks.take(Compression::MAGIC_LEN as u64).read_to_end(&mut head);
        read.map_err(|error| self.failed(error.into()))?;
        let seen = Compression::detect(&self.file_name, &head);
        let found = self.options.compression.unwrap_or(seen);
        if self.recorded.as_ref().is_some_and(|recorded| recorded.compression != found) {
            return Err(ParseError::Changed("it is compressed in another way".to_owned()));
        }
        Ok((found, io::Cursor::new(head)))
    }

    /// How to read it: as before, if it was read before.
    fn options_of_this_source(&self) -> FormatOptions {
        match &self.recorded {
            Some(recorded) => FormatOptions {
                compression: Some(recorded.compression),
                format: Some(recorded.layout.format),
                delimiter: None,
                ..self.options
            },
            None => self.options,
        }
    }

    /// Goes on in the middle of the source, behind what is committed.
    fn enter<R: Read>(&self, mut bytes: Verify<R>) -> Result<(Layout, RowReader<Verify<R>>), ParseError> {
        let Some(recorded) = &self.recorded else {
            unreachable!("a source is entered in its middle only where the ledger says how")
        };
        let mark = self.mark();
        let committed = mark.position - self.at;
        io::copy(&mut (&mut bytes).take(committed), &mut io::sink())
            .map_err(|error| self.failed(error.into()))?;
        let rows = RowReader::new(bytes, &recorded.layout, self.options.max_record_bytes, mark);
        Ok((recorded.layout.clone(), rows))
    }

    /// Begins at the start of the source, and passes over what is committed.
    fn begin<R: Read>(
        &self,
        sample: Sample,
        bytes: R,
        columns: impl FnOnce(&Sample) -> Result<Vec<Column>, Error>,
    ) -> Result<(Layout, RowReader<R>), ParseError> {
        let format = sample.format();
        let (columns, from) = match &self.recorded {
            Some(recorded) => {
                let fitting = sample.fit(&recorded.layout.columns).map_err(|error| changed(&error))?;
                if fitting != recorded.layout.columns {
                    return Err(ParseError::Changed("its columns are in another order".to_owned()));
                }
                (fitting, self.mark())
            }
            None => (columns(&sample).map_err(ParseError::Failed)?, sample.first_record()),
        };
        let layout = Layout { format, columns: columns.clone() };
        let rows = sample.into_rows(bytes, columns, from).map_err(|error| self.failed(error))?;
        Ok((layout, rows))
    }

    fn mark(&self) -> Mark {
        let line = self.history.last().map_or(0, |last| last.line);
        Mark { position: self.history.position(), line }
    }

    fn failed(&self, error: FormatError) -> ParseError {
        let error = match error {
            FormatError::SourceShorter { .. } => return changed(&error),
            FormatError::Read(cause) => match cause.downcast::<TransferError>() {
                Ok(changed @ TransferError::Changed) => return ParseError::Changed(changed.to_string()),
                Ok(TransferError::Suspect) => return ParseError::Suspect,
                Ok(TransferError::Failed(error)) => return ParseError::Failed(error),
                Err(cause) => FormatError::Read(cause),
            },
            other => other,
        };
        ParseError::Failed(
            Error::new(FailureKind::Permanent, "ingest", self.source.clone()).with_message(error.to_string()),
        )
    }
}

fn changed(error: &FormatError) -> ParseError {
    ParseError::Changed(error.to_string())
}

fn send(parsed: &mpsc::Sender<Parsed>, message: Parsed) -> Result<(), ParseError> {
    parsed.blocking_send(message).map_err(|_gone| ParseError::NobodyListens)
}
