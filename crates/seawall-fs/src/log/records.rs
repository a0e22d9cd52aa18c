use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};
use seawall_core::{CallContext, Error};

use super::frame::{self, HEADER, MAGIC};
use crate::engine::Engine;
use crate::fault::{Fault, Label};
use crate::work::Task;
use crate::{Fs, FsRequest, Operation, read};

/// A visit to a thread ends after so many bytes of records, or so many records.
const BYTES: usize = 1024 * 1024;
const RECORDS: usize = 4096;

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogRecord {
    /// Where it begins in the file; what `append` returned for it.
    pub offset: u64,
    /// Its content.
    pub data: Bytes,
}

/// The records of a log; made by [`Fs::log_records`](crate::Fs::log_records).
///
/// About 1 MiB of records is read in one visit to a thread, when those before have been taken. After an error or the
/// end there is nothing more.
///
/// # Cancel safety
/// Dropping a wait for the next record loses nothing.
pub struct LogRecords(BoxStream<'static, Result<LogRecord, Error>>);

struct Reader {
    engine: Engine,
    label: Label,
    source: BufReader<File>,
    offset: u64,
    most: usize,
}

impl LogRecords {
    pub(super) fn new(client: &Fs, path: &Path, most: usize) -> Self {
        let work = move |task: &Task<'_>| {
            let mut source = BufReader::with_capacity(BYTES / 4, read::open(&task.label.path, 0)?);
            let mut beginning = Vec::new();
            source.by_ref().take(MAGIC.len() as u64).read_to_end(&mut beginning)?;
            if !MAGIC.starts_with(&beginning) {
                return Err(Fault::invalid("not a log of this format"));
            }
            let offset = beginning.len() as u64;
            Ok(Reader { engine: task.engine.clone(), label: task.label.clone(), source, offset, most })
        };
        let request = FsRequest::new(Operation::LogRecords, path, work);
        let (client, context) = (client.clone(), CallContext::current());
        let deadline = context.deadline_at();
        let opening = context.scope(async move { client.ask::<Reader>(request).await });
        let batches = stream::once(opening).map_ok(move |reader| reader.batches(deadline)).try_flatten();
        Self(batches.map_ok(|batch| stream::iter(batch).map(Ok)).try_flatten().boxed())
    }
}

impl Reader {
    fn batches(self, deadline: Option<Instant>) -> impl Stream<Item = Result<Vec<LogRecord>, Error>> {
        stream::try_unfold(Some(self), move |reader| async move {
            let Some(reader) = reader else { return Ok(None) };
            let (engine, label) = (reader.engine.clone(), reader.label.clone());
            engine.run(&label, deadline, move |_| reader.batch()).await.map(Some)
        })
    }

    fn batch(mut self) -> Result<(Vec<LogRecord>, Option<Self>), Fault> {
        let length = self.source.get_ref().metadata()?.len();
        let (mut records, mut bytes) = (Vec::new(), 0);
        while bytes < BYTES && records.len() < RECORDS {
            let Some(data) = self.record(length.saturating_sub(self.offset))? else {
                return Ok((records, None));
            };
            let size = HEADER + data.len();
            records.push(LogRecord { offset: self.offset, data });
            self.offset += size as u64;
            bytes += size;
        }
        Ok((records, Some(self)))
    }

    /// The next record if it is whole. `left` bytes are in the file.
    fn record(&mut self, left: u64) -> Result<Option<Bytes>, Fault> {
        if left < HEADER as u64 {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        self.source.read_exact(&mut header)?;
        let (length, checksum) = frame::parse(header);
        if u64::from(length) > left - HEADER as u64 {
            return Ok(None);
        }
        let length = length as usize;
        if length > self.most {
            let (most, at) = (self.most, self.offset);
            let message = format!("the record at byte {at} has {length} bytes, with {most} allowed");
            return Err(Fault::invalid(message));
        }
        let mut data = Vec::with_capacity(length);
        self.source.by_ref().take(length as u64).read_to_end(&mut data)?;
        Ok(frame::is_whole(&data, self.offset, checksum).then(|| data.into()))
    }
}

impl Stream for LogRecords {
    type Item = Result<LogRecord, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for LogRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogRecords").finish_non_exhaustive()
    }
}
