//! Text files line by line, in batches that share one buffer.

mod ahead;
mod batch;
mod one_by_one;
mod options;
mod splitter;
mod stream;

use std::path::Path;

pub use batch::LineBatch;
pub use one_by_one::Lines;
pub use options::{LineEnding, LineOptions};
pub use stream::LineBatches;

use crate::Fs;

impl Fs {
    /// The lines of a file, in batches: each batch is one buffer and the places where its lines end, and gives them
    /// out as slices, without copying. This is the fast way; [`lines`](Self::lines) is the convenient one.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use futures_util::TryStreamExt;
    /// use seawall_fs::{Fs, FsConfig, LineOptions};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("names");
    /// # let fs = Fs::new(&FsConfig::default(), Arc::new(()))?;
    /// fs.write(&path, "ada\r\ngrace\nédith").await?;
    /// let (mut batches, mut letters) = (fs.line_batches(&path, LineOptions::default()), 0);
    /// while let Some(batch) = batches.try_next().await? {
    ///     letters += batch.text()?.map(|line| line.chars().count()).sum::<usize>();
    /// }
    /// assert_eq!(letters, 3 + 5 + 5);
    /// # Ok(()) }
    /// ```
    ///
    /// Opening passes through the stack, when the stream is first polled; reading does not. The whole stream ends at
    /// the deadline of the context in which it was made.
    pub fn line_batches(&self, path: impl AsRef<Path>, options: LineOptions) -> LineBatches {
        LineBatches::new(self, path.as_ref(), options)
    }

    /// The lines of a file one by one, each a slice of the buffer that it was read into: while one is kept, its whole
    /// buffer is.
    pub fn lines(&self, path: impl AsRef<Path>, options: LineOptions) -> Lines {
        Lines::new(self.line_batches(path, options))
    }
}
