//! What the simulator promises.

// Tells clippy that the functions between the tests are test code too.
#![cfg(test)]

mod across;
mod arrivals;
mod command_line;
mod made_up;
mod measure;
mod models;
mod properties;
mod readme;
mod replays;
mod report;
mod runner;
mod scenario_errors;
mod scenarios;
mod service_times;
mod traces;
mod trade_off;
mod world;
