//! Copying a file, by the fastest way that its file system has.

mod content;
#[cfg(target_os = "linux")]
mod linux;

use std::fs::{self, File, FileTimes};
use std::path::Path;

use seawall_core::Error;

use crate::atomic::Replacement;
use crate::commit_gate::CommitGate;
use crate::engine::Abandoned;
use crate::fault::Fault;
use crate::full_devices::Place;
use crate::ground::Ground;
use crate::work::Task;
use crate::{Durability, Fs, FsRequest, Operation, Progress};

/// How a file is copied.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `durability` | [`Durability::None`] | what outlives a power failure |
/// | `keep_times` | `false` | whether the copy has the times of its source |
/// | `progress` | a new one | counts the bytes while they are copied, and the file when it is done |
#[derive(Clone, Debug)]
pub struct CopyOptions {
    /// What outlives a power failure. Whichever is chosen, nobody ever meets a part of the copy.
    pub durability: Durability,
    /// Whether the copy has the times of its source.
    pub keep_times: bool,
    /// Counts the bytes while they are copied, and the file when it is done.
    pub progress: Progress,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self { durability: Durability::None, keep_times: false, progress: Progress::new() }
    }
}

impl Fs {
    /// Copies a file: its content and its mode. Answers how many bytes it has.
    ///
    /// The copy takes the target's place as a whole, as with [`write_atomic`](Self::write_atomic): until then, and
    /// whatever happens, what was there stays. Nothing is synced; [`copy_with`](Self::copy_with) does.
    ///
    /// Where the file system can, the copy shares the content with its source until one of them is changed; else the
    /// kernel copies, in steps of 8 MiB. Holes stay holes.
    ///
    /// # Errors
    /// When the source is not a regular file or cannot be read, or the target cannot be written.
    ///
    /// # Cancel safety
    /// Dropped, it stops after the step under way; the target is as it was, or the copy complete.
    pub async fn copy(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<u64, Error> {
        self.copy_with(from, to, &CopyOptions::default()).await
    }

    /// Copies a file as [`copy`](Self::copy) does, the way that is asked for.
    ///
    /// # Errors
    /// Those of [`copy`](Self::copy).
    ///
    /// # Cancel safety
    /// That of [`copy`](Self::copy).
    pub async fn copy_with(
        &self,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        options: &CopyOptions,
    ) -> Result<u64, Error> {
        self.ask(request(Ground::Anywhere, from.as_ref(), to.as_ref(), options)).await
    }
}

pub(crate) fn request(ground: Ground, from: &Path, to: &Path, options: &CopyOptions) -> FsRequest {
    let (told, known) = (ground.told(from), ground.told(to));
    let (from, to, options) = (from.to_owned(), to.to_owned(), options.clone());
    let work = move |task: &Task<'_>| {
        let copy = || copy(&ground, &from, &to, &options, task.engine.gate(), task.abandoned);
        task.engine.full_devices().with_room(Place::Path(&known), copy)
    };
    FsRequest::new(Operation::Copy, &told, work)
}

/// Copies one file. What it counted is taken back if it came to nothing.
pub(crate) fn copy(
    ground: &Ground,
    from: &Path,
    to: &Path,
    options: &CopyOptions,
    gate: &CommitGate,
    abandoned: &Abandoned,
) -> Result<u64, Fault> {
    let mut counted = 0;
    let mut step = |bytes: u64| {
        counted += bytes;
        options.progress.add_bytes(bytes);
        if abandoned.is_set() { Err(Fault::abandoned()) } else { Ok(()) }
    };
    let copied = prepare(ground, from, to, options, &mut step)
        .and_then(|(replacement, copied)| replacement.commit(gate, abandoned).map(|()| copied));
    match &copied {
        Ok(_) => options.progress.add_file(),
        Err(_) => options.progress.take_back_bytes(counted),
    }
    copied
}

/// The copy, complete but not in place.
fn prepare(
    ground: &Ground,
    from: &Path,
    to: &Path,
    options: &CopyOptions,
    step: &mut dyn FnMut(u64) -> Result<(), Fault>,
) -> Result<(Replacement, u64), Fault> {
    let source = ground.open(from).map_err(Fault::changed_nothing)?;
    let metadata = source.metadata()?;
    if !metadata.is_file() {
        return Err(Fault::invalid("not a regular file: it cannot be copied"));
    }
    let mut replacement = Replacement::begin(to, ground, options.durability)?;
    let target: &File = replacement.file();
    let copied = content::copy(&source, target, &metadata, step).map_err(Fault::changed_nothing)?;
    take_over(&metadata, options.keep_times, target).map_err(|cause| Fault::from(cause).changed_nothing())?;
    Ok((replacement, copied))
}

fn take_over(metadata: &fs::Metadata, keep_times: bool, target: &File) -> std::io::Result<()> {
    target.set_permissions(metadata.permissions())?;
    if keep_times {
        let mut times = FileTimes::new();
        if let Ok(accessed) = metadata.accessed() {
            times = times.set_accessed(accessed);
        }
        if let Ok(modified) = metadata.modified() {
            times = times.set_modified(modified);
        }
        target.set_times(times)?;
    }
    Ok(())
}
