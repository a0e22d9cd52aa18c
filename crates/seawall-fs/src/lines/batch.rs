use std::fmt;
use std::ops::Range;
use std::str::Utf8Error;

use bytes::Bytes;

use super::LineEnding;

/// Some lines of a file that follow each other, in one buffer.
#[derive(Clone, PartialEq, Eq)]
pub struct LineBatch {
    data: Bytes,
    /// Where each line ends: the place of its `\n`, or the end of the data.
    ends: Vec<u32>,
    ending: LineEnding,
    offset: u64,
}

impl LineBatch {
    pub(super) fn new(data: Bytes, ends: Vec<u32>, ending: LineEnding, offset: u64) -> Self {
        Self { data, ends, ending, offset }
    }

    /// How many lines it holds.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it holds none; a batch of a stream never does.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The line at `index`, counted from 0 in this batch, without its ending.
    pub fn line(&self, index: usize) -> Option<&[u8]> {
        (index < self.ends.len()).then(|| &self.data[self.range(index)])
    }

    /// The lines, without their endings.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + DoubleEndedIterator {
        (0..self.ends.len()).map(|index| &self.data[self.range(index)])
    }

    /// The lines as text, without their endings. The whole batch is checked at once.
    ///
    /// # Errors
    /// When the batch is not UTF-8 throughout; the place told is one in [`data`](Self::data).
    pub fn text(&self) -> Result<impl ExactSizeIterator<Item = &str> + DoubleEndedIterator, Utf8Error> {
        let text = std::str::from_utf8(&self.data)?;
        Ok((0..self.ends.len()).map(move |index| &text[self.range(index)]))
    }

    /// The lines as buffers of their own that share this one, so that they can go elsewhere.
    pub fn shared(&self) -> impl ExactSizeIterator<Item = Bytes> + DoubleEndedIterator {
        (0..self.ends.len()).map(|index| self.data.slice(self.range(index)))
    }

    pub(super) fn shared_line(&self, index: usize) -> Option<Bytes> {
        (index < self.ends.len()).then(|| self.data.slice(self.range(index)))
    }

    /// The bytes of all lines, with their endings.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Where in the file the batch begins. With [`data`](Self::data)'s length it tells where to go on another time.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn range(&self, index: usize) -> Range<usize> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize + 1);
        let end = self.ends[index] as usize;
        // Only what stands before a `\n` is part of an ending.
        let has_cr = self.ending == LineEnding::LfOrCrLf
            && end > start
            && end < self.data.len()
            && self.data[end - 1] == b'\r';
        start..end - usize::from(has_cr)
    }
}

impl fmt::Debug for LineBatch {
    /// Without the lines: the content of a file does not belong in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineBatch")
            .field("lines", &self.ends.len())
            .field("bytes", &self.data.len())
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}
