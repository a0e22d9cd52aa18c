use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes and opens a file that is not there yet. The error is the system's own: that of `tempfile`'s own way of doing it
/// has lost the number, by which we know that too many files are open.
pub(crate) fn create_new(path: &Path, #[cfg_attr(not(unix), expect(unused))] mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    options.open(path)
}
