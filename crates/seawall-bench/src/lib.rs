//! What every benchmark shares: samples of a subject beside samples of a peer, and how they are printed.

mod comparison;

pub use comparison::{Better, Comparison, print};
