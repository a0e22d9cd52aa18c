//! A file of records, each there as a whole or not at all, synced for many appenders at once.

mod commit;
mod file;
mod frame;
mod options;
mod records;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use seawall_core::{CallContext, Error};

pub use options::LogOptions;
pub use records::{LogRecord, LogRecords};

use self::commit::Commits;
use self::file::LogFile;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// Opens a log, or makes it: a file of records to which many append at once.
    ///
    /// Each record is written with its length and a checksum. What a crash has left half-written at the end is cut
    /// off when the log is opened, up to the first record that is not whole, and [`recovered`](AppendLog::recovered)
    /// says how much that was. A log has one writer: it is locked while it is open, for other processes too.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use futures_util::TryStreamExt;
    /// # use seawall_fs::{Fs, FsConfig, LogOptions};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("orders");
    /// # let fs = Fs::new(&FsConfig::default(), Arc::new(()))?;
    /// let log = fs.append_log(&path, LogOptions::default()).await?;
    /// println!("{} records, {} bytes cut off", log.recovered().records, log.recovered().cut_off);
    /// // Three appenders, one sync.
    /// futures_util::try_join!(log.append("one"), log.append("two"), log.append("three"))?;
    /// drop(log);
    ///
    /// let mut records = fs.log_records(&path, 1024);
    /// while let Some(record) = records.try_next().await? {
    ///     println!("at {}: {:?}", record.offset, record.data);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the file is something else than such a log, cannot be opened, or is open already (that passes, and is tried
    /// again as the retries are configured).
    ///
    /// # Cancel safety
    /// Cancel safe; an empty log may have been made, or a torn end cut off.
    pub async fn append_log(&self, path: impl AsRef<Path>, options: LogOptions) -> Result<AppendLog, Error> {
        let work = move |task: &Task<'_>| {
            let (file, recovered) = LogFile::open(&task.label.path, options.durability, task.abandoned)?;
            let commits = Commits::new(task.engine.clone(), task.label.clone(), file, options);
            Ok(AppendLog { commits: Arc::new(commits), recovered })
        };
        self.ask(FsRequest::new(Operation::AppendLog, path.as_ref(), work)).await
    }

    /// The records of a log from its beginning, up to the first that is not whole: a log may be read while it is
    /// written. A record of more than `most` bytes is an error.
    ///
    /// Opening passes through the stack, when the stream is first polled; reading does not. The whole stream ends at the
    /// deadline of the context in which it was made.
    pub fn log_records(&self, path: impl AsRef<Path>, most: usize) -> LogRecords {
        LogRecords::new(self, path.as_ref(), most)
    }
}

/// What a log had in it when it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Whole records.
    pub records: u64,
    /// Bytes that were cut off at the end, because the record they belong to was not whole; also what came after it.
    pub cut_off: u64,
}

/// A log to append to; made by [`Fs::append_log`](crate::Fs::append_log). A clone appends to the same log.
///
/// While one write and its sync are under way the next records gather, and go together: that many appenders share one
/// sync. What gathers is bounded ([`LogOptions::max_waiting`]); then appenders wait.
///
/// A failure is final: what could not be written is cut off again, and from then on every call tells of it. (After a
/// failed sync nobody knows what is on the disk.) Drop the log and open it anew to go on.
#[derive(Clone)]
pub struct AppendLog {
    commits: Arc<Commits>,
    recovered: Recovered,
}

impl AppendLog {
    /// Appends a record, and returns where it begins once it is as durable as the log was opened for.
    ///
    /// # Errors
    /// When it is larger than allowed, the log has failed, or the deadline of the call passed. Unless
    /// [`may_have_executed`](Error::may_have_executed), it is not in the log.
    ///
    /// # Cancel safety
    /// Dropped, the record is in the log as a whole or not at all; it is not told which.
    pub async fn append(&self, record: impl Into<Bytes>) -> Result<u64, Error> {
        self.commits.append(record.into(), CallContext::current_deadline()).await
    }

    /// What was in the log when it was opened.
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }
}

impl fmt::Debug for AppendLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppendLog").field("recovered", &self.recovered).finish_non_exhaustive()
    }
}
