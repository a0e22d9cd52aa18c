//! A TCP proxy that does to a connection what networks do, on command and by seed.
//!
//! It stands between a client and a real server. What goes wrong is a [`Faults`] value: a list of [`Fault`]s, each
//! with a [`Rule`] that says which connections it hits. [`FaultProxy::set`] replaces the value while connections run.
//!
//! A connection draws one number per entry of the list from the seed and its own place in the order of acceptance.
//! The same seed and the same order of connections therefore meet the same faults, and going back to an earlier
//! [`Faults`] hits the same connections again.
//!
//! Waits use tokio's clock. Under a paused clock a wait costs no time, but bytes still cross real sockets.
//!
//! ```
//! use seawall_testkit::proxy::{Fault, FaultKind, FaultProxy, Faults};
//! use tokio::io::AsyncReadExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let proxy = FaultProxy::start(server.local_addr()?, 42).await?;
//! proxy.set(Faults::always(Fault::Reset));
//!
//! let mut client = tokio::net::TcpStream::connect(proxy.addr()).await?;
//! assert!(client.read_u8().await.is_err());
//! assert_eq!(proxy.injected(FaultKind::Reset), 1);
//! # Ok(())
//! # }
//! ```

mod connection;
mod counters;
mod door;
mod faults;
mod plan;
mod pump;
mod server;

pub use faults::{Direction, Fault, FaultKind, Faults, Rule};
pub use server::FaultProxy;
