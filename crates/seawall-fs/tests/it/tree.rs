#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use seawall_core::FailureKind;
use seawall_fs::{TreeOptions, TreeReport};

use crate::{client, drop_after, one_at_a_time, temporaries};

fn sample() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("from");
    for outer in 0..5 {
        fs::create_dir_all(root.join(format!("d{outer}/inner"))).unwrap();
        for number in 0..40 {
            fs::write(root.join(format!("d{outer}/{number}")), format!("{outer}.{number}")).unwrap();
        }
        fs::write(root.join(format!("d{outer}/inner/file")), "deep").unwrap();
    }
    fs::write(root.join("run"), "#!").unwrap();
    fs::set_permissions(root.join("run"), fs::Permissions::from_mode(0o750)).unwrap();
    symlink("d0/inner", root.join("link")).unwrap();
    symlink("nowhere", root.join("broken")).unwrap();
    fs::create_dir(root.join("closed")).unwrap();
    fs::write(root.join("closed/kept"), "kept").unwrap();
    fs::set_permissions(root.join("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    directory
}

/// Content, link target or nothing, and the mode, by path.
fn content(root: &Path) -> BTreeMap<PathBuf, (String, u32)> {
    let mut all = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            let what = if kind.is_dir() {
                directories.push(path.clone());
                String::new()
            } else if kind.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else {
                fs::read_to_string(&path).unwrap()
            };
            let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
            all.insert(path.strip_prefix(root).unwrap().to_owned(), (what, mode));
        }
    }
    all
}

fn all_of(report: TreeReport) -> TreeReport {
    report.complete().unwrap();
    report
}

#[tokio::test]
async fn a_tree_is_copied_with_its_modes_and_links_and_counted() {
    let directory = sample();
    let (from, to) = (directory.path().join("from"), directory.path().join("a/new/to"));
    let options = TreeOptions::default();
    let report = client().copy_tree(&from, &to, &options).await.map(all_of).unwrap();
    assert_eq!(content(&to), content(&from));
    assert_eq!((report.files, report.directories, report.symlinks, report.skipped), (207, 11, 2, 0));
    let bytes: u64 = 5 * (30 * 4 + 10 * 3) + 5 * 4 + 2 + 4;
    assert_eq!(report.bytes, bytes);
    let progress = options.progress;
    assert_eq!((progress.bytes(), progress.files(), progress.directories()), (bytes, 209, 11));
}

#[tokio::test]
async fn a_copy_resumed_leaves_out_what_is_complete_and_makes_the_rest() {
    let directory = sample();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    let fs = client();
    let resume = TreeOptions { resume: true, ..TreeOptions::default() };
    let first = fs.copy_tree(&from, &to, &resume).await.map(all_of).unwrap();
    assert_eq!((first.files, first.skipped), (207, 0));
    fs::remove_file(to.join("d1/7")).unwrap();
    fs::write(to.join("d2/8"), "not as long").unwrap();
    fs::write(to.join("d3/9"), "3.x").unwrap();
    let again = fs.copy_tree(&from, &to, &resume).await.map(all_of).unwrap();
    assert_eq!((again.files, again.skipped), (3, 204));
    assert_eq!(content(&to), content(&from));
    let whole = fs.copy_tree(&from, &to, &TreeOptions::default()).await.map(all_of).unwrap();
    assert_eq!((whole.files, whole.skipped), (207, 0));
}

#[tokio::test]
async fn a_tree_is_not_copied_into_itself_nor_a_file_as_a_tree() {
    let directory = sample();
    let from = directory.path().join("from");
    for to in [from.clone(), from.join("d0"), from.join("new/deep"), from.join("link/new")] {
        let error = client().copy_tree(&from, &to, &TreeOptions::default()).await.unwrap_err();
        assert!(error.to_string().contains("lies within the source"), "{error}");
        assert!(!error.may_have_executed());
    }
    assert!(!from.join("new").exists());
    let error = client()
        .copy_tree(from.join("run"), directory.path().join("to"), &TreeOptions::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("`copy` copies files"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_copied_is_told_with_its_path_and_the_rest_is_there() {
    let directory = sample();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        from.join("d1/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    fs::create_dir_all(to.join("d2/5")).unwrap();
    let report = client().copy_tree(&from, &to, &TreeOptions::default()).await.unwrap();
    let mut failed: Vec<_> = report.errors.iter().map(|error| error.name().to_owned()).collect();
    failed.sort();
    let names = ["d1/pipe", "d2/5"].map(|name| format!("copy_tree {}", from.join(name).display()));
    assert_eq!(failed, names);
    assert_eq!((report.files, report.more_errors), (206, 0));
    report.complete().unwrap_err();
}

#[tokio::test]
async fn a_copy_of_a_tree_dropped_at_any_await_leaves_only_whole_files() {
    let directory = sample();
    let from = directory.path().join("from");
    let expected = content(&from);
    let mut polls = 0;
    loop {
        let target = tempfile::tempdir().unwrap();
        let to = target.path().join("to");
        let fs = one_at_a_time();
        let done = drop_after(polls, fs.copy_tree(&from, &to, &TreeOptions::default())).await;
        fs.metadata(&from).await.unwrap();
        if to.exists() {
            for (path, (what, _)) in content(&to) {
                assert_eq!(what, expected[&path].0, "{}", path.display());
            }
            assert_eq!(temporaries(&to), 0);
        }
        if done.is_some() {
            assert_eq!(content(&to), expected);
            break;
        }
        polls += 1;
    }
    assert!(polls > 2, "{polls}");
}

#[tokio::test]
async fn a_tree_is_removed_with_all_in_it_but_not_what_links_point_to() {
    let directory = sample();
    let (from, outside) = (directory.path().join("from"), directory.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("safe"), "").unwrap();
    symlink(&outside, from.join("d0/out")).unwrap();
    symlink(&outside, from.join("out")).unwrap();
    let options = TreeOptions::default();
    let report = client().remove_tree(&from, &options).await.map(all_of).unwrap();
    assert!(!from.exists());
    assert!(outside.join("safe").exists());
    assert_eq!((report.files, report.directories), (211, 12));
    assert_eq!((options.progress.files(), options.progress.directories()), (211, 12));
}

#[tokio::test]
async fn a_tree_deeper_than_a_path_can_name_and_than_handles_are_kept_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("deep");
    fs::create_dir(&root).unwrap();
    let mut handle = rustix::fs::open(
        &root,
        rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::RDONLY,
        rustix::fs::Mode::empty(),
    )
    .unwrap();
    // Far beyond what a path can name.
    let name = "a-directory-with-a-name-of-some-length";
    for _ in 0..200 {
        rustix::fs::mkdirat(&handle, name, rustix::fs::Mode::from_raw_mode(0o700)).unwrap();
        drop(
            rustix::fs::openat(
                &handle,
                "file",
                rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY,
                rustix::fs::Mode::from_raw_mode(0o600),
            )
            .unwrap(),
        );
        let next = rustix::fs::openat(
            &handle,
            name,
            rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::RDONLY,
            rustix::fs::Mode::empty(),
        );
        handle = next.unwrap();
    }
    drop(handle);
    let report = client().remove_tree(&root, &TreeOptions::default()).await.map(all_of).unwrap();
    assert_eq!((report.files, report.directories), (200, 201));
    assert!(!root.exists());
}

#[tokio::test]
async fn a_link_a_file_and_nothing_are_no_tree() {
    let directory = sample();
    let from = directory.path().join("from");
    for (name, said) in [("link", "`remove` removes it"), ("run", "a file"), ("none", "does not exist")] {
        let error = client().remove_tree(from.join(name), &TreeOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(error.to_string().contains(said), "{error}");
        assert!(!error.may_have_executed());
    }
    assert!(from.join("link").exists());
}

#[tokio::test]
async fn a_removal_dropped_at_any_await_goes_on_where_it_stopped() {
    let mut polls = 0;
    loop {
        let directory = sample();
        let from = directory.path().join("from");
        let before = content(&from);
        let fs = one_at_a_time();
        let one = TreeOptions { parallel: NonZeroUsize::MIN, ..TreeOptions::default() };
        let done = drop_after(polls, fs.remove_tree(&from, &one)).await;
        fs.metadata(directory.path()).await.unwrap();
        if done.is_some() {
            assert!(!from.exists());
            break;
        }
        if from.exists() {
            assert!(content(&from).len() <= before.len());
            let _all = fs.remove_tree(&from, &one).await.map(all_of).unwrap();
        }
        assert!(!from.exists());
        polls += 1;
    }
    assert!(polls > 1, "{polls}");
}
