use std::hash::Hash;

use crate::Encoded;

/// What can be a key of a [`Cache`](crate::Cache): whatever is compared, hashed, cloned and sent between threads.
pub trait Key: Hash + Eq + Clone + Send + Sync + 'static {}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Key for K {}

/// What a [`Cache`](crate::Cache) holds: whatever is cloned and sent between threads; and [`Encoded`], which only looks like
/// the values that were put in.
pub trait Value: Send + Sync + 'static {
    /// Another handle on the same value, or a copy of it.
    fn share(&self) -> Self;
}

impl<V: Clone + Send + Sync + 'static> Value for V {
    #[inline]
    fn share(&self) -> Self {
        self.clone()
    }
}

/// It is no `Clone`, and that is what tells the two forms of the cache apart.
impl Value for Encoded {
    #[inline]
    fn share(&self) -> Self {
        Self(self.0.clone())
    }
}
