use seawall_core::Error;

use super::TemporaryOptions;
use crate::file::Opened;
use crate::work::Task;
use crate::{File, Fs, FsRequest, OpenOptions, Operation};

/// How every temporary file is opened.
pub(super) const OPTIONS: fn() -> OpenOptions = || OpenOptions::new().read(true).write(true);

impl Fs {
    /// Makes a file without a name, to write and read, which is gone when its last handle is closed, also when the
    /// process is killed. Of the options it takes the directory.
    ///
    /// # Errors
    /// When it cannot be made.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is left behind.
    pub async fn temporary_file(&self, options: &TemporaryOptions) -> Result<File, Error> {
        let directory = options.directory();
        let work =
            |task: &Task<'_>| Ok(Opened::new(tempfile::tempfile_in(&task.label.path)?, OPTIONS(), task));
        self.open_by(&directory, FsRequest::new(Operation::TemporaryFile, &directory, work)).await
    }
}
