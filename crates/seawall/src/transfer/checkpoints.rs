use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seawall_core::Error;
use seawall_fs::Fs;

use super::part_file::PartFile;
use super::partial::{Description, Partial};

/// Where the segments of a download write down how far they are.
#[derive(Debug)]
pub(super) struct Checkpoints {
    fs: Fs,
    partial: Partial,
    /// `None` where the version says nothing in a later run.
    description: Mutex<Option<Description>>,
    /// What is written down. One does that at a time, so that an older one never takes the place of a newer.
    saved: tokio::sync::Mutex<Option<Description>>,
}

impl Checkpoints {
    pub(super) fn new(fs: &Fs, partial: &Partial, description: Option<Description>) -> Self {
        Self {
            fs: fs.clone(),
            partial: partial.clone(),
            description: Mutex::new(description),
            saved: tokio::sync::Mutex::new(None),
        }
    }

    /// The file holds everything of segment `number` up to `position`. Segments that come while another one's turn lasts
    /// are written down together by the first of them.
    pub(super) async fn reached(
        self: Arc<Self>,
        number: usize,
        position: u64,
        file: Arc<PartFile>,
    ) -> Result<(), Error> {
        if let Some(description) = &mut *self.description() {
            description.segments[number].position = position;
        }
        let mut saved = self.saved.lock().await;
        if saved.as_ref().is_some_and(|saved| saved.segments[number].position >= position) {
            return Ok(());
        }
        let Some(description) = self.description().clone() else { return Ok(()) };
        if description.is_synced() {
            file.sync().await?;
        }
        self.partial.save(&self.fs, &description).await?;
        *saved = Some(description);
        Ok(())
    }

    fn description(&self) -> MutexGuard<'_, Option<Description>> {
        self.description.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
