use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

/// The tags of an entry: names by which many entries are invalidated at once. Kept as hashes, so they cost the same
/// whatever their length, and show nothing.
///
/// Made of any list of names:
///
/// ```
/// use seawall_cache::Tags;
///
/// assert_eq!(Tags::from(["users", "orders"]), Tags::new(["orders", "users", "users"]));
/// assert_eq!(Tags::default(), Tags::new::<&str>([]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Option<Arc<[u64]>>);

impl Tags {
    pub(crate) const NONE: Self = Self(None);

    /// The tags of these names. Their order and repetitions mean nothing.
    pub fn new<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Self {
        let mut hashes: Vec<_> = names.into_iter().map(|name| hash(name.as_ref())).collect();
        hashes.sort_unstable();
        hashes.dedup();
        Self::from_hashes(hashes)
    }

    pub(crate) fn from_hashes(hashes: Vec<u64>) -> Self {
        Self((!hashes.is_empty()).then(|| hashes.into()))
    }

    pub(crate) fn hashes(&self) -> &[u64] {
        self.0.as_deref().unwrap_or_default()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl<T: AsRef<str>, const N: usize> From<[T; N]> for Tags {
    fn from(names: [T; N]) -> Self {
        Self::new(names)
    }
}

impl<T: AsRef<str>> From<&[T]> for Tags {
    fn from(names: &[T]) -> Self {
        Self::new(names)
    }
}

impl<T: AsRef<str>> From<Vec<T>> for Tags {
    fn from(names: Vec<T>) -> Self {
        Self::new(names)
    }
}

/// The same in every process, whatever its version and machine.
pub(crate) fn hash(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}
