//! A used-up quota. The quotas of ext4, XFS and tmpfs are for root to set, and for kernels that are built with them; so
//! this is a file system of the test's own, by the kernel's FUSE, which anybody may mount among mounts of their own. It
//! holds one directory of files in memory, and refuses with `EDQUOT` what goes beyond a quota. That there is plenty of
//! room on its device it says all the time, as a device does where a quota is used up.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{BufMut, Bytes};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use seawall_core::{Error, FailureKind};
use seawall_fs::OpenOptions;
use tokio::time::Instant;

use crate::process::among_mounts_of_its_own;
use crate::{client, temporaries};

const QUOTA: usize = 256 * 1024;

/// What the kernel asks is read into this; it holds a write and what is said about it.
const ROOM: usize = 1024 * 1024;
const LARGEST_WRITE: u32 = 128 * 1024;

const ROOT: u64 = 1;

/// The operations of include/uapi/linux/fuse.h that are answered; others the kernel does without.
mod opcode {
    pub(super) const LOOKUP: u32 = 1;
    pub(super) const FORGET: u32 = 2;
    pub(super) const GETATTR: u32 = 3;
    pub(super) const SETATTR: u32 = 4;
    pub(super) const UNLINK: u32 = 10;
    pub(super) const RENAME: u32 = 12;
    pub(super) const OPEN: u32 = 14;
    pub(super) const READ: u32 = 15;
    pub(super) const WRITE: u32 = 16;
    pub(super) const STATFS: u32 = 17;
    pub(super) const RELEASE: u32 = 18;
    pub(super) const INIT: u32 = 26;
    pub(super) const OPENDIR: u32 = 27;
    pub(super) const READDIR: u32 = 28;
    pub(super) const RELEASEDIR: u32 = 29;
    pub(super) const CREATE: u32 = 35;
    pub(super) const BATCH_FORGET: u32 = 42;
    pub(super) const RENAME2: u32 = 45;
}

/// The files, by name and by number.
#[derive(Default)]
struct Server {
    names: BTreeMap<Vec<u8>, u64>,
    files: BTreeMap<u64, Vec<u8>>,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn words64<const N: usize>(numbers: [u64; N]) -> Vec<u8> {
    numbers.map(u64::to_ne_bytes).concat()
}

fn words32<const N: usize>(numbers: [u32; N]) -> Vec<u8> {
    numbers.map(u32::to_ne_bytes).concat()
}

/// The first name in a request, and what is behind it.
fn name_in(bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap();
    (bytes[..end].to_vec(), &bytes[end + 1..])
}

impl Server {
    /// Answers the kernel until the file system is unmounted.
    fn run(mut self, mut device: File) {
        let mut request = vec![0; ROOM];
        while let Ok(read) = device.read(&mut request) {
            let (opcode, unique, node) = (u32_at(&request, 4), u64_at(&request, 8), u64_at(&request, 16));
            let answer = self.answer(opcode, node, &request[40..read]);
            if matches!(opcode, opcode::FORGET | opcode::BATCH_FORGET) {
                continue;
            }
            let (error, body) = match answer {
                Ok(body) => (0, body),
                Err(errno) => (-errno.raw_os_error(), Vec::new()),
            };
            let mut said = Vec::new();
            said.put_u32_ne(16 + u32::try_from(body.len()).unwrap());
            said.put_i32_ne(error);
            said.put_u64_ne(unique);
            said.extend(body);
            // Whoever asked may have been interrupted.
            let _asked = device.write(&said);
        }
    }

    fn answer(&mut self, opcode: u32, node: u64, asked: &[u8]) -> Result<Vec<u8>, Errno> {
        match opcode {
            opcode::INIT => Ok(Self::begin()),
            opcode::LOOKUP => {
                let number = *self.names.get(&name_in(asked).0).ok_or(Errno::NOENT)?;
                Ok(self.entry(number))
            }
            opcode::GETATTR => Ok(self.attributes_answer(node)),
            opcode::SETATTR => {
                const SIZE: u32 = 1 << 3;
                if u32_at(asked, 0) & SIZE != 0 {
                    let size = usize::try_from(u64_at(asked, 16)).unwrap();
                    self.grow(node, size)?.truncate(size);
                }
                Ok(self.attributes_answer(node))
            }
            opcode::CREATE => {
                let number = self.files.last_key_value().map_or(ROOT, |(number, _)| *number) + 1;
                self.files.insert(number, Vec::new());
                self.names.insert(name_in(&asked[16..]).0, number);
                Ok([self.entry(number), vec![0; 16]].concat())
            }
            opcode::OPEN | opcode::OPENDIR => Ok(vec![0; 16]),
            opcode::READDIR => Ok(self.list(u64_at(asked, 8))),
            opcode::READ => {
                let (from, count) = (u64_at(asked, 8), u32_at(asked, 16));
                let content = &self.files[&node];
                let from = usize::try_from(from).unwrap().min(content.len());
                Ok(content[from..].iter().take(count as usize).copied().collect())
            }
            opcode::WRITE => {
                let (from, count) = (usize::try_from(u64_at(asked, 8)).unwrap(), u32_at(asked, 16));
                let end = from + count as usize;
                self.grow(node, end)?[from..end].copy_from_slice(&asked[40..40 + count as usize]);
                Ok([count.to_ne_bytes(), [0; 4]].concat())
            }
            opcode::UNLINK => {
                let number = self.names.remove(&name_in(asked).0).ok_or(Errno::NOENT)?;
                self.files.remove(&number);
                Ok(Vec::new())
            }
            opcode::RENAME | opcode::RENAME2 => {
                let (from, behind) = name_in(&asked[if opcode == opcode::RENAME { 8 } else { 16 }..]);
                let number = self.names.remove(&from).ok_or(Errno::NOENT)?;
                if let Some(replaced) = self.names.insert(name_in(behind).0, number) {
                    self.files.remove(&replaced);
                }
                Ok(Vec::new())
            }
            opcode::STATFS => {
                let mut said = Vec::new();
                // Blocks, those that are free, those that are anybody's to use, and the same of files.
                said.extend(words64([1 << 20, 1 << 19, 1 << 19, 1 << 20, 1 << 19]));
                said.extend(words32([4096, 255, 4096]));
                said.resize(80, 0);
                Ok(said)
            }
            opcode::RELEASE | opcode::RELEASEDIR | opcode::FORGET | opcode::BATCH_FORGET => Ok(Vec::new()),
            _ => Err(Errno::NOSYS),
        }
    }

    /// A file that is as long as is needed, if the quota allows that.
    fn grow(&mut self, node: u64, length: usize) -> Result<&mut Vec<u8>, Errno> {
        let used: usize = self.files.values().map(Vec::len).sum();
        let content = self.files.get_mut(&node).ok_or(Errno::NOENT)?;
        let missing = length.saturating_sub(content.len());
        if used + missing > QUOTA {
            return Err(Errno::DQUOT);
        }
        content.resize(content.len() + missing, 0);
        Ok(content)
    }

    /// All names at once, from the beginning.
    fn list(&self, from: u64) -> Vec<u8> {
        let mut said = Vec::new();
        for (place, (name, number)) in (1..).zip(&self.names) {
            if from == 0 {
                said.extend(words64([*number, place]));
                said.extend(words32([u32::try_from(name.len()).unwrap(), 0]));
                said.extend(name);
                said.resize(said.len().next_multiple_of(8), 0);
            }
        }
        said
    }

    fn begin() -> Vec<u8> {
        let mut said = Vec::new();
        // The version of the protocol, and no reading ahead nor any feature.
        said.extend(words32([7, 31, 0, 0]));
        said.put_u32_ne(0);
        said.put_u32_ne(LARGEST_WRITE);
        said.resize(64, 0);
        said
    }

    fn entry(&self, number: u64) -> Vec<u8> {
        let mut said = Vec::new();
        // Its number and generation; neither it nor what is known of it may be remembered.
        said.extend(words64([number, 0, 0, 0, 0]));
        said.extend(self.attributes(number));
        said
    }

    fn attributes_answer(&self, number: u64) -> Vec<u8> {
        [vec![0; 16], self.attributes(number)].concat()
    }

    fn attributes(&self, number: u64) -> Vec<u8> {
        let length = self.files.get(&number).map_or(0, Vec::len) as u64;
        let mode = if number == ROOT { 0o040_777 } else { 0o100_666 };
        let mut said = Vec::new();
        said.extend(words64([number, length, length.div_ceil(512), 0, 0, 0]));
        // Nanoseconds; mode, links, user, group, device, block size and flags.
        said.extend(words32([0, 0, 0, mode, 1, 0, 0, 0, 4096, 0]));
        said
    }
}

/// The file system, until it is dropped; `None` where the system has no FUSE.
struct Mounted(PathBuf);

impl Mounted {
    fn at(path: PathBuf) -> Option<Self> {
        let device = File::options().read(true).write(true).open("/dev/fuse").ok()?;
        std::fs::create_dir(&path).unwrap();
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
        let options = std::ffi::CString::new(options).unwrap();
        mount("none", &path, "fuse", MountFlags::empty(), Some(&*options)).unwrap();
        std::thread::spawn(|| Server::default().run(device));
        Some(Self(path))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        unmount(&self.0, UnmountFlags::DETACH).unwrap();
    }
}

fn assert_quota(error: &Error, operation: &str, path: &Path) {
    let said = error.to_string();
    assert_eq!((error.kind(), error.attempts()), (FailureKind::Permanent, 1), "{said}");
    assert!(
        said.starts_with(&format!("fs `{operation} {}`: the disk quota is used up", path.display())),
        "{said}"
    );
    assert!(said.contains("raise it or free space") && said.ends_with("(os error 122)"), "{said}");
}

fn assert_refused(error: &Error, mount: &Path) {
    let said = error.to_string();
    assert_eq!(error.kind(), FailureKind::Refused, "{said}");
    assert!(!error.may_have_executed() && error.retry_after().is_some(), "{said}");
    assert!(said.contains(&format!("the device of `{}` is full", mount.display())), "{said}");
}

#[test]
fn a_used_up_quota_fails_one_write_is_not_tried_again_and_keeps_further_ones_away_until_then() {
    let test =
        "quota::a_used_up_quota_fails_one_write_is_not_tried_again_and_keeps_further_ones_away_until_then";
    among_mounts_of_its_own(test, async || {
        let directory = tempfile::tempdir().unwrap();
        let Some(mounted) = Mounted::at(directory.path().join("mount")) else { return };
        let (mount, fs) = (mounted.0.as_path(), client());
        let path = mount.join("settings");
        fs.write_atomic(&path, "old").await.unwrap();

        let began = Instant::now();
        let error = fs.write_atomic(&path, vec![1; 2 * QUOTA]).await.unwrap_err();
        assert_quota(&error, "write_atomic", &path);
        assert!(!error.may_have_executed());
        assert_eq!(temporaries(mount), 0);

        // Reading and other devices go on; nothing more is written to this one for a second.
        for written in
            [fs.write(mount.join("other"), "new").await, fs.copy(&path, mount.join("copy")).await.map(drop)]
        {
            match written {
                Err(error) => assert_refused(&error, mount),
                Ok(()) => assert!(began.elapsed() >= Duration::from_secs(1)),
            }
        }
        assert_eq!(fs.read(&path, 100).await.unwrap(), "old");
        fs.write_atomic(directory.path().join("elsewhere"), "new").await.unwrap();
        // That there is room on the device does not say that there is some for us: only time does.
        while let Err(error) = fs.write_atomic(&path, "new").await {
            assert_refused(&error, mount);
            tokio::time::sleep(error.retry_after().unwrap()).await;
        }
        assert_eq!(fs.read(&path, 100).await.unwrap(), "new");
    });
}

#[test]
fn what_a_quota_did_not_take_is_told_until_it_is_handled_and_then_written() {
    let test = "quota::what_a_quota_did_not_take_is_told_until_it_is_handled_and_then_written";
    among_mounts_of_its_own(test, async || {
        let directory = tempfile::tempdir().unwrap();
        let Some(mounted) = Mounted::at(directory.path().join("mount")) else { return };
        let (ballast, path) = (mounted.0.join("ballast"), mounted.0.join("file"));
        std::fs::write(&ballast, vec![0; QUOTA - 1000]).unwrap();
        let fs = client();
        let content: Bytes = (0..=255).cycle().take(100 * 1024).collect();
        let mut file = fs.open(&path, OpenOptions::writing()).await.unwrap();
        file.write_bytes(content.clone()).await.unwrap();
        for _ in 0..3 {
            assert_quota(&file.flush().await.unwrap_err(), "write_at", &path);
        }
        assert_quota(&file.sync_all().await.unwrap_err(), "write_at", &path);
        assert_quota(&file.write_bytes("more").await.unwrap_err(), "write_at", &path);

        fs.remove(&ballast).await.unwrap();
        assert_quota(&file.flush().await.unwrap_err(), "write_at", &path);
        file.retry_unwritten();
        while let Err(error) = file.flush().await {
            assert_refused(&error, &mounted.0);
            tokio::time::sleep(error.retry_after().unwrap()).await;
            file.retry_unwritten();
        }
        file.close().await.unwrap();
        assert_eq!(fs.read(&path, 1 << 20).await.unwrap(), content);
        assert_eq!(fs.losses().bytes, 0);
    });
}
