//! The peers that are measured for the record.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use opendal::Operator;

/// opendal's local files, as one opens them.
pub(crate) fn opendal(root: &Path) -> io::Result<Operator> {
    let builder = opendal::services::Fs::default().root(&root.display().to_string());
    Operator::new(builder).map_err(io::Error::other)
}

/// The part of a path that opendal wants.
pub(crate) fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// Does something with every path on a compio runtime of its own, which is one thread, so many at a time.
pub(crate) fn in_compio<F>(
    tasks: usize,
    paths: &Arc<[PathBuf]>,
    work: impl Fn(PathBuf) -> F + Clone + 'static,
) -> io::Result<()>
where
    F: Future<Output = io::Result<()>>,
{
    let runtime = compio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let next = Rc::new(Cell::new(0));
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                let (next, paths, work) = (Rc::clone(&next), Arc::clone(paths), work.clone());
                compio::runtime::spawn(async move {
                    while let Some(path) = paths.get(next.get()) {
                        next.set(next.get() + 1);
                        work(path.clone()).await?;
                    }
                    Ok::<_, io::Error>(())
                })
            })
            .collect();
        all(tasks).await
    })
}

/// Waits for all tasks of a compio runtime.
pub(crate) async fn all(tasks: Vec<compio::runtime::JoinHandle<io::Result<()>>>) -> io::Result<()> {
    for task in tasks {
        task.await.map_err(|_| io::Error::other("a task panicked"))??;
    }
    Ok(())
}
