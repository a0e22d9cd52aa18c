use std::io::{self, Read};

use xxhash_rust::xxh3::Xxh3;

/// How much room there is at least for one read.
const CHUNK: usize = 64 * 1024;
const INITIAL: usize = 256 * 1024;

/// The bytes of a source that are read and not consumed yet, and the hash of those consumed.
pub(super) struct Window<R> {
    reader: R,
    buffer: Vec<u8>,
    /// What is hashed ends here; bytes are hashed in large pieces, when they are about to leave the buffer.
    hashed: usize,
    start: usize,
    filled: usize,
    ended: Option<io::Result<()>>,
    hash: Xxh3,
}

/// A checksum that can be gone back to.
pub(super) struct Checkpoint(Xxh3);

impl<R: Read> Window<R> {
    /// A window over `first` and then what `reader` gives, unless it has `ended` already.
    pub(super) fn new(first: Vec<u8>, reader: R, ended: Option<io::Result<()>>) -> Self {
        let filled = first.len();
        Self { reader, buffer: first, hashed: 0, start: 0, filled, ended, hash: Xxh3::new() }
    }

    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.filled]
    }

    /// Whether the source ended, and ended well.
    pub(super) fn at_end(&self) -> bool {
        matches!(self.ended, Some(Ok(())))
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.filled, "only bytes that are there are consumed");
    }

    /// Adds the next `count` bytes to `copy`, as long as that has no more than `limit`.
    pub(super) fn copy_up_to(&self, limit: usize, count: usize, copy: &mut Vec<u8>) {
        let count = count.min(limit.saturating_sub(copy.len()));
        copy.extend_from_slice(&self.unread()[..count]);
    }

    /// Reads more. `false` when nothing more will come: the source ended or [`failed`](Self::failure).
    pub(super) fn fill(&mut self) -> bool {
        if self.ended.is_some() {
            return false;
        }
        self.make_room();
        match self.reader.read(&mut self.buffer[self.filled..]) {
            Ok(0) => self.ended = Some(Ok(())),
            Ok(count) => self.filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.ended = Some(Err(error)),
        }
        self.ended.is_none()
    }

    /// Why the reader failed, if it did. The window keeps a copy in words: an `io::Error` has no other.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        match &mut self.ended {
            Some(Err(error)) => {
                let again = io::Error::new(error.kind(), error.to_string());
                Some(std::mem::replace(error, again))
            }
            _ => None,
        }
    }

    /// Puts a failure back that was taken out and not told to anybody.
    pub(super) fn fail(&mut self, error: io::Error) {
        self.ended = Some(Err(error));
    }

    /// The checksum as it is now, for [`restore`](Self::restore).
    pub(super) fn checkpoint(&mut self) -> Checkpoint {
        self.hash_consumed();
        Checkpoint(self.hash.clone())
    }

    /// Forgets what was consumed since, as far as the checksum goes. The bytes do not come back, so this is for a
    /// window that failed.
    pub(super) fn restore(&mut self, checkpoint: Checkpoint) {
        self.start = self.filled;
        self.hashed = self.start;
        self.hash = checkpoint.0;
    }

    /// The hash of all bytes consumed since the last reset.
    pub(super) fn checksum(&mut self) -> u64 {
        self.hash_consumed();
        self.hash.digest()
    }

    pub(super) fn reset_checksum(&mut self) {
        self.hash_consumed();
        self.hash = Xxh3::new();
    }

    fn hash_consumed(&mut self) {
        self.hash.update(&self.buffer[self.hashed..self.start]);
        self.hashed = self.start;
    }

    fn make_room(&mut self) {
        if self.buffer.len() - self.filled >= CHUNK {
            return;
        }
        self.hash_consumed();
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        (self.start, self.hashed) = (0, 0);
        if self.buffer.is_empty() {
            self.buffer = vec![0; INITIAL];
        } else if self.buffer.len() - self.filled < CHUNK {
            let larger = (self.buffer.len() * 2).max(self.filled + CHUNK);
            self.buffer.resize(larger, 0);
        }
    }
}
