use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// Values by name, such as the circuits of many hosts: bounded in number, and made when first asked for.
///
/// When it is full, the value not asked for the longest makes room, of those that nobody holds and that may be
/// forgotten. When there is none (a thousand hosts, all with open circuits), a new name gets a value that is not kept:
/// memory stays bounded, and no open circuit is forgotten.
///
/// ```
/// use std::num::NonZeroUsize;
/// use seawall_tower::Registry;
///
/// let registry = Registry::new(NonZeroUsize::new(2).unwrap(), |open: &bool| !open);
/// registry.entry("a", || true);
/// registry.entry("b", || false);
/// registry.entry("c", || false);
/// let kept: Vec<_> = registry.entries().into_iter().map(|(name, _)| name.to_string()).collect();
/// assert_eq!(kept, ["a", "c"]);
/// ```
pub struct Registry<V> {
    capacity: NonZeroUsize,
    may_forget: fn(&V) -> bool,
    table: Mutex<Table<V>>,
}

struct Table<V> {
    entries: HashMap<Arc<str>, Entry<V>>,
    // Counts lookups: the order of use, without a clock.
    clock: u64,
}

struct Entry<V> {
    value: Arc<V>,
    used: u64,
}

impl<V> Registry<V> {
    /// Keeps at most `capacity` values, and forgets only those of which `may_forget` says so.
    pub fn new(capacity: NonZeroUsize, may_forget: fn(&V) -> bool) -> Self {
        let table = Mutex::new(Table { entries: HashMap::new(), clock: 0 });
        Self { capacity, may_forget, table }
    }

    /// The value of this name, made if there is none. `make` runs with the registry locked: it must not ask it.
    ///
    /// Costs one look-up, and when it has to make room one pass over all values.
    pub fn entry(&self, name: &str, make: impl FnOnce() -> V) -> Arc<V> {
        self.with(|table| {
            table.clock += 1;
            let used = table.clock;
            if let Some(entry) = table.entries.get_mut(name) {
                entry.used = used;
                return Arc::clone(&entry.value);
            }
            let value = Arc::new(make());
            if table.entries.len() < self.capacity.get() || self.make_room(table) {
                table.entries.insert(name.into(), Entry { value: Arc::clone(&value), used });
            }
            value
        })
    }

    /// All values kept, by name.
    pub fn entries(&self) -> Vec<(Arc<str>, Arc<V>)> {
        let mut entries: Vec<_> = self.with(|table| {
            table.entries.iter().map(|(name, entry)| (Arc::clone(name), Arc::clone(&entry.value))).collect()
        });
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        entries
    }

    fn make_room(&self, table: &mut Table<V>) -> bool {
        let idle = table
            .entries
            .iter()
            .filter(|(_, entry)| Arc::strong_count(&entry.value) == 1 && (self.may_forget)(&entry.value));
        let oldest = idle.min_by_key(|(_, entry)| entry.used).map(|(name, _)| Arc::clone(name));
        oldest.is_some_and(|name| table.entries.remove(&name).is_some())
    }

    fn with<T>(&self, run: impl FnOnce(&mut Table<V>) -> T) -> T {
        run(&mut self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<V> fmt::Debug for Registry<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.with(|table| table.entries.len());
        f.debug_struct("Registry")
            .field("capacity", &self.capacity)
            .field("kept", &kept)
            .finish_non_exhaustive()
    }
}
