use serde::{Deserialize, Serialize};

/// Who answers commands that only read, where sentinels or a cluster know of replicas.
///
/// **How old an answer may be.** A replica follows its primary a moment later: usually milliseconds, and as long as it
/// likes while its link is slow. What was just written may not be there yet, and of two reads the later may be answered
/// by the replica that is further behind. While a slot of a cluster moves, a key that was already handed over looks as if
/// there was none. One that the sentinels say has lost its primary is not asked; in a cluster it is asked until the others
/// take note. What must see the newest asks for it: [`Command::at_primary`](crate::Command::at_primary).
///
/// Always at the primary are writes, scripts (but `EVAL_RO`), transactions, sessions, streams that are waited for, what
/// asks a server about itself, and what goes on from a cursor (`SCAN` and its like), which means nothing to another server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadFrom {
    /// The primary answers everything.
    #[default]
    Primary,
    /// One of the replicas that there is a connection to; if there is none, or it cannot answer, the primary.
    PreferReplica,
}
