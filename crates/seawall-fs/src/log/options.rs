use crate::Durability;

/// How a log is written.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `durability` | [`Durability::Full`] | what a record outlives once `append` has returned; `none`: a process that is killed, `data` and `full`: a power failure |
/// | `max_record` | 16777216 (16 MiB) | the most bytes of a record to append |
/// | `max_waiting` | 16777216 (16 MiB) | the most bytes of records that wait for the write under way |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// What a record outlives once `append` has returned.
    pub durability: Durability,
    /// The most bytes of a record to append. Larger ones that are in the log already stay.
    pub max_record: u32,
    /// The most bytes of records that wait for the write under way; a larger record waits alone.
    pub max_waiting: u32,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { durability: Durability::Full, max_record: 16 * 1024 * 1024, max_waiting: 16 * 1024 * 1024 }
    }
}
