//! Counts what a piece of code allocates on its thread.
//!
//! The counter is installed in every benchmark, so subjects pay for it while they are timed: two additions in a
//! thread's own memory, about a nanosecond, where a counter shared by threads would cost more than many a layer.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What was allocated and given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocations {
    /// How many allocations, those that grow another included.
    pub count: u64,
    /// How many bytes were asked for.
    pub bytes: u64,
    /// How many bytes were given back, whoever asked for them.
    pub freed: u64,
}

/// Runs a piece of code, and says what it allocated on this thread beside what it returns.
pub fn count<T>(run: impl FnOnce() -> T) -> (Allocations, T) {
    let before = COUNTED.get();
    let result = run();
    let after = COUNTED.get();
    let counted = Allocations {
        count: after.count - before.count,
        bytes: after.bytes - before.bytes,
        freed: after.freed - before.freed,
    };
    (counted, result)
}

thread_local! {
    static COUNTED: Cell<Allocations> = const { Cell::new(Allocations { count: 0, bytes: 0, freed: 0 }) };
}

fn note(asked: usize, freed: usize) {
    let Allocations { count, bytes, freed: before } = COUNTED.get();
    COUNTED.set(Allocations {
        count: count + u64::from(asked > 0),
        bytes: bytes + asked as u64,
        freed: before + freed as u64,
    });
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(
    unsafe_code,
    reason = "an allocator is unsafe to write; this one hands everything on to the system's"
)]
// SAFETY: every method calls the system's with the arguments it was given; counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size, layout.size());
        // SAFETY: the caller's promise is handed on.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn a_box_is_one_allocation_of_its_size_and_is_given_back() {
        let (counted, ()) = count(|| drop(black_box(Box::new([0_u8; 24]))));
        assert_eq!(counted, Allocations { count: 1, bytes: 24, freed: 24 });
    }

    #[test]
    fn what_another_thread_allocates_is_not_counted() {
        let thread = std::thread::spawn(|| drop(black_box(vec![0_u8; 1 << 20])));
        let (counted, ()) = count(|| thread.join().unwrap());
        assert!(counted.bytes < 1 << 20);
    }
}
