use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use bytes::Bytes;

use super::Recovered;
use super::frame::{self, HEADER, MAGIC};
use crate::Durability;
use crate::atomic::sync_directory;
use crate::engine::Abandoned;
use crate::fault::Fault;
use crate::sink::write_all;

/// Smaller records are put together before they are written.
const SMALL: usize = 16 * 1024;
const BUFFER: usize = 256 * 1024;

/// The file of a log, locked, with all of its records whole. All of it blocks.
#[derive(Debug)]
pub(super) struct LogFile {
    file: File,
    end: u64,
    durability: Durability,
}

impl LogFile {
    /// Opens a log and cuts off what is not whole.
    pub(super) fn open(
        path: &Path,
        durability: Durability,
        abandoned: &Abandoned,
    ) -> Result<(Self, Recovered), Fault> {
        if let Ok(metadata) = std::fs::metadata(path)
            && !metadata.is_file()
        {
            return Err(Fault::invalid("not a regular file: it cannot be a log"));
        }
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::from(io::ErrorKind::ResourceBusy).into()),
            Err(TryLockError::Error(cause)) => return Err(cause.into()),
        }
        let length = file.metadata()?.len();
        let (end, records) = if begins_as_a_log(&mut file, length)? {
            whole_records(&file, length, abandoned)?
        } else {
            (0, 0)
        };
        let mut this = Self { file, end, durability };
        if end < length {
            this.file.set_len(end)?;
        }
        if end == 0 {
            this.begin()?;
        }
        this.file.seek(SeekFrom::Start(this.end))?;
        if durability.syncs_data() && (end < length || end == 0) {
            this.file.sync_data().map_err(Fault::sync)?;
        }
        if durability.syncs_directory() {
            let directory =
                path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            sync_directory(directory).map_err(Fault::directory_sync)?;
        }
        Ok((this, Recovered { records, cut_off: length - end }))
    }

    fn begin(&mut self) -> Result<(), Fault> {
        self.file.rewind()?;
        self.file.write_all(&MAGIC)?;
        self.end = MAGIC.len() as u64;
        Ok(())
    }

    /// Appends records and makes them durable; answers where each begins. What could not be written is cut off again.
    pub(super) fn append(&mut self, records: &[Bytes]) -> Result<Vec<u64>, Fault> {
        let begin = self.end;
        let (places, mut pieces) = framed(records, begin);
        self.end += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        if let Err(cause) = write_all(&mut self.file, &mut pieces) {
            // Half a record at the end would be cut off when the log is opened next; this spares it that.
            let undone = self.file.set_len(begin).and_then(|()| self.file.seek(SeekFrom::Start(begin)));
            self.end = begin;
            let fault = Fault::from(cause);
            return Err(if undone.is_ok() { fault.changed_nothing() } else { fault });
        }
        if self.durability.syncs_data() {
            self.file.sync_data().map_err(Fault::sync)?;
        }
        Ok(places)
    }
}

/// Where each record begins, and what to write: small ones together, large ones as they are.
fn framed(records: &[Bytes], begin: u64) -> (Vec<u64>, Vec<Bytes>) {
    let (mut places, mut pieces, mut small) = (Vec::with_capacity(records.len()), Vec::new(), Vec::new());
    let mut at = begin;
    for record in records {
        places.push(at);
        small.extend_from_slice(&frame::header(record, at));
        if record.len() <= SMALL {
            small.extend_from_slice(record);
        } else {
            pieces.push(Bytes::from(std::mem::take(&mut small)));
            pieces.push(record.clone());
        }
        at += (HEADER + record.len()) as u64;
    }
    pieces.push(Bytes::from(small));
    (places, pieces)
}

/// Whether there is a log in the file, as opposed to nothing yet.
fn begins_as_a_log(file: &mut File, length: u64) -> Result<bool, Fault> {
    let mut beginning = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut beginning)?;
    if length >= MAGIC.len() as u64 && beginning == MAGIC {
        return Ok(true);
    }
    // A crash right after the file was made can leave a part of this, or zeros in its place.
    if beginning.len() < MAGIC.len()
        && (MAGIC.starts_with(&beginning) || beginning.iter().all(|&byte| byte == 0))
    {
        return Ok(false);
    }
    if length == MAGIC.len() as u64 && beginning.iter().all(|&byte| byte == 0) {
        return Ok(false);
    }
    Err(Fault::invalid("not a log of this format: nothing was changed"))
}

/// Where the last whole record ends, and how many there are.
fn whole_records(file: &File, length: u64, abandoned: &Abandoned) -> Result<(u64, u64), Fault> {
    let mut source = BufReader::with_capacity(BUFFER, file);
    let mut buffer = vec![0; BUFFER];
    let (mut end, mut records) = (MAGIC.len() as u64, 0);
    while let Some(size) = frame::check(&mut source, end, length - end, &mut buffer)? {
        if abandoned.is_set() {
            return Err(Fault::abandoned());
        }
        end += size;
        records += 1;
    }
    Ok((end, records))
}
