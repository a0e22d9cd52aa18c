mod json;
mod postcard;

pub use self::json::{Encoded, Json};
pub use self::postcard::Postcard;
pub(crate) use json::{decode, encode};

use bytes::Bytes;
use seawall_core::BoxError;

/// How values become the bytes that a second tier holds, and values again.
///
/// [`Json`] and [`Postcard`] do it for all that serde can. Bytes that another codec wrote, or another
/// [version](crate::CacheBuilder::version) of the type, are never decoded: they count as nothing.
pub trait Codec<V>: Send + Sync + 'static {
    /// Written beside every value, so that no codec reads what another wrote. Those below 128 are Seawall's.
    fn id(&self) -> u8;

    /// Appends the value's form.
    ///
    /// # Errors
    /// When the value has none.
    fn encode(&self, value: &V, into: &mut Vec<u8>) -> Result<(), BoxError>;

    /// Reads the value again. Must not panic, whatever the bytes are.
    ///
    /// # Errors
    /// When these bytes are no such value.
    fn decode(&self, bytes: Bytes) -> Result<V, BoxError>;
}
