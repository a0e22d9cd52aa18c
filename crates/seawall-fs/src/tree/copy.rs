use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use seawall_core::{CallContext, Error, FailureKind};

use super::{TreeOptions, TreeReport};
use crate::copy::{self, CopyOptions};
use crate::engine::{Abandoned, Engine};
use crate::fault::{Fault, Label};
use crate::full_devices::Place;
use crate::work::Task;
use crate::{EntryKind, Fs, FsRequest, Operation, WalkEntry};

/// So many entries are copied in one visit to a thread.
const ENTRIES: usize = 32;

impl Fs {
    /// Copies a directory with all that is in it. The target is made, or what is there is added to: files of the same
    /// name are replaced, others stay.
    ///
    /// Each file is copied as [`copy`](Self::copy) does it, as a whole or not at all, with its mode and its times;
    /// directories get the mode of their source. Symbolic links are copied as links and not followed. Devices, pipes
    /// and sockets are not copied; each is an error of its own.
    ///
    /// What cannot be copied is an error in the report, and the rest goes on. What fails for a passing reason is tried
    /// again by itself, as the retries are configured. After an interruption the same call with
    /// [`resume`](TreeOptions::resume) leaves out what is complete: every file that is there is.
    ///
    /// ```no_run
    /// # use seawall_fs::{Fs, TreeOptions};
    /// # async fn example(fs: Fs) -> Result<(), seawall_core::Error> {
    /// let options = TreeOptions { resume: true, ..TreeOptions::default() };
    /// let progress = options.progress.clone();
    /// let watching = tokio::spawn(async move {
    ///     loop {
    ///         tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    ///         println!("{} files, {} bytes", progress.files(), progress.bytes());
    ///     }
    /// });
    /// let report = fs.copy_tree("photos", "backup/photos", &options).await?;
    /// watching.abort();
    /// report.complete()?;
    /// println!("{} copied, {} were there", report.files, report.skipped);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the source is not a directory, the target cannot be made or lies within the source, or the deadline passes.
    ///
    /// # Cancel safety
    /// Dropped, it stops; every file in the target is complete.
    pub async fn copy_tree(
        &self,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        options: &TreeOptions,
    ) -> Result<TreeReport, Error> {
        let (from, to): (&Path, Arc<Path>) = (from.as_ref(), Arc::from(to.as_ref()));
        let deadline = CallContext::current_deadline();
        let target = Arc::clone(&to);
        let begin = move |task: &Task<'_>| {
            begin(&task.label.path, &target)?;
            Ok((task.engine.clone(), task.label.clone()))
        };
        let (engine, label): (Engine, Label) =
            self.ask(FsRequest::new(Operation::CopyTree, from, begin)).await?;
        let tree = Arc::new(Tree { from: from.to_owned(), to, label, options: options.clone(), engine });

        let mut report = TreeReport::default();
        let mut directories = Vec::new();
        let mut batches = self.walk(from).parallel(options.parallel).batches();
        let (mut waiting, mut under_way) = (VecDeque::new(), FuturesUnordered::new());
        let mut walking = true;
        loop {
            while under_way.len() < options.parallel.get()
                && let Some(share) = waiting.pop_front()
            {
                under_way.push(tree.share(self, share, deadline));
            }
            tokio::select! {
                batch = batches.next(), if walking && waiting.is_empty() => match batch {
                    Some(batch) => waiting.extend(split(batch, &mut report)),
                    None => walking = false,
                },
                Some(done) = under_way.next() => {
                    let (shared, closed) = done?;
                    report.add(shared);
                    directories.extend(closed);
                }
                else => break,
            }
        }
        tree.close(directories, deadline).await?.into_iter().for_each(|error| report.fail(error));
        Ok(report)
    }
}

/// What is copied in one visit each; what could not be walked goes to the report.
fn split(batch: Vec<Result<WalkEntry, Error>>, report: &mut TreeReport) -> Vec<Vec<WalkEntry>> {
    let mut entries = Vec::with_capacity(batch.len());
    for entry in batch {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(error) => report.fail(error),
        }
    }
    entries.chunks(ENTRIES).map(<[_]>::to_vec).collect()
}

/// Refuses what would copy into itself, and makes the target.
fn begin(from: &Path, to: &Path) -> Result<(), Fault> {
    let source = fs::canonicalize(from).map_err(|cause| Fault::from(cause).changed_nothing())?;
    let metadata = fs::metadata(&source).map_err(|cause| Fault::from(cause).changed_nothing())?;
    if !metadata.is_dir() {
        return Err(Fault::invalid("not a directory: `copy` copies files"));
    }
    // Of a target that is not there yet, the directory above it says where it will be.
    let existing = to.ancestors().find_map(|above| {
        fs::canonicalize(if above.as_os_str().is_empty() { Path::new(".") } else { above }).ok()
    });
    if existing.is_some_and(|existing| existing.starts_with(&source)) {
        return Err(Fault::invalid("the target lies within the source: the copy would have no end"));
    }
    fs::create_dir_all(to)?;
    Ok(fs::set_permissions(to, writable(&metadata.permissions()))?)
}

/// One copy of a tree.
struct Tree {
    from: PathBuf,
    to: Arc<Path>,
    label: Label,
    options: TreeOptions,
    engine: Engine,
}

/// Directories whose mode does not let anybody write into them, and is set when all is done.
type Closed = Vec<(PathBuf, fs::Permissions)>;

impl Tree {
    async fn share(
        self: &Arc<Self>,
        fs: &Fs,
        entries: Vec<WalkEntry>,
        deadline: Option<std::time::Instant>,
    ) -> Result<(TreeReport, Closed), Error> {
        let tree = Arc::clone(self);
        let work = move |abandoned: &Abandoned| {
            let mut closed = Closed::new();
            let mut report = TreeReport::default();
            let mut again = Vec::new();
            for entry in entries {
                if abandoned.is_set() {
                    return Err(Fault::abandoned());
                }
                if let Err(fault) = tree.copy(&entry, abandoned, &mut report, &mut closed) {
                    let path = entry.path();
                    let error = fault
                        .label(&Label { operation: tree.label.operation, path: Arc::from(path.as_path()) });
                    let passing =
                        matches!(error.kind(), FailureKind::Transient | FailureKind::Overloaded { .. });
                    if passing && entry.kind() == EntryKind::File {
                        again.push(path);
                    } else {
                        report.fail(error);
                    }
                }
            }
            Ok((report, closed, again))
        };
        let (mut report, closed, again) = self.engine.run(&self.label, deadline, work).await?;
        for from in again {
            let to = self.target(&from);
            match fs.copy_with(&from, to, &self.copying()).await {
                Ok(bytes) => {
                    report.files += 1;
                    report.bytes += bytes;
                }
                Err(error) => report.fail(error),
            }
        }
        Ok((report, closed))
    }

    /// Copies one entry; what it is in is made if its turn has not come yet.
    fn copy(
        &self,
        entry: &WalkEntry,
        abandoned: &Abandoned,
        report: &mut TreeReport,
        closed: &mut Closed,
    ) -> Result<(), Fault> {
        let from = entry.path();
        let to = self.target(&from);
        match entry.kind() {
            EntryKind::Directory => {
                let permissions = fs::metadata(&from)?.permissions();
                fs::create_dir_all(&to)?;
                let open = writable(&permissions);
                fs::set_permissions(&to, open.clone())?;
                if open != permissions {
                    closed.push((to, permissions));
                }
                report.directories += 1;
                self.options.progress.add_directory();
            }
            EntryKind::File if self.options.resume && is_same(&from, &to) => {
                report.skipped += 1;
                self.options.progress.add_file();
            }
            EntryKind::File => {
                let copy = || copy::copy(&from, &to, &self.copying(), self.engine.gate(), abandoned);
                report.bytes += self
                    .in_its_directory(&to, || self.engine.full_devices().with_room(Place::Path(&to), copy))?;
                report.files += 1;
            }
            EntryKind::Symlink => {
                let points_to = fs::read_link(&from)?;
                self.in_its_directory(&to, || symlink(&points_to, &to))?;
                report.symlinks += 1;
                self.options.progress.add_file();
            }
            EntryKind::Other => {
                return Err(Fault::invalid("a device, pipe or socket: it cannot be copied"));
            }
        }
        Ok(())
    }

    fn in_its_directory<T>(&self, to: &Path, make: impl Fn() -> Result<T, Fault>) -> Result<T, Fault> {
        match make() {
            Err(fault) if fault.is_not_found() => {
                fs::create_dir_all(to.parent().unwrap_or(&self.to))?;
                make()
            }
            result => result,
        }
    }

    fn copying(&self) -> CopyOptions {
        CopyOptions {
            durability: self.options.durability,
            keep_times: true,
            progress: self.options.progress.clone(),
        }
    }

    fn target(&self, from: &Path) -> PathBuf {
        self.to.join(from.strip_prefix(&self.from).expect("a walk stays below its root"))
    }

    async fn close(
        &self,
        mut directories: Closed,
        deadline: Option<std::time::Instant>,
    ) -> Result<Vec<Error>, Error> {
        if let Ok(metadata) = fs::metadata(&self.from) {
            directories.push((self.to.to_path_buf(), metadata.permissions()));
        }
        // The innermost first: what is in a closed directory cannot be reached.
        directories.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
        let operation = self.label.operation;
        let work = move |_: &Abandoned| {
            let failed = directories.into_iter().filter_map(|(path, permissions)| {
                let fault = Fault::from(fs::set_permissions(&path, permissions).err()?);
                Some(fault.label(&Label { operation, path: Arc::from(path) }))
            });
            Ok(failed.collect())
        };
        self.engine.run(&self.label, deadline, work).await
    }
}

/// Whether the copy is there already: copied times make that known.
fn is_same(from: &Path, to: &Path) -> bool {
    let (Ok(from), Ok(to)) = (fs::metadata(from), fs::symlink_metadata(to)) else { return false };
    let modified = from.modified();
    to.is_file() && to.len() == from.len() && modified.is_ok() && to.modified().ok() == modified.ok()
}

/// The same with the right of the owner to put something in.
#[cfg(unix)]
fn writable(permissions: &fs::Permissions) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(permissions.mode() | 0o700)
}

#[cfg(not(unix))]
fn writable(permissions: &fs::Permissions) -> fs::Permissions {
    permissions.clone()
}

/// Makes a link where there is none or one already; anything else stays.
#[cfg(unix)]
fn symlink(points_to: &Path, at: &Path) -> Result<(), Fault> {
    match std::os::unix::fs::symlink(points_to, at) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            let there = fs::read_link(at).map_err(|_no_link| Fault::from(cause))?;
            if there == points_to {
                return Ok(());
            }
            // Beside it first, so that there is a link at any time.
            let mut name = OsString::from(".seawall-");
            name.push(format!("{:016x}.tmp", fastrand::u64(..)));
            let temporary = at.with_file_name(name);
            std::os::unix::fs::symlink(points_to, &temporary)?;
            Ok(fs::rename(&temporary, at).inspect_err(|_| {
                // The rename's error is the one to tell.
                let _best_effort = fs::remove_file(&temporary);
            })?)
        }
        result => Ok(result?),
    }
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> Result<(), Fault> {
    Err(Fault::invalid("symbolic links are not copied on this system"))
}
