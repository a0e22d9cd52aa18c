use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use super::binary::Binary;
use super::server::Kind;
use super::shared;
use super::site::Site;

pub(super) const SERVER: Binary = Binary { name: "redis-server", package: "redis-server" };

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
        redis.args(&site.arguments);
        Ok(redis)
    }

    /// Whether it answers, which it does not do while it loads its file.
    fn is_ready(addr: SocketAddr) -> bool {
        match Connection::open(addr).and_then(|mut redis| redis.ask("PING")) {
            Ok(_) => true,
            // It wants to know who asks.
            Err(error) => error.to_string().contains("NOAUTH"),
        }
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

/// Just enough of the protocol to ask for one line, or one text.
pub(super) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(super) fn open(addr: SocketAddr) -> io::Result<Self> {
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

    /// Sends an inline command and returns the answer: its first line, or the text that is announced there.
    pub(super) fn ask(&mut self, command: &str) -> io::Result<String> {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = String::new();
        self.0.read_line(&mut answer)?;
        match answer.trim_end() {
            "" => Err(io::ErrorKind::UnexpectedEof.into()),
            answer if answer.starts_with('-') => Err(io::Error::other(format!("redis answered {answer}"))),
            answer => match answer.strip_prefix('$').and_then(|length| length.parse::<usize>().ok()) {
                None => Ok(answer.to_owned()),
                Some(length) => {
                    let mut text = vec![0; length + "\r\n".len()];
                    self.0.read_exact(&mut text)?;
                    text.truncate(length);
                    Ok(String::from_utf8_lossy(&text).into_owned())
                }
            },
        }
    }
}
