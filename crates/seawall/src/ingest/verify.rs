use std::io::{self, Read};

use xxhash_rust::xxh3::Xxh3;

use super::ledger::Entry;
use super::transfer::TransferError;

/// Passes a source's bytes on, and compares those that are committed already with what the ledger says of them.
///
/// The comparison costs no pass of its own: whoever reads over the committed bytes, to find the header or to get past
/// them, has them checked. A difference is a [`TransferError::Changed`].
pub(crate) struct Verify<R> {
    reader: R,
    position: u64,
    /// The committed batches that are still to come, the next one last.
    expected: Vec<Entry>,
    hash: Xxh3,
    /// The last committed byte, once it has passed and until the byte behind it has; and whether it lies within a
    /// quoted field.
    seam: Option<(u8, bool)>,
}

impl<R: Read> Verify<R> {
    /// Reads from `reader`, whose first byte is number `at` of the source; `committed` are all its batches.
    pub(crate) fn new(reader: R, at: u64, committed: &[Entry]) -> Self {
        let holds_bytes = |entry: &&Entry| entry.start >= at && entry.position > entry.start;
        let expected = committed.iter().filter(holds_bytes).rev().cloned().collect();
        Self { reader, position: at, expected, hash: Xxh3::new(), seam: None }
    }

    fn check(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some(next) = self.expected.last() {
            if bytes.is_empty() {
                break;
            }
            // Before the batch: a header, which the columns vouch for.
            let (end, hashed) =
                if self.position < next.start { (next.start, false) } else { (next.position, true) };
            let length = usize::try_from(end - self.position).unwrap_or(usize::MAX).min(bytes.len());
            if hashed {
                self.hash.update(&bytes[..length]);
            }
            self.position += length as u64;
            let checked;
            (checked, bytes) = bytes.split_at(length);
            if self.position == next.position {
                if self.hash.digest() != next.checksum {
                    return Err(io::Error::other(TransferError::Changed));
                }
                self.hash.reset();
                let unclosed = self.expected.pop().is_some_and(|entry| entry.unclosed);
                self.seam = checked.last().map(|byte| (*byte, unclosed));
            }
        }
        // What was the end of the source then may have been the first half of a line that was still being written.
        if let (Some((before, unclosed)), true, Some(behind)) =
            (self.seam, self.expected.is_empty(), bytes.first())
        {
            self.seam = None;
            if unclosed || ![before, *behind].iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
                return Err(io::Error::other(TransferError::Changed));
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Verify<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if read == 0 && !buffer.is_empty() && !self.expected.is_empty() {
            // It ends before what is committed ends.
            return Err(io::Error::other(TransferError::Changed));
        }
        self.check(&buffer[..read])?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    fn entry(start: u64, position: u64, text: &[u8]) -> Entry {
        let checksum = xxh3_64(&text[start as usize..position as usize]);
        Entry { start, position, checksum, ..Entry::default() }
    }

    fn read(text: &[u8], at: u64, committed: &[Entry]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Verify::new(&text[at as usize..], at, committed).read_to_end(&mut out).map(|_| out)
    }

    proptest! {
        #[test]
        fn the_same_bytes_pass_and_a_changed_committed_byte_does_not(
            text in proptest::collection::vec(any::<u8>(), 10..200),
            at in 0_usize..10,
        ) {
            let length = text.len() as u64;
            let mut text = text;
            text[length as usize - 4] = b'\n';
            let committed = [entry(2, 5, &text), entry(5, 5, &text), entry(5, length - 3, &text)];
            prop_assert_eq!(read(&text, 0, &committed).unwrap(), text.clone());
            prop_assert_eq!(read(&text, 5, &committed).unwrap(), text[5..].to_vec());
            let mut other = text.clone();
            let at = 2 + at % (text.len() - 5);
            other[at] ^= 1;
            prop_assert!(read(&other, 0, &committed).is_err());
            prop_assert!(read(&text[..text.len() - 4], 0, &committed).is_err());
            // A line that was not whole when it was committed is another one now.
            let mut torn = text.clone();
            torn[length as usize - 4] = b'x';
            torn[length as usize - 3] = b'y';
            let committed_torn = [entry(2, length - 3, &torn)];
            prop_assert!(read(&torn[..length as usize - 3], 0, &committed_torn).is_ok());
            prop_assert!(read(&torn, 0, &committed_torn).is_err());
            // What comes behind is nobody's business yet.
            *other.last_mut().unwrap() ^= 1;
            other[at] ^= 1;
            prop_assert_eq!(read(&other, 0, &committed).unwrap(), other);
        }
    }
}
