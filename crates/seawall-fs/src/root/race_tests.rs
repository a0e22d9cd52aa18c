//! Somebody swaps a directory for a link to the outside, over and over, while operations run through it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, TryStreamExt};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::base::{Base, Way};
use super::*;
use crate::{CopyOptions, FsConfig, OpenOptions, TreeOptions};

struct Arena {
    _directory: tempfile::TempDir,
    root: PathBuf,
    outside: PathBuf,
}

/// `root/swapped` is a directory, `root/link` a link to `outside`, and both hold a file each operation is after.
fn arena() -> Arena {
    let directory = tempfile::tempdir().unwrap();
    let (root, outside) = (directory.path().join("root"), directory.path().join("outside"));
    for inside in [root.join("swapped/deep"), outside.join("deep")] {
        fs::create_dir_all(&inside).unwrap();
    }
    fs::write(root.join("swapped/file"), "inside").unwrap();
    fs::write(root.join("source"), "inside").unwrap();
    fs::write(outside.join("file"), "SECRET").unwrap();
    fs::write(outside.join("deep/file"), "SECRET").unwrap();
    fs::write(outside.join("secret"), "SECRET").unwrap();
    fs::create_dir_all(root.join("tree/deep")).unwrap();
    fs::write(root.join("tree/deep/file"), "inside").unwrap();
    std::os::unix::fs::symlink(&outside, root.join("link")).unwrap();
    Arena { _directory: directory, root, outside }
}

/// Everything below a directory: paths, contents and modes.
fn everything(directory: &Path) -> Vec<(PathBuf, String, u32)> {
    use std::os::unix::fs::MetadataExt;

    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            found.extend(everything(&path));
        }
        found.push((path.clone(), fs::read_to_string(&path).unwrap_or_default(), metadata.mode()));
    }
    found.sort();
    found
}

async fn nothing_gets_out(way: Way) {
    use std::os::unix::fs::PermissionsExt;

    let Arena { _directory, root: inside, outside } = arena();
    let fs = Fs::new(&FsConfig::default(), Arc::new(())).unwrap();
    let base = Arc::new(Base::open(&inside).unwrap().going(way));
    let root = Root { fs, path: Arc::from(&*inside), base };
    let (before, tree) = (everything(&outside), TreeOptions::default());

    let stop = Arc::new(AtomicBool::new(false));
    let swapper = std::thread::spawn({
        let (stop, one, other) = (Arc::clone(&stop), inside.join("swapped"), inside.join("link"));
        move || {
            let mut swaps = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                swaps += 1;
            }
            swaps
        }
    });
    let mut got_in = 0;
    for round in 0..300 {
        let name = format!("swapped/new{round}");
        // Reads give what is inside or nothing.
        for path in ["swapped/file", "swapped/deep/../file", "link/file", "swapped/../swapped/file"] {
            if let Ok(content) = root.read(path, 100).await {
                assert_eq!(content, "inside", "{path}");
                got_in += 1;
            }
        }
        // And what changes something, changes it inside or not at all.
        let _any = root.write_atomic(&name, "x").await;
        let _any = root.open(&name, OpenOptions::writing()).await;
        let _any = root.create_dir_all(format!("swapped/a{round}/b")).await;
        let _any = root.hard_link("source", format!("swapped/hard{round}")).await;
        let _any = root.symlink("x", format!("swapped/soft{round}")).await;
        let _any = root.rename(&name, format!("link/renamed{round}")).await;
        let _any = root.set_permissions("swapped/file", fs::Permissions::from_mode(0o600)).await;
        let _any = root.remove("swapped/deep/file").await;
        let _any = root.copy("source", format!("swapped/copy{}", round % 8), &CopyOptions::default()).await;
        if root.copy("swapped/file", "copied", &CopyOptions::default()).await.is_ok() {
            assert_eq!(fs::read_to_string(inside.join("copied")).unwrap(), "inside");
        }
        let _any = root.copy_tree("tree", format!("swapped/tree{}", round % 8), &tree).await;
        if round % 16 == 0 {
            let _any = root.copy_tree("swapped", "copies", &tree).await;
        }
        let mut entries = root.walk("swapped").follow_symlinks().entries();
        while let Some(entry) = entries.next().await {
            assert!(entry.is_err() || entry.is_ok_and(|entry| entry.file_name() != "secret"));
        }
        let _any = root.remove_tree("swapped/deep", &tree).await;
        let _any = root.remove_tree(format!("swapped/tree{}", round % 8), &tree).await;
        let _any = root.create_dir("swapped/deep").await;
        let listed = root.entries("swapped/deep").map_ok(|entry| entry.name).try_collect::<Vec<_>>().await;
        assert!(listed.is_err() || listed.is_ok_and(|names| names.is_empty()));
        if let Ok(entries) = root.list("swapped/deep", 10).await {
            assert!(entries.is_empty());
        }
    }
    stop.store(true, Ordering::Relaxed);
    let swaps = swapper.join().unwrap();
    // It was a race at all: both had their turns.
    assert!(swaps > 100 && got_in > 0, "{swaps} swaps, {got_in} reads");
    assert_eq!(everything(&outside), before);
    let copied = everything(&inside.join("copies"));
    assert!(copied.iter().all(|(_, content, _)| content != "SECRET"), "{copied:?}");
}

#[tokio::test]
async fn no_swapped_directory_leads_outside_by_the_kernels_own_check() {
    if Base::open(Path::new("/")).unwrap().way() == Way::Kernel {
        nothing_gets_out(Way::Kernel).await;
    }
}

#[tokio::test]
async fn no_swapped_directory_leads_outside_step_by_step() {
    nothing_gets_out(Way::Steps).await;
}

#[tokio::test]
async fn both_ways_give_the_same_answers() {
    let Arena { _directory, root: inside, outside: _ } = arena();
    for (link, target) in [
        ("to_file", "swapped/file"),
        ("by_parent", "swapped/../source"),
        ("to_link", "to_file"),
        ("loop", "loop"),
        ("dangling", "nowhere"),
        ("absolute", "/etc/passwd"),
        ("escape", "../outside/file"),
        ("to_dir", "swapped"),
        ("to_here", "."),
    ] {
        std::os::unix::fs::symlink(target, inside.join(link)).unwrap();
    }
    let fs = Fs::new(&FsConfig::default(), Arc::new(())).unwrap();
    let root = |way| {
        let base = Arc::new(Base::open(&inside).unwrap().going(way));
        Root { fs: fs.clone(), path: Arc::from(&*inside), base }
    };
    let (kernel, steps) = (root(Way::Kernel), root(Way::Steps));
    for path in [
        ".",
        "..",
        "",
        "/",
        "source",
        "source/",
        "source/x",
        "swapped",
        "swapped/..",
        "swapped/../..",
        "to_file",
        "by_parent",
        "to_link",
        "loop",
        "dangling",
        "absolute",
        "escape",
        "to_dir",
        "to_dir/file",
        "to_dir/..",
        "to_here/to_here/source",
        "missing/..",
        "swapped/deep/../../source",
        "link",
        "link/file",
        "./././source",
    ] {
        assert_eq!(answers(&kernel, path).await, answers(&steps, path).await, "{path}");
    }
}

/// What every way to ask about a path answers.
async fn answers(root: &Root, path: &str) -> [String; 5] {
    fn text<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
        result.map_or_else(|error| error.to_string(), |answer| format!("{answer:?}"))
    }
    [
        text(root.read(path, 100).await),
        text(root.metadata(path).await.map(|metadata| metadata.file_type())),
        text(root.symlink_metadata(path).await.map(|metadata| metadata.file_type())),
        text(root.list(path, 100).await),
        text(root.read_link(path).await),
    ]
}
