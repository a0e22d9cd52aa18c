//! Renaming, linking, directories: what changes names and not content.
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use seawall_core::FailureKind;
use seawall_fs::{Fs, Operation};

use crate::operations::cause;
use crate::retries::losing_the_first_answer;
use crate::{client, drop_after};

#[tokio::test]
async fn a_rename_takes_the_place_of_a_file_and_a_new_name_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (directory.path().join("one"), directory.path().join("other"));
    fs::write(&one, "one").unwrap();
    fs::write(&other, "other").unwrap();

    let error = client().rename_new(&one, &other).await.unwrap_err();
    assert_eq!(cause(&error), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&other).unwrap(), "other");

    client().rename(&one, &other).await.unwrap();
    assert_eq!(fs::read_to_string(&other).unwrap(), "one");
    client().rename_new(&other, &one).await.unwrap();
    assert_eq!((fs::read_to_string(&one).unwrap(), other.exists()), ("one".to_owned(), false));
    assert_eq!(cause(&client().rename(&other, &one).await.unwrap_err()), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_directory_and_a_dangling_link_are_renamed_like_files() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    fs::create_dir(&from).unwrap();
    client().rename_new(&from, &to).await.unwrap();
    assert!(to.is_dir());
    std::os::unix::fs::symlink("nowhere", &from).unwrap();
    // The name is taken by a link to nothing, and the link is what is moved.
    let error = client().rename_new(&to, &from).await.unwrap_err();
    assert_eq!(cause(&error), io::ErrorKind::AlreadyExists);
    fs::remove_dir(&to).unwrap();
    client().rename(&from, &to).await.unwrap();
    assert_eq!(fs::read_link(&to).unwrap(), PathBuf::from("nowhere"));
}

#[tokio::test]
async fn renames_makes_the_directories_above_and_removes_those_left_empty() {
    let directory = tempfile::tempdir().unwrap();
    let old = directory.path().join("a/b/c/file");
    let new = directory.path().join("x/y/file");
    fs::create_dir_all(old.parent().unwrap()).unwrap();
    fs::write(&old, "kept").unwrap();
    fs::write(directory.path().join("a/sibling"), "").unwrap();
    client().renames(&old, &new).await.unwrap();
    assert_eq!(fs::read_to_string(&new).unwrap(), "kept");
    assert!(!directory.path().join("a/b").exists());
    assert!(directory.path().join("a/sibling").exists());
}

#[tokio::test]
async fn names_that_are_no_text_are_names_like_others() {
    let directory = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"caf\xe9\xff");
    let path = directory.path().join(name);
    let fs = client();
    fs.write_atomic(&path, "x").await.unwrap();
    fs.rename(&path, directory.path().join("plain")).await.unwrap();
    fs.hard_link(directory.path().join("plain"), &path).await.unwrap();
    fs.symlink(name, directory.path().join("link")).await.unwrap();
    assert_eq!(fs.read_link(directory.path().join("link")).await.unwrap().as_os_str(), name);
    assert!(fs.same_file(directory.path().join("link"), &path).await.unwrap());
    let listed = fs.list(directory.path(), 9).await.unwrap();
    assert_eq!(listed.iter().map(|entry| entry.name.as_bytes()).next(), Some(name.as_bytes()));
}

#[tokio::test]
async fn hard_links_share_their_file_and_symbolic_links_are_read_and_resolved() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    let (file, hard, soft) = (root.join("file"), root.join("hard"), root.join("soft"));
    fs::write(&file, "x").unwrap();
    let fs = client();
    fs.hard_link(&file, &hard).await.unwrap();
    assert_eq!(fs::metadata(&file).unwrap().nlink(), 2);
    assert_eq!(cause(&fs.hard_link(&file, &hard).await.unwrap_err()), io::ErrorKind::AlreadyExists);
    fs.symlink("file", &soft).await.unwrap();
    assert_eq!(cause(&fs.symlink("file", &soft).await.unwrap_err()), io::ErrorKind::AlreadyExists);
    assert_eq!(fs.read_link(&soft).await.unwrap(), PathBuf::from("file"));
    assert_eq!(fs.canonicalize(root.join("./soft")).await.unwrap(), file);
    assert_eq!(cause(&fs.read_link(&file).await.unwrap_err()), io::ErrorKind::InvalidInput);
    assert_eq!(fs.absolute("x").unwrap(), fs.current_dir().unwrap().join("x"));
}

#[tokio::test]
async fn directories_are_made_once_and_removed_when_empty_with_those_above_if_asked() {
    let directory = tempfile::tempdir().unwrap();
    let (fs, top) = (client(), directory.path().join("top"));
    fs.create_dir(&top).await.unwrap();
    assert_eq!(cause(&fs.create_dir(&top).await.unwrap_err()), io::ErrorKind::AlreadyExists);
    assert_eq!(cause(&fs.create_dir(top.join("a/b")).await.unwrap_err()), io::ErrorKind::NotFound);
    fs.create_dir_all(top.join("a/b")).await.unwrap();
    assert_eq!(cause(&fs.remove_dir(&top).await.unwrap_err()), io::ErrorKind::DirectoryNotEmpty);
    std::fs::write(directory.path().join("beside"), "").unwrap();
    fs.remove_dirs(top.join("a/b")).await.unwrap();
    assert!(!top.exists());
    assert_eq!(cause(&fs.remove_dirs(&top).await.unwrap_err()), io::ErrorKind::NotFound);
    assert_eq!(
        cause(&fs.remove_dir(directory.path().join("beside")).await.unwrap_err()),
        io::ErrorKind::NotADirectory
    );
}

/// Does each operation through a stack that loses the first answer after the work was done.
async fn after_a_lost_answer(done: impl AsyncFn(Fs) -> Result<(), seawall_core::Error>) -> (bool, u32) {
    let (fs, attempts) =
        losing_the_first_answer(|| seawall_core::Error::new(FailureKind::Timeout, "fs", "test"));
    let result = done(fs).await;
    (result.is_ok(), attempts.load(std::sync::atomic::Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn what_was_done_by_an_attempt_whose_answer_was_lost_is_not_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("a"), "a").unwrap();
    assert_eq!(after_a_lost_answer(async |fs| fs.rename(path("a"), path("b")).await).await, (true, 2));
    assert_eq!(after_a_lost_answer(async |fs| fs.rename_new(path("b"), path("c")).await).await, (true, 2));
    assert_eq!(after_a_lost_answer(async |fs| fs.renames(path("c"), path("n/d")).await).await, (true, 2));
    assert_eq!(after_a_lost_answer(async |fs| fs.hard_link(path("n/d"), path("e")).await).await, (true, 2));
    fs::create_dir(path("g")).unwrap();
    assert_eq!(after_a_lost_answer(async |fs| fs.remove_dir(path("g")).await).await, (true, 2));
    fs::create_dir_all(path("h/i")).unwrap();
    assert_eq!(after_a_lost_answer(async |fs| fs.remove_dirs(path("h/i")).await).await, (true, 2));
    assert_eq!(fs::read_to_string(path("e")).unwrap(), "a");
    assert!(path("n/d").exists() && !path("a").exists() && !path("g").exists() && !path("h").exists());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_from_anothers_work_is_not_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    assert_eq!(after_a_lost_answer(async |fs| fs.create_dir(path("d")).await).await, (false, 1));
    assert_eq!(after_a_lost_answer(async |fs| fs.symlink("to", path("l")).await).await, (false, 1));
}

#[tokio::test(start_paused = true)]
async fn a_second_rename_is_not_fooled_by_another_file_of_the_new_name() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    fs::write(&from, "mine").unwrap();
    let (there, other) = (to.clone(), directory.path().join("other"));
    fs::write(&other, "somebody else's").unwrap();
    // While the answer is lost, somebody else replaces the file.
    let (fs, _) = losing_the_first_answer(move || {
        fs::rename(&other, &there).unwrap();
        seawall_core::Error::new(FailureKind::Timeout, "fs", "test")
    });
    assert_eq!(cause(&fs.rename(&from, &to).await.unwrap_err()), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_rename_dropped_at_any_point_leaves_the_file_under_one_of_its_names() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    for polls in 0..6 {
        let fs = crate::one_at_a_time();
        fs::write(&from, "x").unwrap();
        drop_after(polls, fs.rename(&from, &to)).await;
        // What was begun is over once the next operation of the one slot is.
        let there = [fs.exists(&from).await.unwrap(), fs.exists(&to).await.unwrap()];
        assert!(there == [true, false] || there == [false, true], "{there:?}");
        let _one_of_them = (fs::remove_file(&from), fs::remove_file(&to));
    }
}

#[test]
fn operations_that_change_names_say_that_they_write() {
    for operation in [Operation::Rename, Operation::Symlink, Operation::Chown, Operation::RemoveDirs] {
        assert!(operation.writes(), "{operation}");
    }
    for operation in [Operation::Access, Operation::Entries, Operation::ReadLink] {
        assert!(!operation.writes(), "{operation}");
    }
}
