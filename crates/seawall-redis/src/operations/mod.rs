//! Where long operations stand, so that another process can go on where one stopped.
//!
//! An operation is a hash: who works at it, until when that is believed, the fence of that claim, how far it has come, and
//! a checkpoint in the caller's own form. All that changes it is a script which compares the fence first, so a process that
//! was believed dead and is not writes nothing over its successor's work.
//!
//! With Redis' usual persistence a crash of the server may take back the last second: steps between two checkpoints must
//! be repeatable anyway, and then nothing is lost by that but their time.

mod claim;
mod operation;
mod scripts;
mod store;
mod writer;

pub use claim::{Claim, Progress, State};
pub use operation::Operation;
pub use store::Operations;
