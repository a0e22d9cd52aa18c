//! The form of what a second tier holds. Numbers are little-endian.
//!
//! | bytes | |
//! |---|---|
//! | 0 | version of this form, 1 |
//! | 1 | [codec](crate::Codec::id) of the payload; 0 is a tombstone, which has none |
//! | 2–3 | version of the value's type |
//! | 4 | number of tags |
//! | 5–7 | zero |
//! | 8–15 | a random number, which no other record has |
//! | 16–23 | when it was written, in milliseconds since 1970 |
//! | 24–31 | for how many milliseconds from then it is fresh |
//! | 32–39 | … may be served while it is renewed |
//! | 40–47 | … is better than a failure |
//! | 48–55 | how long after its last use memory keeps it, or 0 |
//! | 56–63 | how many nanoseconds it took to make |
//! | 64–… | each tag's hash, and the token it had, 8 bytes each |
//! | then | the payload |
//!
//! What has another version, or is too short, or makes no sense otherwise, is no record: it counts as nothing.

use bytes::{Buf, BufMut, Bytes};

/// The first bytes of a record, by which two are told apart.
pub(crate) const HEAD: usize = 16;
const FIXED: usize = 64;
const VERSION: u8 = 1;
pub(super) const TOMBSTONE: u8 = 0;
pub(super) const MOST_TAGS: usize = 255;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) codec: u8,
    pub(super) version: u16,
    pub(super) id: u64,
    pub(super) written: u64,
    pub(super) fresh: u64,
    pub(super) stale: u64,
    pub(super) on_error: u64,
    pub(super) idle: u64,
    pub(super) cost: u64,
    pub(super) tags: Vec<(u64, u64)>,
}

impl Record {
    /// What says that a value was taken away, and keeps loads that began before from putting it back.
    pub(super) const fn tombstone(id: u64, written: u64) -> Self {
        Self {
            codec: TOMBSTONE,
            version: 0,
            id,
            written,
            fresh: 0,
            stale: 0,
            on_error: 0,
            idle: 0,
            cost: 0,
            tags: Vec::new(),
        }
    }

    /// The record without its payload, which is to be appended. At most [`MOST_TAGS`] tags are written.
    pub(super) fn write(&self) -> Vec<u8> {
        let tags = &self.tags[..self.tags.len().min(MOST_TAGS)];
        let mut bytes = Vec::with_capacity(FIXED + 16 * tags.len() + 256);
        bytes.put_u8(VERSION);
        bytes.put_u8(self.codec);
        bytes.put_u16_le(self.version);
        bytes.put_u8(tags.len() as u8);
        bytes.put_bytes(0, 3);
        for number in [self.id, self.written, self.fresh, self.stale, self.on_error, self.idle, self.cost] {
            bytes.put_u64_le(number);
        }
        for (tag, token) in tags {
            bytes.put_u64_le(*tag);
            bytes.put_u64_le(*token);
        }
        bytes
    }

    /// The record, and what follows it.
    pub(super) fn read(mut bytes: Bytes) -> Option<(Self, Bytes)> {
        if bytes.len() < FIXED || bytes.get_u8() != VERSION {
            return None;
        }
        let codec = bytes.get_u8();
        let version = bytes.get_u16_le();
        let tags = usize::from(bytes.get_u8());
        bytes.advance(3);
        let [id, written, fresh, stale, on_error, idle, cost] = std::array::from_fn(|_| bytes.get_u64_le());
        if bytes.len() < 16 * tags {
            return None;
        }
        let tags = (0..tags).map(|_| (bytes.get_u64_le(), bytes.get_u64_le())).collect();
        Some((Self { codec, version, id, written, fresh, stale, on_error, idle, cost, tags }, bytes))
    }
}

/// What tells whether two records are the same one.
pub(super) fn head(bytes: &Bytes) -> Bytes {
    bytes.slice(..bytes.len().min(HEAD))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> impl Strategy<Value = Record> {
        let numbers = prop::array::uniform7(any::<u64>());
        (any::<u8>(), any::<u16>(), numbers, prop::collection::vec(any::<(u64, u64)>(), 0..=MOST_TAGS))
            .prop_map(|(codec, version, [id, written, fresh, stale, on_error, idle, cost], tags)| Record {
                codec,
                version,
                id,
                written,
                fresh,
                stale,
                on_error,
                idle,
                cost,
                tags,
            })
    }

    proptest! {
        #[test]
        fn a_record_reads_back_with_its_payload(record in record(), payload: Vec<u8>) {
            let mut bytes = record.write();
            bytes.extend_from_slice(&payload);
            let (read, rest) = Record::read(bytes.into()).unwrap();
            prop_assert_eq!(read, record);
            prop_assert_eq!(&rest[..], &payload[..]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, cut in 0..200_usize, at in 0..200_usize, to: u8, record in record()) {
            let _ = Record::read(bytes.into());
            let mut written = record.write();
            if let Some(byte) = written.get_mut(at) {
                *byte = to;
            }
            written.truncate(written.len().saturating_sub(cut));
            let _ = Record::read(written.into());
        }

        #[test]
        fn a_record_of_another_form_counts_as_nothing(record in record(), form in 2..=u8::MAX) {
            let mut bytes = record.write();
            bytes[0] = form;
            prop_assert_eq!(Record::read(bytes.into()), None);
        }

        #[test]
        fn a_record_that_lacks_bytes_counts_as_nothing(record in record(), cut in 1..64_usize) {
            let mut bytes = record.write();
            bytes.truncate(bytes.len() - cut.min(bytes.len()));
            prop_assert_eq!(Record::read(bytes.into()), None);
        }
    }
}
