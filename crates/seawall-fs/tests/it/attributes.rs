//! What is known about files, and what of it can be set.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, TryStreamExt};
use seawall_fs::{Access, EntryKind, Times};

use crate::operations::cause;
use crate::{client, drop_after};

/// The superuser may do everything; so what others may not is asked as `nobody`.
fn as_nobody(test: &str, path: &Path) {
    let me = std::env::current_exe().unwrap();
    // A copy that everybody may run, since the directory it was built in may be closed to others.
    let directory = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o755))
        .tempdir_in(std::env::temp_dir())
        .unwrap();
    let copy = directory.path().join("tests");
    fs::copy(me, &copy).unwrap();
    let output = std::process::Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&copy)
        .args(["--ignored", "--exact", test])
        .env("SEAWALL_FS_PATH", path)
        .current_dir("/")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

fn open_to_all() -> tempfile::TempDir {
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o755))
        .tempdir_in(std::env::temp_dir())
        .unwrap()
}

#[tokio::test]
async fn what_there_is_is_told_by_kind() {
    let directory = tempfile::tempdir().unwrap();
    let (file, link, dangling) =
        (directory.path().join("file"), directory.path().join("link"), directory.path().join("dangling"));
    fs::write(&file, "12345").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
    let fs = client();
    for (path, expected) in [
        (&*file, [true, true, false, false]),
        (&*link, [true, true, false, true]),
        (&*dangling, [false, false, false, true]),
        (directory.path(), [true, false, true, false]),
        (&*directory.path().join("missing"), [false; 4]),
    ] {
        let told = [
            fs.exists(path).await.unwrap(),
            fs.is_file(path).await.unwrap(),
            fs.is_dir(path).await.unwrap(),
            fs.is_symlink(path).await.unwrap(),
        ];
        assert_eq!(told, expected, "{}", path.display());
    }
    assert_eq!(fs.len(&link).await.unwrap(), 5);
    assert!(fs.symlink_metadata(&dangling).await.unwrap().is_symlink());
    assert_eq!(cause(&fs.metadata(&dangling).await.unwrap_err()), io::ErrorKind::NotFound);
    assert!(fs.same_file(&file, &link).await.unwrap());
    assert!(!fs.same_file(&file, directory.path()).await.unwrap());
}

#[tokio::test]
async fn a_mount_is_told_from_a_directory_and_from_a_link_to_a_mount() {
    let directory = tempfile::tempdir().unwrap();
    let fs = client();
    assert!(fs.is_mount("/").await.unwrap());
    assert!(fs.is_mount("/proc").await.unwrap());
    assert!(!fs.is_mount(directory.path()).await.unwrap());
    assert!(!fs.is_mount(directory.path().join("missing")).await.unwrap());
    std::os::unix::fs::symlink("/proc", directory.path().join("link")).unwrap();
    assert!(!fs.is_mount(directory.path().join("link")).await.unwrap());
}

#[tokio::test]
async fn the_room_on_a_file_system_is_told_in_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let space = client().space(directory.path()).await.unwrap();
    assert!(space.total >= space.free && space.free >= space.available && space.available > 0, "{space:?}");
    assert!(!space.read_only);
    assert_eq!(client().space("/proc").await.unwrap().total, 0);
    assert_eq!(cause(&client().space("/nowhere").await.unwrap_err()), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn times_are_set_one_by_one_before_the_epoch_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "").unwrap();
    let fs = client();
    let long_ago = SystemTime::UNIX_EPOCH - Duration::new(86_400, 250_000_000);
    let later = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 5);
    fs.set_times(&path, Times { modified: Some(long_ago), ..Times::default() }).await.unwrap();
    fs.set_times(&path, Times { accessed: Some(later), ..Times::default() }).await.unwrap();
    assert_eq!(fs.modified(&path).await.unwrap(), long_ago);
    assert_eq!(fs.accessed(&path).await.unwrap(), later);
    assert!(fs.created(&path).await.unwrap() > later);
    let times = Times { accessed: Some(later), modified: Some(later) };
    let none = fs.set_times(directory.path().join("missing"), times).await.unwrap_err();
    assert_eq!(cause(&none), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn permissions_and_owners_are_changed_and_those_of_a_link_apart() {
    let directory = tempfile::tempdir().unwrap();
    let (path, link) = (directory.path().join("file"), directory.path().join("link"));
    fs::write(&path, "").unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let fs = client();
    fs.set_permissions(&path, Permissions::from_mode(0o640)).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);

    let (user, group) = (fs::metadata(&path).unwrap().uid(), fs::metadata(&path).unwrap().gid());
    fs.chown(&link, Some(user), Some(group)).await.unwrap();
    if rustix::process::geteuid().is_root() {
        fs.lchown(&link, Some(12), None).await.unwrap();
        fs.chown(&link, None, Some(34)).await.unwrap();
        assert_eq!(fs::symlink_metadata(&link).unwrap().uid(), 12);
        assert_eq!((fs::metadata(&path).unwrap().uid(), fs::metadata(&path).unwrap().gid()), (user, 34));
    } else {
        let error = fs.chown(&path, Some(0), None).await.unwrap_err();
        assert_eq!(cause(&error), io::ErrorKind::PermissionDenied);
    }
}

#[tokio::test]
async fn access_is_told_for_each_right_and_for_all_together() {
    let directory = open_to_all();
    let path = directory.path().join("file");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let fs = client();
    assert!(fs.access(&path, Access::EXISTS).await.unwrap());
    assert!(fs.access(&path, Access::READ | Access::WRITE).await.unwrap());
    assert!(!fs.access(&path, Access::EXECUTE).await.unwrap());
    assert!(!fs.access(directory.path().join("missing"), Access::EXISTS).await.unwrap());
    if rustix::process::geteuid().is_root() {
        as_nobody("attributes::somebody_without_rights_is_told_no_and_why", &path);
    }
}

#[tokio::test]
#[ignore = "another test runs it, as a user without rights"]
async fn somebody_without_rights_is_told_no_and_why() {
    let Some(path) = std::env::var_os("SEAWALL_FS_PATH") else { return };
    let fs = client();
    assert!(fs.access(&path, Access::READ).await.unwrap());
    assert!(!fs.access(&path, Access::READ | Access::WRITE).await.unwrap());
    for error in [
        fs.set_permissions(&path, Permissions::from_mode(0o666)).await.unwrap_err(),
        fs.write_atomic(&path, "mine").await.unwrap_err(),
        fs.remove(&path).await.unwrap_err(),
        fs.rename(&path, Path::new(&path).with_extension("new")).await.unwrap_err(),
        fs.create_dir(Path::new(&path).with_extension("directory")).await.unwrap_err(),
    ] {
        assert_eq!(cause(&error), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("check the owner and the mode"), "{error}");
    }
}

#[tokio::test]
async fn a_directory_of_any_size_is_streamed_with_metadata() {
    let directory = tempfile::tempdir().unwrap();
    for number in 0..1000 {
        fs::write(directory.path().join(format!("{number}")), vec![b'x'; number]).unwrap();
    }
    fs::create_dir(directory.path().join("below")).unwrap();
    std::os::unix::fs::symlink("nowhere", directory.path().join("dangling")).unwrap();
    let entries: Vec<_> = client().entries(directory.path()).try_collect().await.unwrap();
    let by_name: BTreeMap<_, _> = entries.iter().map(|entry| (entry.name.to_str().unwrap(), entry)).collect();
    assert_eq!((entries.len(), by_name.len()), (1002, 1002));
    assert_eq!(by_name["999"].metadata.len(), 999);
    assert_eq!(by_name["below"].kind, EntryKind::Directory);
    assert_eq!(by_name["dangling"].kind, EntryKind::Symlink);
}

#[tokio::test]
async fn a_directory_that_is_empty_or_none_is_streamed_as_that() {
    let directory = tempfile::tempdir().unwrap();
    assert!(client().entries(directory.path()).next().await.is_none());
    let mut missing = client().entries(directory.path().join("missing"));
    assert_eq!(cause(&missing.next().await.unwrap().unwrap_err()), io::ErrorKind::NotFound);
    assert!(missing.next().await.is_none());
}

#[tokio::test]
async fn a_wait_for_the_next_entry_dropped_at_any_point_loses_none() {
    let directory = tempfile::tempdir().unwrap();
    for number in 0..600 {
        fs::write(directory.path().join(format!("{number}")), "").unwrap();
    }
    let mut entries = client().entries(directory.path());
    let mut seen = 0;
    let mut polls = 1;
    loop {
        match drop_after(polls, entries.next()).await {
            Some(Some(entry)) => seen += usize::from(entry.is_ok()),
            Some(None) => break,
            None => polls = polls % 3 + 1,
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(seen, 600);
}
