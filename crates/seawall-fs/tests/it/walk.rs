use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, TryStreamExt};
use proptest::prelude::*;
use seawall_core::{CallContext, FailureKind};
use seawall_fs::{EntryKind, Walk, WalkEntry};

use crate::{client, drop_after, in_memory, one_at_a_time};

fn few(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap()
}

/// Makes the files of a tree, given by their paths; one that ends in a slash is a directory.
fn tree(paths: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for path in paths {
        let path = root.path().join(path);
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }
    root
}

async fn paths(walk: Walk, root: &Path) -> Vec<String> {
    let entries: Vec<WalkEntry> = walk.entries().try_collect().await.unwrap();
    let relative = |entry: WalkEntry| entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned();
    entries.into_iter().map(relative).collect()
}

async fn sorted_paths(walk: Walk, root: &Path) -> Vec<String> {
    let mut paths = paths(walk, root).await;
    paths.sort();
    paths
}

#[tokio::test]
async fn everything_below_the_root_is_told_once_with_its_kind_and_depth() {
    let root = tree(&["a", "b/c", "b/d/e", "empty/", ".hidden/f"]);
    let entries: Vec<WalkEntry> = client().walk(root.path()).entries().try_collect().await.unwrap();
    let told: BTreeMap<PathBuf, (EntryKind, usize)> =
        entries.iter().map(|entry| (entry.path(), (entry.kind(), entry.depth()))).collect();
    assert_eq!(told.len(), entries.len());
    let expected = [
        ("a", EntryKind::File, 1),
        ("b", EntryKind::Directory, 1),
        ("b/c", EntryKind::File, 2),
        ("b/d", EntryKind::Directory, 2),
        ("b/d/e", EntryKind::File, 3),
        ("empty", EntryKind::Directory, 1),
        (".hidden", EntryKind::Directory, 1),
        (".hidden/f", EntryKind::File, 2),
    ];
    let expected = expected.map(|(path, kind, depth)| (root.path().join(path), (kind, depth)));
    assert_eq!(told, BTreeMap::from(expected));
}

#[tokio::test]
async fn a_sorted_walk_is_in_the_order_of_names_each_directory_before_what_is_in_it() {
    let root = tree(&["b/z", "b/a/x", "b/a.txt", "a", "c", "b.txt"]);
    let told = paths(client().walk(root.path()).sorted(), root.path()).await;
    assert_eq!(told, ["a", "b", "b/a", "b/a/x", "b/a.txt", "b/z", "b.txt", "c"]);
}

#[tokio::test]
async fn depth_filters_and_hidden_files_cut_what_is_below_too() {
    let root = tree(&["a/b/c/d", "skip/x", ".git/config", "a/.env"]);
    let fs = client();
    let walk = || fs.walk(root.path());
    assert_eq!(sorted_paths(walk().depth(few(1)), root.path()).await, [".git", "a", "skip"]);
    assert_eq!(
        sorted_paths(walk().depth(few(2)).skip_hidden(), root.path()).await,
        ["a", "a/b", "skip", "skip/x"]
    );
    let filtered = walk().filter(|entry| entry.file_name() != "skip").filter(|entry| entry.depth() < 3);
    assert_eq!(sorted_paths(filtered, root.path()).await, [".git", ".git/config", "a", "a/.env", "a/b"]);
}

#[tokio::test]
async fn the_rules_of_gitignore_hold_from_the_innermost_on() {
    let root = tree(&[
        "keep.rs",
        "x.log",
        "target/x",
        "sub/y.log",
        "sub/important.log",
        "sub/target",
        "sub/deep/z.log",
        "sub/deep/secret",
        ".git/HEAD",
        ".hidden",
        "excluded",
    ]);
    fs::write(root.path().join(".gitignore"), "*.log\n/target/\n# a comment\nsecret\n").unwrap();
    fs::write(root.path().join("sub/.gitignore"), "!important.log\n").unwrap();
    fs::write(root.path().join("sub/deep/.gitignore"), "!secret\n").unwrap();
    fs::create_dir(root.path().join(".git/info")).unwrap();
    fs::write(root.path().join(".git/info/exclude"), "excluded\n").unwrap();
    let expected = [
        ".gitignore",
        ".hidden",
        "keep.rs",
        "sub",
        "sub/.gitignore",
        "sub/deep",
        "sub/deep/.gitignore",
        "sub/deep/secret",
        "sub/important.log",
        "sub/target",
    ];
    let fs = client();
    assert_eq!(sorted_paths(fs.walk(root.path()).gitignore(), root.path()).await, expected);
    assert_eq!(sorted_paths(fs.walk(root.path()).gitignore().sorted(), root.path()).await, expected);
    assert_eq!(paths(fs.walk(root.path()), root.path()).await.len(), 20);
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_told_and_followed_only_when_asked_and_never_in_a_circle() {
    use std::os::unix::fs::symlink;

    let root = tree(&["a/b/file", "target/inside"]);
    symlink("../..", root.path().join("a/b/up")).unwrap();
    symlink("../target", root.path().join("a/link")).unwrap();
    symlink("nowhere", root.path().join("broken")).unwrap();
    symlink("target/inside", root.path().join("to-file")).unwrap();
    let fs = client();

    let told: Vec<WalkEntry> = fs.walk(root.path()).entries().try_collect().await.unwrap();
    let links = told.iter().filter(|entry| entry.is_symlink()).count();
    assert_eq!((told.len(), links), (9, 4));
    assert!(told.iter().all(|entry| entry.is_symlink() == (entry.kind() == EntryKind::Symlink)));

    for sorted in [false, true] {
        let walk = fs.walk(root.path()).follow_symlinks();
        let walk = if sorted { walk.sorted() } else { walk };
        let items: Vec<_> = walk.entries().collect().await;
        let (entries, errors): (Vec<_>, Vec<_>) = items.into_iter().partition(Result::is_ok);
        let kinds: BTreeMap<_, _> = entries
            .into_iter()
            .map(Result::unwrap)
            .map(|entry| (entry.path().strip_prefix(root.path()).unwrap().to_owned(), entry.kind()))
            .collect();
        assert_eq!(kinds[Path::new("a/link")], EntryKind::Directory);
        assert_eq!(kinds[Path::new("a/link/inside")], EntryKind::File);
        assert_eq!(kinds[Path::new("broken")], EntryKind::Symlink);
        assert_eq!(kinds[Path::new("to-file")], EntryKind::File);
        assert_eq!(kinds.len(), 10);
        assert_eq!(errors.len(), 1);
        let error = errors.into_iter().next().unwrap().unwrap_err();
        assert!(error.to_string().contains("leads back to a directory above it"), "{error}");
        assert!(error.name().ends_with("a/b/up"), "{error}");
    }
}

#[tokio::test]
async fn a_root_that_is_not_there_or_no_directory_is_the_only_item() {
    let root = tree(&["file"]);
    for path in [root.path().join("nowhere"), root.path().join("file")] {
        let items: Vec<_> = client().walk(&path).batches().collect().await;
        assert_eq!(items.len(), 1);
        let error = items[0][0].as_ref().unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert_eq!(error.name(), format!("walk {}", path.display()));
    }
}

#[tokio::test]
async fn a_directory_of_any_size_comes_in_batches_that_are_small() {
    let root = in_memory();
    for number in 0..5000 {
        fs::write(root.path().join(format!("a-file-with-a-longer-name-{number:08}")), "").unwrap();
    }
    let batches: Vec<_> = client().walk(root.path()).batches().collect().await;
    assert!(batches.iter().all(|batch| (1..=512).contains(&batch.len())));
    let names: BTreeSet<_> =
        batches.into_iter().flatten().map(|entry| entry.unwrap().file_name().to_owned()).collect();
    assert_eq!(names.len(), 5000);
    assert_eq!(paths(client().walk(root.path()).sorted(), root.path()).await.len(), 5000);
}

#[tokio::test]
async fn a_walk_ends_at_the_deadline_in_which_it_was_made() {
    let root = tree(&["file"]);
    let past = tokio::time::Instant::now().into_std();
    let mut batches = CallContext::current().deadline(past).enter(|| client().walk(root.path()).batches());
    let batch = batches.next().await.unwrap();
    assert_eq!(batch[0].as_ref().unwrap_err().kind(), FailureKind::Refused);
    assert!(batches.next().await.is_none());
}

#[tokio::test]
async fn a_wait_dropped_at_any_point_loses_no_entry() {
    let root = in_memory();
    for number in 0..40 {
        fs::create_dir(root.path().join(format!("d{number}"))).unwrap();
        for inner in 0..100 {
            fs::write(root.path().join(format!("d{number}/{inner}")), "").unwrap();
        }
    }
    for polls in 1..4 {
        let mut batches = client().walk(root.path()).parallel(few(3)).batches();
        let mut told = BTreeSet::new();
        loop {
            match drop_after(polls, batches.next()).await {
                Some(Some(batch)) => {
                    for entry in batch {
                        assert!(told.insert(entry.unwrap().path()), "told twice");
                    }
                }
                Some(None) => break,
                None => tokio::task::yield_now().await,
            }
        }
        assert_eq!(told.len(), 40 * 101);
    }
}

#[tokio::test]
async fn a_walk_that_is_dropped_or_not_read_occupies_no_thread() {
    let root = in_memory();
    for number in 0..1200 {
        fs::create_dir(root.path().join(number.to_string())).unwrap();
    }
    let fs = one_at_a_time();
    let mut unread = fs.walk(root.path()).batches();
    unread.next().await.unwrap();
    // There is one thread, and it has time for this.
    fs.metadata(root.path()).await.unwrap();
    drop(unread);
    fs.metadata(root.path()).await.unwrap();
}

/// A tree of directories and files: each number says into which of the directories made so far the next thing goes.
fn random_tree(plan: &[(usize, bool)]) -> tempfile::TempDir {
    let root = in_memory();
    let mut directories = vec![root.path().to_owned()];
    for (number, (into, is_directory)) in plan.iter().enumerate() {
        let path = directories[into % directories.len()].join(format!("n{number}"));
        if *is_directory {
            fs::create_dir(&path).unwrap();
            directories.push(path);
        } else {
            fs::write(&path, "").unwrap();
        }
    }
    root
}

/// What the standard library finds, in the order of a sorted walk.
fn oracle(directory: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        into.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            oracle(&entry.path(), into);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_tree_is_walked_as_one_reads_it_directory_by_directory(
        plan in prop::collection::vec((any::<usize>(), any::<bool>()), 0..200),
        parallel in 1_usize..6,
    ) {
        let root = random_tree(&plan);
        let mut expected = Vec::new();
        oracle(root.path(), &mut expected);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let walk = |walk: Walk| {
            let entries: Vec<WalkEntry> = runtime.block_on(walk.entries().try_collect()).unwrap();
            entries.iter().map(WalkEntry::path).collect::<Vec<_>>()
        };
        let fs = client();
        prop_assert_eq!(&walk(fs.walk(root.path()).sorted()), &expected);
        let mut told = walk(fs.walk(root.path()).parallel(few(parallel)));
        told.sort();
        expected.sort();
        prop_assert_eq!(told, expected);
    }
}
