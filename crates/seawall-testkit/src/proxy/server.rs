use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::connection::Connection;
use super::counters::Counters;
use super::door::Door;
use super::faults::{Direction, FaultKind, Faults};

/// A TCP proxy on a loopback port that injects [`Faults`]. Dropping it ends every connection.
#[derive(Debug)]
pub struct FaultProxy {
    door: Arc<Door>,
    faults: watch::Sender<Faults>,
    counters: Arc<Counters>,
    runtime: Handle,
    accepting: AbortHandle,
}

impl FaultProxy {
    /// Starts a faultless proxy in front of `upstream`, on a free loopback port. `seed` decides what
    /// [`Rule::Chance`](super::Rule::Chance) and jitter draw.
    ///
    /// The server need not be up yet: a connection that the proxy cannot pass on is reset.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    #[expect(
        clippy::unused_async,
        reason = "says that it must be called within a runtime, and leaves room to wait"
    )]
    pub async fn start(upstream: SocketAddr, seed: u64) -> io::Result<Self> {
        let door = Arc::new(Door::open_anywhere()?);
        let counters = Arc::new(Counters::default());
        let (faults, changes) = watch::channel(Faults::none());
        let accepting =
            tokio::spawn(accept(Arc::clone(&door), upstream, seed, changes, Arc::clone(&counters)));
        let accepting = accepting.abort_handle();
        Ok(Self { door, faults, counters, runtime: Handle::current(), accepting })
    }

    /// Where clients connect.
    pub fn addr(&self) -> SocketAddr {
        self.door.addr()
    }

    /// Replaces what goes wrong, for running connections too. Bytes that the proxy has already taken in arrive.
    ///
    /// A direction that has lost bytes stays dead after its fault is lifted: TCP never shows a gap.
    ///
    /// # Panics
    ///
    /// When the port cannot be listened on again after [`Faults::refuse`].
    pub fn set(&self, faults: Faults) {
        let _context = self.runtime.enter();
        self.door.set_open(!faults.refusing).expect("the reserved port can be listened on again");
        self.faults.send_replace(faults);
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> u64 {
        self.counters.accepted.load(Relaxed)
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> u64 {
        self.counters.open.load(Relaxed)
    }

    /// How many bytes were passed on in this direction.
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.counters.bytes(direction).load(Relaxed)
    }

    /// How many connections a fault of this kind has touched: each counts once, when it first feels it.
    pub fn injected(&self, kind: FaultKind) -> u64 {
        self.counters.faults(kind).load(Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    door: Arc<Door>,
    upstream: SocketAddr,
    seed: u64,
    mut changes: watch::Receiver<Faults>,
    counters: Arc<Counters>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = poll_fn(|cx| door.poll_accept(cx)) => match accepted {
                Ok(client) => {
                    let number = counters.accepted.fetch_add(1, Relaxed);
                    let connection = Connection::new(number, seed, changes.clone(), Arc::clone(&counters));
                    connections.spawn(connection.run(client, upstream));
                }
                // The client gave up in the queue, or file descriptors ran out: neither gets better by spinning.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            },
            // The door may have been opened again, and then has to be polled anew.
            Ok(()) = changes.changed() => {}
            Some(_) = connections.join_next() => {}
        }
    }
}
