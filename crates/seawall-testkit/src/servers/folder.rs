use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::user::User;

/// Waits for the end of its input, which is the end of our process at the latest, and removes the folder.
/// A server that dies at the same moment may still be writing, hence the tries.
const JANITOR: &str = r#"cat; for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$1" && exit; sleep 0.2; done"#;

/// A folder in the system's temporary folder, removed on drop or with the death of this process.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    janitor: Child,
}

impl Folder {
    pub(super) fn new(owner: Option<User>) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("seawall-test-").tempdir()?;
        if let Some(owner) = owner {
            chown(folder.path(), Some(owner.uid), Some(owner.gid))?;
        }
        let janitor = Command::new("sh")
            .args(["-c", JANITOR, "seawall-testkit-janitor"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // An interrupt from the keyboard goes to the whole group and must not reach it.
            .process_group(0)
            .spawn()?;
        Ok(Self { path: folder.keep(), janitor })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        // It cannot fail in a way that a test could mend; what is left lies in the temporary folder.
        let _ = self.janitor.wait();
    }
}
