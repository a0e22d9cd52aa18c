use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use super::target::Target;
use super::temporary::{Named, Temporary};
use super::*;
use crate::engine::Engine;
use crate::fault::Label;

fn temporaries(directory: &Path) -> usize {
    fs::read_dir(directory)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".seawall-"))
        .count()
}

fn engine(slots: usize) -> Engine {
    Engine::new(NonZeroUsize::new(slots).unwrap(), NonZeroUsize::MIN, crate::Tiers::Threads)
}

fn label(path: &Path) -> Label {
    Label { operation: "write_atomic", path: Arc::from(path) }
}

/// A directory whose path has no symbolic link in it, as the gate knows it.
fn directory() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap();
    (directory, path)
}

/// Starts a replacement that cannot go past the gate.
async fn replacement_at_the_gate(engine: &Engine, path: &Path) -> tokio::task::JoinHandle<()> {
    let (engine, label) = (engine.clone(), label(path));
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        let (inner, target) = (engine.clone(), Arc::clone(&label.path));
        let work = move |abandoned: &Abandoned| {
            begun.send(()).expect("the test waits for it");
            write(&target, &Ground::Anywhere, b"new", Durability::Full, inner.gate(), abandoned)
        };
        engine.run(&label, None, work).await.unwrap();
    });
    has_begun.await.unwrap();
    task
}

#[tokio::test]
async fn a_caller_gone_before_the_rename_leaves_the_target_untouched_and_no_temporary_file() {
    let (_keep, directory) = directory();
    let path = directory.join("target");
    fs::write(&path, "old").unwrap();
    let engine = engine(1);

    let passage = engine.gate().enter(&path);
    let task = replacement_at_the_gate(&engine, &path).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    drop(passage);

    // There is one slot, and the abandoned work holds it until it is over.
    engine.run(&label(&path), None, |_| Ok(())).await.unwrap();
    assert_eq!(temporaries(&directory), 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[tokio::test]
async fn a_later_replacement_waits_until_an_earlier_one_is_over() {
    let (_keep, directory) = directory();
    let path = directory.join("target");
    fs::write(&path, "old").unwrap();
    let engine = engine(2);

    let passage = engine.gate().enter(&path);
    let task = replacement_at_the_gate(&engine, &path).await;
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    drop(passage);
    task.await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
}

#[tokio::test]
async fn replacements_of_different_files_do_not_wait_for_each_other() {
    let (_keep, directory) = directory();
    let (one, other) = (directory.join("one"), directory.join("other"));
    let engine = engine(2);
    let _passage = engine.gate().enter(&one);
    replacement_at_the_gate(&engine, &other).await.await.unwrap();
    assert_eq!(fs::read_to_string(&other).unwrap(), "new");
}

/// Both kinds of temporary file, whichever this file system would choose.
fn both_kinds(target: &Target) -> Vec<Temporary> {
    let mut kinds = vec![Temporary::Named(Named::beside(target).unwrap())];
    kinds.push(Temporary::beside(target).unwrap());
    kinds
}

#[test]
fn a_temporary_file_with_a_name_and_one_without_take_the_targets_place_alike() {
    for existing in [false, true] {
        for kind in 0..2 {
            let (_keep, directory) = directory();
            let path = directory.join("target");
            if existing {
                fs::write(&path, "old").unwrap();
            }
            let target = Target::resolve(&path, &Ground::Anywhere).unwrap();
            let mut temporary = both_kinds(&target).swap_remove(kind);
            temporary.file_mut().write_all(b"new").unwrap();
            assert_eq!(path.exists(), existing);
            temporary.put_at(&target).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "new");
            assert_eq!(temporaries(&directory), 0);
        }
    }
}

#[test]
fn a_new_file_takes_the_place_of_one_that_somebody_made_meanwhile() {
    for kind in 0..2 {
        let (_keep, directory) = directory();
        let path = directory.join("target");
        let target = Target::resolve(&path, &Ground::Anywhere).unwrap();
        let mut temporary = both_kinds(&target).swap_remove(kind);
        temporary.file_mut().write_all(b"new").unwrap();
        fs::write(&path, "somebody else's").unwrap();
        temporary.put_at(&target).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(temporaries(&directory), 0);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_can_be_seen_of_a_replacement_before_it_is_complete() {
    let (_keep, directory) = directory();
    let mut replacement =
        Replacement::begin(&directory.join("target"), &Ground::Anywhere, Durability::Full).unwrap();
    replacement.file().write_all(b"half of").unwrap();
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}
