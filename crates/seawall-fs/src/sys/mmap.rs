use std::ops::Deref;
use std::path::Path;

use bytes::Bytes;
use memmap2::Mmap;
use seawall_core::Error;

use crate::fault::Fault;
use crate::read::refuse_what_blocks;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// Maps a file into memory to read it: no byte is copied, and the system reads each page when it is first touched.
    ///
    /// It suits files that do not change, of which much is read here and there. Touching a page that is not in the page
    /// cache stops the thread until the device has read it, and no deadline ends that: work through it on a thread of
    /// its own, not on a runtime's worker. For all else there is [`File::read_at`](crate::File::read_at).
    ///
    /// # Safety
    /// As long as any part of the [`Mapped`] lives, nobody, in this process or another, may change the file or make it
    /// shorter. What is changed changes under references that Rust takes for constant, which is undefined behaviour;
    /// and touching what was cut off ends the process by a signal (`SIGBUS`), as an error of the device does. A file
    /// that is replaced as a whole, as [`write_atomic`](Self::write_atomic) does, stays mapped as it was.
    ///
    /// # Errors
    /// When it cannot be opened, is no regular file, or the address space has no room for it.
    ///
    /// # Cancel safety
    /// Cancel safe.
    #[expect(unsafe_code, reason = "only the caller can know that nobody changes the file")]
    pub async unsafe fn map(&self, path: impl AsRef<Path>) -> Result<Mapped, Error> {
        let work = |task: &Task<'_>| {
            let file = std::fs::File::open(&task.label.path)?;
            let metadata = file.metadata()?;
            refuse_what_blocks(&metadata)?;
            if !metadata.is_file() {
                return Err(Fault::invalid("not a regular file: it cannot be mapped"));
            }
            // SAFETY: the caller promises that the file stays as it is while this lives.
            Ok(Mapped(unsafe { Mmap::map(&file) }?))
        };
        self.ask(FsRequest::new(Operation::Map, path.as_ref(), work)).await
    }
}

/// A file in memory; made by [`Fs::map`]. It is unmapped when dropped; made into [`Bytes`], with the last of them.
#[derive(Debug)]
pub struct Mapped(Mmap);

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Mapped> for Bytes {
    /// Without copying.
    fn from(mapped: Mapped) -> Self {
        Self::from_owner(mapped)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::FsConfig;

    #[tokio::test]
    #[expect(unsafe_code, reason = "this test alone knows its files")]
    async fn a_mapped_file_is_a_slice_and_outlives_its_replacement() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let fs = Fs::new(&FsConfig::default(), Arc::new(())).unwrap();
        std::fs::write(&path, "some content").unwrap();
        // SAFETY: the files of this test are replaced but never changed.
        let mapped = unsafe { fs.map(&path) }.await.unwrap();
        assert_eq!(&mapped[5..], b"content");
        let bytes = Bytes::from(mapped).slice(..4);
        fs.write_atomic(&path, "").await.unwrap();
        assert_eq!(bytes, "some");

        // SAFETY: as above.
        let (empty, directory, missing) = unsafe {
            let missing = fs.map(directory.path().join("missing"));
            (fs.map(&path).await, fs.map(directory.path()).await, missing.await)
        };
        assert!(empty.unwrap().is_empty());
        assert!(directory.unwrap_err().to_string().contains("is a directory"));
        assert!(missing.unwrap_err().to_string().contains("does not exist"));
    }
}
