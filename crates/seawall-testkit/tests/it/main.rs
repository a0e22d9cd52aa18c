//! Tests against real sockets and servers.

// Tells clippy that the functions between the tests are test code too.
#![cfg(test)]

mod hostile;
mod proxy;
mod servers;
