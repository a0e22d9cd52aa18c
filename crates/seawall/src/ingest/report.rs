use serde::Serialize;

/// How a run ended, source by source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IngestReport {
    /// The table the rows went into.
    pub table: String,
    /// Every source, in the order of the arguments.
    pub sources: Vec<SourceReport>,
    /// Rows committed in this run.
    pub rows: u64,
    /// Rows sent to the rejects file in this run.
    pub rejected: u64,
    /// The rejects file, if anything was rejected.
    pub rejects_file: Option<String>,
    /// Bytes read in this run.
    pub bytes: u64,
    /// Transfers and batches taken up again after they broke.
    pub reconnects: u64,
    /// Wall time in seconds.
    pub seconds: f64,
    /// `rows / seconds`.
    pub rows_per_second: f64,
    /// Files in named folders that were passed over because their ending is none of a format we read.
    pub skipped_files: Vec<String>,
    /// Whether the run was stopped before its end.
    pub stopped: bool,
}

impl IngestReport {
    /// Whether every source ended well.
    pub fn is_complete(&self) -> bool {
        !self.stopped && self.sources.iter().all(|source| source.error.is_none())
    }
}

/// How one source ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceReport {
    /// Its name, without secrets.
    pub source: String,
    /// How it ended.
    pub status: SourceStatus,
    /// Rows committed in this run.
    pub rows: u64,
    /// Rows rejected in this run.
    pub rejected: u64,
    /// Rows that earlier runs had committed.
    pub rows_before: u64,
    /// Where reading went on, in bytes of the decompressed source; 0 from the start.
    pub resumed_at: u64,
    /// What was found when the source was no longer the one that earlier runs had read.
    pub changed: Option<String>,
    /// Why it failed, and how to go on.
    pub error: Option<String>,
}

/// How a source ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceStatus {
    /// It was not begun.
    #[default]
    Pending,
    /// Read to its end and committed.
    Done,
    /// An earlier run had committed all of it.
    AlreadyDone,
    /// Stopped on the way; what was whole is committed.
    Stopped,
    /// Failed on the way; what was whole is committed.
    Failed,
}
