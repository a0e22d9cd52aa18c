use std::fs::File;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::binary::Binary;
use super::folder::Folder;
use super::process;
use super::user::User;

/// Where one server lives: its folder, its port and the user it runs as.
#[derive(Debug)]
pub struct Site {
    folder: Folder,
    user: Option<User>,
    pub(super) port: u16,
    /// Further arguments of the server's command.
    pub(super) arguments: Vec<String>,
}

impl Site {
    pub(super) fn new(user: &str) -> io::Result<Self> {
        let user = User::unprivileged(user)?;
        Ok(Self { folder: Folder::new(user)?, user, port: 0, arguments: Vec::new() })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that is the server's own, and that nobody else reads.
    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        File::options().write(true).create_new(true).mode(0o600).open(&path)?.write_all(text.as_bytes())?;
        if let Some(User { uid, gid }) = self.user {
            chown(&path, Some(uid), Some(gid))?;
        }
        Ok(path)
    }

    /// A command that runs here, as the server's user, and does not outlive us.
    pub(super) fn command(&self, binary: Binary) -> io::Result<Command> {
        let mut command = process::bound_to_us(&binary.find()?, self.user)?;
        command.current_dir(self.folder.path()).env("HOME", self.folder.path()).stdin(Stdio::null());
        Ok(command)
    }

    /// What the server said, opened for more.
    pub(super) fn log(&self) -> io::Result<File> {
        File::options().create(true).append(true).open(self.path("log"))
    }

    /// The last lines of what the server said.
    pub(super) fn log_tail(&self) -> String {
        let log = std::fs::read(self.path("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

/// Runs `command` to its end; what it said is the error when it fails.
pub(super) fn run(mut command: Command, what: &str) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(io::Error::other(format!(
        "{what} failed with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&said)
    )))
}
