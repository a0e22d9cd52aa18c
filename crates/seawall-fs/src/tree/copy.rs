use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use seawall_core::{CallContext, Error, FailureKind};

use super::{TreeOptions, TreeReport};
use crate::at::At;
use crate::atomic::with_a_new_name;
use crate::copy::{self, CopyOptions};
use crate::engine::{Abandoned, Engine};
use crate::fault::{Fault, Label};
use crate::full_devices::Place;
use crate::ground::Ground;
use crate::work::Task;
use crate::{EntryKind, Fs, FsRequest, Operation, Walk, WalkEntry};

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
        copy(self, Ground::Anywhere, from.as_ref(), to.as_ref(), options).await
    }
}

pub(crate) async fn copy(
    fs: &Fs,
    ground: Ground,
    from: &Path,
    to: &Path,
    options: &TreeOptions,
) -> Result<TreeReport, Error> {
    let deadline = CallContext::current_deadline();
    let (its, source, target) = (ground.clone(), from.to_owned(), to.to_owned());
    let begin = move |task: &Task<'_>| {
        begin(&its, &source, &target)?;
        Ok((task.engine.clone(), task.label.clone()))
    };
    let (engine, label): (Engine, Label) =
        fs.ask(FsRequest::new(Operation::CopyTree, &ground.told(from), begin)).await?;
    let walk = Walk::of(fs, ground.clone(), from).parallel(options.parallel);
    let tree =
        Tree { ground, from: from.to_owned(), to: to.to_owned(), label, options: options.clone(), engine };
    let tree = Arc::new(tree);

    let mut report = TreeReport::default();
    let mut directories = Vec::new();
    let mut batches = walk.batches();
    let (mut waiting, mut under_way) = (VecDeque::new(), FuturesUnordered::new());
    let mut walking = true;
    loop {
        while under_way.len() < options.parallel.get()
            && let Some(share) = waiting.pop_front()
        {
            under_way.push(tree.share(fs, share, deadline));
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
fn begin(ground: &Ground, from: &Path, to: &Path) -> Result<(), Fault> {
    let source = ground.canonicalize(from).map_err(Fault::changed_nothing)?;
    let metadata = ground.metadata(from).map_err(Fault::changed_nothing)?;
    if !metadata.is_dir() {
        return Err(Fault::invalid("not a directory: `copy` copies files"));
    }
    // Of a target that is not there yet, the directory above it says where it will be.
    let existing = to.ancestors().find_map(|above| {
        ground.canonicalize(if above.as_os_str().is_empty() { Path::new(".") } else { above }).ok()
    });
    if existing.is_some_and(|existing| existing.starts_with(&source)) {
        return Err(Fault::invalid("the target lies within the source: the copy would have no end"));
    }
    ground.create_dir_all(to)?;
    ground.set_permissions(to, &writable(&metadata.permissions()))
}

/// One copy of a tree.
struct Tree {
    ground: Ground,
    from: PathBuf,
    to: PathBuf,
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
                    let error = tree.error(fault, &path);
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
            match fs.ask::<u64>(copy::request(self.ground.clone(), &from, &to, &self.copying())).await {
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
                let permissions = self.ground.metadata(&from)?.permissions();
                self.ground.create_dir_all(&to)?;
                let open = writable(&permissions);
                self.ground.set_permissions(&to, &open)?;
                if open != permissions {
                    closed.push((to, permissions));
                }
                report.directories += 1;
                self.options.progress.add_directory();
            }
            EntryKind::File if self.options.resume && self.is_same(&from, &to) => {
                report.skipped += 1;
                self.options.progress.add_file();
            }
            EntryKind::File => {
                let known = self.ground.told(&to);
                let copy =
                    || copy::copy(&self.ground, &from, &to, &self.copying(), self.engine.gate(), abandoned);
                report.bytes += self.in_its_directory(&to, || {
                    self.engine.full_devices().with_room(Place::Path(&known), copy)
                })?;
                report.files += 1;
            }
            EntryKind::Symlink => {
                let points_to = self.ground.at(&from)?.read_link()?;
                self.in_its_directory(&to, || symlink(&points_to, &self.ground.at(&to)?))?;
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
                self.ground.create_dir_all(to.parent().unwrap_or(&self.to))?;
                make()
            }
            result => result,
        }
    }

    /// Whether the copy is there already: copied times make that known.
    fn is_same(&self, from: &Path, to: &Path) -> bool {
        let (Ok(from), Ok(to)) = (self.ground.metadata(from), self.ground.symlink_metadata(to)) else {
            return false;
        };
        let modified = from.modified();
        to.is_file() && to.len() == from.len() && modified.is_ok() && to.modified().ok() == modified.ok()
    }

    fn error(&self, fault: Fault, path: &Path) -> Error {
        fault.label(&Label { operation: self.label.operation, path: Arc::from(self.ground.told(path)) })
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
        self: &Arc<Self>,
        mut directories: Closed,
        deadline: Option<std::time::Instant>,
    ) -> Result<Vec<Error>, Error> {
        if let Ok(metadata) = self.ground.metadata(&self.from) {
            directories.push((self.to.clone(), metadata.permissions()));
        }
        // The innermost first: what is in a closed directory cannot be reached.
        directories.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
        let tree = Arc::clone(self);
        let work = move |_: &Abandoned| {
            let failed = directories.into_iter().filter_map(|(path, permissions)| {
                let fault = tree.ground.set_permissions(&path, &permissions).err()?;
                Some(tree.error(fault, &path))
            });
            Ok(failed.collect())
        };
        self.engine.run(&self.label, deadline, work).await
    }
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
fn symlink(points_to: &Path, at: &At) -> Result<(), Fault> {
    match at.symlink(points_to) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            let there = at.read_link().map_err(|_no_link| Fault::from(cause))?;
            if there == points_to {
                return Ok(());
            }
            // Beside it first, so that there is a link at any time.
            let (temporary, ()) = with_a_new_name(at, |at| at.symlink(points_to))?;
            Ok(temporary.rename_to(at).inspect_err(|_| {
                // The rename's error is the one to tell.
                let _best_effort = temporary.remove();
            })?)
        }
        result => Ok(result?),
    }
}
