//! Integration tests of the facade.

#[cfg(feature = "ingest")]
mod format;
