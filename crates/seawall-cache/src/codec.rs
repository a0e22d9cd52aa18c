use bytes::Bytes;
use seawall_core::{Error, FailureKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// JSON: every serde value has a form in it, an operator can read it, and another process in another
/// language can too.
pub(crate) fn encode<T: Serialize + ?Sized>(name: &str, value: &T) -> Result<Bytes, Error> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|cause| {
        Error::new(FailureKind::Permanent, "cache", name.to_owned())
            .with_message("the value has no form in JSON")
            .with_source(cause)
            .not_executed()
    })
}

pub(crate) fn decode<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|cause| {
        Error::new(FailureKind::Permanent, "cache", name.to_owned())
            .with_message(format!("the cached value cannot be read as `{}`", std::any::type_name::<T>()))
            .with_source(cause)
    })
}
