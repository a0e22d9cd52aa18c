use seawall_sql::RowBatch;

/// A place between two records of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// How many bytes of the decompressed source lie before it.
    pub position: u64,
    /// How many lines end before it.
    pub line: u64,
}

/// When a batch is full: whichever comes first.
///
/// | field | default |
/// |---|---|
/// | `rows` | 16,384 |
/// | `bytes` | 4 MiB |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many records, malformed ones included.
    pub rows: usize,
    /// So many bytes of the source; the record that passes the limit is the batch's last.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 16_384, bytes: 4 << 20 }
    }
}

/// Rows of a source and the bytes they come from; filled by [`RowReader::next_batch`](super::RowReader::next_batch)
/// and reused from batch to batch.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The rows that are well-formed.
    pub rows: RowBatch,
    /// The records that are not, in the order of the source.
    pub malformed: Vec<Malformed>,
    /// Where the batch begins: where the one before ended.
    pub start: Mark,
    /// Where it ends, on a record's boundary.
    pub end: Mark,
    /// XXH3 (64 bits, seed 0) of exactly the bytes from `start` to `end`. Batches lie side by side without a gap,
    /// so all of them together vouch for the whole source.
    pub checksum: u64,
    /// Whether its last record is a quoted field that is never closed: what may follow one day belongs to it.
    pub ends_unclosed: bool,
    origins: Vec<RowOrigin>,
    raw: String,
}

/// Where a row of a batch comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Its first line, counted from 1.
    pub line: u64,
    /// Its first byte in the decompressed source.
    pub position: u64,
    /// The record as it stands in the source.
    pub raw: &'a str,
}

/// A record that is no row, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its first line, counted from 1.
    pub line: u64,
    /// Its first byte in the decompressed source.
    pub position: u64,
    /// What is wrong with it, in words.
    pub reason: String,
    /// The record as it stands in the source, cut to [`MAX_RAW`](Self::MAX_RAW) bytes with a `…` to show it; bytes
    /// that are not UTF-8 became U+FFFD.
    pub raw: String,
}

#[derive(Clone, Copy, Debug)]
struct RowOrigin {
    place: Mark,
    raw_end: usize,
}

impl Batch {
    /// An empty batch of rows with `width` cells each.
    ///
    /// # Panics
    /// If `width` is zero.
    pub fn new(width: usize) -> Self {
        Self {
            rows: RowBatch::new(width),
            malformed: Vec::new(),
            start: Mark::default(),
            end: Mark::default(),
            checksum: 0,
            ends_unclosed: false,
            origins: Vec::new(),
            raw: String::new(),
        }
    }

    /// How many records there are, malformed ones included.
    pub fn records(&self) -> usize {
        self.rows.len() + self.malformed.len()
    }

    /// Whether there is neither a row nor a malformed record; the batch may hold blank lines even so.
    pub fn is_empty(&self) -> bool {
        self.records() == 0
    }

    /// Where row `index` comes from.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn origin(&self, index: usize) -> Origin<'_> {
        let RowOrigin { place, raw_end } = self.origins[index];
        let raw_start = index.checked_sub(1).map_or(0, |before| self.origins[before].raw_end);
        Origin { line: place.line + 1, position: place.position, raw: &self.raw[raw_start..raw_end] }
    }

    /// Describes row `index`, which something else than its form speaks against: the database, say.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn reject(&self, index: usize, reason: impl Into<String>) -> Malformed {
        let Origin { line, position, raw } = self.origin(index);
        Malformed { line, position, reason: reason.into(), raw: Malformed::cut(raw.as_bytes()) }
    }

    pub(super) fn begin(&mut self, start: Mark) {
        self.rows.clear();
        self.malformed.clear();
        self.origins.clear();
        self.raw.clear();
        (self.start, self.end, self.ends_unclosed) = (start, start, false);
    }

    /// Notes where the row comes from that was just added.
    pub(super) fn note_origin(&mut self, place: Mark, raw: &str) {
        self.raw.push_str(raw);
        self.origins.push(RowOrigin { place, raw_end: self.raw.len() });
    }
}

impl Malformed {
    /// How much of a malformed record is kept.
    pub const MAX_RAW: usize = 8 * 1024;

    pub(super) fn new(place: Mark, reason: String, raw: &[u8]) -> Self {
        Self { line: place.line + 1, position: place.position, reason, raw: Self::cut(raw) }
    }

    fn cut(raw: &[u8]) -> String {
        if raw.len() <= Self::MAX_RAW {
            return String::from_utf8_lossy(raw).into_owned();
        }
        // A character that the cut divides is left out whole.
        let mut end = Self::MAX_RAW;
        while end > Self::MAX_RAW - 3 && raw[end] & 0b1100_0000 == 0b1000_0000 {
            end -= 1;
        }
        format!("{}…", String::from_utf8_lossy(&raw[..end]))
    }
}
