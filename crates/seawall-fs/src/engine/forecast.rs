use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::BytesMut;

use crate::sys;

/// Directories remembered; a further one takes the place of another.
const PLACES: usize = 4096;

/// Fewer hits than half of 255, and attempts cost more than they save.
const WORTH_IT: u64 = 128;

/// Of attempts that are not worth it one in so many is made all the same, to see whether that has changed.
const TRIED_AGAIN: u64 = 16;

/// What an attempt without waiting asks of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// That it knows a path.
    LookUp = 0,
    /// That it holds a file's content.
    Content = 1,
}

/// Foresees whether the page cache will answer, by directory: whether its device can be asked without waiting at all
/// (found out on a thread, since overlayfs, tmpfs, procfs and every network file system cannot), and how often of late
/// it had the answer (an exponentially weighted average over some eight attempts).
///
/// Several threads may write to one place at once, and one of them is lost: it is a forecast.
#[derive(Debug)]
pub(super) struct Forecasts {
    places: Box<[AtomicU64]>,
}

/// An attempt that is worth it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Try(u64);

// The parts of a place: the hit rate of 255, the attempts left out since the last, whether attempts are possible, and
// which directory it is about.
const RATE: u64 = 0xff;
const LEFT_OUT: u64 = 0xf00;
const ONE_LEFT_OUT: u64 = 0x100;
const POSSIBLE: u64 = 0x1000;
const TAG: u64 = !0xffff;

impl Forecasts {
    pub(super) fn new() -> Self {
        Self { places: (0..PLACES).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Whether to try; then say how it went.
    pub(super) fn worth_it(&self, path: &Path, need: Need) -> Option<Try> {
        let tag = tag(path, need);
        let place = self.place(tag);
        let seen = place.load(Relaxed);
        if seen & TAG != tag || seen & POSSIBLE == 0 {
            return None;
        }
        if seen & RATE >= WORTH_IT {
            return Some(Try(tag));
        }
        let left_out = (seen & LEFT_OUT).wrapping_add(ONE_LEFT_OUT) & LEFT_OUT;
        place.store(seen & !LEFT_OUT | left_out, Relaxed);
        (left_out / ONE_LEFT_OUT == TRIED_AGAIN - 1).then_some(Try(tag))
    }

    /// Counts an attempt.
    pub(super) fn note(&self, Try(tag): Try, hit: bool) {
        let place = self.place(tag);
        let seen = place.load(Relaxed);
        let rate = seen & RATE;
        let noted = if hit { rate + (RATE - rate).div_ceil(8) } else { rate - rate.div_ceil(8) };
        // Usually it stays the same, and writing to it would take it out of the cache of all other threads.
        if seen & TAG == tag && noted != rate {
            place.store(seen & !RATE | noted, Relaxed);
        }
    }

    /// Whether nothing is known of the directory yet, so that it should be looked at on a thread.
    pub(super) fn is_unknown(&self, path: &Path, need: Need) -> bool {
        let tag = tag(path, need);
        self.place(tag).load(Relaxed) & TAG != tag
    }

    /// Remembers what kind of directory it is, on a thread. `file` is what the path means.
    pub(super) fn learn(&self, path: &Path, need: Need, file: &File) {
        let possible = sys::is_local(file) && (need == Need::LookUp || reads_without_waiting(file));
        self.put(tag(path, need), possible);
    }

    /// Remembers that it cannot be asked.
    pub(super) fn refuse(&self, Try(tag): Try) {
        self.put(tag, false);
    }

    fn put(&self, tag: u64, possible: bool) {
        // The first attempts are made.
        self.place(tag).store(tag | RATE | if possible { POSSIBLE } else { 0 }, Relaxed);
    }

    fn place(&self, tag: u64) -> &AtomicU64 {
        &self.places[(tag >> 48) as usize % PLACES]
    }
}

/// Asks the device for one byte: whether it is there or not, the answer says if it can be asked.
fn reads_without_waiting(file: &File) -> bool {
    match sys::read_cached(file, &mut BytesMut::with_capacity(1), 1, Some(0)) {
        Ok(_) => true,
        Err(cause) => cause.kind() == std::io::ErrorKind::WouldBlock,
    }
}

/// The directory of `path` as a number, never zero.
fn tag(path: &Path, need: Need) -> u64 {
    let path = path.as_os_str().as_encoded_bytes();
    let end = path.iter().rposition(|byte| std::path::is_separator(char::from(*byte))).unwrap_or(0);
    // Multiplicative hashing by words (as Firefox and rustc do); a collision costs a wrong forecast.
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    let (words, rest) = path[..end].as_chunks::<8>();
    let hash = words.iter().fold(need as u64 + 1, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let hash = rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash & TAG).max(TAG & TAG.wrapping_neg())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: Need = Need::Content;

    fn known(path: &Path) -> Forecasts {
        let forecasts = Forecasts::new();
        forecasts.put(tag(path, CONTENT), true);
        forecasts
    }

    #[test]
    fn a_directory_nothing_is_known_of_is_not_tried() {
        let forecasts = known(Path::new("/a/b/one"));
        assert!(forecasts.worth_it(Path::new("/a/c/one"), CONTENT).is_none());
        assert!(forecasts.is_unknown(Path::new("/a/c/one"), CONTENT));
        assert!(forecasts.worth_it(Path::new("/a/b/one"), Need::LookUp).is_none());
    }

    #[test]
    fn what_is_known_of_one_file_holds_for_all_of_its_directory() {
        let forecasts = known(Path::new("/a/b/one"));
        assert!(forecasts.worth_it(Path::new("/a/b/another"), CONTENT).is_some());
        assert!(!forecasts.is_unknown(Path::new("/a/b/another"), CONTENT));
    }

    #[test]
    fn a_device_that_refuses_is_never_tried_again() {
        let path = Path::new("/a/b/one");
        let forecasts = known(path);
        forecasts.refuse(Try(tag(path, CONTENT)));
        assert!((0..100).all(|_| forecasts.worth_it(path, CONTENT).is_none()));
    }

    #[test]
    fn after_misses_only_one_attempt_in_sixteen_is_made_until_the_cache_is_warm_again() {
        let path = Path::new("/a/b/one");
        let forecasts = known(path);
        let mut misses = 0;
        while let Some(attempt) = forecasts.worth_it(path, CONTENT) {
            forecasts.note(attempt, false);
            misses += 1;
        }
        assert!((2..10).contains(&misses));
        let tried = (1..160).filter(|_| forecasts.worth_it(path, CONTENT).is_some()).count();
        assert_eq!(tried, 10);
        (0..8).for_each(|_| forecasts.note(Try(tag(path, CONTENT)), true));
        assert!((0..100).all(|_| forecasts.worth_it(path, CONTENT).is_some()));
    }
}
