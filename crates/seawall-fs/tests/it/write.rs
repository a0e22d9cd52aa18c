use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::StreamExt;
use seawall_core::{Error, Event, FailureKind, Observer, Origin, Outcome};
use seawall_fs::{Durability, Fs, FsConfig, GroupCommit};

use crate::{client, drop_after, in_memory, one_at_a_time, temporaries};

const EVERY_COMMIT: [GroupCommit; 4] = [
    GroupCommit { durability: Durability::None, whole_file_system: false },
    GroupCommit { durability: Durability::Data, whole_file_system: false },
    GroupCommit { durability: Durability::Full, whole_file_system: false },
    GroupCommit { durability: Durability::Full, whole_file_system: true },
];

#[tokio::test]
async fn a_file_is_made_and_written_anew_in_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let fs = client();
    fs.write(&path, "a long first version").await.unwrap();
    fs::hard_link(&path, directory.path().join("link")).unwrap();
    fs.write(&path, "short").await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "short");
    assert_eq!(fs::read_to_string(directory.path().join("link")).unwrap(), "short", "the same file");
}

#[tokio::test]
async fn a_write_that_cannot_begin_says_that_nothing_was_changed() {
    let directory = tempfile::tempdir().unwrap();
    for path in [directory.path().to_owned(), directory.path().join("nowhere/file")] {
        let error = client().write(&path, "new").await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(!error.may_have_executed(), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_write_to_a_full_device_is_told_at_once() {
    let error = client().write("/dev/full", "lost").await.unwrap_err();
    assert!(error.to_string().contains("the device is full"), "{error}");
    assert!(error.may_have_executed());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_pipe_is_refused_whether_somebody_reads_it_or_not() {
    use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipe");
    mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let mut reader = None;
    for _ in 0..2 {
        let error = client().write(&path, "lost").await.unwrap_err();
        assert!(error.to_string().contains("a pipe or socket"), "{error}");
        assert!(!error.may_have_executed());
        reader = Some(open(&path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap());
    }
    drop(reader);
}

/// Files whose third has no directory to be written to.
fn files(directory: &std::path::Path, count: usize) -> Vec<(PathBuf, Bytes)> {
    let path = |number: usize| match number {
        2 => directory.join("nowhere/file"),
        _ => directory.join(number.to_string()),
    };
    (0..count).map(|number| (path(number), Bytes::from(format!("content {number}")))).collect()
}

fn assert_written(files: &[(PathBuf, Bytes)], results: &[Result<(), seawall_core::Error>]) {
    assert_eq!(results.len(), files.len());
    for (number, ((path, content), result)) in files.iter().zip(results).enumerate() {
        match result {
            Ok(()) => assert_eq!(&fs::read(path).unwrap(), content),
            Err(error) => {
                assert_eq!(number, 2, "{error}");
                assert!(error.name().ends_with("nowhere/file"), "{error}");
                assert!(!error.may_have_executed());
            }
        }
    }
    assert!(results[2].is_err());
}

#[tokio::test]
async fn many_files_are_written_each_with_its_own_result_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let files = files(directory.path(), 700);
    let results = client().write_many(files.clone()).await;
    assert_written(&files, &results);
}

#[tokio::test]
async fn many_files_are_replaced_each_with_its_own_result_in_order_however_durably() {
    for commit in EVERY_COMMIT {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path(), 300);
        for (path, _) in files.iter().step_by(3).filter(|(path, _)| path.parent() == Some(directory.path())) {
            fs::write(path, "old").unwrap();
        }
        let results = client().write_atomic_many(files.clone(), commit).await;
        assert_written(&files, &results);
        assert_eq!(temporaries(directory.path()), 0);
    }
}

#[tokio::test]
async fn a_group_that_syncs_whole_file_systems_may_be_on_several() {
    let (here, memory) = (tempfile::tempdir().unwrap(), in_memory());
    let files: Vec<_> = (0..40)
        .map(|number: usize| {
            let directory = if number.is_multiple_of(2) { &here } else { &memory };
            (directory.path().join(number.to_string()), vec![b'n'; number])
        })
        .collect();
    for durability in [Durability::Data, Durability::Full] {
        let commit = GroupCommit { durability, whole_file_system: true };
        let results = client().write_atomic_many(files.clone(), commit).await;
        assert!(results.iter().all(Result::is_ok));
        assert!(files.iter().all(|(path, content)| fs::read(path).unwrap() == *content));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_group_follows_links_to_files_and_to_folders_and_refuses_those_to_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("folder/file"), "old").unwrap();
    std::os::unix::fs::symlink("folder", at("way")).unwrap();
    std::os::unix::fs::symlink("way/file", at("link")).unwrap();
    std::os::unix::fs::symlink("nothing", at("broken")).unwrap();
    let files = ["link", "way/new", "broken", "nowhere/new", "folder/last"].map(|name| (at(name), name));
    let results = client().write_atomic_many(files, Durability::Data).await;
    let well: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(well, [true, true, false, false, true]);
    assert!(results[2].as_ref().unwrap_err().to_string().contains("a symbolic link to nothing"));
    assert!(at("link").is_symlink() && at("way").is_symlink());
    for (name, content) in [("file", "link"), ("new", "way/new"), ("last", "folder/last")] {
        assert_eq!(fs::read_to_string(at("folder").join(name)).unwrap(), content);
    }
}

#[tokio::test]
async fn of_two_replacements_of_one_file_in_one_group_the_later_one_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    for commit in EVERY_COMMIT {
        let versions = (0..50_u32).map(|version| (path.clone(), version.to_string()));
        let results = client().write_atomic_many(versions, commit).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(fs::read_to_string(&path).unwrap(), "49");
    }
}

#[tokio::test]
async fn nothing_to_write_is_no_result_and_no_request() {
    let none: Vec<(PathBuf, Bytes)> = vec![];
    assert!(client().write_many(none.clone()).await.is_empty());
    assert!(client().write_atomic_many(none, Durability::Full).await.is_empty());
}

#[tokio::test]
async fn contents_are_made_only_when_their_group_is_next() {
    let directory = tempfile::tempdir().unwrap();
    let made = AtomicUsize::new(0);
    let large = (0..12).map(|number| {
        let written = fs::read_dir(directory.path()).unwrap().count();
        let ahead = made.fetch_add(1, Ordering::Relaxed) - written;
        assert!(ahead <= 5, "{ahead} contents of 8 MiB wait in memory");
        (directory.path().join(number.to_string()), vec![0_u8; 8 << 20])
    });
    let results = client().write_many(large).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(made.into_inner(), 12);
}

#[tokio::test]
async fn a_group_dropped_at_any_await_leaves_each_file_old_or_new_and_nothing_beside_them() {
    for commit in EVERY_COMMIT {
        let mut polls = 0;
        for _again in 0..100 {
            polls = drop_a_group_at_each_await(commit).await;
            // Threads that are done before the first poll is over leave no await to drop it at.
            if polls > 1 {
                break;
            }
        }
        assert!(polls > 1);
    }
}

/// How many polls a group takes that nobody drops.
async fn drop_a_group_at_each_await(commit: GroupCommit) -> usize {
    for polls in 0.. {
        let directory = in_memory();
        let files: Vec<_> =
            (0..40).map(|number| (directory.path().join(number.to_string()), vec![b'n'; 5000])).collect();
        for (path, _) in &files {
            fs::write(path, "old").unwrap();
        }
        let fs = one_at_a_time();
        let done = drop_after(polls, fs.write_atomic_many(files.clone(), commit)).await;
        // There is one slot, first come, first served: what was abandoned is over.
        fs.metadata(directory.path()).await.unwrap();
        assert_eq!(temporaries(directory.path()), 0);
        for (path, new) in &files {
            let content = fs::read(path).unwrap();
            assert!(&content == new || (done.is_none() && content == b"old"), "{} bytes", content.len());
        }
        if done.is_some() {
            return polls;
        }
    }
    unreachable!("polls are counted without end")
}

#[tokio::test]
async fn every_durability_replaces_as_a_whole_and_has_a_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    for (durability, name) in
        [(Durability::None, "\"none\""), (Durability::Data, "\"data\""), (Durability::Full, "\"full\"")]
    {
        client().write_atomic_with(&path, name, durability).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), name);
        let mut writer = client().atomic_writer_with(&path, durability).await.unwrap();
        writer.write("piece").await.unwrap();
        writer.commit().await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "piece");
        assert_eq!(serde_json::to_string(&durability).unwrap(), name);
    }
    assert_eq!(Durability::default(), Durability::Full);
}

/// Counts the calls that failed, as they were told of.
#[derive(Default)]
struct Failures(AtomicUsize);

impl Observer for Failures {
    fn observe(&self, _: Origin<'_>, event: &Event) {
        if let Event::Completed { outcome: Outcome::Failure(failure), .. } = event {
            assert_eq!(failure.kind, FailureKind::Permanent);
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn each_thing_of_a_list_that_failed_is_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let failures = Arc::new(Failures::default());
    let fs = Fs::new(&FsConfig::default(), Arc::<Failures>::clone(&failures)).unwrap();
    let paths = ["good", "missing/bad", "missing/worse"].map(|name| directory.path().join(name));
    let files = || paths.clone().map(|path| (path, "content"));
    let told = || failures.0.swap(0, Ordering::Relaxed);

    let failed = |results: Vec<Result<(), Error>>| results.iter().filter(|result| result.is_err()).count();
    assert_eq!((failed(fs.write_many(files()).await), told()), (2, 2));
    assert_eq!((failed(fs.write_atomic_many(files(), Durability::None).await), told()), (2, 2));
    let read: Vec<_> = fs.read_many(paths.clone(), 100).collect().await;
    assert_eq!((failed(read.into_iter().map(|read| read.map(drop)).collect()), told()), (2, 2));
    let known: Vec<_> = fs.stat_many(paths.clone()).collect().await;
    assert_eq!((failed(known.into_iter().map(|known| known.map(drop)).collect()), told()), (2, 2));
}
