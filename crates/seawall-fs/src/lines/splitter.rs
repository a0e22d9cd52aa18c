use std::fs::File;

use memchr::memchr_iter;

use super::{LineBatch, LineEnding, LineOptions};
use crate::engine::Buffers;
use crate::fault::Fault;
use crate::sys;

/// So much is read and then looked through, while it is in the processor's nearest cache.
const STEP: usize = 128 * 1024;

/// Cuts what is read into batches of whole lines, and keeps the beginning of a line for the next one.
#[derive(Debug)]
pub(super) struct Splitter {
    options: LineOptions,
    chunk: usize,
    /// The beginning of a line whose end was not read yet.
    carried: Vec<u8>,
    /// Where it begins in the file.
    offset: u64,
}

/// How it goes on after some batches.
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
    pub(super) fn next(&mut self, source: &File, buffers: &Buffers) -> (Option<LineBatch>, Then) {
        let mut data = buffers.take(self.chunk.max(self.carried.len() * 2));
        data.extend_from_slice(&self.carried);
        let mut ends = Vec::with_capacity(data.capacity() / 64 + 1);
        loop {
            let searched = data.len();
            if searched == data.capacity() {
                if !ends.is_empty() {
                    self.carry(&mut data, &ends);
                    return self.cut(data, ends, buffers);
                }
                // The ending itself does not count.
                if searched > self.options.max_length.saturating_add(1) {
                    return (None, Then::Failed(self.too_long(self.offset)));
                }
                // Twice as much each time, so that a long line is not copied again and again.
                data.reserve_exact(searched);
            }
            let room = (data.capacity() - searched).min(STEP);
            let end = match sys::read(source, &mut data, room) {
                // A chunk is 1 GiB at the most, and a line that is longer is refused before it is 4 GiB.
                Ok(1..) => {
                    ends.extend(memchr_iter(b'\n', &data[searched..]).map(|end| (searched + end) as u32));
                    continue;
                }
                Ok(0) => {
                    self.carried.clear();
                    if whole(&ends) < data.len() {
                        ends.push(data.len() as u32);
                    }
                    Then::End
                }
                // What was read before is good, but a line without its end is not one.
                Err(cause) => {
                    self.carry(&mut data, &ends);
                    Then::Failed(cause.into())
                }
            };
            let (batch, then) = self.cut(data, ends, buffers);
            return (batch, if matches!(then, Then::More) { end } else { then });
        }
    }

    /// Keeps what is behind the last whole line for the next batch.
    fn carry(&mut self, data: &mut Vec<u8>, ends: &[u32]) {
        let whole = whole(ends);
        self.carried.clear();
        self.carried.extend_from_slice(&data[whole..]);
        data.truncate(whole);
    }

    /// A batch of the lines in `data`, as far as they are short enough.
    fn cut(&mut self, mut data: Vec<u8>, mut ends: Vec<u32>, buffers: &Buffers) -> (Option<LineBatch>, Then) {
        let mut then = Then::More;
        if let Some(first) = self.first_too_long(&data, &ends) {
            let start = first.checked_sub(1).map_or(0, |before| ends[before] as usize + 1);
            then = Then::Failed(self.too_long(self.offset + start as u64));
            ends.truncate(first);
            data.truncate(start);
        }
        let offset = self.offset;
        self.offset += data.len() as u64;
        let batch = (!ends.is_empty())
            .then(|| LineBatch::new(buffers.share(data), ends, self.options.ending, offset));
        (batch, then)
    }

    fn first_too_long(&self, data: &[u8], ends: &[u32]) -> Option<usize> {
        let most = self.options.max_length;
        // No line of so little data can be too long.
        if data.len() <= most {
            return None;
        }
        let mut start = 0;
        ends.iter().position(|&end| {
            let end = end as usize;
            let length = end - start;
            let has_cr = self.options.ending == LineEnding::LfOrCrLf
                && length > 0
                && end < data.len()
                && data[end - 1] == b'\r';
            start = end + 1;
            length - usize::from(has_cr) > most
        })
    }

    fn too_long(&self, at: u64) -> Fault {
        let most = self.options.max_length;
        Fault::invalid(format!(
            "the line at byte {at} is longer than the {most} bytes allowed: raise the limit"
        ))
    }
}

/// How much of the data is whole lines.
fn whole(ends: &[u32]) -> usize {
    ends.last().map_or(0, |end| *end as usize + 1)
}
