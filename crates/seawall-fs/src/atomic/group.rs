use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use seawall_core::{CallContext, Error};
use tokio::time::Instant;

use super::target::{Directories, Target};
use super::{Durability, Replacement, directory_of};
use crate::engine::{Abandoned, Engine, Lane};
use crate::fault::{Fault, Label};
use crate::full_devices::Place;
use crate::work::Task;
use crate::write::{Group, groups, passes};
use crate::{Fs, FsRequest, Operation};

/// So many files are replaced together, and so many bytes of them: each has its temporary file open until the end.
const FILES: usize = 256;
const BYTES: usize = 64 * 1024 * 1024;
/// So many syncs of one group wait for the device at a time; it does them together.
const SYNCS: usize = 16;

/// How a group of replacements is made durable.
///
/// A [`Durability`] is one, which syncs file by file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCommit {
    /// What outlives a power failure; [`Durability::Full`] by default.
    pub durability: Durability,
    /// Syncs whole file systems once in place of each file; off by default. Faster for many small files, but it waits
    /// for whatever else is being written there.
    ///
    /// It is done where it is as good: on ext4, XFS, btrfs, F2FS and tmpfs, from Linux 5.17 on, which tells of what went
    /// wrong, and while less than 64 MiB wait to be written on the whole machine, these files included. Else each file is
    /// synced all the same.
    pub whole_file_system: bool,
}

impl From<Durability> for GroupCommit {
    fn from(durability: Durability) -> Self {
        Self { durability, whole_file_system: false }
    }
}

impl Fs {
    /// Replaces many files as [`write_atomic`](Self::write_atomic) does each, with the syncs shared: all are written,
    /// then synced side by side, then renamed, and each directory is synced once.
    ///
    /// The results are in the order of the files, each with its own error. Every file is replaced as a whole or not at
    /// all; together they are not one step, though: after a failure some may be new and others old. Of two for the
    /// same path the later one stays.
    ///
    /// Groups of at most 256 files and 64 MiB are replaced one after the other, and the iterator is asked only for
    /// the next of them: with contents made as it goes on, memory stays that small. (A single larger file is a group
    /// of its own.) What fails for a passing reason is tried again by itself, as the retries are configured.
    ///
    /// # Cancel safety
    /// Dropped, it leaves each file as it was or replaced, and no temporary file.
    pub async fn write_atomic_many<P, B, I>(
        &self,
        files: I,
        commit: impl Into<GroupCommit>,
    ) -> Vec<Result<(), Error>>
    where
        P: Into<PathBuf>,
        B: Into<Bytes>,
        I: IntoIterator<Item = (P, B), IntoIter: Send>,
    {
        let commit = commit.into();
        let mut results = Vec::new();
        for group in groups(files.into_iter(), FILES, BYTES) {
            results.extend(self.replace_group(&group, commit).await);
        }
        results
    }

    async fn replace_group(&self, group: &Group, commit: GroupCommit) -> Vec<Result<(), Error>> {
        let mut results = match self.begin_group(group, commit).await {
            Ok(begun) => {
                let (engine, started) = (begun.engine.clone(), Instant::now());
                let results = begun.finish(group, commit).await;
                for error in results.iter().filter_map(|result| result.as_ref().err()) {
                    if !passes(error) {
                        engine.tell_of_call::<()>(Err(error), started.elapsed());
                    }
                }
                results
            }
            Err(error) => group.iter().map(|_| Err(error.clone())).collect(),
        };
        for (result, (path, content)) in results.iter_mut().zip(group.iter()) {
            let Err(error) = result else { continue };
            if passes(error) {
                *result = self.write_atomic_with(path, content.clone(), commit.durability).await;
            }
        }
        results
    }

    async fn begin_group(&self, group: &Group, commit: GroupCommit) -> Result<Begun, Error> {
        let files = Arc::clone(group);
        let work = move |task: &Task<'_>| {
            let mut directories = Directories::default();
            let replacements = files
                .iter()
                .map(|(path, content)| {
                    if task.abandoned.is_set() {
                        return Err(Fault::abandoned());
                    }
                    let full_devices = task.engine.full_devices();
                    full_devices
                        .with_room(Place::Path(path), || begin(path, content, commit, &mut directories))
                })
                .collect();
            Ok(Begun { engine: task.engine.clone(), label: task.label.clone(), replacements })
        };
        let bytes = group.iter().map(|(_, content)| content.len() as u64).sum();
        self.ask(FsRequest::new(Operation::WriteAtomicMany, &group[0].0, work).of_bytes(bytes)).await
    }
}

fn begin(
    path: &Path,
    content: &[u8],
    commit: GroupCommit,
    directories: &mut Directories,
) -> Result<Replacement, Fault> {
    let target = Target::anywhere(path, directories).map_err(Fault::changed_nothing)?;
    let mut replacement = Replacement::of(target, commit.durability)?;
    replacement.file().write_all(content).map_err(|cause| Fault::from(cause).changed_nothing())?;
    if commit.durability.syncs_data() && !commit.whole_file_system {
        replacement.start_writeback();
    }
    Ok(replacement)
}

/// A group whose files are written, but neither durable nor in place.
struct Begun {
    engine: Engine,
    label: Label,
    replacements: Vec<Result<Replacement, Fault>>,
}

impl Begun {
    async fn finish(self, group: &Group, commit: GroupCommit) -> Vec<Result<(), Error>> {
        let Self { engine, label, replacements } = self;
        let deadline = CallContext::current_deadline();
        let mut results: Vec<Result<(), Error>> = group.iter().map(|_| Ok(())).collect();
        let fail = |results: &mut Vec<_>, at: usize, fault: Fault| {
            let label = Label { operation: label.operation, path: Arc::from(&*group[at].0) };
            results[at] = Err(fault.label(&label));
        };

        let mut written = Vec::with_capacity(replacements.len());
        for (at, replacement) in replacements.into_iter().enumerate() {
            match replacement {
                Ok(replacement) => written.push((at, replacement)),
                Err(fault) => fail(&mut results, at, fault),
            }
        }

        let (mut written, unsynced) = match commit {
            _ if !commit.durability.syncs_data() => (written, vec![]),
            GroupCommit { whole_file_system: false, .. } => (vec![], written),
            GroupCommit { whole_file_system: true, .. } => {
                let places: Vec<usize> = written.iter().map(|(at, _)| *at).collect();
                let synced =
                    engine.run_in(Lane::Sync, &label, deadline, move |_| Ok(sync_file_systems(written)));
                synced.await.unwrap_or_else(|error| {
                    refuse(&mut results, places, &error);
                    Default::default()
                })
            }
        };

        let shares = in_shares(unsynced, SYNCS);
        let syncs = shares.into_iter().map(|share| {
            let places: Vec<usize> = share.iter().map(|(at, _)| *at).collect();
            let synced = engine.run_in(Lane::Sync, &label, deadline, move |_| Ok(sync_each(share)));
            async move { (places, synced.await) }
        });
        for (places, share) in join_all(syncs).await {
            match share {
                Ok(share) => {
                    for (at, synced) in share {
                        match synced {
                            Ok(replacement) => written.push((at, replacement)),
                            Err(fault) => fail(&mut results, at, fault),
                        }
                    }
                }
                Err(error) => refuse(&mut results, places, &error),
            }
        }

        // Shares come back as they were dealt; of two replacements of one path the later one has to win.
        written.sort_unstable_by_key(|(at, _)| *at);
        let places: Vec<usize> = written.iter().map(|(at, _)| *at).collect();
        if places.is_empty() {
            return results;
        }
        let (its_engine, syncs_directories) = (engine.clone(), commit.durability.syncs_directory());
        let put = engine.run_in(Lane::Sync, &label, deadline, move |abandoned| {
            Ok(put_in_place(written, &its_engine, syncs_directories, abandoned))
        });
        match put.await {
            Ok(faults) => faults.into_iter().for_each(|(at, fault)| fail(&mut results, at, fault)),
            Err(error) => {
                for at in places {
                    results[at] = Err(error.clone());
                }
            }
        }
        results
    }
}

type Placed<T> = Vec<(usize, T)>;

fn in_shares<T>(all: Vec<T>, count: usize) -> Vec<Vec<T>> {
    let mut shares: Vec<Vec<T>> = (0..count.min(all.len())).map(|_| Vec::new()).collect();
    for (turn, one) in all.into_iter().enumerate() {
        shares[turn % count].push(one);
    }
    shares
}

/// Those could not be synced; nothing of them is in place.
fn refuse(results: &mut [Result<(), Error>], places: Vec<usize>, error: &Error) {
    for at in places {
        results[at] = Err(error.clone().not_executed());
    }
}

fn sync_each(share: Placed<Replacement>) -> Placed<Result<Replacement, Fault>> {
    share.into_iter().map(|(at, one)| (at, one.sync().map(|()| one))).collect()
}

/// Syncs each file system that the files are on; answers those that are synced so, and those that each need a sync of
/// their own.
///
/// A failure may be another program's, so it is left to those to tell whose it is: every open file knows what went wrong
/// with itself.
fn sync_file_systems(all: Placed<Replacement>) -> (Placed<Replacement>, Placed<Replacement>) {
    // By device. The first file on each was opened before the others were written, so it is told of every failure.
    let mut synced = BTreeMap::new();
    all.into_iter().partition(|(_, one)| {
        one.device().is_some_and(|device| *synced.entry(device).or_insert_with(|| one.sync_file_system()))
    })
}

/// Renames all, then syncs each directory once; answers what failed.
fn put_in_place(
    written: Placed<Replacement>,
    engine: &Engine,
    syncs_directories: bool,
    abandoned: &Abandoned,
) -> Placed<Fault> {
    let mut faults = Vec::new();
    let mut directories = BTreeMap::<PathBuf, (Target, Vec<usize>)>::new();
    for (at, replacement) in written {
        match replacement.put_in_place(engine.gate(), abandoned) {
            Ok(target) => {
                let directory = directory_of(&target.path).to_owned();
                directories.entry(directory).or_insert_with(|| (target, Vec::new())).1.push(at);
            }
            Err(fault) => faults.push((at, fault)),
        }
    }
    if syncs_directories {
        for (target, places) in directories.into_values() {
            if let Err(cause) = target.sync_directory() {
                let fault = Fault::directory_sync(cause);
                faults.extend(places.into_iter().map(|at| (at, fault.again())));
            }
        }
    }
    faults
}
