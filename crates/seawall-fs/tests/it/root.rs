//! Paths that stay below a directory. The races are in the crate's own tests, which can choose the way of checking.
#![cfg(target_os = "linux")]

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, TryStreamExt};
use seawall_core::{Error, FailureKind};
use seawall_fs::{
    CopyOptions, EntryKind, Fs, OpenOptions, Operation, Root, Times, TreeOptions, Walk, WalkEntry,
};

use crate::operations::cause;
use crate::retries::losing_the_first_answer_to;
use crate::{client, drop_after, temporaries};

/// `outside/` beside the root `root/`, which holds links to it.
struct House {
    directory: tempfile::TempDir,
    root: Root,
}

impl House {
    async fn build() -> Self {
        Self::of(&client()).await
    }

    async fn of(fs: &Fs) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        fs::create_dir_all(at("root/below")).unwrap();
        fs::create_dir_all(at("outside/empty")).unwrap();
        fs::write(at("root/file"), "inside").unwrap();
        fs::write(at("outside/secret"), "SECRET").unwrap();
        symlink("../outside", at("root/out")).unwrap();
        symlink(at("outside/secret"), at("root/absolute")).unwrap();
        symlink("../outside/secret", at("root/relative")).unwrap();
        symlink("../outside/new", at("root/dangling")).unwrap();
        symlink("../file", at("root/below/up")).unwrap();
        let root = fs.root(at("root")).await.unwrap();
        Self { directory, root }
    }

    fn inside(&self, path: &str) -> PathBuf {
        self.directory.path().join("root").join(path)
    }

    fn outside(&self) -> Vec<(PathBuf, String, u32)> {
        let mut found: Vec<_> = ["outside", "outside/secret", "outside/empty"]
            .into_iter()
            .map(|path| {
                let path = self.directory.path().join(path);
                let mode = fs::metadata(&path).unwrap().mode();
                (path.clone(), fs::read_to_string(&path).unwrap_or_default(), mode)
            })
            .collect();
        found.extend(
            fs::read_dir(self.directory.path().join("outside"))
                .unwrap()
                .map(|entry| (entry.unwrap().path(), String::new(), 0)),
        );
        found.sort();
        found
    }
}

fn is_outside<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    let error = result.unwrap_err();
    !error.may_have_executed() && error.to_string().contains("leads out of the root")
}

#[tokio::test]
async fn nothing_leads_out_whatever_is_asked_for() {
    let house = House::build().await;
    let (root, before) = (&house.root, house.outside());
    let mode = || Permissions::from_mode(0o777);
    for path in [
        "../outside/secret",
        "out/secret",
        "absolute",
        "relative",
        "below/../../outside/secret",
        "/etc/passwd",
    ] {
        assert!(is_outside(root.read(path, 99).await), "{path}");
        assert!(is_outside(root.open(path, OpenOptions::reading()).await), "{path}");
        assert!(is_outside(root.open(path, OpenOptions::writing()).await), "{path}");
        assert!(is_outside(root.metadata(path).await), "{path}");
        assert!(is_outside(root.exists(path).await), "{path}");
        assert!(is_outside(root.set_permissions(path, mode()).await), "{path}");
        assert!(is_outside(root.set_times(path, Times::default()).await), "{path}");
        assert!(is_outside(root.chown(path, None, Some(1)).await), "{path}");
        assert!(is_outside(root.space(path).await), "{path}");
        assert!(is_outside(root.copy(path, "mine", &CopyOptions::default()).await), "{path}");
    }
    for path in ["out", "..", "../outside", "below/../.."] {
        assert!(is_outside(root.list(path, 99).await), "{path}");
        assert!(is_outside(root.root(path).await), "{path}");
        let below = Path::new(path).join("empty");
        assert!(is_outside(root.create_dir(below.join("new")).await), "{path}");
        assert!(is_outside(root.create_dir_all(below.join("new/newer")).await), "{path}");
        assert!(is_outside(root.remove_dir(&below).await), "{path}");
        assert!(is_outside(root.remove_tree(&below, &TreeOptions::default()).await), "{path}");
        assert!(is_outside(root.copy_tree(path, "mine", &TreeOptions::default()).await), "{path}");
        assert!(is_outside(root.copy_tree("below", below.join("new"), &TreeOptions::default()).await));
        let walked = root.walk(path).batches().next().await.unwrap().pop().unwrap();
        assert!(is_outside(walked), "{path}");
        assert!(is_outside(root.entries(path).try_next().await), "{path}");
        let secret = Path::new(path).join("secret");
        assert!(is_outside(root.remove(&secret).await), "{path}");
        assert!(is_outside(root.write_atomic(&secret, "mine").await), "{path}");
        assert!(is_outside(root.copy(&secret, "mine", &CopyOptions::default()).await), "{path}");
        assert!(is_outside(root.copy("file", &secret, &CopyOptions::default()).await), "{path}");
        assert!(is_outside(root.rename("file", &secret).await), "{path}");
        assert!(is_outside(root.rename(&secret, "mine").await), "{path}");
        assert!(is_outside(root.rename_new("file", secret.with_extension("new")).await), "{path}");
        assert!(is_outside(root.hard_link(&secret, "mine").await), "{path}");
        assert!(is_outside(root.hard_link("file", secret.with_extension("new")).await), "{path}");
        assert!(is_outside(root.symlink("x", secret.with_extension("new")).await), "{path}");
        assert!(is_outside(root.read_link(&secret).await), "{path}");
    }
    // A link to a file that is not there yet makes none outside either.
    assert!(is_outside(root.open("dangling", OpenOptions::writing()).await));
    let error = root.write_atomic("dangling", "x").await.unwrap_err();
    assert!(error.to_string().contains("name the file itself"), "{error}");
    assert_eq!(house.outside(), before);
    assert!(house.inside("file").exists());
}

#[tokio::test]
async fn what_is_inside_is_done_as_the_client_does_it() {
    let house = House::build().await;
    let root = &house.root;
    assert_eq!(root.read("file", 9).await.unwrap(), "inside");
    assert_eq!(root.read("below/up", 9).await.unwrap(), "inside");
    assert_eq!(root.read("below/../file", 9).await.unwrap(), "inside");
    assert_eq!(root.path(), house.inside(""));

    symlink("../below", house.inside("below/link")).unwrap();
    root.create_dir("new").await.unwrap();
    assert_eq!(cause(&root.create_dir("new").await.unwrap_err()), io::ErrorKind::AlreadyExists);
    root.create_dir_all("new/a/b/c").await.unwrap();
    root.create_dir_all("new/a/b/c").await.unwrap();
    assert_eq!(cause(&root.create_dir_all("file/a").await.unwrap_err()), io::ErrorKind::NotADirectory);
    assert_eq!(cause(&root.create_dir_all("file").await.unwrap_err()), io::ErrorKind::AlreadyExists);

    fs::set_permissions(house.inside("file"), Permissions::from_mode(0o640)).unwrap();
    root.write_atomic("file", "newer").await.unwrap();
    assert_eq!(fs::read_to_string(house.inside("file")).unwrap(), "newer");
    assert_eq!(fs::metadata(house.inside("file")).unwrap().mode() & 0o777, 0o640);
    assert_eq!(temporaries(&house.inside("")), 0);

    let mut file = root.open("new/file", OpenOptions::writing().read(true)).await.unwrap();
    file.write_bytes("hello").await.unwrap();
    file.close().await.unwrap();
    root.rename("new/file", "new/renamed").await.unwrap();
    let taken = root.rename_new("new/renamed", "file").await.unwrap_err();
    assert_eq!(cause(&taken), io::ErrorKind::AlreadyExists);
    root.hard_link("new/renamed", "new/hard").await.unwrap();
    root.symlink("renamed", "new/soft").await.unwrap();
    assert_eq!(root.read_link("new/soft").await.unwrap(), PathBuf::from("renamed"));
    assert_eq!(root.read("new/soft", 9).await.unwrap(), "hello");
    assert!(root.symlink_metadata("new/soft").await.unwrap().is_symlink());
    assert_eq!(root.metadata("new/soft").await.unwrap().nlink(), 2);
    let listed = root.list("new", 9).await.unwrap();
    assert_eq!(
        listed.iter().map(|entry| entry.name.to_str().unwrap()).collect::<Vec<_>>(),
        ["a", "hard", "renamed", "soft"]
    );
    assert!(root.list("new", 3).await.is_err());

    root.set_permissions("new/soft", Permissions::from_mode(0o600)).await.unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
    root.set_times("new/soft", Times { modified: Some(time), accessed: None }).await.unwrap();
    let metadata = root.metadata("new/renamed").await.unwrap();
    assert_eq!((metadata.mode() & 0o777, metadata.modified().unwrap()), (0o600, time));
    root.chown("new/soft", Some(metadata.uid()), None).await.unwrap();
    assert!(root.space(".").await.unwrap().total > 0);

    root.remove("new/soft").await.unwrap();
    assert!(!root.exists("new/soft").await.unwrap());
    root.remove_dir("new/a/b/c").await.unwrap();
    assert_eq!(cause(&root.remove_dir("new/a").await.unwrap_err()), io::ErrorKind::DirectoryNotEmpty);

    symlink("../../outside", house.inside("new/a/out")).unwrap();
    let report = root.remove_tree("new/a", &TreeOptions::default()).await.unwrap();
    report.complete().unwrap();
    assert_eq!((report.files, report.directories), (1, 2));
    let linked = root.remove_tree("below/link", &TreeOptions::default()).await.unwrap_err();
    assert!(linked.to_string().contains("a symbolic link and no directory"), "{linked}");
    let mut names: Vec<_> = root.entries("new").map_ok(|entry| entry.name).try_collect().await.unwrap();
    names.sort();
    assert_eq!(names, ["hard", "renamed"]);
    assert!(house.directory.path().join("outside/empty").exists());

    let below = root.root("new").await.unwrap();
    assert_eq!(below.read("hard", 9).await.unwrap(), "hello");
    assert!(is_outside(below.read("../file", 9).await));
}

#[tokio::test]
async fn a_root_stays_the_same_directory_when_it_is_renamed() {
    let house = House::build().await;
    fs::rename(house.inside(""), house.directory.path().join("elsewhere")).unwrap();
    fs::create_dir(house.inside("")).unwrap();
    assert_eq!(house.root.read("file", 9).await.unwrap(), "inside");
    assert!(client().root(house.inside("file")).await.is_err());
}

#[tokio::test]
async fn the_jumping_links_of_the_process_directory_and_pipes_are_refused() {
    let root = client().root("/proc/self").await.unwrap();
    assert!(!root.read("status", 1 << 20).await.unwrap().is_empty());
    for link in ["exe", "root/etc/passwd", "cwd"] {
        root.metadata(link).await.unwrap_err();
    }
    let house = House::build().await;
    assert!(std::process::Command::new("mkfifo").arg(house.inside("pipe")).status().unwrap().success());
    let error = house.root.open("pipe", OpenOptions::reading()).await.unwrap_err();
    assert!(error.to_string().contains("a pipe or socket"), "{error}");
    let error = house.root.open("below", OpenOptions::reading()).await.unwrap_err();
    assert!(error.to_string().contains("is a directory where a file is needed"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_whose_answer_was_lost_is_known_below_a_root_too() {
    let lossy = |which| losing_the_first_answer_to(which, || Error::new(FailureKind::Timeout, "fs", "test"));
    let (fs, attempts) = lossy(|operation| operation == Operation::Rename);
    House::of(&fs).await.root.rename("file", "below/file").await.unwrap();
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
    let (fs, attempts) = lossy(|operation| operation == Operation::RenameNew);
    House::of(&fs).await.root.rename_new("file", "below/file").await.unwrap();
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
    let (fs, attempts) = lossy(|operation| operation == Operation::HardLink);
    House::of(&fs).await.root.hard_link("file", "below/file").await.unwrap();
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
    let (fs, attempts) = lossy(|operation| operation == Operation::Remove);
    House::of(&fs).await.root.remove("file").await.unwrap();
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
    let (fs, attempts) = lossy(|operation| operation == Operation::CreateDir);
    House::of(&fs).await.root.create_dir("new").await.unwrap_err();
    assert_eq!(attempts.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_replacement_below_a_root_dropped_at_any_point_leaves_no_mixture_and_nothing_beside() {
    for polls in 0..5 {
        let fs = crate::one_at_a_time();
        let house = House::of(&fs).await;
        drop_after(polls, house.root.write_atomic("file", "newer")).await;
        // The work that was begun is over once this is.
        fs.metadata("/").await.unwrap();
        house.root.read("file", 9).await.unwrap();
        let content = fs::read_to_string(house.inside("file")).unwrap();
        assert!(content == "inside" || content == "newer", "{content}");
        assert_eq!(temporaries(&house.inside("")), 0);
    }
}

async fn entries(walk: Walk) -> Vec<(String, EntryKind)> {
    let entry = |entry: WalkEntry| (entry.path().to_str().unwrap().to_owned(), entry.kind());
    let mut entries: Vec<_> = walk.entries().map_ok(entry).try_collect().await.unwrap();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    entries
}

#[tokio::test]
async fn a_walk_below_a_root_tells_what_is_inside_and_of_what_leads_out_only_the_link() {
    let house = House::build().await;
    let root = &house.root;
    fs::create_dir_all(house.inside("below/deep")).unwrap();
    fs::write(house.inside("below/deep/leaf"), "").unwrap();
    symlink("below/deep", house.inside("inside")).unwrap();
    let told = entries(root.walk(".")).await;
    let of = |kind| {
        let names = told.iter().filter(move |(_, its)| *its == kind).map(|(name, _)| name.as_str());
        names.collect::<Vec<_>>()
    };
    assert_eq!(of(EntryKind::Directory), ["./below", "./below/deep"]);
    assert_eq!(of(EntryKind::File), ["./below/deep/leaf", "./file"]);
    assert_eq!(of(EntryKind::Symlink).len(), 6);

    // What they say can be asked for.
    for (path, kind) in entries(root.walk("below")).await {
        assert!(kind == EntryKind::Symlink || root.exists(&path).await.unwrap(), "{path}");
    }
    // Links are followed inside, and are links where they lead out: nobody learns what is there.
    let told = entries(root.walk(".").follow_symlinks()).await;
    assert!(told.contains(&("./inside/leaf".to_owned(), EntryKind::File)), "{told:?}");
    assert!(told.contains(&("./below/up".to_owned(), EntryKind::File)), "{told:?}");
    for out in ["./out", "./absolute", "./relative", "./dangling"] {
        assert!(told.contains(&(out.to_owned(), EntryKind::Symlink)), "{out}: {told:?}");
    }
    assert!(told.iter().all(|(path, _)| !path.starts_with("./out/")), "{told:?}");

    // Rules are read inside only.
    fs::write(house.directory.path().join("outside/rules"), "leaf").unwrap();
    symlink("../outside/rules", house.inside(".gitignore")).unwrap();
    fs::write(house.inside("below/.gitignore"), "\u{feff}up\n").unwrap();
    let told = entries(root.walk(".").gitignore()).await;
    assert!(told.iter().any(|(path, _)| path == "./below/deep/leaf"), "{told:?}");
    assert!(told.iter().all(|(path, _)| path != "./below/up"), "{told:?}");

    let error = root.walk("nowhere").batches().next().await.unwrap().pop().unwrap().unwrap_err();
    assert!(error.to_string().contains(house.inside("nowhere").to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn files_and_trees_are_copied_inside_and_links_as_they_are() {
    let house = House::build().await;
    let (root, before) = (&house.root, house.outside());
    let file = CopyOptions::default();
    fs::set_permissions(house.inside("file"), Permissions::from_mode(0o640)).unwrap();
    assert_eq!(root.copy("file", "below/copy", &file).await.unwrap(), 6);
    assert_eq!(root.copy("below/up", "below/copy", &file).await.unwrap(), 6);
    assert_eq!(fs::metadata(house.inside("below/copy")).unwrap().mode() & 0o777, 0o640);
    // What a link at the end would be replaced by could be outside.
    let error = root.copy("file", "relative", &file).await.unwrap_err();
    assert!(error.to_string().contains("name the file itself"), "{error}");
    assert!(is_outside(root.copy("relative", "mine", &file).await));
    assert_eq!(file.progress.files(), 2);

    fs::create_dir_all(house.inside("below/closed")).unwrap();
    fs::write(house.inside("below/closed/kept"), "kept").unwrap();
    fs::set_permissions(house.inside("below/closed"), Permissions::from_mode(0o555)).unwrap();
    symlink("../../outside/secret", house.inside("below/out")).unwrap();
    let options = TreeOptions::default();
    let report = root.copy_tree("below", "far/away", &options).await.unwrap();
    report.complete().unwrap();
    assert_eq!((report.files, report.symlinks, report.bytes), (2, 2, 10));
    assert_eq!(fs::read_link(house.inside("far/away/out")).unwrap(), Path::new("../../outside/secret"));
    assert_eq!(fs::metadata(house.inside("far/away/closed")).unwrap().mode() & 0o777, 0o555);
    assert_eq!(root.read("far/away/closed/kept", 9).await.unwrap(), "kept");
    let resuming = TreeOptions { resume: true, ..options.clone() };
    assert_eq!(root.copy_tree("below", "far/away", &resuming).await.unwrap().skipped, 2);
    let error = root.copy_tree("far", "far/away/within", &options).await.unwrap_err();
    assert!(error.to_string().contains("lies within the source"), "{error}");

    // A link that somebody put where a directory is to be: nothing is copied through it.
    root.remove_tree("far", &options).await.unwrap().complete().unwrap();
    fs::create_dir(house.inside("far")).unwrap();
    symlink("../../outside", house.inside("far/away")).unwrap();
    assert!(is_outside(root.copy_tree("below", "far/away", &options).await));
    fs::remove_file(house.inside("far/away")).unwrap();
    fs::create_dir(house.inside("far/away")).unwrap();
    symlink("../../../outside", house.inside("far/away/closed")).unwrap();
    let report = root.copy_tree("below", "far/away", &options).await.unwrap();
    assert!(report.errors.iter().all(|error| error.to_string().contains("leads out of the root")));
    assert!(!report.errors.is_empty());
    assert_eq!(house.outside(), before);
    assert_eq!(temporaries(&house.inside("far/away")) + temporaries(&house.inside("below")), 0);
}

#[tokio::test]
async fn a_copy_below_a_root_dropped_at_any_point_leaves_nothing_behind() {
    for polls in 0..5 {
        let fs = crate::one_at_a_time();
        let house = House::of(&fs).await;
        fs::write(house.inside("target"), "older").unwrap();
        let options = CopyOptions::default();
        drop_after(polls, house.root.copy("file", "target", &options)).await;
        // The work that was begun is over once this is.
        fs.metadata("/").await.unwrap();
        house.root.read("file", 9).await.unwrap();
        let content = fs::read_to_string(house.inside("target")).unwrap();
        assert!(content == "inside" || content == "older", "{content}");
        assert_eq!(temporaries(&house.inside("")), 0);
    }
}
