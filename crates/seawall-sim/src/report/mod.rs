//! What is shown of runs: tables for people, JSON for programs, traces to compare byte by byte.

pub mod json;
mod rows;
pub mod table;
pub mod trace;
mod units;
