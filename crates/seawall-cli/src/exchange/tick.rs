use std::str;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::checksum::Row;

pub(super) const HEADER: &[u8] = b"id,symbol,ts,price,size,side\n";
/// Every row has the same width, so a byte offset tells its row and a range can start anywhere at no cost.
pub(super) const ROW_WIDTH: usize = TEMPLATE.len();
/// The first id. Ten digits, so that all ids are as wide as this one.
pub(super) const FIRST_ID: u64 = 1_000_000_000;
/// As many ids as have ten digits.
pub(super) const MOST_ROWS: u64 = 10_000_000_000 - FIRST_ID;

const TEMPLATE: &[u8; 56] = b"0000000000,AAAA,2026-01-05T00:00:00.000Z,000.00,000,bid\n";
const OPENING: u64 = (14 * 60 + 30) * 60_000;
/// Six and a half hours, in milliseconds.
const SESSION: u64 = 390 * 60_000;

/// Where a tick stands in the data; its values follow from this and the seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Counted over all files.
    pub(super) row: u64,
    pub(super) symbol: u64,
    /// The how many-th tick of its symbol this is, from 0.
    pub(super) nth: u64,
    /// How many ticks its symbol has at most.
    pub(super) of: u64,
}

/// One trade.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tick {
    id: u64,
    cents: u64,
    size: u64,
    line: [u8; ROW_WIDTH],
}

impl Tick {
    pub(super) fn new(seed: u64, place: Place) -> Self {
        let Place { row, symbol, nth, of } = place;
        let noise = hash(seed, [symbol, nth, 0]);
        let (id, cents, size) = (FIRST_ID + row, price_in_cents(seed, symbol, nth, noise), 100 + noise % 900);
        let slot = SESSION / of.max(1);
        let time = OPENING + nth * SESSION / of.max(1) + (noise >> 16) % slot.max(1);

        let mut line = *TEMPLATE;
        write_digits(&mut line[0..10], id);
        write_symbol(&mut line[11..15], symbol);
        write_digits(&mut line[27..29], time / 3_600_000);
        write_digits(&mut line[30..32], time / 60_000 % 60);
        write_digits(&mut line[33..35], time / 1000 % 60);
        write_digits(&mut line[36..39], time % 1000);
        write_digits(&mut line[41..44], cents / 100);
        write_digits(&mut line[45..47], cents % 100);
        write_digits(&mut line[48..51], size);
        line[52..55].copy_from_slice(if noise >> 63 == 0 { b"bid" } else { b"ask" });
        Self { id, cents, size, line }
    }

    /// The row as CSV, with its line feed.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    pub(super) fn row(&self) -> Row<'_> {
        Row {
            id: self.id.cast_signed(),
            symbol: self.text(11, 15),
            ts: self.text(16, 40),
            // A division rounds correctly, so this is the very number that reading the text gives.
            price: self.cents as f64 / 100.0,
            size: self.size.cast_signed(),
            side: self.text(52, 55),
        }
    }

    fn text(&self, from: usize, to: usize) -> &str {
        str::from_utf8(&self.line[from..to]).expect("lines are ASCII")
    }
}

fn write_digits(field: &mut [u8], mut value: u64) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn write_symbol(field: &mut [u8], symbol: u64) {
    // A factor prime to 26 sends different numbers to different letters.
    let mut value = symbol * 104_729 + 12_345;
    for letter in field {
        *letter = b'A' + (value % 26) as u8;
        value /= 26;
    }
}

/// A price from 100.00 to 999.99 that wanders: slow and fast waves between random heights (value noise) and a jitter.
/// Unlike a random walk it is known at any point without the points before it.
fn price_in_cents(seed: u64, symbol: u64, nth: u64, noise: u64) -> u64 {
    const WAVES: [(u64, i64); 2] = [(1024, 6000), (32, 1000)];
    let base = 20_000 + hash(seed, [symbol, 0, 1]) % 50_000;
    let mut cents = base.cast_signed() + ((noise >> 40) % 41).cast_signed() - 20;
    for (length, height) in WAVES {
        let at = |point| (hash(seed, [symbol, point, length]) % 2001).cast_signed() - 1000;
        let (point, part) = (nth / length, (nth % length).cast_signed());
        let length = length.cast_signed();
        cents += (at(point) * (length - part) + at(point + 1) * part) * height / (length * 1000);
    }
    cents.cast_unsigned()
}

fn hash(seed: u64, values: [u64; 3]) -> u64 {
    let mut bytes = [0; 24];
    for (chunk, value) in bytes.chunks_exact_mut(8).zip(values) {
        chunk.copy_from_slice(&value.to_le_bytes());
    }
    xxh3_64_with_seed(&bytes, seed)
}
