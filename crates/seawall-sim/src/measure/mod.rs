//! What a run amounts to: [`summarize`] for one seed, [`Across`] for many, [`by_second`] for plots.
//!
//! What is counted are the calls that came within the *measured time*, from the scenario's `measure_from` on until its
//! `duration` is over. A call is *good* if it was answered within the deadline. It belongs to the second in which it
//! came, not to that in which it ended.

mod across;
mod fairness;
mod figure;
mod goodput;
mod latency;
mod load;
mod recovery;
mod summary;

pub use across::Across;
pub use figure::Figure;
pub use goodput::{Goodput, by_second};
pub use recovery::{last_trigger_ends, troubled_from};
pub use summary::{Summary, summarize};
