use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use super::binary::Binary;
use super::server::{CERTIFICATE, KEY, Kind, Server};
use super::shared;
use super::site::{Site, run};

const SERVER: Binary = Binary { name: "postgres", package: "postgresql" };
const INITDB: Binary = Binary { name: "initdb", package: "postgresql" };
const PG_ISREADY: Binary = Binary { name: "pg_isready", package: "postgresql-client" };
const PG_BASEBACKUP: Binary = Binary { name: "pg_basebackup", package: "postgresql-client" };
const PSQL: Binary = Binary { name: "psql", package: "postgresql-client" };

#[derive(Debug)]
pub enum Postgres {}

impl Kind for Postgres {
    const NAME: &'static str = "postgres";
    const ENV: &'static str = "SEAWALL_TEST_POSTGRES_URL";
    const BINARIES: &'static [Binary] = &[SERVER, INITDB, PG_ISREADY, PSQL];
    const CLIENT: Option<Binary> = Some(PSQL);
    const USER: &'static str = "postgres";
    // Fast shutdown: clients are disconnected. SIGTERM would wait for them to leave.
    const STOP: &'static str = "INT";

    fn prepare(site: &Site) -> io::Result<()> {
        let mut initdb = site.command(INITDB)?;
        initdb.arg("--pgdata").arg(site.path("data"));
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        // What initdb wrote may be lost in a power cut; what the server writes later may not.
        initdb.args(["--no-sync", "--no-instructions"]);
        run(initdb, "initdb")
    }

    fn serve(site: &Site) -> io::Result<Command> {
        let mut postgres = site.command(SERVER)?;
        postgres.arg("-D").arg(site.path("data")).arg("-p").arg(site.port.to_string());
        postgres.arg("-k").arg(site.path("")).args(["-h", "127.0.0.1", "-N", "200"]);
        if site.path(CERTIFICATE).exists() {
            postgres.arg("-c").arg(format!("ssl_cert_file={}", site.path(CERTIFICATE).display()));
            postgres
                .arg("-c")
                .arg(format!("ssl_key_file={}", site.path(KEY).display()))
                .args(["-c", "ssl=on"]);
        }
        Ok(postgres)
    }

    fn is_ready(addr: SocketAddr) -> bool {
        let Ok(program) = PG_ISREADY.find() else { return false };
        let mut pg_isready = Command::new(program);
        pg_isready.args(["-q", "-h", "127.0.0.1", "-p", &addr.port().to_string()]);
        pg_isready.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    fn url(addr: SocketAddr) -> String {
        format!("postgres://postgres@{addr}/postgres")
    }

    fn create_database(url: &str, name: &str) -> io::Result<String> {
        let mut psql = Command::new(PSQL.find()?);
        psql.args(["--no-psqlrc", "--quiet", "--no-password", "--dbname", url]);
        psql.args(["--command", &format!("create database {name}")]);
        run(psql, "creating a database with psql")?;
        Ok(shared::with_path(url, name)?.to_string())
    }
}

impl Server<Postgres> {
    /// Starts a server that follows this one: a copy that takes no writes and replays what is written here, over a
    /// connection of its own.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_replica(&self) -> io::Result<Self> {
        Self::start_on(|site| {
            let mut copy = site.command(PG_BASEBACKUP)?;
            copy.arg("--pgdata").arg(site.path("data")).args(["--host=127.0.0.1", "--username=postgres"]);
            copy.args(["--no-password", "--no-sync", "--checkpoint=fast", "--wal-method=stream"]);
            copy.arg("--write-recovery-conf").arg("--port").arg(self.addr().port().to_string());
            run(copy, "pg_basebackup")
        })
    }
}
