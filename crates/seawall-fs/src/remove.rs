use std::fs;
use std::path::Path;

use seawall_core::Error;

use crate::fault::Fault;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// Removes a file or a symbolic link. The removal is not synced: after a power failure it may be back.
    ///
    /// # Errors
    /// When there is none, it is a directory, or it cannot be removed.
    ///
    /// # Cancel safety
    /// Dropped under way, it may have been removed or not.
    pub async fn remove(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let work = |task: &Task<'_>| remove(&task.label.path, task.attempt);
        self.ask(FsRequest::new(Operation::Remove, path.as_ref(), work)).await
    }
}

/// Removes a file. On a later attempt a file that is not there has been removed by an earlier one.
fn remove(path: &Path, attempt: u32) -> Result<(), Fault> {
    match fs::remove_file(path).map_err(Fault::from) {
        Err(fault) if attempt > 1 && fault.is_not_found() => Ok(()),
        result => result,
    }
}
