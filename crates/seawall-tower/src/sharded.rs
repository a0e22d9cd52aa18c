use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// More threads than these share.
const MOST: usize = 16;

/// A value as many times as there are threads to use it, on cache lines apart: what one processor has just written, another
/// waits for longer than most layers take.
///
/// Threads are dealt out to the values in turn. There are two for each processor, and sixteen at most, so two threads may
/// still meet at one: values have locks, or count by atomics. None is given up with a thread: what it left, the others of
/// that value find, and the last [`Sharded`] drops.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// use seawall_tower::Sharded;
///
/// let calls = Sharded::new(AtomicU64::default);
/// std::thread::scope(|scope| {
///     for _ in 0..3 {
///         scope.spawn(|| calls.own().fetch_add(1, Relaxed));
///     }
/// });
/// assert_eq!(calls.iter().map(|count| count.load(Relaxed)).sum::<u64>(), 3);
/// ```
pub struct Sharded<T>(Box<[Shard<T>]>);

#[repr(align(128))]
struct Shard<T>(T);

impl<T> Sharded<T> {
    /// Makes the values.
    pub fn new(mut make: impl FnMut() -> T) -> Self {
        Self((0..count()).map(|_| Shard(make())).collect())
    }

    /// The value of this thread.
    pub fn own(&self) -> &T {
        // The number of values is a power of two.
        &self.0[thread() & (self.0.len() - 1)].0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|shard| &shard.0)
    }
}

impl<T: Default> Default for Sharded<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

impl<T: fmt::Debug> fmt::Debug for Sharded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// How many there are of whatever threads use in turn.
fn count() -> usize {
    // To ask the system takes longer than to make the values.
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        (2 * processors).next_power_of_two().min(MOST)
    })
}

/// The number of this thread among those that ever asked.
fn thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: Cell<Option<usize>> = const { Cell::new(None) });
    NUMBER.get().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Relaxed);
        NUMBER.set(Some(number));
        number
    })
}
