//! What a service meets sooner or later, and how it goes on afterwards: on real file systems.
#![cfg(target_os = "linux")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use seawall_core::{Error, Event, FailureKind, Observer, Origin};
use seawall_fs::{Durability, Fs, FsConfig, OpenOptions};
use tokio::time::Instant;

use crate::process::{among_mounts_of_its_own, in_a_process_of_its_own, run};
use crate::{client, temporaries, with_chunks_of};

const MIB: usize = 1024 * 1024;

/// What was told of full devices.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(String, Event)>>>);

impl Observer for Told {
    fn observe(&self, origin: Origin<'_>, event: &Event) {
        if origin.strategy == "full_device" {
            self.0.lock().unwrap().push((format!("{}/{}", origin.pipeline, origin.target), *event));
        }
    }
}

impl Told {
    fn events(&self) -> Vec<Event> {
        let told = std::mem::take(&mut *self.0.lock().unwrap());
        told.into_iter()
            .map(|(origin, event)| {
                assert_eq!(origin, "fs/local");
                event
            })
            .collect()
    }
}

/// A file system of 1 MiB in memory.
fn mount_at(directory: &Path) -> PathBuf {
    let mount = directory.join("mount");
    std::fs::create_dir(&mount).unwrap();
    run(&["mount", "-t", "tmpfs", "-o", "size=1m", "none", mount.to_str().unwrap()]);
    mount
}

/// Takes all the room there is.
fn fill(mount: &Path) -> PathBuf {
    let path = mount.join("ballast");
    let failed = std::fs::write(&path, vec![0; 2 * MIB]).unwrap_err();
    assert_eq!(failed.kind(), std::io::ErrorKind::StorageFull);
    path
}

fn assert_no_room(error: &Error, operation: &str, path: &Path) {
    let said = error.to_string();
    assert_eq!(error.kind(), FailureKind::Permanent, "{said}");
    assert_eq!(error.attempts(), 1, "{said}");
    assert!(said.starts_with(&format!("fs `{operation} {}`: the device is full", path.display())), "{said}");
    assert!(said.contains("free space") && said.ends_with("(os error 28)"), "{said}");
}

fn assert_refused(error: &Error, operation: &str, path: &Path, mount: &Path) {
    let said = error.to_string();
    assert_eq!(error.kind(), FailureKind::Refused, "{said}");
    assert!(!error.may_have_executed(), "{said}");
    assert!(error.retry_after().is_some_and(|wait| wait <= Duration::from_secs(30)), "{said}");
    assert!(said.starts_with(&format!("fs `{operation} {}`: not tried", path.display())), "{said}");
    assert!(said.contains(&format!("the device of `{}` is full", mount.display())), "{said}");
}

#[test]
fn a_full_disk_fails_one_write_and_keeps_further_ones_away_until_there_is_room() {
    let test = "bad_days::a_full_disk_fails_one_write_and_keeps_further_ones_away_until_there_is_room";
    among_mounts_of_its_own(test, async || while !a_full_disk_is_left_alone().await {});
}

/// Says whether all was asked within the second for which a full disk is left alone. A machine that stood still for
/// longer proves nothing.
async fn a_full_disk_is_left_alone() -> bool {
    let directory = tempfile::tempdir().unwrap();
    let (mount, told) = (mount_at(directory.path()), Told::default());
    let fs = Fs::new(&FsConfig::default(), Arc::new(told.clone())).unwrap();
    let path = mount.join("settings");
    fs.write_atomic(&path, "old").await.unwrap();
    let ballast = fill(&mount);

    let full = Instant::now();
    let error = fs.write_atomic(&path, vec![1; 64 * 1024]).await.unwrap_err();
    assert_no_room(&error, "write_atomic", &path);
    assert!(!error.may_have_executed());
    assert_eq!(temporaries(&mount), 0);
    assert_eq!(told.events(), [Event::Opened { wait: Duration::from_secs(1) }]);

    // Reading, removing and other devices go on; nothing more is written to this one.
    let (elsewhere, one) = (directory.path().join("elsewhere"), mount.join("one"));
    let old = fs.read(&path, 100).await;
    fs.write_atomic(&elsewhere, "new").await.unwrap();
    let many = [(one.clone(), "1"), (directory.path().join("two"), "2")];
    let [written, replaced] =
        [fs.write_many(many.clone()).await, fs.write_atomic_many(many, Durability::None).await];
    let single = [
        ("write", &path, fs.write(&path, "new").await),
        ("write_atomic", &path, fs.write_atomic(&path, "new").await),
        ("append", &path, fs.append(&path).await.map(drop)),
        ("atomic_writer", &path, fs.atomic_writer(&path).await.map(drop)),
        ("copy", &elsewhere, fs.copy(&elsewhere, &path).await.map(drop)),
    ];
    let still_old = fs.read(&path, 100).await;
    if full.elapsed() >= Duration::from_secs(1) {
        return false;
    }
    assert_eq!((old.unwrap(), still_old.unwrap()), ("old".into(), "old".into()));
    for (operation, results) in [("write_many", written), ("write_atomic_many", replaced)] {
        assert_refused(results[0].as_ref().unwrap_err(), operation, &one, &mount);
        assert!(results[1].is_ok());
    }
    for (operation, path, result) in single {
        assert_refused(&result.unwrap_err(), operation, path, &mount);
    }
    assert!(told.events().iter().all(|event| matches!(event, Event::Refused { .. })));

    // Room was made: nobody waits.
    fs.remove(&ballast).await.unwrap();
    fs.write_atomic(&path, "new").await.unwrap();
    assert_eq!(fs.read(&path, 100).await.unwrap(), "new");
    assert_eq!(told.events(), [Event::Closed]);
    true
}

#[test]
fn once_the_time_is_over_one_write_finds_out_whether_there_is_room() {
    let test = "bad_days::once_the_time_is_over_one_write_finds_out_whether_there_is_room";
    among_mounts_of_its_own(test, async || while !one_write_finds_out().await {});
}

/// Says whether what was to be refused was asked before the time was over.
async fn one_write_finds_out() -> bool {
    let directory = tempfile::tempdir().unwrap();
    let (mount, told) = (mount_at(directory.path()), Told::default());
    let fs = Fs::new(&FsConfig::default(), Arc::new(told.clone())).unwrap();
    let (small, large) = (mount.join("small"), mount.join("large"));

    // For this there never is room, for others there is all the time.
    for seconds in [1, 2] {
        let full = Instant::now();
        let error = fs.write_atomic(&large, vec![1; 2 * MIB]).await.unwrap_err();
        let refused = fs.write(&small, "new").await;
        if full.elapsed() >= Duration::from_secs(seconds) {
            return false;
        }
        assert_no_room(&error, "write_atomic", &large);
        let refused = refused.unwrap_err();
        assert_refused(&refused, "write", &small, &mount);
        let wait = refused.retry_after().unwrap();
        let within =
            Duration::from_secs(seconds).saturating_sub(full.elapsed())..=Duration::from_secs(seconds);
        assert!(within.contains(&wait), "{wait:?}");
        tokio::time::sleep(wait).await;
    }
    fs.write(&small, "new").await.unwrap();
    fs.write(&small, "newer").await.unwrap();

    let refused = |event: &Event| matches!(event, Event::Refused { .. });
    let told: Vec<_> = told.events().into_iter().filter(|event| !refused(event)).collect();
    let opened = |seconds| Event::Opened { wait: Duration::from_secs(seconds) };
    assert_eq!(told, [opened(1), Event::HalfOpened, opened(2), Event::HalfOpened, Event::Closed]);
    true
}

#[test]
fn what_a_full_disk_did_not_take_is_told_until_it_is_handled_and_then_written() {
    let test = "bad_days::what_a_full_disk_did_not_take_is_told_until_it_is_handled_and_then_written";
    among_mounts_of_its_own(test, async || {
        let directory = tempfile::tempdir().unwrap();
        let (mount, fs) = (mount_at(directory.path()), client());
        let (path, log) = (mount.join("file"), mount.join("log"));
        let mut file = fs.open(&path, OpenOptions::writing()).await.unwrap();
        let mut appender = fs.append(&log).await.unwrap();
        let content: Bytes = (0..=255).cycle().take(512 * 1024).collect();
        file.write_bytes(content.slice(..1000)).await.unwrap();
        file.flush().await.unwrap();
        let ballast = fill(&mount);

        file.write_bytes(content.slice(1000..)).await.unwrap();
        for _ in 0..3 {
            assert_no_room(&file.flush().await.unwrap_err(), "write_at", &path);
        }
        assert_no_room(&file.sync_all().await.unwrap_err(), "write_at", &path);
        assert_no_room(&file.write_bytes("more").await.unwrap_err(), "write_at", &path);
        assert_no_room(file.failure().unwrap(), "write_at", &path);

        // Whoever appends has no way back: what is written after a gap would be worse than nothing.
        appender.write(content.clone()).await.unwrap();
        for _ in 0..3 {
            assert_no_room(&appender.flush().await.unwrap_err(), "append", &log);
        }
        assert_no_room(&appender.write("more").await.unwrap_err(), "append", &log);

        fs.remove(&ballast).await.unwrap();
        assert_no_room(&file.flush().await.unwrap_err(), "write_at", &path);
        file.retry_unwritten();
        file.close().await.unwrap();
        assert_eq!(fs.read(&path, MIB as u64).await.unwrap(), content);
        let mut appender = fs.append(&log).await.unwrap();
        appender.write("after").await.unwrap();
        appender.flush().await.unwrap();
        assert_eq!(fs.losses().bytes, 0);
    });
}

#[tokio::test]
async fn a_device_that_never_has_room_says_so_each_time_and_its_neighbours_go_on() {
    let fs = client();
    let full = Path::new("/dev/full");
    let mut file = fs.open(full, OpenOptions::new().write(true)).await.unwrap();
    file.write_bytes("lost").await.unwrap();
    for _ in 0..2 {
        assert_no_room(&file.flush().await.unwrap_err(), "write_at", full);
    }
    assert_eq!(file.discard_unwritten().await.unwrap(), ["lost"]);
    file.close().await.unwrap();
    assert_no_room(&fs.write(full, "lost").await.unwrap_err(), "write", full);
    fs.write("/dev/null", "gone").await.unwrap();
}

#[test]
fn on_a_read_only_mount_reading_goes_on_and_writing_says_why_not_and_goes_on_afterwards() {
    let test =
        "bad_days::on_a_read_only_mount_reading_goes_on_and_writing_says_why_not_and_goes_on_afterwards";
    among_mounts_of_its_own(test, async || {
        let directory = tempfile::tempdir().unwrap();
        let (mount, fs) = (mount_at(directory.path()), client());
        let path = mount.join("file");
        fs.write_atomic(&path, "old").await.unwrap();
        run(&["mount", "-o", "remount,ro", mount.to_str().unwrap()]);

        assert_eq!(fs.read(&path, 100).await.unwrap(), "old");
        assert!(fs.space(&mount).await.unwrap().read_only);
        for (operation, error) in [
            ("write", fs.write(&path, "new").await.unwrap_err()),
            ("write_atomic", fs.write_atomic(&path, "new").await.unwrap_err()),
            ("append", fs.append(&path).await.map(drop).unwrap_err()),
            ("remove", fs.remove(&path).await.unwrap_err()),
        ] {
            let said = error.to_string();
            assert_eq!((error.kind(), error.attempts()), (FailureKind::Permanent, 1), "{said}");
            assert!(said.starts_with(&format!("fs `{operation} {}`", path.display())), "{said}");
            assert!(said.contains("mounted read-only") && said.ends_with("(os error 30)"), "{said}");
        }
        assert_eq!(fs.read(&path, 100).await.unwrap(), "old");

        run(&["mount", "-o", "remount,rw", mount.to_str().unwrap()]);
        fs.write_atomic(&path, "new").await.unwrap();
        assert_eq!(fs.read(&path, 100).await.unwrap(), "new");
    });
}

#[test]
fn when_a_right_is_taken_away_open_files_go_on_and_others_are_refused_by_name_until_it_is_given_back() {
    let test = "bad_days::when_a_right_is_taken_away_open_files_go_on_and_others_are_refused_by_name_until_it_is_given_back";
    in_a_process_of_its_own(test, async || {
        let directory = tempfile::tempdir().unwrap();
        if rustix::process::geteuid().is_root() {
            // Root is refused nothing. The threads of the client are made by this one, and are what it is.
            let nobody = rustix::process::Uid::from_raw(65534);
            std::os::unix::fs::chown(directory.path(), Some(65534), Some(65534)).unwrap();
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        }
        let fs = client();
        let path = directory.path().join("file");
        fs.write_atomic(&path, "content").await.unwrap();
        let mut file = fs.open(&path, OpenOptions::new().read(true).write(true)).await.unwrap();
        let allow = async |path: &Path, mode| fs.set_permissions(path, Permissions::from_mode(mode)).await;
        let assert_not_allowed = |error: Error, operation: &str| {
            let said = error.to_string();
            assert_eq!((error.kind(), error.attempts()), (FailureKind::Permanent, 1), "{said}");
            assert!(said.starts_with(&format!("fs `{operation} {}`: not allowed", path.display())), "{said}");
            assert!(said.contains("check the owner and the mode"), "{said}");
        };

        allow(&path, 0o000).await.unwrap();
        assert_not_allowed(fs.read(&path, 100).await.unwrap_err(), "read");
        assert_not_allowed(fs.open(&path, OpenOptions::new().read(true)).await.unwrap_err(), "open");
        assert_not_allowed(fs.write(&path, "new").await.unwrap_err(), "write");
        // What is open was opened with the right to it.
        assert_eq!(file.read_at(0, 100).await.unwrap(), "content");
        file.write_at(0, "CONTENT").await.unwrap();
        file.sync_all().await.unwrap();
        allow(&path, 0o600).await.unwrap();

        allow(directory.path(), 0o500).await.unwrap();
        assert_not_allowed(fs.write_atomic(&path, "new").await.unwrap_err(), "write_atomic");
        assert_eq!(fs.read(&path, 100).await.unwrap(), "CONTENT");
        allow(directory.path(), 0o700).await.unwrap();
        fs.write_atomic(&path, "new").await.unwrap();
        assert_eq!(fs.read(&path, 100).await.unwrap(), "new");
        assert_eq!(temporaries(directory.path()), 0);
    });
}

#[tokio::test]
async fn a_file_that_is_removed_while_it_is_read_is_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let fs = with_chunks_of(4096);
    let content: Bytes = (0..=255).cycle().take(64 * 1024).collect();
    std::fs::write(&path, &content).unwrap();
    let mut file = fs.open(&path, OpenOptions::new().read(true)).await.unwrap();
    let mut chunks = fs.stream(&path, 0);
    let mut read = chunks.try_next().await.unwrap().unwrap().to_vec();

    fs.remove(&path).await.unwrap();
    while let Some(chunk) = chunks.try_next().await.unwrap() {
        read.extend_from_slice(&chunk);
    }
    assert_eq!(read, content);
    assert_eq!(file.read_all(MIB as u64).await.unwrap(), content);
    assert_eq!(file.read_at(60_000, 10).await.unwrap(), content.slice(60_000..60_010));
    for (operation, error) in [
        ("read", fs.read(&path, 100).await.unwrap_err()),
        ("stream", fs.stream(&path, 0).try_next().await.unwrap_err()),
        ("open", fs.open(&path, OpenOptions::new().read(true)).await.unwrap_err()),
    ] {
        let said = error.to_string();
        assert!(said.starts_with(&format!("fs `{operation} {}`: does not exist", path.display())), "{said}");
        assert_eq!(error.kind(), FailureKind::Permanent);
    }
    fs.write_atomic(&path, "again").await.unwrap();
    assert_eq!(fs.read(&path, 100).await.unwrap(), "again");
}

#[tokio::test]
async fn a_file_that_is_cut_off_while_it_is_read_ends_there_and_what_was_to_be_read_exactly_fails() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let fs = with_chunks_of(4096);
    std::fs::write(&path, vec![7; 256 * 1024]).unwrap();
    let mut file = fs.open(&path, OpenOptions::new().read(true)).await.unwrap();
    let mut chunks = fs.stream(&path, 0);
    assert_eq!(chunks.try_next().await.unwrap().unwrap().len(), 4096);
    assert_eq!(file.read_exactly(100).await.unwrap().len(), 100);

    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(100 * 1024).unwrap();
    let mut rest = 0;
    while let Some(chunk) = chunks.try_next().await.unwrap() {
        assert!(chunk.iter().all(|byte| *byte == 7));
        rest += chunk.len();
    }
    assert_eq!(rest, 100 * 1024 - 4096);
    assert_eq!(file.read_at(90 * 1024, 64 * 1024).await.unwrap().len(), 10 * 1024);
    let error = file.read_exactly_at(90 * 1024, 64 * 1024).await.unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with(&format!("fs `read_at {}`: ends before so many bytes", path.display())),
        "{said}"
    );
    assert_eq!(fs.read(&path, MIB as u64).await.unwrap().len(), 100 * 1024);
}
