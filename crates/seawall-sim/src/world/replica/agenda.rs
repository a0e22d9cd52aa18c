use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Things that are due at some time each, given out in that order; of those due at once, what came first.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    heap: BinaryHeap<Entry<T>>,
    serial: u64,
}

#[derive(Debug)]
struct Entry<T> {
    due: f64,
    serial: u64,
    what: T,
}

impl<T> Agenda<T> {
    pub(super) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), serial: 0 }
    }

    pub(super) fn push(&mut self, due: f64, what: T) {
        self.serial += 1;
        self.heap.push(Entry { due, serial: self.serial, what });
    }

    /// When the next is due.
    pub(super) fn next(&self) -> Option<f64> {
        self.heap.peek().map(|entry| entry.due)
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        self.heap.pop().map(|entry| entry.what)
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Takes out all of which that is true, in no order that matters.
    pub(super) fn extract(&mut self, mut which: impl FnMut(&T) -> bool) -> Vec<T> {
        if !self.heap.iter().any(|entry| which(&entry.what)) {
            return Vec::new();
        }
        let mut entries = std::mem::take(&mut self.heap).into_vec();
        let extracted = entries.extract_if(.., |entry| which(&entry.what)).map(|entry| entry.what).collect();
        self.heap = entries.into();
        extracted
    }
}

// The greatest is the first of the heap: what is due the soonest.
impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.due.total_cmp(&self.due).then(other.serial.cmp(&self.serial))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}
