//! The servers the tests talk to.

use std::env;
use std::thread;

use seawall_testkit::servers::{Binary, MariaDb, Postgres, Redis};

use crate::Result;

/// What is needed to offer all three: for a server that exists already, its client.
pub(crate) fn needed() -> Vec<Binary> {
    [
        (Postgres::ENV, Postgres::BINARIES, Postgres::CLIENT),
        (MariaDb::ENV, MariaDb::BINARIES, MariaDb::CLIENT),
        (Redis::ENV, Redis::BINARIES, Redis::CLIENT),
    ]
    .into_iter()
    .flat_map(|(env, binaries, client)| match env::var_os(env) {
        Some(_url) => Vec::from_iter(client),
        None => binaries.to_vec(),
    })
    // What stands between a client and its server, in one test.
    .chain([Binary { name: "pgbouncer", package: "pgbouncer" }])
    .collect()
}

/// Servers that run until this is dropped; existing ones are left alone.
pub(crate) struct Servers {
    postgres: Option<Postgres>,
    mariadb: Option<MariaDb>,
    redis: Option<Redis>,
}

impl Servers {
    pub(crate) fn start() -> Result<Self> {
        let missing = |env| env::var_os(env).is_none();
        // Side by side: each spends its start waiting for its disk.
        let (postgres, mariadb, redis) = thread::scope(|scope| {
            let postgres = scope.spawn(|| missing(Postgres::ENV).then(Postgres::start).transpose());
            let mariadb = scope.spawn(|| missing(MariaDb::ENV).then(MariaDb::start).transpose());
            let redis = missing(Redis::ENV).then(Redis::start).transpose();
            let whole = "starting a server reports by its result";
            (postgres.join().expect(whole), mariadb.join().expect(whole), redis)
        });
        Ok(Self { postgres: postgres?, mariadb: mariadb?, redis: redis? })
    }

    /// The variables that tell the tests where the servers started here are.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        let postgres = self.postgres.iter().map(|server| (Postgres::ENV, server.url()));
        let mariadb = self.mariadb.iter().map(|server| (MariaDb::ENV, server.url()));
        let redis = self.redis.iter().map(|server| (Redis::ENV, server.url()));
        postgres.chain(mariadb).chain(redis)
    }
}
