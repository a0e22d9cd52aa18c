use std::fs::File;
use std::io;

use memchr::{memchr_iter, memrchr};

use super::{LineBatch, LineEnding, LineOptions};
use crate::engine::Buffers;
use crate::fault::Fault;
use crate::sys;

/// Cuts what is read into parts of whole lines, and keeps the beginning of a line for the next one.
#[derive(Debug)]
pub(super) struct Splitter {
    options: LineOptions,
    chunk: usize,
    /// The beginning of a line whose end was not read yet.
    carried: Vec<u8>,
    /// Where it begins in the file.
    offset: u64,
}

/// Whole lines, of which is not known yet where they end.
#[derive(Debug)]
pub(super) struct Part {
    data: Vec<u8>,
    offset: u64,
    options: LineOptions,
}

/// How it goes on after a part.
#[derive(Debug)]
pub(super) enum Then {
    More,
    End,
    Failed(Fault),
}

impl Splitter {
    pub(super) fn new(options: LineOptions, chunk: usize) -> Self {
        Self { options, chunk, carried: Vec::new(), offset: 0 }
    }

    /// Reads on until there is at least one whole line, or the end.
    pub(super) fn next(&mut self, source: &File, buffers: &Buffers) -> (Part, Then) {
        let mut data = buffers.take(self.chunk.max(self.carried.len() * 2));
        data.append(&mut self.carried);
        loop {
            let searched = data.len();
            let filled = fill(source, &mut data);
            if matches!(filled, Ok(false)) {
                return (self.part(data), Then::End);
            }
            let last = memrchr(b'\n', &data[searched..]);
            if last.is_some() || filled.is_err() {
                self.carried.extend_from_slice(&data[last.map_or(0, |last| searched + last + 1)..]);
                data.truncate(data.len() - self.carried.len());
            }
            match filled {
                // What was read before is good, but a line without its end is not one.
                Err(cause) => return (self.part(data), Then::Failed(cause.into())),
                Ok(_) if last.is_some() => return (self.part(data), Then::More),
                // The ending itself does not count.
                Ok(_) if data.len() > self.options.max_length.saturating_add(1) => {
                    let fault = self.options.too_long(self.offset);
                    return (self.part(Vec::new()), Then::Failed(fault));
                }
                // Twice as much each time, so that a long line is not copied again and again.
                Ok(_) => data.reserve_exact(data.len()),
            }
        }
    }

    fn part(&mut self, data: Vec<u8>) -> Part {
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
        ends.extend(memchr_iter(b'\n', &data).map(|end| end as u32));
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
        let batch =
            (!ends.is_empty()).then(|| LineBatch::new(buffers.share(data), ends, options.ending, offset));
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

/// Reads until the buffer is full; `false` at the end of the file.
fn fill(source: &File, buffer: &mut Vec<u8>) -> io::Result<bool> {
    while buffer.len() < buffer.capacity() {
        let room = buffer.capacity() - buffer.len();
        if sys::read(source, buffer, room)? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
