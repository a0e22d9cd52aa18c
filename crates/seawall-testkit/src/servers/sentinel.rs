use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use super::binary::Binary;
use super::redis::{Connection, SERVER};
use super::server::Kind;
use super::site::Site;
use super::{Redis, Server, SetTls, process};

/// The name that the sentinels know the primary by.
const NAME: &str = "shop";
/// What the servers ask of their clients, and the sentinels of theirs.
const PASSWORDS: (&str, &str) = ("of-the-servers", "of-the-sentinels");

/// A primary, its replicas and the sentinels that watch them, all with passwords.
///
/// A primary that is silent for half a second is given up, and a replica takes its place.
#[derive(Debug)]
pub struct Sentinels {
    /// The servers, the first primary first.
    pub servers: Vec<Redis>,
    watchers: Vec<Server<Sentinel>>,
    /// By which port each is known to the others: another one than we ask it by if they speak TLS.
    ports: Ports,
}

#[derive(Debug)]
struct Ports {
    servers: Vec<u16>,
    sentinels: Vec<u16>,
    is_tls: bool,
}

impl Sentinels {
    /// Starts them, and waits until every sentinel knows all servers and all sentinels.
    ///
    /// # Errors
    /// As [`Server::start`], or that they do not find each other.
    pub fn start(replicas: usize, sentinels: usize) -> io::Result<Self> {
        Self::launch(replicas, sentinels, None)
    }

    /// The same by TLS: to clients, and among themselves.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with_tls(replicas: usize, sentinels: usize, tls: SetTls<'_>) -> io::Result<Self> {
        Self::launch(replicas, sentinels, Some(tls))
    }

    fn launch(replicas: usize, sentinels: usize, tls: Option<SetTls<'_>>) -> io::Result<Self> {
        let (first, port) = serve(None, tls)?;
        let primary = known_by(&first, port);
        let (mut servers, mut ports) = (vec![first], vec![port]);
        for _ in 0..replicas {
            let (server, port) = serve(Some(primary), tls)?;
            servers.push(server);
            ports.push(port);
        }
        let quorum = sentinels / 2 + 1;
        let sentinels =
            (0..sentinels).map(|_| watch(primary, quorum, tls)).collect::<io::Result<Vec<_>>>()?;
        let (watchers, of_watchers) = sentinels.into_iter().unzip();
        let ports = Ports { servers: ports, sentinels: of_watchers, is_tls: tls.is_some() };
        let set = Self { servers, watchers, ports };
        let counts =
            format!("status=ok,address={primary},slaves={replicas},sentinels={}", set.watchers.len());
        let known =
            || set.watchers.iter().all(|sentinel| info(sentinel).is_ok_and(|info| info.contains(&counts)));
        let in_step = || online(set.servers[0].addr()).is_ok_and(|online| online == replicas);
        if process::wait_until(|| known() && in_step()) {
            return Ok(set);
        }
        Err(io::Error::other("the servers and the sentinels do not find each other"))
    }

    /// The URL of the primary's first database.
    pub fn url(&self) -> String {
        let (servers, sentinels) = PASSWORDS;
        let hosts: Vec<_> = self.ports.sentinels.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let scheme = if self.ports.is_tls { "rediss-sentinel" } else { "redis-sentinel" };
        format!("{scheme}://:{servers}@{}/{NAME}/0?sentinel_password={sentinels}", hosts.join(","))
    }

    /// Which of the servers is the primary, as the first sentinel that runs sees it.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn primary(&self) -> io::Result<usize> {
        let info = info(self.running()?)?;
        let is_primary = |port: &u16| info.contains(&format!("address=127.0.0.1:{port},"));
        let found = self.ports.servers.iter().position(is_primary);
        found.ok_or_else(|| io::Error::other(format!("the primary is a stranger: {info}")))
    }

    /// Orders the first sentinel that runs to put a replica in the place of the primary.
    ///
    /// # Errors
    /// If it refuses.
    pub fn fail_over(&self) -> io::Result<()> {
        login(self.running()?)?.ask(&format!("SENTINEL FAILOVER {NAME}")).map(drop)
    }

    /// Has all sentinels give a primary up only after it was silent for so long.
    ///
    /// # Errors
    /// If one does not answer.
    pub fn give_up_after(&self, silence: Duration) -> io::Result<()> {
        let milliseconds = silence.as_millis();
        let set = format!("SENTINEL SET {NAME} down-after-milliseconds {milliseconds}");
        self.watchers.iter().try_for_each(|sentinel| login(sentinel)?.ask(&set).map(drop))
    }

    /// Kills one of the sentinels.
    pub fn kill_sentinel(&mut self, which: usize) {
        self.watchers[which].kill();
    }

    fn running(&self) -> io::Result<&Server<Sentinel>> {
        let running = self.watchers.iter().find(|sentinel| sentinel.is_running());
        running.ok_or_else(|| io::Error::other("no sentinel runs"))
    }
}

/// How many replicas have what the primary has.
fn online(primary: SocketAddr) -> io::Result<usize> {
    let mut connection = Connection::open(primary)?;
    connection.ask(&format!("AUTH {}", PASSWORDS.0))?;
    Ok(connection.ask("INFO replication")?.matches("state=online").count())
}

fn info(sentinel: &Server<Sentinel>) -> io::Result<String> {
    login(sentinel)?.ask("INFO sentinel")
}

fn login(sentinel: &Server<Sentinel>) -> io::Result<Connection> {
    let mut connection = Connection::open(sentinel.addr())?;
    connection.ask(&format!("AUTH {}", PASSWORDS.1))?;
    Ok(connection)
}

/// A server that asks for a password; a replica of the one at `primary`, if there is one. And the port that the others
/// know it by.
fn serve(primary: Option<SocketAddr>, tls: Option<SetTls<'_>>) -> io::Result<(Redis, u16)> {
    let mut port = None;
    let server = Redis::start_on(|site| {
        if let Some(tls) = tls {
            port = Some(tls.apply(site, tls.servers)?);
        }
        let mut set = |words: &[&str]| site.arguments.extend(words.iter().map(|word| (*word).to_owned()));
        set(&["--requirepass", PASSWORDS.0, "--masterauth", PASSWORDS.0]);
        // It waits for further replicas otherwise.
        set(&["--repl-diskless-sync-delay", "0"]);
        if let Some(primary) = primary {
            set(&["--replicaof", &primary.ip().to_string(), &primary.port().to_string()]);
        }
        Ok(())
    })?;
    let port = port.unwrap_or_else(|| server.addr().port());
    Ok((server, port))
}

fn known_by(server: &Redis, port: u16) -> SocketAddr {
    (server.addr().ip(), port).into()
}

fn watch(primary: SocketAddr, quorum: usize, tls: Option<SetTls<'_>>) -> io::Result<(Server<Sentinel>, u16)> {
    let (host, known) = (primary.ip(), primary.port());
    let (servers, sentinels) = PASSWORDS;
    let mut port = None;
    let sentinel = Server::<Sentinel>::start_on(|site| {
        if let Some(tls) = tls {
            port = Some(tls.apply(site, tls.sentinels)?);
        }
        // It writes down there what it comes to know.
        site.write(
            "sentinel.conf",
            &format!(
                "bind 127.0.0.1\n\
                 requirepass {sentinels}\n\
                 sentinel sentinel-pass {sentinels}\n\
                 sentinel monitor {NAME} {host} {known} {quorum}\n\
                 sentinel auth-pass {NAME} {servers}\n\
                 sentinel down-after-milliseconds {NAME} 500\n\
                 sentinel failover-timeout {NAME} 3000\n"
            ),
        )?;
        Ok(())
    })?;
    let port = port.unwrap_or_else(|| sentinel.addr().port());
    Ok((sentinel, port))
}

/// One sentinel.
#[derive(Debug)]
pub(super) enum Sentinel {}

impl Kind for Sentinel {
    const NAME: &'static str = "redis sentinel";
    const ENV: &'static str = "SEAWALL_TEST_SENTINEL_URL";
    const BINARIES: &'static [Binary] = &[SERVER];
    const CLIENT: Option<Binary> = None;
    const USER: &'static str = "redis";
    const STOP: &'static str = "TERM";

    fn prepare(_site: &Site) -> io::Result<()> {
        Ok(())
    }

    fn serve(site: &Site) -> io::Result<Command> {
        let mut sentinel = site.command(SERVER)?;
        sentinel.arg(site.path("sentinel.conf")).arg("--sentinel").args(["--port", &site.port.to_string()]);
        sentinel.args(&site.arguments);
        Ok(sentinel)
    }

    fn is_ready(addr: SocketAddr) -> bool {
        super::redis::Redis::is_ready(addr)
    }

    fn url(addr: SocketAddr) -> String {
        format!("redis://:{}@{addr}", PASSWORDS.1)
    }

    fn create_database(_url: &str, _name: &str) -> io::Result<String> {
        Err(io::Error::other("a sentinel holds no data"))
    }
}
