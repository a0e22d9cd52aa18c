use std::ops::Range;

use super::checksum::Checksum;
use super::tick::{HEADER, MOST_ROWS, Place, ROW_WIDTH, Tick};

pub(super) const FILES: u64 = 20;
const SYMBOLS_PER_FILE: u64 = 5;

/// All the data there is, as a function of the seed and the number of rows: nothing of it is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Market {
    seed: u64,
    rows: u64,
}

/// One of its files.
#[derive(Clone, Copy, Debug)]
pub(super) struct TickFile {
    market: Market,
    number: u64,
}

impl Market {
    /// `None` if there are more rows than ids.
    pub(super) fn new(seed: u64, rows: u64) -> Option<Self> {
        (rows <= MOST_ROWS).then_some(Self { seed, rows })
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn files(&self) -> impl Iterator<Item = TickFile> {
        let market = *self;
        (0..FILES).map(move |number| TickFile { market, number })
    }

    pub(super) fn file(&self, path: &str) -> Option<TickFile> {
        self.files().find(|file| file.path() == path)
    }

    /// Makes every row once: about 0.1 s for a million rows.
    pub(super) fn checksum(&self) -> u64 {
        let mut checksum = Checksum::default();
        for file in self.files() {
            for row in 0..file.rows() {
                checksum.add(&file.tick(row).row());
            }
        }
        checksum.value()
    }
}

impl TickFile {
    /// From 0 to [`FILES`].
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn path(&self) -> String {
        format!("/ticks/{:02}.csv", self.number)
    }

    /// A strong entity tag: the same data has the same, other data another.
    pub(super) fn etag(&self) -> String {
        format!("\"{:x}-{:x}-{}\"", self.market.seed, self.market.rows, self.number)
    }

    /// In bytes.
    pub(super) fn len(&self) -> u64 {
        HEADER.len() as u64 + self.rows() * ROW_WIDTH as u64
    }

    /// Appends these bytes of the file to `out`.
    pub(super) fn read(&self, bytes: Range<u64>, out: &mut Vec<u8>) {
        let header = HEADER.len() as u64;
        if bytes.start < header {
            out.extend_from_slice(&HEADER[bytes.start as usize..bytes.end.min(header) as usize]);
        }
        let (start, end) = (bytes.start.max(header) - header, bytes.end.max(header) - header);
        let width = ROW_WIDTH as u64;
        for row in start / width..end.div_ceil(width) {
            let tick = self.tick(row);
            let first = start.saturating_sub(row * width);
            let last = (end - row * width).min(width);
            out.extend_from_slice(&tick.line()[first as usize..last as usize]);
        }
    }

    pub(super) fn rows(&self) -> u64 {
        self.market.rows / FILES + u64::from(self.number < self.market.rows % FILES)
    }

    fn tick(&self, row: u64) -> Tick {
        let before = self.number * (self.market.rows / FILES) + self.number.min(self.market.rows % FILES);
        let place = Place {
            row: before + row,
            symbol: self.number * SYMBOLS_PER_FILE + row % SYMBOLS_PER_FILE,
            nth: row / SYMBOLS_PER_FILE,
            of: self.rows().div_ceil(SYMBOLS_PER_FILE),
        };
        Tick::new(self.market.seed, place)
    }
}
