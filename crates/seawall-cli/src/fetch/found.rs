//! What an earlier run has left.

use std::fs::Metadata;
use std::path::Path;

use futures_util::StreamExt;
use seawall::AsyncIoSystem;
use seawall::fs::Many;
use seawall::transfer::resume_path;

use super::list::Item;

/// What an earlier run has left of a file.
pub(super) struct Found {
    pub(super) whole: bool,
    pub(super) begun: bool,
}

impl Found {
    /// What there is of the next file. What cannot be told is not there, which the download itself will find out.
    pub(super) async fn next(found: &mut Many<Metadata>) -> Self {
        let mut is_there = async || found.next().await.is_some_and(|metadata| metadata.is_ok());
        Self { whole: is_there().await, begun: is_there().await }
    }
}

/// Looks for all files at once, since asking for each would be a visit to a thread and back for every one.
pub(super) fn find(io: &AsyncIoSystem, into: &Path, items: &[Item]) -> Many<Metadata> {
    let paths = items.iter().flat_map(|item| {
        let target = into.join(&item.name);
        let begun = resume_path(&target);
        [target, begun]
    });
    io.fs().stat_many(paths.collect::<Vec<_>>())
}
