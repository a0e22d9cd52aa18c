use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Below the ports the kernel gives to outgoing connections. A server killed on one of those may find its port taken
/// when it restarts, and a client that keeps reconnecting to it may end up connected to itself.
const PORTS: Range<u16> = 15_000..32_000;

/// A loopback port nobody listens on at this moment.
pub(super) fn free() -> io::Result<u16> {
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let mut candidates = std::iter::repeat_with(|| fastrand::u16(PORTS)).take(1000);
    candidates.find(free).ok_or_else(|| {
        let message = format!("no free loopback port found between {} and {}", PORTS.start, PORTS.end);
        io::Error::new(io::ErrorKind::AddrInUse, message)
    })
}
