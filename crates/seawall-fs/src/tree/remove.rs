use std::path::Path;

use seawall_core::Error;

use super::{TreeOptions, TreeReport};
use crate::Fs;
#[cfg(target_os = "linux")]
use crate::ground::Ground;

#[cfg(target_os = "linux")]
impl Fs {
    /// Removes a directory with all that is in it. Symbolic links are removed, never followed; it goes from directory
    /// to directory by handle, so that somebody who puts a link in a directory's place meanwhile cannot lead it
    /// elsewhere.
    ///
    /// What cannot be removed is an error in the report, and the rest goes on. The removal is not synced. A directory
    /// that somebody goes on writing into stays, and is such an error. Called again, it goes on with what is left.
    ///
    /// # Errors
    /// When the path is not a directory (a link to one is not), or the deadline passes.
    ///
    /// # Cancel safety
    /// Dropped, it stops; what is removed by then is gone.
    pub async fn remove_tree(
        &self,
        path: impl AsRef<Path>,
        options: &TreeOptions,
    ) -> Result<TreeReport, Error> {
        remove(self, Ground::Anywhere, path.as_ref(), options).await
    }
}

#[cfg(target_os = "linux")]
pub(crate) async fn remove(
    fs: &Fs,
    ground: Ground,
    path: &Path,
    options: &TreeOptions,
) -> Result<TreeReport, Error> {
    use super::remover::Removal;
    use crate::engine::Engine;
    use crate::fault::{Fault, Label};
    use crate::work::Task;
    use crate::{FsRequest, Operation};
    use futures_util::future::try_join_all;
    use seawall_core::CallContext;
    use std::sync::Arc;

    let deadline = CallContext::current_deadline();
    let progress = options.progress.clone();
    let (told, its) = (ground.told(path), path.to_owned());
    let begin = move |task: &Task<'_>| {
        let begun = match Removal::begin(&ground, &its, task.label, progress.clone(), task.abandoned) {
            // An earlier attempt has removed it.
            Err(fault) if task.attempt > 1 && fault.is_not_found() => None,
            begun => Some(begun?),
        };
        Ok((task.engine.clone(), task.label.clone(), begun))
    };
    let (engine, label, root): (Engine, Label, Option<(Removal, TreeReport)>) =
        fs.ask(FsRequest::new(Operation::RemoveTree, &told, begin)).await?;
    let Some((removal, mut report)) = root else { return Ok(TreeReport::default()) };

    let removal = Arc::new(removal);
    let visits = options.parallel.get().min(removal.places());
    let visit = |_| {
        let removal = Arc::clone(&removal);
        engine.run(&label, deadline, move |abandoned| removal.visit(abandoned))
    };
    for done in try_join_all((0..visits).map(visit)).await? {
        report.add(done);
    }
    if report.errors.is_empty() {
        let root = engine.run(&label, deadline, move |abandoned| {
            if abandoned.is_set() { Err(Fault::abandoned()) } else { removal.finish() }
        });
        match root.await {
            Ok(()) => {
                report.directories += 1;
                options.progress.add_directory();
            }
            Err(error) => report.fail(error),
        }
    }
    Ok(report)
}

#[cfg(not(target_os = "linux"))]
impl Fs {
    /// Removes a directory with all that is in it, as the standard library does on this system: without progress, and
    /// up to the first error. Symbolic links are removed, never followed.
    ///
    /// # Errors
    /// When something in it cannot be removed.
    ///
    /// # Cancel safety
    /// Dropped after it began, it goes on to its end.
    pub async fn remove_tree(&self, path: impl AsRef<Path>, _: &TreeOptions) -> Result<TreeReport, Error> {
        use crate::work::Task;
        use crate::{FsRequest, Operation};

        let work = |task: &Task<'_>| Ok(std::fs::remove_dir_all(&task.label.path)?);
        self.ask::<()>(FsRequest::new(Operation::RemoveTree, path.as_ref(), work)).await?;
        Ok(TreeReport::default())
    }
}
