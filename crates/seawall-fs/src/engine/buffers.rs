use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Buffers of less are not worth keeping: the allocator has them at hand.
const SMALLEST: usize = 64 * 1024;

/// Sizes kept: 64 KiB and doubled eight times, up to 16 MiB.
const CLASSES: usize = 9;

/// The most memory kept for each size; one buffer of it is kept in any case.
const KEPT: usize = 4 * 1024 * 1024;

/// A large buffer begins so many bytes behind a multiple of 64. To a place that is 1 to 31 bytes behind the beginning
/// of a page AMD's Zen copies pages five times as slowly (Xuanwo, "Rust std fs slower than Python!? No, it's
/// hardware!", 2023), and that is where an allocator's large buffers are: in memory mapped for each, behind 16 bytes of
/// its own. To a multiple of 64 Intel's Sapphire Rapids copies them a tenth more slowly than to any other place. Here,
/// where Python's byte strings are, both are fast.
const BEHIND: usize = 48;
const LINE: usize = 64;

/// An empty buffer that holds at least `size` bytes without growing, and, if that is much, begins where it is filled
/// fast.
pub(crate) fn aligned(size: usize) -> BytesMut {
    if size < SMALLEST {
        return BytesMut::with_capacity(size);
    }
    let mut buffer = BytesMut::with_capacity(size.saturating_add(LINE));
    let before = buffer.as_ptr().wrapping_add(LINE - BEHIND).align_offset(LINE).min(LINE);
    buffer.put_bytes(0, before);
    buffer.advance(before);
    buffer
}

/// Buffers on their way back and forth between the reading and those who work with what was read.
///
/// Memory comes back when the last reference to its bytes is dropped, and the one that came back last is used first,
/// while it is still in the processor's cache. It is never written to but by what is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<Mutex<[Vec<BytesMut>; CLASSES]>>);

impl Buffers {
    /// An empty buffer that holds at least `size` bytes without growing.
    pub(crate) fn take(&self, size: usize) -> BytesMut {
        let Some((class, capacity)) = class(size) else { return aligned(size) };
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner)[class].pop();
        kept.unwrap_or_else(|| aligned(capacity))
    }

    /// What a buffer holds, to be worked with by anybody; its memory comes back after that.
    pub(crate) fn share(&self, buffer: BytesMut) -> Bytes {
        let Some((_, capacity)) = class_of(&buffer) else { return buffer.freeze() };
        // Who keeps little should not keep a large buffer from being used, nor one that was not ours.
        if buffer.len() < buffer.capacity() / 2 || capacity > buffer.capacity() {
            let bytes = Bytes::copy_from_slice(&buffer);
            self.give_back(buffer);
            return bytes;
        }
        Bytes::from_owner(Lent { buffer, owner: self.clone() })
    }

    pub(crate) fn give_back(&self, mut buffer: BytesMut) {
        let Some((class, capacity)) = class_of(&buffer) else { return };
        buffer.clear();
        if buffer.capacity() >= capacity {
            let kept = &mut self.0.lock().unwrap_or_else(PoisonError::into_inner)[class];
            if kept.len() < (KEPT / capacity).max(1) {
                kept.push(buffer);
            }
        }
    }
}

/// Which class buffers of `size` bytes are of, and how many bytes these hold.
fn class(size: usize) -> Option<(usize, usize)> {
    let capacity = size.checked_next_power_of_two()?;
    let class = (capacity / SMALLEST).checked_ilog2()? as usize;
    (class < CLASSES).then_some((class, capacity))
}

/// The same of a buffer, which may hold a little more than its class says; less, if it is not one of ours.
fn class_of(buffer: &BytesMut) -> Option<(usize, usize)> {
    class(buffer.capacity().saturating_sub(LINE))
}

/// A buffer that is somebody's until it is dropped.
struct Lent {
    buffer: BytesMut,
    owner: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.owner.give_back(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(buffers: &Buffers, size: usize) -> BytesMut {
        let mut buffer = buffers.take(size);
        buffer.resize(size, 7);
        buffer
    }

    #[test]
    fn memory_is_used_again_once_the_last_who_holds_it_is_gone() {
        let buffers = Buffers::default();
        let buffer = full(&buffers, SMALLEST);
        let place = buffer.as_ptr();
        let bytes = buffers.share(buffer);
        let part = bytes.slice(10..20);
        drop(bytes);
        let other = buffers.take(SMALLEST);
        assert_ne!(other.as_ptr(), place);
        drop(part);
        let again = buffers.take(SMALLEST);
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
    }

    #[test]
    fn a_large_buffer_begins_where_it_is_filled_fast_whenever_it_is_used() {
        let buffers = Buffers::default();
        for _ in 0..3 {
            let buffer = full(&buffers, 1 << 20);
            assert_eq!(buffer.as_ptr().addr() % LINE, BEHIND);
            drop(buffers.share(buffer));
        }
    }

    #[test]
    fn a_few_bytes_do_not_hold_a_large_buffer() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take(1 << 20);
        let place = buffer.as_ptr();
        buffer.extend_from_slice(b"few");
        let few = buffers.share(buffer);
        assert_eq!(few, "few");
        let again = buffers.take(1 << 20);
        assert_eq!(again.as_ptr(), place);
    }

    #[test]
    fn no_more_is_kept_than_is_allowed() {
        let buffers = Buffers::default();
        let all: Vec<_> = (0..100).map(|_| full(&buffers, 1 << 20)).collect();
        for buffer in all {
            buffers.give_back(buffer);
        }
        assert_eq!(buffers.0.lock().unwrap().iter().map(Vec::len).sum::<usize>(), 4);
    }

    #[test]
    fn sizes_beyond_the_classes_are_left_to_the_allocator() {
        assert_eq!(class(SMALLEST - 1), Some((0, SMALLEST)));
        assert_eq!(class(SMALLEST / 2), None);
        assert_eq!(class(SMALLEST + 1), Some((1, 2 * SMALLEST)));
        assert_eq!(class(16 << 20), Some((8, 16 << 20)));
        assert_eq!(class((16 << 20) + 1), None);
    }
}
