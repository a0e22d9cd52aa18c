//! What a root offers to walk, copy and remove trees, and to copy files.

use std::path::Path;

use seawall_core::Error;

use super::Root;
use crate::{CopyOptions, TreeOptions, TreeReport, Walk, copy, tree};

impl Root {
    /// [`Fs::walk`](crate::Fs::walk). The paths of the entries are relative to the root, as others are asked for; errors
    /// tell whole ones.
    ///
    /// Links are followed on request, as long as they stay inside; one that leads outside is told as the link that it
    /// is, and nothing of what it points to.
    pub fn walk(&self, path: impl AsRef<Path>) -> Walk {
        Walk::of(&self.fs, self.ground(), path.as_ref())
    }

    /// [`Fs::copy_with`](crate::Fs::copy_with), from and to a path inside, to a file that no symbolic link stands for.
    ///
    /// # Errors
    /// As there, when a path leads out of the root, and when a symbolic link is at the end of the target's.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn copy(
        &self,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        options: &CopyOptions,
    ) -> Result<u64, Error> {
        self.fs.ask(copy::request(self.ground(), from.as_ref(), to.as_ref(), options)).await
    }

    /// [`Fs::copy_tree`](crate::Fs::copy_tree), from and to a directory inside. It needs `/proc`.
    ///
    /// Symbolic links are copied as they are; where they point to may be outside, and following them is refused then.
    ///
    /// # Errors
    /// As there, and when a path leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn copy_tree(
        &self,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        options: &TreeOptions,
    ) -> Result<TreeReport, Error> {
        tree::copy(&self.fs, self.ground(), from.as_ref(), to.as_ref(), options).await
    }

    /// [`Fs::remove_tree`](crate::Fs::remove_tree).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn remove_tree(
        &self,
        path: impl AsRef<Path>,
        options: &TreeOptions,
    ) -> Result<TreeReport, Error> {
        tree::remove(&self.fs, self.ground(), path.as_ref(), options).await
    }
}
