//! Real Postgres, MariaDB and Redis, started for a test and gone after it.
//!
//! Two ways in:
//!
//! - [`postgres_url`], [`mariadb_url`] and [`redis_url`] hand out an empty database on a server that all tests of a
//!   process share. This is what most tests want: it costs milliseconds and no two tests see each other's tables.
//! - [`Postgres::start`], [`MariaDb::start`] and [`Redis::start`] start a private server, for tests that
//!   [kill](Server::kill) and [restart](Server::restart) it. This costs a second or two. [`RedisTls`] is such a Redis
//!   that speaks TLS, [`Sentinels`] a set of them that replaces its primary, and
//!   [`RedisCluster`] a cluster.
//!
//! ```no_run
//! use seawall_testkit::servers::Postgres;
//!
//! let mut server = Postgres::start()?;
//! // ... write something through `server.url()` ...
//! server.kill();
//! server.restart()?;
//! // ... it is still there, on the same port ...
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Existing servers
//!
//! `SEAWALL_TEST_POSTGRES_URL`, `SEAWALL_TEST_MARIADB_URL` and `SEAWALL_TEST_REDIS_URL` name servers that the
//! `*_url` functions use instead of starting one. The databases made there, named `seawall_test_…`, stay behind.
//! A private server is always a new one.
//!
//! # What a server leaves behind
//!
//! Nothing: dropping it kills it and removes its data, and so does the end of the test process, however it ends
//! (`setpriv --pdeathsig` takes the server along, a small shell waiting on a pipe removes the folder).
//! That, and reading `/proc`, makes starting servers work on Linux only; elsewhere name existing ones.
//!
//! Everything here blocks, for at most a minute. An async test may call it: nothing else waits for its thread.

mod binary;
mod folder;
mod mariadb;
mod port;
mod postgres;
mod process;
mod redis;
mod redis_cluster;
mod redis_tls;
mod sentinel;
mod server;
mod shared;
mod site;
mod user;

pub use binary::Binary;
pub use redis_cluster::RedisCluster;
pub use redis_tls::{RedisTls, ServerTls, SetTls};
pub use sentinel::Sentinels;
pub use server::Server;
pub use shared::{mariadb_url, postgres_url, redis_url};

/// A Postgres server of your own: superuser `postgres`, no password, `fsync` on.
pub type Postgres = Server<postgres::Postgres>;

/// A MariaDB server of your own: user `root`, no password.
pub type MariaDb = Server<mariadb::MariaDb>;

/// A Redis server of your own: no password, and an append-only file so that a restart finds its data.
pub type Redis = Server<redis::Redis>;
