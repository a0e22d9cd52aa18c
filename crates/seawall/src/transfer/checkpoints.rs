use std::sync::{Mutex, PoisonError};

use seawall_core::Error;
use seawall_fs::Fs;

use super::part_file::PartFile;
use super::partial::{Description, Partial};

/// Where the segments of a download write down how far they are.
#[derive(Debug)]
pub(super) struct Checkpoints {
    fs: Fs,
    partial: Partial,
    syncs: bool,
    /// `None` where the version says nothing in a later run.
    description: Mutex<Option<Description>>,
    /// One at a time, so that an older one never takes the place of a newer.
    saving: tokio::sync::Mutex<()>,
}

impl Checkpoints {
    pub(super) fn new(fs: &Fs, partial: &Partial, syncs: bool, description: Option<Description>) -> Self {
        Self {
            fs: fs.clone(),
            partial: partial.clone(),
            syncs,
            description: Mutex::new(description),
            saving: tokio::sync::Mutex::new(()),
        }
    }

    /// The file holds everything of segment `number` up to `position`.
    pub(super) async fn reached(&self, number: usize, position: u64, file: &PartFile) -> Result<(), Error> {
        let _turn = self.saving.lock().await;
        let description = {
            let mut description = self.description.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(description) = &mut *description else { return Ok(()) };
            description.segments[number].position = position;
            description.clone()
        };
        if self.syncs {
            file.sync().await?;
        }
        self.partial.save(&self.fs, &description).await
    }
}
