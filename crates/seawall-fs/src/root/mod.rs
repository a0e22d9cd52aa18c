//! Files below a directory, and none outside of it.

mod atomic;
mod base;
mod contents;
mod names;
mod open;
mod steps;
mod trees;

#[cfg(test)]
mod race_tests;

use std::path::Path;
use std::sync::Arc;

use seawall_core::Error;

pub(crate) use self::base::Base;
use crate::fault::Fault;
use crate::ground::Ground;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// A handle through which every path stays below `directory`, whatever the path says and whoever moves things
    /// meanwhile.
    ///
    /// # Errors
    /// When there is no such directory.
    pub async fn root(&self, directory: impl AsRef<Path>) -> Result<Root, Error> {
        let path = directory.as_ref();
        let work = |task: &Task<'_>| Base::open(&task.label.path);
        let base = self.ask(FsRequest::new(Operation::OpenRoot, path, work)).await?;
        Ok(Root { fs: self.clone(), path: Arc::from(path), base: Arc::new(base) })
    }
}

/// A directory that paths cannot lead out of; made by [`Fs::root`]. For Linux. A clone is another handle on the same.
///
/// Paths are relative to it. An absolute path is refused, and so is whatever leads outside by `..` or by a symbolic
/// link; links and `..` that stay inside are followed. The check is not made on the path but by the kernel while it
/// walks (`openat2` with `RESOLVE_BENEATH`, Linux 5.6), or step by step from open directory to open directory where
/// that call is missing; so there is no moment between checking and doing in which a directory could be replaced by a
/// link. The links of `/proc` that jump anywhere (`/proc/self/fd/3`) are refused too.
///
/// It keeps its directory open: should that be renamed, it is the same directory still. What is mounted below it is
/// inside, and so is a hard link to a file that has another name outside. A symbolic link may be made to point
/// anywhere; it is when it is followed that it must stay inside.
///
/// There is what makes, opens, reads, replaces, lists, renames, links and removes files and directories, and sets what
/// is known about them. Trees are walked, copied and removed. There is no `canonicalize` and no `watch`, which give
/// paths or go by them for long, and no streams: [`open`](Self::open) gives a [`File`](crate::File) that reads any
/// length.
///
/// ```
/// # use std::sync::Arc;
/// # use seawall_fs::{Fs, FsConfig};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let fs = Fs::new(&FsConfig::default(), Arc::new(()))?;
/// let uploads = fs.root(directory.path()).await?;
/// uploads.create_dir_all("cats").await?;
/// uploads.write_atomic("cats/tom.txt", "grey").await?;
/// assert_eq!(uploads.read("cats/../cats/tom.txt", 100).await?, "grey");
/// let error = uploads.read("cats/../../etc/passwd", 10_000).await.unwrap_err();
/// assert!(error.to_string().contains("leads out of the root"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Root {
    fs: Fs,
    path: Arc<Path>,
    base: Arc<Base>,
}

impl Root {
    /// What the directory was called when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A directory below as a root of its own, which `..` leads out of.
    ///
    /// # Errors
    /// When there is no such directory inside.
    pub async fn root(&self, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let base = self.ask(Operation::OpenRoot, path, |base, path, _| base.below(path)).await?;
        Ok(Self { fs: self.fs.clone(), path: Arc::from(self.path.join(path)), base: Arc::new(base) })
    }

    fn ground(&self) -> Ground {
        Ground::Below { base: Arc::clone(&self.base), path: Arc::clone(&self.path) }
    }

    fn request<T: Send + 'static>(
        &self,
        operation: Operation,
        path: &Path,
        work: impl Fn(&Base, &Path, &Task<'_>) -> Result<T, Fault> + Send + Sync + 'static,
    ) -> FsRequest {
        let (base, below) = (Arc::clone(&self.base), path.to_owned());
        let work = move |task: &Task<'_>| work(&base, &below, task);
        FsRequest::new(operation, &self.path.join(path), work)
    }

    async fn ask<T: Send + 'static>(
        &self,
        operation: Operation,
        path: &Path,
        work: impl Fn(&Base, &Path, &Task<'_>) -> Result<T, Fault> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        self.fs.ask(self.request(operation, path, work)).await
    }
}
