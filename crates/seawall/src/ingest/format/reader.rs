use std::fmt;
use std::io::{self, Read};

use super::csv::CsvRows;
use super::frame::{Frame, Framer};
use super::ndjson::JsonRows;
use super::window::Window;
use super::{Batch, Format, FormatError, Layout, Limits, Malformed, Mark};

/// Streams the records of a source as batches of typed rows.
///
/// The rows do not depend on the pieces in which the reader gives the bytes, and a reader that begins where a batch
/// ended gives the same rows as one that went on.
pub struct RowReader<R> {
    window: Window<R>,
    framer: Framer,
    rows: Rows,
    max_record_bytes: usize,
    mark: Mark,
}

/// What comes after a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchEnd {
    /// Perhaps another batch.
    More,
    /// Nothing: the source ended. The batch may be empty.
    EndOfInput,
}

enum Rows {
    Csv(CsvRows),
    Json(JsonRows),
}

/// What the next record was.
enum Step {
    Record,
    Ended,
    Failed(io::Error),
}

impl<R: Read> RowReader<R> {
    /// Reads records from `reader`, which stands at `from` already: behind the header, or where a batch ended.
    /// Records of more than `max_record_bytes` are malformed.
    pub fn new(reader: R, layout: &Layout, max_record_bytes: usize, from: Mark) -> Self {
        Self::over(Window::new(Vec::new(), reader, None), layout, max_record_bytes, from)
    }

    pub(super) fn over(window: Window<R>, layout: &Layout, max_record_bytes: usize, from: Mark) -> Self {
        let rows = match layout.format {
            Format::Csv { delimiter } => Rows::Csv(CsvRows::new(&layout.columns, delimiter.as_byte())),
            Format::Ndjson => Rows::Json(JsonRows::new(&layout.columns)),
        };
        Self { window, framer: Framer::new(layout.format), rows, max_record_bytes, mark: from }
    }

    /// Where the next batch begins.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Fills `batch` with the next records, until it is full or the source ends. It forgets what it held before.
    ///
    /// # Errors
    /// If the reader fails. The records before are handed out first, in a batch of their own: the error comes with
    /// the call after it, and again with every further one.
    pub fn next_batch(&mut self, batch: &mut Batch, limits: &Limits) -> Result<BatchEnd, FormatError> {
        batch.begin(self.mark);
        self.window.reset_checksum();
        let mut end = BatchEnd::More;
        while batch.records() < limits.rows.max(1)
            && self.mark.position - batch.start.position < limits.bytes.max(1)
        {
            match self.next_record(batch) {
                Step::Record => {}
                Step::Ended => {
                    end = BatchEnd::EndOfInput;
                    break;
                }
                Step::Failed(error) if self.mark == batch.start => return Err(error.into()),
                Step::Failed(error) => {
                    self.window.fail(error);
                    break;
                }
            }
        }
        batch.end = self.mark;
        batch.checksum = self.window.checksum();
        Ok(end)
    }

    fn next_record(&mut self, batch: &mut Batch) -> Step {
        loop {
            if let Some(frame) = self.framer.next(self.window.unread(), self.window.at_end()) {
                self.take(frame, batch);
                return Step::Record;
            }
            // Room for a line end behind the longest record.
            if self.window.unread().len() > self.max_record_bytes.saturating_add(2) {
                return self.skip(batch);
            }
            if !self.window.fill() {
                if let Some(error) = self.window.failure() {
                    return Step::Failed(error);
                }
                if self.window.unread().is_empty() {
                    return Step::Ended;
                }
            }
        }
    }

    fn take(&mut self, frame: Frame, batch: &mut Batch) {
        let record = &self.window.unread()[..frame.content];
        batch.ends_unclosed = frame.unclosed;
        let read = if frame.content > self.max_record_bytes {
            Err(too_long(frame.content as u64, self.max_record_bytes))
        } else if frame.unclosed {
            Err("a quoted field is never closed".to_owned())
        } else {
            check_text(record).and_then(|text| match &mut self.rows {
                _ if text.is_empty() => Ok(None),
                Rows::Json(_) if text.trim_ascii().is_empty() => Ok(None),
                Rows::Json(rows) => rows.read(text, &mut batch.rows).map(|()| Some(text)),
                Rows::Csv(rows) => rows.read(text, frame.quoted, &mut batch.rows).map(|()| Some(text)),
            })
        };
        match read {
            Ok(Some(text)) => batch.note_origin(self.mark, text),
            Ok(None) => {}
            Err(reason) => {
                batch.rows.undo_row();
                batch.malformed.push(Malformed::new(self.mark, reason, record));
            }
        }
        self.pass(frame.total as u64, frame.lines);
        self.window.consume(frame.total);
    }

    /// Passes over a record that is too long to keep.
    fn skip(&mut self, batch: &mut Batch) -> Step {
        let checkpoint = self.window.checkpoint();
        let (mut raw, mut passed) = (Vec::new(), 0);
        loop {
            if let Some(frame) = self.framer.next(self.window.unread(), self.window.at_end()) {
                let length = passed + frame.content as u64;
                let mut reason = too_long(length, self.max_record_bytes);
                batch.ends_unclosed = frame.unclosed;
                if frame.unclosed {
                    reason.push_str("; a quoted field in it is never closed, so that it holds all the rest");
                }
                self.window.copy_up_to(Malformed::MAX_RAW + 1, frame.content, &mut raw);
                batch.malformed.push(Malformed::new(self.mark, reason, &raw));
                self.pass(passed + frame.total as u64, frame.lines);
                self.window.consume(frame.total);
                return Step::Record;
            }
            let cut = self.framer.cut();
            self.window.copy_up_to(Malformed::MAX_RAW + 1, cut, &mut raw);
            self.window.consume(cut);
            passed += cut as u64;
            if !self.window.fill()
                && let Some(error) = self.window.failure()
            {
                // The record is not whole: it is as if it had not been looked at.
                self.window.restore(checkpoint);
                self.framer.restart();
                return Step::Failed(error);
            }
        }
    }

    fn pass(&mut self, bytes: u64, lines: u64) {
        self.mark.position += bytes;
        self.mark.line += lines;
    }
}

fn too_long(length: u64, limit: usize) -> String {
    format!("the record has {length} bytes, more than the {limit} allowed")
}

fn check_text(record: &[u8]) -> Result<&str, String> {
    if let Some(at) = memchr::memchr(0, record) {
        return Err(format!("a NUL byte, which no text column can hold, at byte {at} of the record"));
    }
    std::str::from_utf8(record).map_err(|error| {
        let at = error.valid_up_to();
        format!("not UTF-8: byte {at} of the record is 0x{:02x}", record[at])
    })
}

impl<R> fmt::Debug for RowReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowReader").field("mark", &self.mark).finish_non_exhaustive()
    }
}
