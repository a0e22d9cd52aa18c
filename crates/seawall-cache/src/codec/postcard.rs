use bytes::Bytes;
use seawall_core::BoxError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Codec;

/// Postcard: small and quick, for types that tell serde nothing but their fields (no `flatten`, no `untagged`, no
/// `skip_serializing_if`). It names no fields, so change the [version](crate::CacheBuilder::version) with the type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Postcard;

impl<V: Serialize + DeserializeOwned> Codec<V> for Postcard {
    fn id(&self) -> u8 {
        2
    }

    fn encode(&self, value: &V, into: &mut Vec<u8>) -> Result<(), BoxError> {
        // A writer that grows: what it has written so far goes in and comes out.
        *into = postcard::to_extend(value, std::mem::take(into))?;
        Ok(())
    }

    fn decode(&self, bytes: Bytes) -> Result<V, BoxError> {
        let (value, rest) = postcard::take_from_bytes(&bytes)?;
        if rest.is_empty() { Ok(value) } else { Err(format!("{} bytes too many", rest.len()).into()) }
    }
}
