use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::counters::Counters;
use super::faults::{Direction, FaultKind, Faults};
use super::plan::Plan;
use super::pump::pump;

/// One accepted connection and its place in the order, from which its faults follow.
#[derive(Debug)]
pub(super) struct Connection {
    number: u64,
    seed: u64,
    faults: watch::Receiver<Faults>,
    pub(super) counters: Arc<Counters>,
    // A bit for each kind of fault that was counted.
    felt: AtomicU8,
}

/// How a connection ends before its peers end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Close,
    Reset,
}

impl From<io::Error> for Ending {
    /// One side broke: the other is told in the same way.
    fn from(_: io::Error) -> Self {
        Self::Reset
    }
}

impl Connection {
    pub(super) fn new(
        number: u64,
        seed: u64,
        faults: watch::Receiver<Faults>,
        counters: Arc<Counters>,
    ) -> Self {
        Self { number, seed, faults, counters, felt: AtomicU8::new(0) }
    }

    pub(super) async fn run(self, mut client: TcpStream, upstream: SocketAddr) {
        let _open = self.counters.opened();
        if let Err(ending) = self.hold(&mut client).await {
            return end(ending, [client]).await;
        }
        let Ok(mut server) = TcpStream::connect(upstream).await else {
            return end(Ending::Reset, [client]).await;
        };
        if let Err(ending) = self.relay(&mut client, &mut server).await {
            end(ending, [client, server]).await;
        }
    }

    /// What the present faults mean here.
    pub(super) fn plan(&self) -> Plan {
        Plan::new(&self.faults.borrow(), self.seed, self.number)
    }

    /// Resolves whenever the faults change.
    pub(super) fn changes(&self) -> Changes {
        Changes(self.faults.clone())
    }

    /// Counts the first time that this connection feels a kind of fault.
    pub(super) fn feel(&self, kind: FaultKind) {
        let bit = 1 << kind as u8;
        if self.felt.fetch_or(bit, Relaxed) & bit == 0 {
            self.counters.faults(kind).fetch_add(1, Relaxed);
        }
    }

    /// A generator of this connection's own, so that the others do not change what it draws.
    pub(super) fn rng(&self, direction: Direction) -> fastrand::Rng {
        let place = (self.number << 1 | direction as u64).wrapping_mul(0xD1B5_4A32_D192_ED03);
        fastrand::Rng::with_seed(self.seed ^ place)
    }

    /// Keeps a new client from the server for as long as it is in a black hole.
    async fn hold(&self, client: &mut TcpStream) -> Result<(), Ending> {
        let mut changes = self.changes();
        let mut swallowed = false;
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let plan = self.plan();
            if plan.reset {
                self.feel(FaultKind::Reset);
                return Err(Ending::Reset);
            }
            if !plan.black_hole && !swallowed {
                return Ok(());
            }
            self.feel(FaultKind::BlackHole);
            tokio::select! {
                () = changes.next() => {}
                read = client.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return Err(Ending::Close),
                    Ok(_) => swallowed = true,
                },
            }
        }
    }

    /// Carries bytes both ways until both directions have ended.
    async fn relay(&self, client: &mut TcpStream, server: &mut TcpStream) -> Result<(), Ending> {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = async {
            tokio::try_join!(
                pump(self, Direction::Up, from_client, to_server),
                pump(self, Direction::Down, from_server, to_client),
            )
        };
        tokio::select! {
            ending = self.reset() => Err(ending),
            ended = both => ended.map(|_| ()),
        }
    }

    /// Resolves when the faults say that this connection is reset.
    async fn reset(&self) -> Ending {
        let mut changes = self.changes();
        while !self.plan().reset {
            changes.next().await;
        }
        self.feel(FaultKind::Reset);
        Ending::Reset
    }
}

/// A listener to changes of the faults.
#[derive(Debug)]
pub(super) struct Changes(watch::Receiver<Faults>);

impl Changes {
    /// Waits for the next change. Cancel safe.
    pub(super) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // The proxy was dropped: no more changes, and this task is about to be aborted.
            std::future::pending::<()>().await;
        }
    }
}

async fn end<const N: usize>(ending: Ending, mut streams: [TcpStream; N]) {
    match ending {
        Ending::Reset => {
            for stream in &streams {
                // Fails only for a connection that is gone already.
                let _ = stream.set_zero_linger();
            }
        }
        Ending::Close => {
            for stream in &mut streams {
                let _ = stream.shutdown().await;
            }
            // The kernel turns a close with unread bytes into a reset, so what still comes is read first.
            for mut stream in streams {
                let _ = timeout(Duration::from_secs(1), copy(&mut stream, &mut sink())).await;
            }
        }
    }
}
