use std::io;
use std::path::Path;

use seawall_core::Error;

use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// Does blocking file work of your own as the client does its own: on one of its threads, through its stack, to the
    /// deadline of the context, and with errors that name `path` and say what they mean.
    ///
    /// It is done once: whether it may be done again, only you know. An attempt that failed is not made again.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use seawall_fs::{Fs, FsConfig};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// let fs = Fs::new(&FsConfig::default(), Arc::new(()))?;
    /// let depth = fs.run(directory.path(), |path| Ok(path.canonicalize()?.components().count())).await?;
    /// assert!(depth > 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of `work`.
    ///
    /// # Cancel safety
    /// Dropped before it has begun, it is not done; after that it is done to its end.
    pub async fn run<T: Send + 'static>(
        &self,
        path: impl AsRef<Path>,
        work: impl Fn(&Path) -> io::Result<T> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        let work = move |task: &Task<'_>| Ok(work(&task.label.path)?);
        self.ask(FsRequest::new(Operation::Run, path.as_ref(), work)).await
    }
}
