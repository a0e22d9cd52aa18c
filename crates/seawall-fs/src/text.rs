use std::path::Path;

use seawall_core::Error;

use crate::fault::{Fault, Label};
use crate::{Fs, Operation};

impl Fs {
    /// The content of a file of at most `limit` bytes that holds UTF-8.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when it is not UTF-8.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn read_text(&self, path: impl AsRef<Path>, limit: u64) -> Result<String, Error> {
        let path = path.as_ref();
        let content = self.read(path, limit).await?;
        String::from_utf8(content.into()).map_err(|cause| {
            let label = Label { operation: Operation::Read.name(), path: path.into() };
            let message = format!("not UTF-8 text ({}): read it as bytes", cause.utf8_error());
            Fault::invalid(message).label(&label)
        })
    }
}
