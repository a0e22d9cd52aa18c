use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use seawall_core::Error;
use seawall_fs::{Durability, Fs};
use serde::Serialize;

use super::part_file::PartFile;
use super::partial::Partial;
use super::progress::Counted;

/// A download whose bytes are all there and right, but not yet in the file's place: what
/// [`Download::receive`](super::Download::receive) gives.
///
/// Nothing more comes over the network for it, while the disk may take its time: with many downloads, others can use the
/// network meanwhile.
///
/// Dropped, it leaves the file as it was; what is longer than 1 MiB is kept for the next time.
#[must_use = "the file is as it was until this is put in its place"]
#[derive(Debug)]
pub struct Received {
    pub(super) fs: Fs,
    pub(super) target: PathBuf,
    pub(super) durability: Durability,
    pub(super) content: Content,
    pub(super) counted: Arc<Counted>,
    pub(super) downloaded: Downloaded,
}

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Content {
    InMemory(Bytes),
    /// Held until it is in its place, unless an earlier run had filled it.
    InFile(Partial, Option<Arc<PartFile>>),
}

/// A download that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Downloaded {
    /// How long the file is.
    pub bytes: u64,
    /// How many of its bytes an earlier run had left.
    pub kept: u64,
    /// The version that the server gave: its `ETag`, else its `Last-Modified`.
    pub version: Option<String>,
}

impl Received {
    /// How long the file will be.
    pub const fn bytes(&self) -> u64 {
        self.downloaded.bytes
    }

    /// Puts it in the file's place in one step, as durably as the download was asked for.
    ///
    /// # Errors
    /// What the file system said; the file is as it was then, unless the error
    /// [may have been carried out](Error::may_have_executed).
    ///
    /// # Cancel safety
    /// Cancel safe: the file is as it was, or the new one.
    pub async fn put_in_place(self) -> Result<Downloaded, Error> {
        let Self { fs, target, durability, content, counted, downloaded } = self;
        match content {
            Content::InMemory(content) => fs.write_atomic_with(&target, content, durability).await?,
            Content::InFile(partial, _held) => {
                // The description first: whoever is killed in between receives this file anew, and leaves nothing behind.
                partial.forget(&fs).await;
                fs.rename_with(&partial.content, &target, durability).await?;
            }
        }
        counted.keep();
        Ok(downloaded)
    }
}
