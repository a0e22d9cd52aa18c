//! The binary as a user runs it: whole commands against real databases and a real HTTP server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod binary;
mod crash;
mod demo;
mod faults;
mod fetch;
mod http;
mod mariadb;
mod server;
mod sink;
mod ticks;
mod upsert;
