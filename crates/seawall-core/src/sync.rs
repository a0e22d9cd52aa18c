//! What lock-free code is made of, by one name: the tests that model-check it compile the same files over loom's.

pub(crate) use std::sync::atomic::{AtomicU32, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
