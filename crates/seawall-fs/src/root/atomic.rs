use std::path::Path;

use bytes::Bytes;
use seawall_core::Error;

use super::Root;
use super::base::Base;
use crate::work::Task;
use crate::{Durability, Operation, atomic};

impl Root {
    /// [`Fs::write_atomic`](crate::Fs::write_atomic), of a file that no symbolic link stands for.
    ///
    /// # Errors
    /// As there, and when the path leads out of the root or a symbolic link is at its end.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn write_atomic(&self, path: impl AsRef<Path>, content: impl Into<Bytes>) -> Result<(), Error> {
        let (content, ground) = (content.into(), self.ground());
        let bytes = content.len() as u64;
        let work = move |_: &Base, path: &Path, task: &Task<'_>| {
            atomic::write(path, &ground, &content, Durability::Full, task.engine.gate(), task.abandoned)
        };
        let request = self.request(Operation::WriteAtomic, path.as_ref(), work).of_bytes(bytes);
        self.fs.ask(request).await
    }
}
