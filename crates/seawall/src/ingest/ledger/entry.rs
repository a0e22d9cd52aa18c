use seawall_core::Error;
use seawall_sql::Row;

/// One committed batch of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Counts restarts: a source that changed begins a new generation.
    pub(crate) generation: i64,
    /// Which batch of the generation, from 0.
    pub(crate) batch: i64,
    /// The bytes of the (decompressed) source that the batch holds: from here …
    pub(crate) start: u64,
    /// … up to here.
    pub(crate) position: u64,
    /// How many lines end before `position`.
    pub(crate) line: u64,
    /// Rows stored.
    pub(crate) rows: u64,
    /// Rows that went to the rejects file.
    pub(crate) rejected: u64,
    /// XXH3 (64 bits) of the bytes.
    pub(crate) checksum: u64,
    /// What tells this version of the source from another: `ETag`, modification time.
    pub(crate) version: Option<String>,
    /// Format and columns, so that a resumed run need not read the header again.
    pub(crate) layout: String,
    /// Whether the source ended here.
    pub(crate) done: bool,
    /// Whether it ended within a quoted field, so that nothing may follow.
    pub(crate) unclosed: bool,
}

/// What the ledger knows of one source in one table: its batches, the oldest first, all of one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) entries: Vec<Entry>,
}

impl History {
    pub(crate) fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// Where the next batch begins.
    pub(crate) fn position(&self) -> u64 {
        self.last().map_or(0, |entry| entry.position)
    }

    pub(crate) fn rows(&self) -> u64 {
        self.entries.iter().map(|entry| entry.rows).sum()
    }
}

impl Entry {
    /// Reads one from a row of the ledger.
    pub(super) fn read(row: &Row) -> Result<Self, Error> {
        let count = |column: &str| row.get::<i64>(column).map(unsigned);
        let checksum: String = row.get("checksum")?;
        Ok(Self {
            generation: row.get("generation")?,
            batch: row.get("batch")?,
            start: count("start_position")?,
            position: count("position")?,
            line: count("line")?,
            rows: count("rows")?,
            rejected: count("rejected")?,
            // An unreadable checksum matches nothing, so the source counts as changed and is read again.
            checksum: u64::from_str_radix(&checksum, 16).unwrap_or_default(),
            version: row.get("version")?,
            layout: row.get("layout")?,
            done: row.get::<i64>("done")? != 0,
            unclosed: row.get::<i64>("done")? == 2,
        })
    }

    /// What stands in the column `done`.
    pub(super) fn done(&self) -> i64 {
        i64::from(self.done) + i64::from(self.done && self.unclosed)
    }
}

// SQL has no unsigned integers. Positions and counts stay far below 2⁶³.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
