//! What the subjects work on.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Bytes of a small file, and of a positioned read.
pub(crate) const SMALL: usize = 4096;

/// Small files in one folder.
const IN_A_FOLDER: usize = 1000;

#[derive(Debug)]
pub(crate) struct Data {
    root: TempDir,
    /// Files of 4 KiB.
    pub(crate) small: Vec<PathBuf>,
    /// Paths to ask about: those of `small` over and over, up to 100,000.
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) large: PathBuf,
    pub(crate) large_bytes: u64,
    pub(crate) text: PathBuf,
    pub(crate) text_bytes: usize,
    pub(crate) lines: usize,
    /// A tree of folders with some ninety empty files each.
    pub(crate) tree: PathBuf,
    pub(crate) tree_entries: usize,
}

impl Data {
    pub(crate) fn make(quick: bool) -> io::Result<Self> {
        let within = std::env::var_os("BENCH_FS_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let root = tempfile::Builder::new().prefix("seawall-bench-fs-").tempdir_in(within)?;
        let (small, paths, large_bytes) =
            if quick { (4_000, 20_000, 256 << 20) } else { (20_000, 100_000, 1 << 30) };
        let small = small_files(&root.path().join("small"), small)?;
        let paths = small.iter().cycle().take(paths).cloned().collect();
        let large = root.path().join("large");
        write_large(&large, large_bytes)?;
        let (text, text_bytes) = (root.path().join("text"), if quick { 40 << 20 } else { 200 << 20 });
        let lines = write_text(&text, text_bytes)?;
        let tree = root.path().join("tree");
        let tree_entries = plant(&tree, if quick { 20_000 } else { 100_000 })?;
        Ok(Self { root, small, paths, large, large_bytes, text, text_bytes, lines, tree, tree_entries })
    }

    /// Where new files are made: in memory, since making thousands again where as many were just removed measures how
    /// ext4 looks for an inode, a hundred times as long as all the rest, whoever asks.
    pub(crate) fn room_for_new_files(&self) -> io::Result<TempDir> {
        tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir_in(self.root()))
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }
}

fn small_files(root: &Path, count: usize) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::with_capacity(count);
    for number in 0..count {
        let folder = root.join(format!("folder-{:02}", number / IN_A_FOLDER));
        if number % IN_A_FOLDER == 0 {
            fs::create_dir_all(&folder)?;
        }
        let path = folder.join(format!("file-{number:05}.bin"));
        fs::write(&path, [u8::try_from(number % 256).unwrap_or_default(); SMALL])?;
        paths.push(path);
    }
    Ok(paths)
}

fn write_large(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let block: Vec<u8> = (0..1_u32 << 18).flat_map(u32::to_le_bytes).collect();
    for _ in 0..bytes / block.len() as u64 {
        file.write_all(&block)?;
    }
    file.into_inner()?.sync_all()
}

/// Lines of 20 to 140 bytes; says how many.
fn write_text(path: &Path, bytes: usize) -> io::Result<usize> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let text =
        "the quick brown fox jumps over the lazy dog and then it does the same thing again. ".repeat(2);
    let (mut lines, mut written) = (0_usize, 0);
    while written < bytes {
        let length = 20 + lines.wrapping_mul(0x9e37_79b1) % 121;
        file.write_all(&text.as_bytes()[..length])?;
        file.write_all(b"\n")?;
        (lines, written) = (lines + 1, written + length + 1);
    }
    file.into_inner()?.sync_all()?;
    Ok(lines)
}

/// Says how many entries there are: about `entries`, folders included.
fn plant(root: &Path, entries: usize) -> io::Result<usize> {
    const FILES: usize = 89;
    fs::create_dir_all(root)?;
    let mut planted = 0;
    for number in 0.. {
        if planted + FILES + 2 > entries {
            break;
        }
        let above = root.join(format!("{:02}", number / 10));
        let folder = above.join(format!("{:02}", number % 10));
        planted += usize::from(!above.exists()) + 1;
        fs::create_dir_all(&folder)?;
        for file in 0..FILES {
            File::create(folder.join(format!("file-{file:02}.txt")))?;
            planted += 1;
        }
    }
    Ok(planted)
}
