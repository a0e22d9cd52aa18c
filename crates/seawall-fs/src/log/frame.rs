//! How records stand in the file.
//!
//! | bytes | what |
//! |---|---|
//! | 8, once | [`MAGIC`] |
//! | 4, per record | its length, the lowest byte first |
//! | 8 | XXH3 of the record, seeded with the place where it begins, the lowest byte first |
//! | length | the record |
//!
//! The seed makes a record valid in its place only: what an earlier use of the disk has left there is none.

use std::io::{self, Read};

use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

/// What every log begins with; the last byte is the version of the format.
pub(super) const MAGIC: [u8; 8] = *b"SEALOG\0\x01";
/// What stands before each record.
pub(super) const HEADER: usize = 12;

pub(super) fn header(record: &[u8], offset: u64) -> [u8; HEADER] {
    let length = u32::try_from(record.len()).expect("a record is bounded by the options");
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4..].copy_from_slice(&xxh3_64_with_seed(record, offset).to_le_bytes());
    header
}

/// The length of the record that a header is of, and its checksum.
pub(super) fn parse(header: [u8; HEADER]) -> (u32, u64) {
    let (length, checksum) = header.split_at(4);
    (
        u32::from_le_bytes(length.try_into().expect("four of twelve")),
        u64::from_le_bytes(checksum.try_into().expect("the other eight")),
    )
}

pub(super) fn is_whole(record: &[u8], offset: u64, checksum: u64) -> bool {
    xxh3_64_with_seed(record, offset) == checksum
}

/// Looks through what comes next in `source`, which has `left` bytes, and answers how long the record at `offset` is,
/// its header included. `None` if it is not whole.
pub(super) fn check(
    source: &mut impl Read,
    offset: u64,
    left: u64,
    buffer: &mut [u8],
) -> io::Result<Option<u64>> {
    if left < HEADER as u64 {
        return Ok(None);
    }
    let mut header = [0; HEADER];
    source.read_exact(&mut header)?;
    let (length, checksum) = parse(header);
    if u64::from(length) > left - HEADER as u64 {
        return Ok(None);
    }
    let mut hash = Xxh3::with_seed(offset);
    let mut rest = length as usize;
    while rest > 0 {
        let step = rest.min(buffer.len());
        source.read_exact(&mut buffer[..step])?;
        hash.update(&buffer[..step]);
        rest -= step;
    }
    Ok((hash.digest() == checksum).then_some(HEADER as u64 + u64::from(length)))
}
