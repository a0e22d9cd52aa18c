use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// The listening port, which can be shut and opened again.
#[derive(Debug)]
pub(super) struct Door {
    addr: SocketAddr,
    listener: Mutex<Option<TcpListener>>,
    // Bound and not listening: a shut door refuses connections, and nobody else is given the port meanwhile.
    _reservation: TcpSocket,
}

impl Door {
    pub(super) fn open_anywhere() -> io::Result<Self> {
        let reservation = bound(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let addr = reservation.local_addr()?;
        let listener = listen(addr)?;
        Ok(Self { addr, listener: Mutex::new(Some(listener)), _reservation: reservation })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes effect before it returns. Whoever polls the door must be woken by the caller.
    pub(super) fn set_open(&self, open: bool) -> io::Result<()> {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if !open {
            *listener = None;
        } else if listener.is_none() {
            *listener = Some(listen(self.addr)?);
        }
        Ok(())
    }

    /// Pending while the door is shut.
    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        match &*self.listener.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(listener) => listener.poll_accept(cx).map_ok(|(client, _)| client),
            None => Poll::Pending,
        }
    }
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    bound(addr)?.listen(1024)
}

fn bound(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Lets the listener share the address with the reservation, and be bound again while old connections linger.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}
