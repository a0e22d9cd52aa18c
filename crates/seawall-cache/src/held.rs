use std::hash::Hash;

use seawall_core::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Encoded;
use crate::codec::{decode, encode};

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

/// A value that stands for a service's response, so that a [`CacheLayer`](crate::CacheLayer) can keep it: the response
/// itself, or its JSON as [`Encoded`]. `name` is what errors show.
pub trait Holds<R>: Value + Sized {
    /// What is kept of a response.
    ///
    /// # Errors
    /// When it has no form that can be kept.
    fn hold(response: R, name: &str) -> Result<Self, Error>;

    /// The response again.
    ///
    /// # Errors
    /// When it is something else that is held.
    fn read(self, name: &str) -> Result<R, Error>;

    /// Whether it can be [read](Self::read).
    fn is_readable(&self) -> bool;
}

impl<R: Clone + Send + Sync + 'static> Holds<R> for R {
    fn hold(response: R, _: &str) -> Result<Self, Error> {
        Ok(response)
    }

    fn read(self, _: &str) -> Result<R, Error> {
        Ok(self)
    }

    fn is_readable(&self) -> bool {
        true
    }
}

impl<R: Serialize + DeserializeOwned> Holds<R> for Encoded {
    fn hold(response: R, name: &str) -> Result<Self, Error> {
        encode(name.to_owned(), &response)
    }

    fn read(self, name: &str) -> Result<R, Error> {
        decode(name, &self)
    }

    fn is_readable(&self) -> bool {
        decode::<R>("", self).is_ok()
    }
}

/// It is no `Clone`, and that is what tells the two forms of the cache apart.
impl Value for Encoded {
    #[inline]
    fn share(&self) -> Self {
        Self(self.0.clone())
    }
}
