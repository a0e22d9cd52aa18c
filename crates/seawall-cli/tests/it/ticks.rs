//! Rows that are a function of their number, and what a table that holds each of them once adds up to.

use std::fmt::Write;

use xxhash_rust::xxh3::xxh3_64;

/// What a table holds: how many rows, and the sum of their hashes, whatever their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) rows: u64,
    pub(crate) checksum: u64,
}

impl Contents {
    pub(crate) fn add(&mut self, id: i64, symbol: &str, price: f64) {
        let mut row = id.to_le_bytes().to_vec();
        row.extend(price.to_bits().to_le_bytes());
        row.extend(symbol.as_bytes());
        self.rows += 1;
        self.checksum = self.checksum.wrapping_add(xxh3_64(&row));
    }
}

/// CSV of `rows` rows with the columns `id,symbol,price`, and what they add up to.
pub(crate) fn csv(rows: u64) -> (String, Contents) {
    let mut text = "id,symbol,price\n".to_owned();
    let mut contents = Contents::default();
    for id in 0..rows {
        let (symbol, price) = (symbol(id), price(id));
        let quote = if symbol.contains([',', '\n']) { "\"" } else { "" };
        writeln!(text, "{id},{quote}{symbol}{quote},{price:.2}").unwrap();
        contents.add(id.cast_signed(), &symbol, price);
    }
    (text, contents)
}

fn symbol(id: u64) -> String {
    // Some need quotes, and some of those hold a line break: a kill may land inside such a row.
    match id % 50 {
        7 => format!("SYM,{}", id % 10),
        13 => format!("SYM\n{}", id % 10),
        _ => format!("SYM{}", id % 10),
    }
}

fn price(id: u64) -> f64 {
    (1000 + id * 37 % 90_000) as f64 / 100.0
}
