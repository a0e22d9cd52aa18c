//! What every benchmark shares: samples of a subject beside samples of a peer, how they are printed, and a count of
//! allocations.

pub mod allocations;
mod comparison;

pub use comparison::{Better, Comparison, Side, print};
