use std::fmt;
use std::iter::FusedIterator;
use std::ops::Range;
use std::str::Utf8Error;

use bytes::Bytes;

/// Some lines of a file that follow each other, in one buffer.
#[derive(Clone, PartialEq, Eq)]
pub struct LineBatch {
    data: Bytes,
    /// Where each line ends: the place of its `\n`, or the end of the data.
    ends: Vec<u32>,
    /// Whether any of them ends in `\r\n`, and that counts as an ending: hardly any file does, and where none does no
    /// line has to be looked at again.
    has_cr_lf: bool,
    offset: u64,
}

impl LineBatch {
    pub(super) fn new(data: Bytes, ends: Vec<u32>, has_cr_lf: bool, offset: u64) -> Self {
        Self { data, ends, has_cr_lf, offset }
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
        let data = &*self.data;
        self.ranges().map(move |range| &data[range])
    }

    /// The lines as text, without their endings. The whole batch is checked at once.
    ///
    /// # Errors
    /// When the batch is not UTF-8 throughout; the place told is one in [`data`](Self::data).
    pub fn text(&self) -> Result<impl ExactSizeIterator<Item = &str> + DoubleEndedIterator, Utf8Error> {
        let text = std::str::from_utf8(&self.data)?;
        Ok(self.ranges().map(move |range| &text[range]))
    }

    /// The lines as buffers of their own that share this one, so that they can go elsewhere.
    pub fn shared(&self) -> impl ExactSizeIterator<Item = Bytes> + DoubleEndedIterator {
        self.ranges().map(|range| self.data.slice(range))
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
        without_cr(&self.data, start, self.ends[index] as usize, self.has_cr_lf)
    }

    fn ranges(&self) -> Ranges<'_> {
        Ranges { data: &self.data, start: 0, ends: &self.ends, has_cr_lf: self.has_cr_lf }
    }
}

fn without_cr(data: &[u8], start: usize, end: usize, has_cr_lf: bool) -> Range<usize> {
    // Only what stands before a `\n` is part of an ending.
    let has_cr = has_cr_lf && end > start && end < data.len() && data[end - 1] == b'\r';
    start..end - usize::from(has_cr)
}

/// Where the lines are.
struct Ranges<'a> {
    data: &'a [u8],
    start: usize,
    ends: &'a [u32],
    has_cr_lf: bool,
}

impl Iterator for Ranges<'_> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (end, behind) = self.ends.split_first()?;
        let (start, end) = (self.start, *end as usize);
        (self.start, self.ends) = (end + 1, behind);
        Some(without_cr(self.data, start, end, self.has_cr_lf))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.ends.len(), Some(self.ends.len()))
    }
}

impl DoubleEndedIterator for Ranges<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let (end, before) = self.ends.split_last()?;
        let start = before.last().map_or(self.start, |end| *end as usize + 1);
        self.ends = before;
        Some(without_cr(self.data, start, *end as usize, self.has_cr_lf))
    }
}

impl ExactSizeIterator for Ranges<'_> {}
impl FusedIterator for Ranges<'_> {}

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
