use std::fs::{File, Metadata};
#[cfg(not(target_os = "linux"))]
use std::io::{self, Read, Write};

use crate::fault::Fault;

/// Copies all content and answers how much that is. `step` is told how much each step has copied, and stops it by
/// failing.
#[cfg(target_os = "linux")]
pub(super) fn copy(
    source: &File,
    target: &File,
    metadata: &Metadata,
    step: &mut dyn FnMut(u64) -> Result<(), Fault>,
) -> Result<u64, Fault> {
    super::linux::copy(source, target, metadata, step)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn copy(
    mut source: &File,
    mut target: &File,
    _: &Metadata,
    step: &mut dyn FnMut(u64) -> Result<(), Fault>,
) -> Result<u64, Fault> {
    let mut buffer = vec![0; 1024 * 1024];
    let mut copied = 0;
    loop {
        let read = match source.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(read) => read,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
            Err(cause) => return Err(cause.into()),
        };
        target.write_all(&buffer[..read])?;
        copied += read as u64;
        step(read as u64)?;
    }
}
