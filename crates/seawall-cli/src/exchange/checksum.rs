//! The checksum by which the demo proves that every row arrived, once and unchanged.
//!
//! It is the wrapping sum, over all rows, of the XXH3 hash (64 bits) of each row's canonical encoding, so the order
//! of the rows does not matter. The encoding of a row is its fields in the order of [`Row`]: an integer as its
//! eight bytes, a real as the eight bytes of its IEEE 754 form, a text as the eight bytes of its length and then its
//! UTF-8 bytes; all numbers little-endian.

use xxhash_rust::xxh3::xxh3_64;

/// A row as typed values: what the exchange made, or what was read back from the database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row<'a> {
    pub(crate) id: i64,
    pub(crate) symbol: &'a str,
    /// RFC 3339 with milliseconds and `Z`.
    pub(crate) ts: &'a str,
    pub(crate) price: f64,
    pub(crate) size: i64,
    /// `bid` or `ask`.
    pub(crate) side: &'a str,
}

/// The sum so far. An empty table has the checksum 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checksum {
    sum: u64,
    // Kept from row to row, to allocate once.
    encoding: Vec<u8>,
}

impl Checksum {
    pub(crate) fn add(&mut self, row: &Row<'_>) {
        self.encoding.clear();
        row.encode(&mut self.encoding);
        self.sum = self.sum.wrapping_add(xxh3_64(&self.encoding));
    }

    pub(crate) fn value(&self) -> u64 {
        self.sum
    }
}

impl Row<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_le_bytes());
        encode_text(self.symbol, out);
        encode_text(self.ts, out);
        out.extend_from_slice(&self.price.to_bits().to_le_bytes());
        out.extend_from_slice(&self.size.to_le_bytes());
        encode_text(self.side, out);
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    // The length keeps `ab` + `c` apart from `a` + `bc`.
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}
