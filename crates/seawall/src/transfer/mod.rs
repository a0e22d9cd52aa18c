//! Files over HTTP: downloads that arrive whole or not at all.
//!
//! [`AsyncIoSystem::download`](crate::AsyncIoSystem::download) begins one. It joins the HTTP client and the file client, so
//! each request and each file operation is under that client's policies.

mod checkpoints;
mod checksum;
mod download;
mod part_file;
mod partial;
mod progress;
mod running;
mod segment;

pub use checksum::{Checksum, InvalidChecksum};
pub use download::{Download, Downloaded};
pub use progress::{TransferProgress, TransferSnapshot};
