use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use super::binary::Binary;
use super::server::{CERTIFICATE, KEY, Kind};
use super::shared;
use super::site::{Site, run};

const SERVER: Binary = Binary { name: "mariadbd", package: "mariadb-server" };
const INSTALL_DB: Binary = Binary { name: "mariadb-install-db", package: "mariadb-server" };
const CLIENT: Binary = Binary { name: "mariadb", package: "mariadb-client" };

#[derive(Debug)]
pub enum MariaDb {}

impl Kind for MariaDb {
    const NAME: &'static str = "mariadb";
    const ENV: &'static str = "SEAWALL_TEST_MARIADB_URL";
    const BINARIES: &'static [Binary] = &[SERVER, INSTALL_DB, CLIENT];
    const CLIENT: Option<Binary> = Some(CLIENT);
    const USER: &'static str = "mysql";
    const STOP: &'static str = "TERM";

    fn prepare(site: &Site) -> io::Result<()> {
        let mut install = site.command(INSTALL_DB)?;
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-name-resolve"]);
        install.arg(format!("--datadir={}", site.path("data").display()));
        install.arg(format!("--tmpdir={}", site.path("").display()));
        run(install, "mariadb-install-db")
    }

    fn serve(site: &Site) -> io::Result<Command> {
        let mut mariadbd = site.command(SERVER)?;
        mariadbd.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"]);
        mariadbd.arg(format!("--port={}", site.port));
        mariadbd.arg(format!("--datadir={}", site.path("data").display()));
        mariadbd.arg(format!("--tmpdir={}", site.path("").display()));
        mariadbd.arg(format!("--socket={}", site.path("socket").display()));
        mariadbd.arg(format!("--pid-file={}", site.path("pid").display()));
        // InnoDB goes on filling a block of its log while that is being written past the page cache, as is its default. Killed
        // then, it finds no end where its log ends (10.11.19), takes what else is in the block for the rest of it, and applies
        // that a second time: rows are there twice, or the server does not start. A write into the page cache is over at
        // once, and outlives the process just as well.
        mariadbd.arg("--innodb-log-file-buffering");
        if site.path(CERTIFICATE).exists() {
            mariadbd.arg(format!("--ssl-cert={}", site.path(CERTIFICATE).display()));
            mariadbd.arg(format!("--ssl-key={}", site.path(KEY).display()));
        }
        Ok(mariadbd)
    }

    /// Whether it greets: the first packet of the server names protocol version 10, or is an error (version 255).
    fn is_ready(addr: SocketAddr) -> bool {
        let greeting = || -> io::Result<u8> {
            let mut stream = TcpStream::connect(addr)?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            let mut packet = [0; 5];
            stream.read_exact(&mut packet)?;
            Ok(packet[4])
        };
        greeting().is_ok_and(|version| version == 10)
    }

    fn url(addr: SocketAddr) -> String {
        format!("mysql://root@{addr}/test")
    }

    fn create_database(url: &str, name: &str) -> io::Result<String> {
        let created = shared::with_path(url, name)?;
        let mut mariadb = Command::new(CLIENT.find()?);
        mariadb.arg("--no-defaults").arg(format!("--user={}", created.username()));
        mariadb.arg(format!("--host={}", created.host_str().unwrap_or("127.0.0.1")));
        mariadb.arg(format!("--port={}", created.port().unwrap_or(3306)));
        // Not as an argument, which every user of the machine can read.
        mariadb.env("MYSQL_PWD", created.password().unwrap_or_default());
        mariadb.arg(format!("--execute=create database {name}"));
        run(mariadb, "creating a database with the mariadb client")?;
        Ok(created.to_string())
    }
}
