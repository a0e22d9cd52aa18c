use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::engine::{Engine, Need, RingRead, aligned};
use crate::fault::Fault;
use crate::sys;
use crate::work::{Attempt, INLINE_MOST, Task, Work};

/// Reads at most `count` bytes from `offset` on of an open file, fewer only at its end. The file's own position is
/// neither used nor moved, so any number of these may be under way at once.
pub(crate) struct ReadAt {
    pub(crate) file: Arc<File>,
    pub(crate) offset: u64,
    pub(crate) count: usize,
}

/// What is read at once of a file whose length says nothing, such as a device.
const STEP: usize = 256 * 1024;

impl Work for ReadAt {
    type Output = Bytes;

    fn inline(&self, engine: &Engine, path: &Path) -> Attempt<Bytes> {
        if self.count as u64 > INLINE_MOST {
            return Attempt::Missed(None);
        }
        let Some(attempt) = engine.may_try(path, Need::Content) else { return Attempt::Missed(None) };
        match self.read_cached() {
            Ok(Some(content)) => {
                engine.tried(attempt, true);
                return Attempt::Answered(Ok(content.freeze()));
            }
            Ok(None) => engine.tried(attempt, false),
            Err(_) => engine.refused(attempt),
        }
        Attempt::Missed(None)
    }

    fn as_ring_read(&self, _: Option<&Arc<File>>) -> Option<RingRead> {
        // What comes at the end, and whether a file knows its length, is found out on a thread.
        let left = sys::regular_length(&self.file)?.checked_sub(self.offset)?;
        let within = self.count > 0 && self.count as u64 <= left;
        within.then(|| RingRead { file: Arc::clone(&self.file), offset: self.offset, count: self.count })
    }

    fn answer_of_ring(&self, content: BytesMut) -> Option<Bytes> {
        Some(content.freeze())
    }

    fn carry_out(&self, task: &Task<'_>) -> Result<Bytes, Fault> {
        let content = self.read(task)?;
        task.engine.look_at(&task.label.path, Need::Content, || self.file.try_clone());
        Ok(content.freeze())
    }
}

impl ReadAt {
    /// What was asked for if the page cache holds all of it. An error if this file cannot be asked so.
    fn read_cached(&self) -> io::Result<Option<BytesMut>> {
        let mut content = aligned(self.count);
        while content.len() < self.count {
            let (missing, position) = (self.count - content.len(), self.offset + content.len() as u64);
            match sys::read_cached(&self.file, &mut content, missing, Some(position)) {
                // Nothing is the end only if the length says so.
                Ok(0) => {
                    let ended = sys::regular_length(&self.file).is_some_and(|length| length <= position);
                    return Ok(ended.then_some(content));
                }
                Ok(_) => {}
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(cause) => return Err(cause),
            }
        }
        Ok(Some(content))
    }

    fn read(&self, task: &Task<'_>) -> Result<BytesMut, Fault> {
        // No more memory than there is content to come.
        let left = self.file.metadata()?.len().saturating_sub(self.offset);
        let mut content = aligned(self.count.min(usize::try_from(left).unwrap_or(usize::MAX)));
        while content.len() < self.count {
            if task.abandoned.is_set() {
                return Err(Fault::abandoned());
            }
            let spare = content.capacity() - content.len();
            let step = if spare == 0 { STEP } else { spare }.min(self.count - content.len());
            let position = self.offset + content.len() as u64;
            if sys::read_at(&self.file, &mut content, step, position)? == 0 {
                break;
            }
        }
        Ok(content)
    }
}
