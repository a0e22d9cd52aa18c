use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use seawall_core::Error;
use seawall_fs::{Durability, Fs, GroupCommit};
use serde::Serialize;

use super::part_file::PartFile;
use super::partial::Partial;
use super::progress::Counted;

/// So many files are worth a sync of their whole file system in place of one for each: more than are synced side by
/// side.
const WORTH_A_WHOLE_SYNC: usize = 17;

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
        match &self.content {
            Content::InMemory(content) => {
                self.fs.write_atomic_with(&self.target, content.clone(), self.durability).await?;
            }
            Content::InFile(partial, _held) => {
                partial.put_at(&self.target, &self.fs, self.durability).await?;
            }
        }
        Ok(self.over())
    }

    /// Puts many in their places, each in one step as [`put_in_place`](Self::put_in_place) does, with the syncs shared:
    /// for many small files it takes a fraction of the time.
    ///
    /// The results are in the order of `many`, each with its own error. All are as durable as the one that was asked to
    /// be so most; of two for the same file either stays. They should be of one system: the first one's files are used.
    ///
    /// Of those in memory (up to 1 MiB each) from 17 on, the file systems that they are on are synced in place of each, as
    /// [`GroupCommit::whole_file_system`] says.
    ///
    /// # Cancel safety
    /// Cancel safe: each file is as it was, or the new one.
    pub async fn put_all_in_place(many: Vec<Self>) -> Vec<Result<Downloaded, Error>> {
        let Some(durability) = many.iter().map(|one| one.durability).max() else { return vec![] };
        let fs = many[0].fs.clone();
        let (mut contents, mut files) = (Vec::new(), Vec::new());
        for (at, one) in many.iter().enumerate() {
            match &one.content {
                Content::InMemory(content) => contents.push((at, (one.target.clone(), content.clone()))),
                Content::InFile(partial, _held) => {
                    files.push((at, partial.put_at(&one.target, &fs, durability)));
                }
            }
        }
        let commit = GroupCommit { durability, whole_file_system: contents.len() >= WORTH_A_WHOLE_SYNC };
        let (places_of_contents, contents): (Vec<_>, Vec<_>) = contents.into_iter().unzip();
        let (places_of_files, files): (Vec<_>, Vec<_>) = files.into_iter().unzip();
        let (written, moved) = join(fs.write_atomic_many(contents, commit), join_all(files)).await;
        let mut results: Vec<_> = many.iter().map(|_| Ok(())).collect();
        let places = places_of_contents.into_iter().chain(places_of_files);
        for (at, result) in places.zip(written.into_iter().chain(moved)) {
            results[at] = result;
        }
        many.into_iter().zip(results).map(|(one, result)| result.map(|()| one.over())).collect()
    }

    /// It is in its place.
    fn over(self) -> Downloaded {
        self.counted.keep();
        self.downloaded
    }
}
