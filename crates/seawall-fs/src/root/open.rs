use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::base::Base;
use crate::OpenOptions;
use crate::fault::Fault;

impl Base {
    /// Opens or makes a file, unless that could wait for another process.
    pub(crate) fn open_file(&self, path: &Path, options: OpenOptions) -> Result<File, Fault> {
        let flags = flags(options).map_err(io::Error::from)?;
        let mode = if flags.contains(OFlags::CREATE) {
            Mode::from_raw_mode(options.mode.unwrap_or(0o666))
        } else {
            Mode::empty()
        };
        // Opening a pipe would wait for the process at its other end; so it does not wait, and is looked at afterwards.
        let file = File::from(self.make(path, flags | OFlags::NONBLOCK, mode)?);
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(io::Error::from(Errno::ISDIR).into());
        }
        if kind.is_fifo() || kind.is_socket() {
            return Err(Fault::invalid("a pipe or socket: it may block for ever"));
        }
        if !flags.contains(OFlags::NONBLOCK) {
            let waiting = rustix::fs::fcntl_getfl(&file).map_err(io::Error::from)? - OFlags::NONBLOCK;
            rustix::fs::fcntl_setfl(&file, waiting).map_err(io::Error::from)?;
        }
        Ok(file)
    }
}

/// The same combinations are allowed as by the standard library.
fn flags(options: OpenOptions) -> Result<OFlags, Errno> {
    let OpenOptions { read, write, append, truncate, create, create_new, mode: _, custom_flags } = options;
    let access = match (read, write, append) {
        (true, false, false) => OFlags::RDONLY,
        (false, true, false) => OFlags::WRONLY,
        (true, true, false) => OFlags::RDWR,
        (false, _, true) => OFlags::WRONLY | OFlags::APPEND,
        (true, _, true) => OFlags::RDWR | OFlags::APPEND,
        (false, false, false) => return Err(Errno::INVAL),
    };
    let makes = truncate || create || create_new;
    if (makes && !write && !append) || (append && truncate && !create_new) {
        return Err(Errno::INVAL);
    }
    let how = match (create_new, create, truncate) {
        (true, _, _) => OFlags::CREATE | OFlags::EXCL,
        (false, true, true) => OFlags::CREATE | OFlags::TRUNC,
        (false, true, false) => OFlags::CREATE,
        (false, false, true) => OFlags::TRUNC,
        (false, false, false) => OFlags::empty(),
    };
    let custom = OFlags::from_bits_retain(custom_flags.cast_unsigned()) - OFlags::RWMODE;
    Ok(access | how | custom | OFlags::CLOEXEC)
}
