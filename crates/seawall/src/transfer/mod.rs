//! Files over HTTP: downloads that arrive whole or not at all, and uploads.
//!
//! [`AsyncIoSystem::download`](crate::AsyncIoSystem::download) and
//! [`AsyncIoSystem::upload`](crate::AsyncIoSystem::upload) begin one. Both join the HTTP client and the file client, so each
//! request and each file operation is under that client's policies.

mod checkpoints;
mod checksum;
mod download;
mod part_file;
mod partial;
mod progress;
mod received;
mod running;
mod segment;
mod upload;

pub use checksum::{Checksum, InvalidChecksum};
pub use download::Download;
pub use partial::resume_path;
pub use progress::{TransferProgress, TransferSnapshot};
pub use received::{Downloaded, Received};
pub use upload::Upload;
