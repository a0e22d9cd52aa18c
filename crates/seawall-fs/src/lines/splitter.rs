use std::convert::Infallible;
use std::fs::File;
use std::io;

use bytes::BytesMut;
use memchr::memrchr;

use super::{LineBatch, LineEnding, LineOptions};
use crate::engine::{Buffers, turn};
use crate::fault::Fault;
use crate::sys;
use crate::work::INLINE_MOST;

/// Cuts what is read into parts of whole lines, and keeps the beginning of a line for the next one.
#[derive(Debug)]
pub(super) struct Splitter {
    options: LineOptions,
    chunk: usize,
    /// What was read and not given out: the beginning of a line whose end was not read yet.
    carried: BytesMut,
    /// In so much of it there is no ending.
    searched: usize,
    /// Where it begins in the file.
    offset: u64,
}

/// Whole lines, of which is not known yet where they end.
#[derive(Debug)]
pub(super) struct Part {
    data: BytesMut,
    offset: u64,
    options: LineOptions,
}

/// How it goes on after a part.
#[derive(Debug)]
pub(super) enum Then<I> {
    More,
    End,
    Failed(Fault),
    /// There is no part: it is to be gone on with later, from where it stands.
    Interrupted(I),
}

/// How filling a buffer has ended.
pub(super) enum Filled<I> {
    Full,
    Ended,
    Failed(io::Error),
    Interrupted(I),
}

impl Splitter {
    pub(super) fn new(options: LineOptions, chunk: usize) -> Self {
        Self { options, chunk, carried: BytesMut::new(), searched: 0, offset: 0 }
    }

    /// Reads on until there is at least one whole line, or the end.
    pub(super) fn next<I>(
        &mut self,
        buffers: &Buffers,
        mut fill: impl FnMut(&mut BytesMut) -> Filled<I>,
    ) -> (Part, Then<I>) {
        let mut searched = std::mem::take(&mut self.searched);
        let mut data = self.take_up(buffers);
        loop {
            let filled = fill(&mut data);
            match filled {
                Filled::Ended => return (self.part(data), Then::End),
                Filled::Interrupted(cause) => {
                    (self.carried, self.searched) = (data, searched);
                    return (self.part(BytesMut::new()), Then::Interrupted(cause));
                }
                Filled::Full | Filled::Failed(_) => {}
            }
            let last = memrchr(b'\n', &data[searched..]);
            if last.is_some() || matches!(filled, Filled::Failed(_)) {
                self.carried.extend_from_slice(&data[last.map_or(0, |last| searched + last + 1)..]);
                self.searched = self.carried.len();
                data.truncate(data.len() - self.carried.len());
            }
            match filled {
                // What was read before is good, but a line without its end is not one.
                Filled::Failed(cause) => return (self.part(data), Then::Failed(cause.into())),
                _ if last.is_some() => return (self.part(data), Then::More),
                // The ending itself does not count.
                _ if data.len() > self.options.max_length.saturating_add(1) => {
                    let fault = self.options.too_long(self.offset);
                    return (self.part(BytesMut::new()), Then::Failed(fault));
                }
                _ => {
                    searched = data.len();
                    // Twice as much each time, so that a long line is not copied again and again.
                    data.reserve(data.len());
                }
            }
        }
    }

    /// A buffer that begins with what is carried.
    fn take_up(&mut self, buffers: &Buffers) -> BytesMut {
        if self.carried.capacity() >= self.chunk {
            return std::mem::take(&mut self.carried);
        }
        let mut data = buffers.take(self.chunk.max(self.carried.len() * 2));
        data.extend_from_slice(&self.carried);
        self.carried.clear();
        data
    }

    fn part(&mut self, data: BytesMut) -> Part {
        let offset = self.offset;
        self.offset += data.len() as u64;
        Part { data, offset, options: self.options }
    }
}

impl Part {
    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    /// A batch of its lines, as far as they are short enough, and what is wrong if they are not.
    pub(super) fn cut(self, buffers: &Buffers) -> (Option<LineBatch>, Option<Fault>) {
        let Self { mut data, offset, options } = self;
        let mut ends = Vec::with_capacity(data.len() / 64 + 1);
        // A chunk is 1 GiB at the most, and a line that is longer is refused before it is 4 GiB.
        sys::line_ends(&data, &mut ends);
        let ends_in_cr = |&end: &u32| (end as usize).checked_sub(1).is_some_and(|last| data[last] == b'\r');
        let has_cr_lf = options.ending == LineEnding::LfOrCrLf && ends.iter().any(ends_in_cr);
        if ends.last().map_or(0, |end| *end as usize + 1) < data.len() {
            ends.push(data.len() as u32);
        }
        let mut fault = None;
        if let Some(first) = options.first_too_long(&data, &ends) {
            let start = first.checked_sub(1).map_or(0, |before| ends[before] as usize + 1);
            fault = Some(options.too_long(offset + start as u64));
            ends.truncate(first);
            data.truncate(start);
        }
        let batch = (!ends.is_empty()).then(|| LineBatch::new(buffers.share(data), ends, has_cr_lf, offset));
        (batch, fault)
    }
}

impl LineOptions {
    fn first_too_long(&self, data: &[u8], ends: &[u32]) -> Option<usize> {
        let most = self.max_length;
        // No line of so little data can be too long.
        if data.len() <= most {
            return None;
        }
        let mut start = 0;
        ends.iter().position(|&end| {
            let end = end as usize;
            let length = end - start;
            let has_cr = self.ending == LineEnding::LfOrCrLf
                && length > 0
                && end < data.len()
                && data[end - 1] == b'\r';
            start = end + 1;
            length - usize::from(has_cr) > most
        })
    }

    fn too_long(&self, at: u64) -> Fault {
        let most = self.max_length;
        Fault::invalid(format!(
            "the line at byte {at} is longer than the {most} bytes allowed: raise the limit"
        ))
    }
}

/// Reads until the buffer is full, where it may block.
pub(super) fn fill(source: &File, buffer: &mut BytesMut) -> Filled<Infallible> {
    while buffer.len() < buffer.capacity() {
        let room = buffer.capacity() - buffer.len();
        match sys::read(source, buffer, room) {
            Ok(0) => return Filled::Ended,
            Ok(_) => {}
            Err(cause) => return Filled::Failed(cause),
        }
    }
    Filled::Full
}

/// Why it goes on later, or elsewhere.
pub(super) enum Interruption {
    TurnOver,
    /// The page cache does not hold it, or, if that is why, cannot be asked for it.
    Missed {
        refused: bool,
    },
}

/// Reads until the buffer is full what the page cache holds, in steps that keep nobody waiting.
pub(super) fn fill_cached(source: &File, buffer: &mut BytesMut) -> Filled<Interruption> {
    while buffer.len() < buffer.capacity() {
        if turn::is_over() {
            return Filled::Interrupted(Interruption::TurnOver);
        }
        let room = (buffer.capacity() - buffer.len()).min(INLINE_MOST as usize);
        match turn::count(|| sys::read_cached(source, buffer, room, None)) {
            Ok(0) if sys::is_at_end(source) => return Filled::Ended,
            Ok(0) => return Filled::Interrupted(Interruption::Missed { refused: false }),
            Ok(_) => {}
            Err(cause) => {
                let refused = cause.kind() != io::ErrorKind::WouldBlock;
                return Filled::Interrupted(Interruption::Missed { refused });
            }
        }
    }
    Filled::Full
}
