//! Whole directories with all that is in them: copying and removing.

mod copy;
mod options;
mod remove;
#[cfg(target_os = "linux")]
mod remover;
mod report;

#[cfg(target_os = "linux")]
pub(crate) use copy::copy;
pub use options::TreeOptions;
#[cfg(target_os = "linux")]
pub(crate) use remove::remove;
pub use report::TreeReport;
