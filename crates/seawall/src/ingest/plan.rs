use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use seawall_sql::Column;

use super::format::FormatOptions;

/// What to ingest, and how.
///
/// | field | default |
/// |---|---|
/// | `table` | the name of the first source, without its ending |
/// | `schema` | sampled from the source, or the existing table's |
/// | `jobs` | 4 sources at a time |
/// | `rate` | as fast as it goes |
/// | `rejects` | `TABLE.rejects.ndjson` in the working directory |
/// | `patience` | 60 s without progress |
/// | `on_change` | replace |
/// | `upsert` | rows are inserted |
/// | `batch_rows` | 50 000 rows a transaction, fewer where they are long |
#[derive(Clone, Debug)]
pub struct IngestPlan {
    /// Files, folders, globs, `http(s)://` addresses, or `-` for standard input.
    pub sources: Vec<String>,
    /// The table the rows go into; `schema.table` names a schema. Created when it is missing.
    pub table: Option<String>,
    /// The columns of a table that has to be created, over what sampling finds.
    pub schema: Option<Vec<Column>>,
    /// How many sources are read at the same time, 64 at most. Up to four of them stay
    /// below 128 MiB together; count on 8 MiB for each one more.
    pub jobs: NonZeroUsize,
    /// The most rows a second, over all jobs.
    pub rate: Option<NonZeroU64>,
    /// Where malformed rows go.
    pub rejects: Option<PathBuf>,
    /// How long a source may make no progress, whatever is retried meanwhile, before it is given up.
    pub patience: Duration,
    /// What to do about a source that is not the one that an earlier run has read.
    pub on_change: OnChange,
    /// The columns of a unique index of the table, which has to be there: a row whose values of these are in the table
    /// already updates it. Empty inserts all rows. Rows of different sources with one key count in no certain order.
    pub upsert: Vec<String>,
    /// The most rows of one transaction.
    pub batch_rows: NonZeroUsize,
    /// How sources are read.
    pub format: FormatOptions,
}

impl IngestPlan {
    /// A plan for these sources with every default.
    pub fn new(sources: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            sources: sources.into_iter().map(Into::into).collect(),
            table: None,
            schema: None,
            jobs: const { NonZeroUsize::new(4).unwrap() },
            rate: None,
            rejects: None,
            patience: Duration::from_mins(1),
            on_change: OnChange::default(),
            upsert: Vec::new(),
            batch_rows: const { NonZeroUsize::new(50_000).unwrap() },
            format: FormatOptions::default(),
        }
    }
}

/// What to do about a source that is not the one that an earlier run has read: its committed bytes are other ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnChange {
    /// Begin it anew in place of the older version. The older rows are removed in the transaction that brings the
    /// first new ones, all versions that this source brought, if the table holds nothing else and no foreign key
    /// points to it; otherwise they stay, and the report says so.
    #[default]
    Replace,
    /// Begin it anew behind the older version, whose rows stay.
    Append,
    /// Leave it alone and report an error.
    Fail,
}
