//! What is shown of runs: tables for people, JSON for programs, traces to compare byte by byte, and plots.

pub mod html;
pub mod json;
mod number;
mod over_time;
mod rows;
pub mod table;
pub mod trace;
pub mod trade_off;

pub use over_time::over_time;
