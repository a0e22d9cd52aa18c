//! Whole directories with all that is in them: copying and removing.

mod copy;
mod options;
mod remove;
#[cfg(target_os = "linux")]
mod remover;
mod report;

pub use options::TreeOptions;
pub use report::TreeReport;
