use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// Why a connection is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It broke.
    Dropped,
    /// Its server takes no writes: it was demoted, or the name leads elsewhere by now.
    ReadOnly,
    /// Another server was announced in place of its own.
    Moved,
    /// Its server is a replica that lost its master.
    MasterDown,
    /// It answered too late several times in a row.
    TimedOut,
    /// It is old.
    Aged,
}

impl Reason {
    /// Whether it is of use until the next one is there.
    pub(super) const fn leaves_it_usable(self) -> bool {
        matches!(self, Self::ReadOnly | Self::MasterDown | Self::Aged)
    }

    /// Whether the server may be another one from here on, or may have lost what it was told last.
    pub(super) const fn is_loss(self) -> bool {
        !matches!(self, Self::Aged)
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::ReadOnly => "read_only",
            Self::Moved => "moved",
            Self::MasterDown => "master_down",
            Self::TimedOut => "timed_out",
            Self::Aged => "aged",
        }
    }
}

/// How often the connections of a client were replaced, by reason, and how often what was known of the server may have
/// become wrong by that.
#[derive(Debug, Default)]
pub(crate) struct Replacements {
    dropped: AtomicU64,
    read_only: AtomicU64,
    master_down: AtomicU64,
    timed_out: AtomicU64,
    aged: AtomicU64,
    generation: AtomicU64,
}

/// How often connections were replaced, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplacementStats {
    /// They broke.
    pub dropped: u64,
    /// Their server took no writes, or another one was announced in its place.
    pub read_only: u64,
    /// Their server was a replica that had lost its master.
    pub master_down: u64,
    /// They answered too late several times in a row.
    pub timed_out: u64,
    /// They were old.
    pub aged: u64,
}

impl Replacements {
    pub(super) fn note(&self, reason: Reason) {
        let counter = match reason {
            Reason::Dropped => &self.dropped,
            Reason::ReadOnly | Reason::Moved => &self.read_only,
            Reason::MasterDown => &self.master_down,
            Reason::TimedOut => &self.timed_out,
            Reason::Aged => &self.aged,
        };
        counter.fetch_add(1, Relaxed);
        if reason.is_loss() {
            self.generation.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    pub(crate) fn stats(&self) -> ReplacementStats {
        ReplacementStats {
            dropped: self.dropped.load(Relaxed),
            read_only: self.read_only.load(Relaxed),
            master_down: self.master_down.load(Relaxed),
            timed_out: self.timed_out.load(Relaxed),
            aged: self.aged.load(Relaxed),
        }
    }
}
