use bytes::Bytes;
use seawall_core::{BoxError, Error, FailureKind, Name};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Codec;

/// JSON: every serde value has a form in it (maps whose keys are no strings aside), an operator can read it, and another
/// process in another language can too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

/// A value of any serde type as [`Json`]: what a [`Cache`](crate::Cache) without parameters holds.
pub struct Encoded(pub(crate) Bytes);

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the value: it may be anything.
        write!(f, "Encoded({} bytes)", self.0.len())
    }
}

const ID: u8 = 1;

impl<V: Serialize + DeserializeOwned> Codec<V> for Json {
    fn id(&self) -> u8 {
        ID
    }

    fn encode(&self, value: &V, into: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(serde_json::to_writer(into, value)?)
    }

    fn decode(&self, bytes: Bytes) -> Result<V, BoxError> {
        Ok(serde_json::from_slice(&bytes)?)
    }
}

/// It is JSON already.
impl Codec<Encoded> for Json {
    fn id(&self) -> u8 {
        ID
    }

    fn encode(&self, value: &Encoded, into: &mut Vec<u8>) -> Result<(), BoxError> {
        into.extend_from_slice(&value.0);
        Ok(())
    }

    fn decode(&self, bytes: Bytes) -> Result<Encoded, BoxError> {
        Ok(Encoded(bytes))
    }
}

pub(crate) fn encode<T: Serialize + ?Sized>(name: impl Into<Name>, value: &T) -> Result<Encoded, Error> {
    serde_json::to_vec(value).map(|json| Encoded(json.into())).map_err(|cause| {
        Error::new(FailureKind::Permanent, "cache", name)
            .with_message("the value has no form in JSON")
            .with_source(cause)
            .not_executed()
    })
}

pub(crate) fn decode<T: DeserializeOwned>(name: &str, value: &Encoded) -> Result<T, Error> {
    serde_json::from_slice(&value.0).map_err(|cause| {
        Error::new(FailureKind::Permanent, "cache", name.to_owned())
            .with_message(format!("the cached value cannot be read as `{}`", std::any::type_name::<T>()))
            .with_source(cause)
    })
}
