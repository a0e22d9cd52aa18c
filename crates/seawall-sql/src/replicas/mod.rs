//! Servers that follow the one that writes, and which of them reads what.
//!
//! A read goes to one of them only where the caller says so ([`Query::read`](crate::Query::read),
//! [`Query::read_after`](crate::Query::read_after)): what may be some moments old is for nobody else to decide. Each is
//! asked in the background how far behind it is. Of those that are not too far behind, the better of two picked at
//! random is taken, by calls under way and how long they take (power of two choices: Mitzenmacher 2001). Where there is
//! none, or where it cannot be reached, the server that writes answers.

mod config;
mod probe;
mod replica;
mod set;
mod token;

pub use config::{ReplicaUrl, ReplicasConfig};
pub use replica::ReplicaStats;
pub(crate) use set::Replicas;
pub use token::WriteToken;

/// Which servers a statement may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The one that writes.
    Writer,
    /// Any that is not too far behind.
    Replica,
    /// Any that has what was written before this.
    After(WriteToken),
}
