//! The binary as a user runs it: whole commands against real databases and a real HTTP server.

mod binary;
mod crash;
mod faults;
mod server;
mod sink;
mod ticks;
