use std::fmt::Debug;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use super::binary::Binary;
use super::site::Site;
use super::{port, process};
use crate::tls::Identity;

/// What a server that speaks TLS finds in its folder, as PEM.
pub(super) const CERTIFICATE: &str = "server.crt";
pub(super) const KEY: &str = "server.key";

/// What makes a server this server and not another one.
pub trait Kind: Debug {
    /// Its name in messages.
    const NAME: &'static str;
    /// The variable that names an existing server.
    const ENV: &'static str;
    /// What it needs, server first.
    const BINARIES: &'static [Binary];
    /// What it still needs when the server is an existing one.
    const CLIENT: Option<Binary>;
    /// Whom it runs as when we are root.
    const USER: &'static str;
    /// The signal that asks it to finish soon and in order.
    const STOP: &'static str;

    /// Makes its data folder.
    fn prepare(site: &Site) -> io::Result<()>;
    /// The command that serves.
    fn serve(site: &Site) -> io::Result<Command>;
    /// Whether it takes queries.
    fn is_ready(addr: SocketAddr) -> bool;
    /// How clients reach it.
    fn url(addr: SocketAddr) -> String;
    /// Makes an empty database on the server at `url` and returns that database's URL.
    fn create_database(url: &str, name: &str) -> io::Result<String>;
}

/// A throw-away server on a free loopback port, with its data in a temporary folder.
///
/// Used by the names [`Postgres`](super::Postgres), [`MariaDb`](super::MariaDb) and [`Redis`](super::Redis).
/// Dropping it kills it and removes its data.
#[derive(Debug)]
pub struct Server<K> {
    site: Site,
    /// `None` while it is stopped.
    child: Option<Child>,
    kind: PhantomData<K>,
}

impl<K: Kind> Server<K> {
    /// The programs it needs, with the Debian packages that bring them.
    pub const BINARIES: &'static [Binary] = K::BINARIES;
    /// The program [`ENV`](Self::ENV) still needs, to make databases on the server it names.
    pub const CLIENT: Option<Binary> = K::CLIENT;
    /// The environment variable that names an existing server.
    pub const ENV: &'static str = K::ENV;

    /// Starts a server and waits until it takes queries.
    ///
    /// # Errors
    /// `NotFound` when one of its programs is missing, naming the Debian package; otherwise what its log ends with.
    pub fn start() -> io::Result<Self> {
        Self::start_on(|site| K::prepare(site))
    }

    /// Starts a server that also speaks TLS, and shows this identity to whoever asks for it. Redis has [`RedisTls`](super::RedisTls).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with_tls(identity: &Identity) -> io::Result<Self> {
        Self::start_on(|site| {
            K::prepare(site)?;
            site.write(CERTIFICATE, &identity.certificate)?;
            site.write(KEY, &identity.key).map(drop)
        })
    }

    /// Starts a server on the data folder that `prepare` makes.
    pub(super) fn start_on(prepare: impl FnOnce(&mut Site) -> io::Result<()>) -> io::Result<Self> {
        let mut server = Self { site: Site::new(K::USER)?, child: None, kind: PhantomData };
        prepare(&mut server.site)?;
        let mut tries = 3;
        loop {
            server.site.port = port::free()?;
            match server.launch() {
                // Somebody came first between our look at the port and the server's.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 1 => tries -= 1,
                outcome => return outcome.map(|()| server),
            }
        }
    }

    /// The URL of its first database, for sqlx or a Redis client.
    pub fn url(&self) -> String {
        K::url(self.site.addr())
    }

    /// Its address, to put a proxy in front of it.
    pub fn addr(&self) -> SocketAddr {
        self.site.addr()
    }

    /// Whether it was neither stopped nor killed.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Lets it finish in order: connections are closed, data is flushed.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::stop(&mut child, K::STOP);
        }
    }

    /// Makes it answer nothing any more, though its connections stay (SIGSTOP), as a machine that hangs; until it is
    /// killed. For servers of one process.
    pub fn freeze(&self) {
        if let Some(child) = &self.child {
            process::freeze(child);
        }
    }

    /// Kills all of its processes (SIGKILL), as a power cut would, and returns when they are gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::kill(&mut child);
        }
    }

    /// Starts it again on the same data and port, stopping it first if it runs.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        let mut outcome = Ok(());
        process::wait_until(|| {
            outcome = self.launch();
            // The children of a Postgres that was killed keep its memory for a moment, and it does not start beside them.
            !matches!(&outcome, Err(error) if error.to_string().contains("is still in use"))
        });
        outcome
    }

    fn launch(&mut self) -> io::Result<()> {
        let log = self.site.log()?;
        let mut command = K::serve(&self.site)?;
        // A group of its own: an interrupt from the keyboard is for the test, which then takes the server along.
        command.stdout(log.try_clone()?).stderr(log).process_group(0);
        let child = self.child.insert(process::spawn(command)?);

        let mut ended = None;
        let answered = process::wait_until(|| {
            let ready = K::is_ready(self.site.addr());
            // Asked second: a stranger on the same port would be ready too while ours has ended.
            ended = process::has_ended(child);
            ready || ended.is_some()
        });
        match ended {
            None if answered => Ok(()),
            Some(status) => Err(self.failure(&format!("ended with {status}"))),
            None => Err(self.failure("does not answer")),
        }
    }

    fn failure(&mut self, what: &str) -> io::Error {
        self.kill();
        let log = self.site.log_tail();
        let in_use = log.contains("Address already in use");
        let kind = if in_use { io::ErrorKind::AddrInUse } else { io::ErrorKind::Other };
        io::Error::new(kind, format!("{} on port {} {what}; its log:\n{log}", K::NAME, self.site.port))
    }
}

impl<K> Drop for Server<K> {
    fn drop(&mut self) {
        // Before the folder, which is removed next, so that nothing is written there anymore.
        if let Some(mut child) = self.child.take() {
            process::kill(&mut child);
        }
    }
}
