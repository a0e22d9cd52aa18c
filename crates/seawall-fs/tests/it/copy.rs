use std::fs;
use std::path::Path;

use proptest::prelude::*;
use seawall_core::FailureKind;
use seawall_fs::{CopyOptions, Durability, Progress};

use crate::{client, drop_after, one_at_a_time, temporaries};

#[tokio::test]
async fn a_copy_has_the_content_the_mode_and_its_own_times_and_replaces_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    fs::write(&from, "content").unwrap();
    let fs = client();
    assert_eq!(fs.copy(&from, &to).await.unwrap(), 7);
    assert_eq!(fs::read_to_string(&to).unwrap(), "content");
    fs::write(&from, "").unwrap();
    assert_eq!(fs.copy(&from, &to).await.unwrap(), 0);
    assert_eq!(fs::read_to_string(&to).unwrap(), "");
    assert_eq!(temporaries(directory.path()), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn the_mode_and_on_request_the_times_are_those_of_the_source() {
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};

    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::write(&from, "content").unwrap();
    fs::File::open(&from).unwrap().set_modified(then).unwrap();
    fs::write(&to, "old").unwrap();
    for mode in [0o755, 0o400, 0o640] {
        fs::set_permissions(&from, fs::Permissions::from_mode(mode)).unwrap();
        client().copy(&from, &to).await.unwrap();
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o7777, mode);
        assert_ne!(fs::metadata(&to).unwrap().modified().unwrap(), then);
        let options =
            CopyOptions { keep_times: true, durability: Durability::Full, ..CopyOptions::default() };
        client().copy_with(&from, &to, &options).await.unwrap();
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), then);
    }
}

#[tokio::test]
async fn a_file_copied_onto_itself_is_still_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "content").unwrap();
    client().copy(&path, &path).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "content");
}

#[tokio::test]
async fn what_is_no_regular_file_is_not_copied_and_nothing_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("to");
    fs::write(&to, "old").unwrap();
    let mut sources = vec![directory.path().to_owned(), directory.path().join("nowhere")];
    if cfg!(unix) {
        sources.push("/dev/zero".into());
    }
    for from in sources {
        let error = client().copy(&from, &to).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert!(!error.may_have_executed());
    }
    assert_eq!(fs::read_to_string(&to).unwrap(), "old");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_does_not_know_its_length_is_copied_as_it_reads() {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("to");
    let copied = client().copy("/proc/self/limits", &to).await.unwrap();
    let content = fs::read_to_string(&to).unwrap();
    assert_eq!(copied, content.len() as u64);
    assert!(content.contains("Max open files"), "{content}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_copy_to_another_file_system_is_the_same_content() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
    let content: Vec<u8> = (0..10_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (from, to) = (here.path().join("from"), there.path().join("to"));
    fs::write(&from, &content).unwrap();
    client().copy(&from, &to).await.unwrap();
    client().copy(&to, here.path().join("back")).await.unwrap();
    assert!(fs::read(to).unwrap() == content);
    assert!(fs::read(here.path().join("back")).unwrap() == content);
}

#[tokio::test]
async fn progress_counts_the_bytes_and_takes_back_what_came_to_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let from = directory.path().join("from");
    fs::write(&from, vec![1; 20_000_000]).unwrap();
    let progress = Progress::new();
    let options = CopyOptions { progress: progress.clone(), ..CopyOptions::default() };
    client().copy_with(&from, directory.path().join("to"), &options).await.unwrap();
    assert_eq!((progress.bytes(), progress.files()), (20_000_000, 1));

    // Somebody puts a directory in the way: the content is copied and cannot be put in place.
    fs::create_dir(directory.path().join("way")).unwrap();
    client().copy_with(&from, directory.path().join("way"), &options).await.unwrap_err();
    assert_eq!((progress.bytes(), progress.files()), (20_000_000, 1));
}

#[tokio::test]
async fn a_copy_dropped_at_any_await_leaves_the_target_old_or_new_and_counts_only_the_new() {
    let mut polls = 0;
    loop {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        let new = vec![b'n'; 20 << 20];
        fs::write(&from, &new).unwrap();
        fs::write(&to, "old").unwrap();
        let fs = one_at_a_time();
        let options = CopyOptions::default();
        let done = drop_after(polls, fs.copy_with(&from, &to, &options)).await;
        // There is one thread: what was abandoned is over.
        fs.metadata(directory.path()).await.unwrap();
        assert_eq!(temporaries(directory.path()), 0);
        let content = fs::read(&to).unwrap();
        if content == new {
            assert_eq!(options.progress.bytes(), new.len() as u64);
        } else {
            assert_eq!(content, b"old");
            assert_eq!(options.progress.bytes(), 0);
            assert!(done.is_none());
        }
        if done.is_some() {
            break;
        }
        polls += 1;
    }
    assert!(polls > 0);
}

#[cfg(unix)]
fn blocks(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).unwrap().blocks()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn holes_stay_holes() {
    use std::os::unix::fs::FileExt;

    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    let file = fs::File::create(&from).unwrap();
    file.set_len(1 << 30).unwrap();
    file.write_all_at(b"in the middle", 500 << 20).unwrap();
    assert_eq!(client().copy(&from, &to).await.unwrap(), 1 << 30);
    assert_eq!(fs::metadata(&to).unwrap().len(), 1 << 30);
    assert!(blocks(&to) * 512 < 1 << 20, "{} blocks", blocks(&to));
    let mut middle = [0; 13];
    fs::File::open(&to).unwrap().read_exact_at(&mut middle, 500 << 20).unwrap();
    assert_eq!(&middle, b"in the middle");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Data and holes in any order, ending in either.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_copy_has_the_same_bytes_wherever_the_holes_are(
        pieces in prop::collection::vec((0_usize..40_000, any::<bool>()), 0..12),
    ) {
        use std::os::unix::fs::FileExt;

        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        let file = fs::File::create(&from).unwrap();
        let mut length = 0;
        for (size, is_hole) in pieces {
            if !is_hole {
                file.write_all_at(&vec![7; size], length).unwrap();
            }
            length += size as u64;
            file.set_len(length).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let progress = Progress::new();
        let options = CopyOptions { progress: progress.clone(), ..CopyOptions::default() };
        let copied = runtime.block_on(client().copy_with(&from, &to, &options)).unwrap();
        prop_assert_eq!(copied, length);
        prop_assert_eq!(progress.bytes(), length);
        prop_assert!(fs::read(&from).unwrap() == fs::read(&to).unwrap());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_copy_holds_no_more_of_the_device_than_it_needs() {
    use std::os::unix::fs::MetadataExt;

    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    let content: Vec<u8> = (0..(9 << 20) + 5).map(|at| u8::try_from(at % 251).unwrap()).collect();
    fs::write(&from, &content).unwrap();
    client().copy(&from, &to).await.unwrap();
    assert!(fs::read(&to).unwrap() == content);
    fs::File::open(&to).unwrap().sync_all().unwrap();
    assert!(fs::metadata(&to).unwrap().blocks() * 512 < content.len() as u64 + 256 * 1024);
}
