//! What all downloads of a run have in common.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use seawall::AsyncIoSystem;
use seawall::fs::Durability;
use seawall::transfer::{Download, TransferProgress};

use super::list::Item;
use crate::args::{DurabilityName, ExistingName, FetchArgs};

pub(super) struct Settings {
    pub(super) into: PathBuf,
    pub(super) jobs: NonZeroUsize,
    pub(super) keeps_existing: bool,
    connections: NonZeroUsize,
    durability: Durability,
    max_size: u64,
    patience: Duration,
}

impl Settings {
    pub(super) fn of(args: &FetchArgs) -> Self {
        Self {
            into: args.into.clone(),
            jobs: args.jobs,
            keeps_existing: args.existing == ExistingName::Keep,
            connections: args.connections,
            durability: match args.durability {
                DurabilityName::None => Durability::None,
                DurabilityName::Data => Durability::Data,
                DurabilityName::Full => Durability::Full,
            },
            max_size: args.max_size.unwrap_or(u64::MAX),
            patience: args.patience,
        }
    }

    pub(super) fn download(
        &self,
        io: &AsyncIoSystem,
        item: Item,
        resume: bool,
        progress: &Arc<TransferProgress>,
    ) -> Download {
        let download = io
            .download(item.url, self.into.join(item.name))
            .connections(self.connections)
            .durability(self.durability)
            .max_size(self.max_size)
            .patience(self.patience)
            .resume(resume)
            .progress(Arc::clone(progress));
        match item.checksum {
            Some(checksum) => download.checksum(checksum),
            None => download,
        }
    }
}
