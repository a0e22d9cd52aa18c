//! More files than a process may have open.
#![cfg(unix)]

use std::fs::File;
use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{FutureExt, TryStreamExt};
use rustix::process::{Resource, Rlimit, setrlimit};
use seawall_core::{CallContext, Error, FailureKind};
use seawall_fs::{LineOptions, OpenOptions, TemporaryOptions};

use crate::client;
use crate::process::in_a_process_of_its_own;

fn let_this_process_open(most: u64) {
    setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: Some(most) }).unwrap();
}

/// Opens as many files as there may be.
fn open_all_there_may_be() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

async fn yields(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

#[test]
fn many_times_more_files_than_there_may_be_are_opened_as_others_are_closed() {
    in_a_process_of_its_own(
        "descriptors::many_times_more_files_than_there_may_be_are_opened_as_others_are_closed",
        async || {
            let directory = tempfile::tempdir().unwrap();
            let (fs, path) = (client(), directory.path().join("file"));
            std::fs::write(&path, "a line\n").unwrap();
            let_this_process_open(48);
            let options = TemporaryOptions { directory: Some(directory.path().into()), ..Default::default() };
            let all = (0..600).map(async |number: usize| {
                let (path, new) = (&path, directory.path().join(number.to_string()));
                match number % 7 {
                    0 => {
                        let mut file = fs.open(path, OpenOptions::new().read(true)).await?;
                        // Held open for a while.
                        yields(number).await;
                        assert_eq!(file.next_line(100).await?.unwrap(), "a line");
                    }
                    1 => {
                        let mut file = fs.open(&new, OpenOptions::writing()).await?;
                        yields(number).await;
                        file.write_bytes("new").await?;
                        file.close().await?;
                    }
                    2 => fs.write_atomic_with(&new, "new", seawall_fs::Durability::None).await?,
                    3 => {
                        let mut chunks = fs.stream(path, 2);
                        yields(number).await;
                        assert_eq!(chunks.try_next().await?.unwrap(), "line\n");
                    }
                    4 => {
                        let mut lines = fs.line_batches(path, LineOptions::default());
                        assert_eq!(lines.try_next().await?.unwrap().text().unwrap().count(), 1);
                    }
                    5 => {
                        let named = fs.named_temporary_file(&options).await?;
                        yields(number).await;
                        named.close().await?;
                    }
                    _ => {
                        let _file = fs.temporary_file(&options).await?;
                        yields(number).await;
                    }
                }
                Ok::<_, Error>(())
            });
            for (number, result) in join_all(all).await.into_iter().enumerate() {
                result.unwrap_or_else(|error| panic!("{number}: {error}"));
            }
        },
    );
}

#[test]
fn a_call_waits_for_a_file_that_somebody_else_closes_and_is_done_then() {
    in_a_process_of_its_own(
        "descriptors::a_call_waits_for_a_file_that_somebody_else_closes_and_is_done_then",
        async || {
            let directory = tempfile::tempdir().unwrap();
            let (fs, path) = (client(), directory.path().join("file"));
            std::fs::write(&path, "content").unwrap();
            let_this_process_open(48);
            let mut others = open_all_there_may_be();
            let mut read = pin!(fs.read(&path, 100));
            // Every time it is woken it has tried, in vain.
            let mut wakes = 0;
            poll_fn(|cx| {
                assert!(read.poll_unpin(cx).is_pending());
                wakes += 1;
                if wakes > 4 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            others.pop();
            others.pop();
            assert_eq!(read.await.unwrap(), "content");
        },
    );
}

#[test]
fn with_nobody_closing_anything_the_call_fails_at_its_deadline_after_one_attempt_and_says_what_to_do() {
    in_a_process_of_its_own(
        "descriptors::with_nobody_closing_anything_the_call_fails_at_its_deadline_after_one_attempt_and_says_what_to_do",
        async || {
            // The deadline comes while the call waits, and not before.
            tokio::time::pause();
            let directory = tempfile::tempdir().unwrap();
            let (fs, path) = (client(), directory.path().join("file"));
            std::fs::write(&path, "content").unwrap();
            let_this_process_open(48);
            let others = open_all_there_may_be();
            let begun = tokio::time::Instant::now();
            let time = Duration::from_millis(200);
            let context = CallContext::default().within(time, begun.into_std());
            let error = context.scope(fs.read(&path, 100)).await.unwrap_err();
            assert!(begun.elapsed() >= time);
            assert_eq!(error.kind(), FailureKind::Overloaded { retry_after: None });
            assert_eq!(error.attempts(), 1);
            let said = error.to_string();
            assert!(
                said.starts_with(&format!(
                    "fs `read {}`: this process has too many files open",
                    path.display()
                ))
            );
            assert!(said.contains("ulimit -n") && said.ends_with("(os error 24)"), "{said}");
            drop(others);
            assert_eq!(fs.read(Path::new(&path), 100).await.unwrap(), "content");
        },
    );
}

/// Takes every file that this process may open, again and again for a while, then closes them.
fn hog() -> std::thread::JoinHandle<()> {
    std::thread::spawn(|| {
        let mut files = Vec::new();
        for _ in 0..300 {
            files.extend(open_all_there_may_be());
            std::thread::park_timeout(Duration::from_millis(1));
        }
    })
}

#[test]
fn a_tree_is_walked_and_removed_to_its_end_though_no_file_may_be_opened_for_a_while() {
    in_a_process_of_its_own(
        "descriptors::a_tree_is_walked_and_removed_to_its_end_though_no_file_may_be_opened_for_a_while",
        async || {
            let directory = tempfile::tempdir().unwrap();
            let (fs, root) = (client(), directory.path().join("root"));
            for number in 0..200 {
                std::fs::create_dir_all(root.join(format!("{number}/below"))).unwrap();
            }
            // Its threads are there, and what they need.
            fs.metadata(&root).await.unwrap();
            let_this_process_open(64);

            let hog_of_walk = hog();
            let entries: Vec<_> = fs.walk(&root).entries().try_collect().await.unwrap();
            assert_eq!(entries.len(), 400);
            hog_of_walk.join().unwrap();

            let hog_of_removal = hog();
            let report = fs.remove_tree(&root, &seawall_fs::TreeOptions::default()).await.unwrap();
            assert!(report.errors.is_empty(), "{:?}", report.errors);
            hog_of_removal.join().unwrap();
            assert!(!root.exists());
        },
    );
}
