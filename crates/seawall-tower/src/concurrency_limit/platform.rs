//! What a gate is made of: the standard library's parts, or a model checker's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A family of parts.
pub(super) trait Platform {
    type Word: Word;
    type Lock<T>: Lock<T>;
}

/// A number that threads share.
pub(super) trait Word {
    fn new(value: u64) -> Self;
    fn load(&self) -> u64;
    fn store(&self, value: u64);
    /// Changes `current` to `new`, or says what it found instead.
    fn exchange(&self, current: u64, new: u64) -> Result<u64, u64>;
}

/// A value that one thread has at a time.
pub(super) trait Lock<T> {
    fn new(value: T) -> Self;
    fn with<R>(&self, run: impl FnOnce(&mut T) -> R) -> R;
}

/// The standard library's.
#[derive(Debug)]
pub(super) struct Std;

impl Platform for Std {
    type Word = AtomicU64;
    type Lock<T> = Mutex<T>;
}

impl Word for AtomicU64 {
    fn new(value: u64) -> Self {
        Self::new(value)
    }

    fn load(&self) -> u64 {
        self.load(Ordering::Acquire)
    }

    fn store(&self, value: u64) {
        self.store(value, Ordering::Release);
    }

    fn exchange(&self, current: u64, new: u64) -> Result<u64, u64> {
        self.compare_exchange_weak(current, new, Ordering::AcqRel, Ordering::Acquire)
    }
}

impl<T> Lock<T> for Mutex<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn with<R>(&self, run: impl FnOnce(&mut T) -> R) -> R {
        // A panic while it was locked left a value that is still one: nothing here is half done between two steps.
        run(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
