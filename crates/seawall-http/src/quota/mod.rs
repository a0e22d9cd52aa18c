//! What servers say of how much a client may ask of them, and how a client keeps to it.

mod families;
mod headers;
mod heed;
#[cfg(test)]
mod tests;

pub use families::{Quota, quota};
pub(crate) use heed::HeedQuota;
