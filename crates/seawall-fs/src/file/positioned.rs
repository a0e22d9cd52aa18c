//! Reads and writes at a position that is said, many at a time.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use seawall_core::Error;

use super::device;
use super::open::How;
use crate::fault::Fault;
use crate::full_devices::Place;
use crate::work::Task;
use crate::{File, FsRequest, Operation};

impl File {
    /// Up to `count` bytes from `offset` on; fewer only at the end of the file. What was gathered to write and is not
    /// flushed is not seen. Any number of them may be under way at once; the cursor has no part in it.
    ///
    /// # Errors
    /// When it cannot be read.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn read_at(&self, offset: u64, count: usize) -> Result<Bytes, Error> {
        self.open.read_at(offset, count).await
    }

    /// `count` bytes from `offset` on.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at), and when the file ends before.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn read_exactly_at(&self, offset: u64, count: usize) -> Result<Bytes, Error> {
        let bytes = self.read_at(offset, count).await?;
        if bytes.len() < count {
            let fault = Fault::from(io::Error::from(io::ErrorKind::UnexpectedEof));
            return Err(fault.label(&self.open.label(Operation::ReadAt)));
        }
        Ok(bytes)
    }

    /// [`read_at`](Self::read_at) into a buffer of yours, behind what it holds, without setting it to zero before.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at). The buffer is gone then.
    ///
    /// # Cancel safety
    /// Cancel safe, but the buffer is gone.
    pub async fn read_at_into(&self, offset: u64, buffer: BytesMut, count: usize) -> Result<BytesMut, Error> {
        let (open, buffer) = (Arc::clone(&self.open), Mutex::new(buffer));
        let work = move |_: &Task<'_>| {
            open.check()?;
            let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
            let before = buffer.len();
            let read = device::read_fully(open.file(), &mut buffer, offset, count);
            if read.is_err() {
                // Another attempt begins anew.
                buffer.truncate(before);
            }
            read?;
            Ok(std::mem::take(&mut *buffer))
        };
        self.open.ask(Operation::ReadAt, work).await
    }

    /// Parts of `lengths` bytes that follow each other from `offset` on, in one visit and one buffer; at the end of the
    /// file the last ones are shorter or empty.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn read_vectored_at(&self, offset: u64, lengths: &[usize]) -> Result<Vec<Bytes>, Error> {
        let count = lengths.iter().fold(0_usize, |sum, length| sum.saturating_add(*length));
        let mut all = self.read_at(offset, count).await?;
        Ok(lengths.iter().map(|length| all.split_to((*length).min(all.len()))).collect())
    }

    /// Writes all of `bytes` from `offset` on, at once and past what is gathered. Any number of them may be under way;
    /// the cursor has no part in it.
    ///
    /// # Errors
    /// When they cannot be written, some of them perhaps, or the file was opened to append: it has no other place.
    ///
    /// # Cancel safety
    /// Dropped under way, it may be done or not, and may be done a little later: do not write to the same place before
    /// a [`sync_data`](Self::sync_data).
    pub async fn write_at(&self, offset: u64, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.write_vectored_at(offset, vec![bytes.into()]).await
    }

    /// [`write_at`](Self::write_at) of parts that follow each other, in one visit.
    ///
    /// # Errors
    /// As [`write_at`](Self::write_at).
    ///
    /// # Cancel safety
    /// As [`write_at`](Self::write_at).
    pub async fn write_vectored_at(&self, offset: u64, parts: Vec<Bytes>) -> Result<(), Error> {
        let bytes = parts.iter().map(|part| part.len() as u64).sum();
        let open = Arc::clone(&self.open);
        let work = move |task: &Task<'_>| {
            open.check()?;
            if !matches!(open.how, How::Reading | How::Writing) {
                return Err(Fault::invalid("opened so that all is written at the end: use `write_bytes`"));
            }
            let (mut offset, mut chunks) = (offset, VecDeque::from(parts.clone()));
            let mut write =
                || open.changing(|| device::write_out(open.file(), open.how, &mut offset, &mut chunks));
            let place = Place::File(open.file(), &open.path);
            task.engine.full_devices().with_room(place, || Ok(write()?))
        };
        let request = FsRequest::about(Operation::WriteAt, Arc::clone(&self.open.path), work);
        self.open.fs.ask(request.of_bytes(bytes)).await
    }
}
