use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

use super::connection::serve;
use super::faults::{Fault, FaultLevel};
use super::market::{FILES, Market, TickFile};

/// Further clients wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 256;

/// What the exchange serves, and how badly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExchangeConfig {
    /// The same seed and number of rows give the same bytes; the same seed and level the same faults.
    pub(crate) seed: u64,
    /// Over all files.
    pub(crate) rows: u64,
    pub(crate) faults: FaultLevel,
}

/// A running exchange. Dropping it ends its connections.
#[derive(Debug)]
pub(crate) struct Exchange {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

/// What the exchange offered, and what it did on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// How many rows its files hold.
    pub(crate) rows: u64,
    /// The [`checksum`](super::checksum) of these rows.
    pub(crate) checksum: u64,
    /// How many requests it has read, those that failed on purpose too.
    pub(crate) requests: u64,
    /// How often each kind of fault has happened.
    pub(crate) faults_by_kind: BTreeMap<&'static str, u64>,
}

impl Exchange {
    /// Starts an exchange on a free loopback port.
    ///
    /// # Errors
    ///
    /// When there are more rows than ids, no port can be bound, or no tokio runtime is running.
    pub(crate) fn start(config: ExchangeConfig) -> io::Result<Self> {
        let ExchangeConfig { seed, rows, faults } = config;
        let market = Market::new(seed, rows).ok_or_else(|| {
            let message = format!("{rows} rows are more than there are ids of ten digits: ask for fewer");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?;
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        let shared = Arc::new(Shared {
            market,
            seed,
            level: faults,
            checksum: OnceLock::new(),
            requests: AtomicU64::new(0),
            requests_by_file: [const { AtomicU64::new(0) }; FILES as usize],
            faults: Mutex::default(),
        });
        let accepting = runtime.spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { addr, shared, accepting })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The addresses of all files.
    pub(crate) fn sources(&self) -> Vec<String> {
        self.shared.market.files().map(|file| format!("http://{}{}", self.addr, file.path())).collect()
    }

    /// The first call makes every row once for the checksum, about 0.1 s for a million rows.
    pub(crate) fn summary(&self) -> Sent {
        Sent {
            rows: self.shared.market.rows(),
            checksum: *self.shared.checksum.get_or_init(|| self.shared.market.checksum()),
            requests: self.shared.requests.load(Relaxed),
            faults_by_kind: self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) market: Market,
    seed: u64,
    level: FaultLevel,
    checksum: OnceLock<u64>,
    requests: AtomicU64,
    requests_by_file: [AtomicU64; FILES as usize],
    faults: Mutex<BTreeMap<&'static str, u64>>,
}

impl Shared {
    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// What goes wrong with the next request of this file, which this call stands for.
    pub(super) fn next_fault(&self, file: TickFile) -> Option<Fault> {
        let nth = self.requests_by_file[file.number() as usize].fetch_add(1, Relaxed);
        self.level.fault(self.seed, &file.path(), nth)
    }

    pub(super) fn count_fault(&self, fault: Fault) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        *faults.entry(fault.kind()).or_default() += 1;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                // How a connection ends is the client's affair: it may leave whenever it likes.
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
                // File descriptors ran out, most likely: that does not get better by spinning.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
