use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use super::binary::Binary;
use super::server::Kind;
use super::shared;
use super::site::Site;

const SERVER: Binary = Binary { name: "redis-server", package: "redis-server" };

#[derive(Debug)]
pub enum Redis {}

impl Kind for Redis {
    const NAME: &'static str = "redis";
    const ENV: &'static str = "SEAWALL_TEST_REDIS_URL";
    const BINARIES: &'static [Binary] = &[SERVER];
    const CLIENT: Option<Binary> = None;
    const USER: &'static str = "redis";
    const STOP: &'static str = "TERM";

    /// Redis makes its files itself.
    fn prepare(_site: &Site) -> io::Result<()> {
        Ok(())
    }

    fn serve(site: &Site) -> io::Result<Command> {
        let mut redis = site.command(SERVER)?;
        redis.args(["--bind", "127.0.0.1", "--port", &site.port.to_string()]);
        redis.arg("--dir").arg(site.path(""));
        // One file, appended to before each answer, so that nothing answered is lost when the process is killed.
        redis.args(["--save", "", "--appendonly", "yes"]);
        // Databases are what `create_database` hands out.
        redis.args(["--databases", "10000"]);
        Ok(redis)
    }

    /// Whether it answers, which it does not do while it loads its file.
    fn is_ready(addr: SocketAddr) -> bool {
        Connection::open(addr).and_then(|mut redis| redis.ask("PING")).is_ok()
    }

    fn url(addr: SocketAddr) -> String {
        format!("redis://{addr}/0")
    }

    /// Redis numbers its databases: the next number comes from a counter in database 0, which is never handed out.
    fn create_database(url: &str, _name: &str) -> io::Result<String> {
        let mut redis = Connection::login(url)?;
        redis.ask("SELECT 0")?;
        let number = redis.ask("INCR seawall_test_databases")?.trim_start_matches(':').to_owned();
        redis.ask(&format!("SELECT {number}"))?;
        redis.ask("FLUSHDB")?;
        Ok(shared::with_path(url, &number)?.to_string())
    }
}

/// Just enough of the protocol to ask for one line.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn login(url: &str) -> io::Result<Self> {
        let url = shared::parse(url)?;
        let addr = url.socket_addrs(|| Some(6379))?;
        let addr = addr.first().ok_or_else(|| io::Error::other("the redis url's host has no address"))?;
        let mut redis = Self::open(*addr)?;
        if let Some(password) = url.password() {
            let user = if url.username().is_empty() { "default" } else { url.username() };
            redis.ask(&format!("AUTH {user} {password}"))?;
        }
        Ok(redis)
    }

    /// Sends an inline command and returns the answer's first line.
    fn ask(&mut self, command: &str) -> io::Result<String> {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = String::new();
        self.0.read_line(&mut answer)?;
        match answer.trim_end() {
            "" => Err(io::ErrorKind::UnexpectedEof.into()),
            answer if answer.starts_with('-') => Err(io::Error::other(format!("redis answered {answer}"))),
            answer => Ok(answer.to_owned()),
        }
    }
}
