//! Tests against real sockets and servers.

mod hostile;
mod proxy;
mod servers;
