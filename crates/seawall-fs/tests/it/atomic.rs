use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use proptest::prelude::*;
use seawall_core::{Error, FailureKind};
use seawall_fs::Fs;

use crate::{client, drop_after, one_at_a_time, temporaries, with_chunks_of};

#[tokio::test]
async fn a_file_is_made_and_replaced_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let fs = client();
    fs.write_atomic(&path, "a long first version").await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "a long first version");
    fs.write_atomic(&path, "short").await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "short");
    fs.write_atomic(&path, "").await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    assert_eq!(temporaries(directory.path()), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn the_mode_of_an_existing_file_is_kept_but_not_the_right_to_run_as_its_owner() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    for (before, after) in [(0o600, 0o600), (0o754, 0o754), (0o444, 0o444), (0o4755, 0o755)] {
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(before)).unwrap();
        client().write_atomic(&path, "new").await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, after);
        fs::remove_file(&path).unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_has_the_mode_that_any_new_file_has() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let (path, usual) = (directory.path().join("file"), directory.path().join("usual"));
    fs::write(&usual, "").unwrap();
    client().write_atomic(&path, "new").await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&usual));
}

#[cfg(unix)]
#[tokio::test]
async fn a_symbolic_link_stays_and_the_file_at_its_end_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let (link, file) = (directory.path().join("link"), elsewhere.path().join("file"));
    fs::write(&file, "old").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    client().write_atomic(&link, "new").await.unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");

    fs::remove_file(&file).unwrap();
    let error = client().write_atomic(&link, "newer").await.unwrap_err();
    assert!(error.to_string().contains("a symbolic link to nothing"), "{error}");
}

#[tokio::test]
async fn what_is_not_a_regular_file_is_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let mut targets = vec![directory.path().to_owned(), directory.path().join("..")];
    if cfg!(unix) {
        targets.push("/dev/null".into());
    }
    for target in targets {
        let error = client().write_atomic(&target, "new").await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(!error.may_have_executed());
        assert!(!fs::metadata(&target).unwrap().is_file());
    }
}

#[tokio::test]
async fn a_missing_directory_is_an_error_and_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nowhere/file");
    let error = client().write_atomic(&path, "new").await.unwrap_err();
    assert!(error.to_string().contains("its directory was made"), "{error}");
    assert!(!error.may_have_executed());
    assert!(!directory.path().join("nowhere").exists());
}

#[tokio::test]
async fn a_rename_that_fails_leaves_no_temporary_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let mut writer = client().atomic_writer(&path).await.unwrap();
    writer.write("new").await.unwrap();
    // Somebody puts a directory in the way.
    fs::create_dir(&path).unwrap();
    let error = writer.commit().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(!error.may_have_executed());
    assert_eq!(temporaries(directory.path()), 0);
    assert!(path.is_dir());
}

#[tokio::test]
async fn a_writer_puts_its_pieces_together_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let fs = with_chunks_of(100);
    let mut writer = fs.atomic_writer(&path).await.unwrap();
    let mut expected = String::new();
    for number in 0..5000 {
        let piece = format!("{number},");
        expected.push_str(&piece);
        writer.write(piece).await.unwrap();
        writer.write("").await.unwrap();
    }
    assert!(!path.exists());
    writer.commit().await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    assert_eq!(temporaries(directory.path()), 0);
}

#[tokio::test]
async fn a_writer_dropped_leaves_the_file_as_it_was_and_nothing_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "old").unwrap();
    let client = one_at_a_time();
    let mut writer = client.atomic_writer(&path).await.unwrap();
    writer.write("new").await.unwrap();
    drop(writer);
    while temporaries(directory.path()) > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[test]
fn a_writer_dropped_outside_a_runtime_cleans_up_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let writer = runtime.block_on(client().atomic_writer(&path)).unwrap();
    drop(runtime);
    drop(writer);
    while temporaries(directory.path()) > 0 {
        std::thread::yield_now();
    }
}

async fn replace_piecewise(fs: &Fs, path: &Path, piece: Bytes) -> Result<(), Error> {
    let mut writer = fs.atomic_writer(path).await?;
    for _ in 0..4 {
        writer.write(piece.clone()).await?;
    }
    writer.commit().await
}

/// Drops `replace` after each number of polls there is until it completes; whatever happens, the target
/// holds the old content or the new one, and nothing is left beside it.
async fn survives_being_dropped_anywhere(replace: impl AsyncFn(&Fs, &Path) -> Result<(), Error>, new: &[u8]) {
    let mut polls = 0;
    loop {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "old").unwrap();
        let fs = one_at_a_time();
        let output = drop_after(polls, replace(&fs, &path)).await;
        // What was abandoned is over, or never begins: there is one slot, and it is first come, first served.
        fs.metadata(directory.path()).await.unwrap();
        while temporaries(directory.path()) > 0 {
            tokio::task::yield_now().await;
        }
        let content = fs::read(&path).unwrap();
        match output {
            Some(result) => {
                result.unwrap();
                assert_eq!(content, new);
                return;
            }
            None => {
                assert!(content == b"old" || content == new, "{} bytes after {polls} polls", content.len());
            }
        }
        polls += 1;
    }
}

#[tokio::test]
async fn a_replacement_dropped_at_any_await_is_whole_or_not_at_all() {
    let new = vec![b'n'; 4 << 20];
    survives_being_dropped_anywhere(async |fs, path| fs.write_atomic(path, new.clone()).await, &new).await;
}

#[tokio::test]
async fn a_piecewise_replacement_dropped_at_any_await_is_whole_or_not_at_all() {
    let piece = Bytes::from(vec![b'n'; 1 << 20]);
    let new = piece.repeat(4);
    survives_being_dropped_anywhere(async |fs, path| replace_piecewise(fs, path, piece.clone()).await, &new)
        .await;
}

#[tokio::test]
async fn a_write_abandoned_never_lands_on_top_of_a_later_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let fs = client();
    for round in 0..50_u32 {
        // Dropped while it is under way on its thread, unless that thread was faster.
        drop_after(1, fs.write_atomic(&path, vec![b'a'; 100_000])).await;
        fs.write_atomic(&path, round.to_string()).await.unwrap();
        while temporaries(directory.path()) > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), round.to_string());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_reader_sees_one_version_as_a_whole_whatever_is_written_meanwhile(
        lengths in prop::collection::vec(0..300_000_usize, 2..12),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let version = |number: usize| vec![u8::try_from(number).unwrap(); lengths[number]];
        fs::write(&path, version(0)).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut reads = 0_u32;
                while !over.load(Ordering::Acquire) || reads < 2 {
                    let seen = fs::read(&path).unwrap();
                    let whole = (0..lengths.len()).any(|number| seen == version(number));
                    assert!(whole, "{} bytes beginning with {:?}", seen.len(), seen.first());
                    reads += 1;
                }
            });
            runtime.block_on(async {
                let fs = client();
                let writes = (1..lengths.len()).map(|number| fs.write_atomic(&path, version(number)));
                futures_util::future::try_join_all(writes).await.unwrap();
            });
            over.store(true, Ordering::Release);
            reader.join().unwrap();
        });
        prop_assert_eq!(temporaries(directory.path()), 0);
    }
}
