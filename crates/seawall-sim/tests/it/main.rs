//! What the simulator promises.

// Tells clippy that the functions between the tests are test code too.
#![cfg(test)]

mod replays;
mod scenario_errors;
