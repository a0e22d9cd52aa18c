use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use seawall_core::FailureKind;
use seawall_fs::{ChangeKind, EntryKind, WatchBatch, Watching};

use crate::{client, drop_after};

/// What a reader knows who believes what it is told.
#[derive(Default)]
struct Told {
    entries: BTreeMap<PathBuf, EntryKind>,
    overflows: usize,
}

impl Told {
    fn take_in(&mut self, batch: WatchBatch) {
        assert!(batch.changes.len() <= 1024);
        self.overflows += usize::from(batch.overflowed);
        for change in batch.changes {
            let before = match change.kind {
                ChangeKind::Removed => self.entries.remove(&change.path),
                _ => self.entries.insert(change.path.clone(), change.entry),
            };
            match change.kind {
                ChangeKind::Created => assert_eq!(before, None, "{}", change.path.display()),
                ChangeKind::Modified | ChangeKind::Removed => {
                    assert!(before.is_some(), "{} was never told", change.path.display());
                }
                _ => unreachable!(),
            }
        }
    }

    /// Lets the watch go on for a little, and takes what is there.
    async fn glance(&mut self, watching: &mut Watching, yields: usize) {
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        if let Some(batch) = drop_after(1, watching.next()).await {
            self.take_in(batch.unwrap().unwrap());
        }
    }

    /// Reads on until `enough`. A watch that misses something would wait for ever; this says what it misses.
    async fn until(&mut self, watching: &mut Watching, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            let next = tokio::time::timeout(Duration::from_mins(1), watching.next()).await;
            let batch = next.unwrap_or_else(|_| panic!("told {} entries and no more", self.entries.len()));
            self.take_in(batch.unwrap().unwrap());
        }
    }
}

fn there(root: &Path) -> BTreeMap<PathBuf, EntryKind> {
    let mut all = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            let kind = EntryKind::from(entry.file_type().unwrap());
            if kind == EntryKind::Directory {
                directories.push(entry.path());
            }
            all.insert(entry.path(), kind);
        }
    }
    all
}

async fn watch(root: &Path) -> Watching {
    client().watch(root).debounce(Duration::from_millis(1)).start().await.unwrap()
}

#[tokio::test]
async fn nothing_in_fresh_nested_folders_is_missed() {
    let root = tempfile::tempdir().unwrap();
    let mut watching = watch(root.path()).await;
    let mut told = Told::default();
    for number in 0..300 {
        let folder = root.path().join(format!("{number}/b"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("file"), "").unwrap();
        if number % 10 == 0 {
            // Reads now and then, so that folders are met at any stage of their making.
            told.glance(&mut watching, number).await;
        }
    }
    let files = |told: &Told| told.entries.values().filter(|kind| **kind == EntryKind::File).count();
    told.until(&mut watching, |told| files(told) == 300).await;
    assert_eq!(told.entries, there(root.path()));
}

#[tokio::test]
async fn folders_made_while_others_are_looked_at_are_not_missed() {
    let root = tempfile::tempdir().unwrap();
    let mut watching = watch(root.path()).await;
    let path = root.path().to_owned();
    let maker = std::thread::spawn(move || {
        for number in 0..300 {
            let folder = path.join(format!("{number}/b"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("file"), "").unwrap();
            std::thread::yield_now();
        }
    });
    let mut told = Told::default();
    told.until(&mut watching, |told| told.entries.len() == 900).await;
    maker.join().unwrap();
    assert_eq!(told.entries, there(root.path()));
}

#[tokio::test]
async fn a_reader_too_slow_for_what_changes_is_told_so_and_then_told_right() {
    let root = tempfile::tempdir().unwrap();
    let mut watching = watch(root.path()).await;
    // Nobody reads meanwhile: the runtime has one thread, and this is it.
    for number in 0..30_000 {
        fs::write(root.path().join(number.to_string()), "").unwrap();
    }
    let mut told = Told::default();
    told.until(&mut watching, |told| told.entries.len() == 30_000).await;
    assert!(told.overflows > 0);
    for number in 0..30_000 {
        fs::remove_file(root.path().join(number.to_string())).unwrap();
    }
    told.until(&mut watching, |told| told.entries.is_empty()).await;
}

#[tokio::test]
async fn changes_are_told_as_what_they_are() {
    use ChangeKind::{Created, Modified, Removed};

    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    fs::write(path("before"), "old").unwrap();
    let mut watching = watch(root.path()).await;
    // A write may be told twice, if a part of what the system says of it comes late.
    let mut told = async |expected: &[(&str, ChangeKind)]| {
        let mut missing: BTreeMap<PathBuf, ChangeKind> =
            expected.iter().map(|(name, kind)| (path(name), *kind)).collect();
        while !missing.is_empty() {
            let batch = watching.next().await.unwrap().unwrap();
            assert!(!batch.overflowed);
            for change in batch.changes {
                assert_eq!(change.entry, EntryKind::File);
                if missing.get(&change.path) == Some(&change.kind) {
                    missing.remove(&change.path);
                } else {
                    assert_eq!(change.kind, Modified, "{}", change.path.display());
                }
            }
        }
    };
    fs::write(path("before"), "newer").unwrap();
    told(&[("before", Modified)]).await;
    fs::rename(path("before"), path("after")).unwrap();
    told(&[("after", Created), ("before", Removed)]).await;
    fs::write(path("other"), "whole").unwrap();
    told(&[("other", Created)]).await;
    fs::rename(path("other"), path("after")).unwrap();
    told(&[("after", Modified), ("other", Removed)]).await;
    fs::remove_file(path("after")).unwrap();
    told(&[("after", Removed)]).await;
}

#[tokio::test]
async fn many_writes_to_one_file_within_the_window_are_one_change() {
    let root = tempfile::tempdir().unwrap();
    let mut watching =
        client().watch(root.path()).debounce(Duration::from_millis(200)).start().await.unwrap();
    for number in 0..1000 {
        fs::write(root.path().join("file"), number.to_string()).unwrap();
    }
    fs::create_dir(root.path().join("later")).unwrap();
    let mut changes = Vec::new();
    while !changes.iter().any(|path: &PathBuf| path.ends_with("later")) {
        let batch = watching.next().await.unwrap().unwrap();
        changes.extend(batch.changes.into_iter().map(|change| change.path));
    }
    // However slowly it was written: far less often than it was.
    assert!(changes.len() < 100, "{} changes", changes.len());
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_renamed_is_watched_under_its_new_name_and_links_are_not_followed() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir_all(root.path().join("a/deep/deeper")).unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
    let mut watching = watch(root.path()).await;
    let mut told = Told { entries: there(root.path()), overflows: 0 };
    for round in 0..20 {
        fs::rename(root.path().join("a"), root.path().join("b")).unwrap();
        if round % 2 == 0 {
            told.until(&mut watching, |told| told.entries.contains_key(&root.path().join("b"))).await;
        }
        fs::write(root.path().join(format!("b/deep/deeper/{round}")), "").unwrap();
        fs::write(outside.path().join(format!("{round}")), "").unwrap();
        fs::rename(root.path().join("b"), root.path().join("a")).unwrap();
        fs::write(root.path().join(format!("a/deep/{round}")), "").unwrap();
        let last = root.path().join(format!("a/deep/{round}"));
        told.until(&mut watching, |told| told.entries.contains_key(&last)).await;
    }
    fs::write(root.path().join("end"), "").unwrap();
    told.until(&mut watching, |told| told.entries.contains_key(&root.path().join("end"))).await;
    assert_eq!(told.entries, there(root.path()));
}

#[tokio::test]
async fn whatever_is_done_what_was_told_adds_up_to_what_is_there() {
    for seed in 0..8 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let root = tempfile::tempdir().unwrap();
        let mut watching = watch(root.path()).await;
        let mut told = Told::default();
        for step in 0..150 {
            let all: Vec<PathBuf> = there(root.path()).into_keys().collect();
            let directories: Vec<PathBuf> =
                all.iter().filter(|path| path.is_dir()).cloned().chain([root.path().to_owned()]).collect();
            let into = directories[rng.usize(..directories.len())].join(format!("{}", rng.u32(..12)));
            let any = (!all.is_empty()).then(|| all[rng.usize(..all.len())].clone());
            // Some of these make no sense at the time, and fail.
            let _some_fail = match (rng.u32(..10), any) {
                (0..=3, _) => fs::write(&into, step.to_string()),
                (4..=5, _) => fs::create_dir_all(into.join("n")),
                (6, Some(any)) if any.is_dir() => fs::remove_dir_all(any),
                (6..=7, Some(any)) => fs::remove_file(any),
                (8, Some(any)) => fs::rename(any, into),
                (_, Some(any)) if any.is_dir() => {
                    // Another directory by the same name, with the same number perhaps.
                    fs::remove_dir_all(&any).and_then(|()| fs::create_dir_all(any.join("again")))
                }
                _ => Ok(()),
            };
            if rng.u32(..4) == 0 {
                told.glance(&mut watching, rng.usize(0..100)).await;
            }
        }
        let end = root.path().join("the end");
        fs::write(&end, "").unwrap();
        told.until(&mut watching, |told| told.entries.contains_key(&end)).await;
        assert_eq!(told.entries, there(root.path()), "seed {seed}");
    }
}

#[tokio::test]
async fn directories_beyond_the_watches_there_are_are_looked_at_from_time_to_time_and_that_is_told() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..10 {
        fs::create_dir(root.path().join(number.to_string())).unwrap();
    }
    let few = client().watch(root.path()).debounce(Duration::from_millis(1)).most_watches(3);
    let mut watching = few.start().await.unwrap();
    for number in 0..10 {
        fs::create_dir(root.path().join(format!("{number}/new"))).unwrap();
        fs::write(root.path().join(format!("{number}/new/file")), "").unwrap();
    }
    let (mut paths, mut unwatched) = (BTreeSet::new(), 0);
    while paths.len() < 20 {
        let batch = watching.next().await.unwrap().unwrap();
        unwatched = unwatched.max(batch.unwatched);
        paths.extend(batch.changes.into_iter().map(|change| change.path));
    }
    if cfg!(target_os = "linux") {
        assert_eq!(unwatched, 11 + 10 - 3);
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_help_of_the_system_changes_are_found_by_looking() {
    let root = tempfile::tempdir().unwrap();
    let mut watching = client().watch(root.path()).polling(Duration::from_secs(30)).start().await.unwrap();
    let mut told = Told::default();
    for number in 0..5 {
        let folder = root.path().join(format!("{number}/b"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("file"), "").unwrap();
        // Time is made up; five looks take two minutes and a half.
        while told.entries.len() < (number + 1) * 3 {
            told.take_in(watching.next().await.unwrap().unwrap());
        }
    }
    fs::remove_dir_all(root.path().join("3")).unwrap();
    while told.entries.len() > 12 {
        told.take_in(watching.next().await.unwrap().unwrap());
    }
    assert_eq!(told.entries, there(root.path()));
    assert_eq!(told.overflows, 0);
}

#[tokio::test]
async fn a_root_that_goes_takes_all_with_it_and_is_watched_again_when_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    fs::create_dir_all(root.join("a")).unwrap();
    let mut watching = watch(&root).await;
    let mut told = Told { entries: there(&root), overflows: 0 };
    fs::remove_dir_all(&root).unwrap();
    told.until(&mut watching, |told| told.entries.is_empty()).await;
    fs::create_dir_all(root.join("b")).unwrap();
    told.until(&mut watching, |told| told.entries.contains_key(&root.join("b"))).await;
    fs::write(root.join("b/file"), "").unwrap();
    told.until(&mut watching, |told| told.entries.contains_key(&root.join("b/file"))).await;
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused_at_the_start() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "").unwrap();
    fs::write(root.path().join("other"), "").unwrap();
    for (path, said) in
        [("nowhere", "does not exist"), ("file", "not a directory: watch the directory that the file is in")]
    {
        let error = client().watch(root.path().join(path)).start().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(error.to_string().contains(said), "{error}");
    }
    let error = client().watch(root.path()).most_entries(1).start().await.unwrap_err();
    assert!(error.to_string().contains("more than 1 entries to watch"), "{error}");
}

#[tokio::test]
async fn a_tree_that_outgrows_its_bound_ends_the_watch_with_an_error() {
    let root = tempfile::tempdir().unwrap();
    let few = client().watch(root.path()).debounce(Duration::from_millis(1)).most_entries(10);
    let mut watching = few.start().await.unwrap();
    fs::create_dir(root.path().join("many")).unwrap();
    for number in 0..20 {
        fs::write(root.path().join(format!("many/{number}")), "").unwrap();
    }
    let error = loop {
        match watching.next().await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("more than 10 entries"), "{error}");
    assert!(watching.next().await.is_none());
}
