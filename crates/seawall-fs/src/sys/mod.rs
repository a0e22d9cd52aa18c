//! What the standard library has no safe name for: calls of the operating system, and instructions of the processor. All
//! unsafe code of this crate is below here.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::*;

mod line_ends;
pub(crate) use line_ends::line_ends;

#[cfg(feature = "mmap")]
mod mmap;
#[cfg(feature = "mmap")]
pub use mmap::Mapped;

#[cfg(all(feature = "uring", target_os = "linux"))]
pub(crate) mod ring;
