use std::io;

use bytes::Bytes;
use seawall_core::Error;

use crate::fault::Fault;
use crate::{File, Operation};

/// Small reads take so much at a time.
pub(super) const READ_AHEAD: usize = 64 * 1024;

/// Large ones take so much in one visit to the device.
const STEP: u64 = 8 * 1024 * 1024;

impl File {
    /// Up to `max` bytes from the cursor on; none at the end of the file only. It gives what there is and does not wait
    /// for `max`.
    ///
    /// The bytes are not copied: they keep the chunk that they were read in, of 64 KiB or `max`, in memory.
    ///
    /// # Errors
    /// When it cannot be read, or what was written before cannot be flushed.
    ///
    /// # Cancel safety
    /// Cancel safe: the cursor has not moved.
    pub async fn read_bytes(&mut self, max: usize) -> Result<Bytes, Error> {
        self.until_ahead(max.min(1), max).await?;
        Ok(self.advance(max.min(self.ahead.len())))
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// As [`read_bytes`](Self::read_bytes), and when the file ends before; the cursor has not moved then.
    ///
    /// # Cancel safety
    /// Cancel safe: the cursor has not moved.
    pub async fn read_exactly(&mut self, count: usize) -> Result<Bytes, Error> {
        self.until_ahead(count, count).await?;
        if self.ahead.len() < count {
            return Err(Fault::from(io::Error::from(io::ErrorKind::UnexpectedEof))
                .label(&self.open.label(Operation::ReadAt)));
        }
        Ok(self.advance(count))
    }

    /// Everything from the cursor to the end of the file, if that is at most `limit` bytes.
    ///
    /// # Errors
    /// As [`read_bytes`](Self::read_bytes), and when there is more; the cursor has not moved then.
    ///
    /// # Cancel safety
    /// Cancel safe: the cursor has not moved.
    pub async fn read_all(&mut self, limit: u64) -> Result<Bytes, Error> {
        self.until_end(limit).await?;
        Ok(self.advance(self.ahead.len()))
    }

    /// [`read_all`](Self::read_all) of a file that holds UTF-8.
    ///
    /// # Errors
    /// As [`read_all`](Self::read_all), and when it is not UTF-8; the cursor has not moved then.
    ///
    /// # Cancel safety
    /// Cancel safe: the cursor has not moved.
    pub async fn read_text(&mut self, limit: u64) -> Result<String, Error> {
        self.until_end(limit).await?;
        let text = match std::str::from_utf8(&self.ahead) {
            Ok(text) => text.to_owned(),
            Err(cause) => return Err(self.not_text(&cause)),
        };
        self.advance(self.ahead.len());
        Ok(text)
    }

    /// Up to `max` of the next bytes, at most 64 KiB, with the cursor where it is; none at the end of the file only.
    ///
    /// # Errors
    /// As [`read_bytes`](Self::read_bytes).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn peek(&mut self, max: usize) -> Result<Bytes, Error> {
        self.until_ahead(max.min(1), READ_AHEAD).await?;
        Ok(Bytes::copy_from_slice(&self.ahead[..max.min(self.ahead.len())]))
    }

    /// Reads until `wanted` bytes are ahead of the cursor or the file ends, up to `count` at a time.
    async fn until_ahead(&mut self, wanted: usize, count: usize) -> Result<(), Error> {
        self.forget_the_stale();
        while self.ahead.len() < wanted {
            let missing = count.saturating_sub(self.ahead.len());
            if !self.more(missing.max(READ_AHEAD)).await? {
                break;
            }
        }
        Ok(())
    }

    async fn until_end(&mut self, limit: u64) -> Result<(), Error> {
        self.forget_the_stale();
        let mut step = (4 * READ_AHEAD) as u64;
        loop {
            let left = limit.saturating_sub(self.ahead.len() as u64);
            // One byte more than the limit tells a file that is larger from one that fits.
            let more = self.more(step.min(left.saturating_add(1)) as usize).await?;
            if self.ahead.len() as u64 > limit {
                let message =
                    format!("larger than the {limit} bytes allowed: raise the limit or read it in parts");
                return Err(Fault::invalid(message).label(&self.open.label(Operation::ReadAt)));
            }
            if !more {
                return Ok(());
            }
            step = (step * 2).min(STEP);
        }
    }

    /// Moves the cursor over bytes that are ahead of it, and gives them.
    pub(super) fn advance(&mut self, count: usize) -> Bytes {
        self.position += count as u64;
        self.ahead.split_to(count).freeze()
    }

    pub(super) fn not_text(&self, cause: &std::str::Utf8Error) -> Error {
        let message = format!("not UTF-8 text ({cause}): read it as bytes");
        Fault::invalid(message).label(&self.open.label(Operation::ReadAt))
    }
}
