//! The primary by its name: where it is the sentinels know.
//!
//! A client asks one of them whenever it connects, and goes only to a server that says itself that it is the primary;
//! who gave a wrong answer, or none, is asked last from there on. Between that it listens to one of them, so that it
//! leaves a primary that answers nothing any more as soon as another one is announced.
//! <https://redis.io/docs/latest/develop/reference/sentinel-clients/>

mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, FromRedisValue, Value};
use seawall_core::{BoxError, Error, FailureKind};
use tokio::sync::watch as channel;
use tokio_util::task::AbortOnDropHandle;

use crate::classify::{self, LAYER};
use crate::multiplexed::Multiplexed;
use crate::url::at;

/// A sentinel that does not answer is not waited for longer than this, because the next one may.
const PATIENCE: Duration = Duration::from_secs(1);

/// Knows the sentinels, and by them the primary.
pub(crate) struct Sentinels {
    shared: Arc<Shared>,
    watching: AbortOnDropHandle<()>,
}

struct Shared {
    /// The primary's name.
    name: Arc<str>,
    /// How servers are spoken to; the address is another one each time.
    server: ConnectionInfo,
    /// The one that answered last comes first.
    sentinels: Mutex<Vec<ConnectionInfo>>,
    /// How sentinels are spoken to.
    settings: AsyncConnectionConfig,
    place: channel::Sender<Place>,
}

/// Where the primary is, as far as is known.
#[derive(Clone)]
struct Place {
    /// How often it has moved.
    moves: u64,
    address: Option<(String, u16)>,
}

impl Sentinels {
    /// Begins to listen to them. Must be called within a tokio runtime.
    pub(crate) fn new(
        name: &str,
        server: ConnectionInfo,
        sentinels: Vec<ConnectionInfo>,
        connect_timeout: Duration,
    ) -> Self {
        let sentinels = sentinels.into_iter().map(|sentinel| like(&server, &sentinel)).collect();
        let patience = connect_timeout.min(PATIENCE);
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(patience))
            .set_response_timeout(Some(patience));
        let shared = Arc::new(Shared {
            name: name.into(),
            server,
            sentinels: Mutex::new(sentinels),
            settings,
            place: channel::Sender::new(Place { moves: 0, address: None }),
        });
        let watching = AbortOnDropHandle::new(tokio::spawn(watch::watch(Arc::clone(&shared))));
        Self { shared, watching }
    }

    /// The name that they know the primary by.
    pub(crate) fn name(&self) -> &str {
        &self.shared.name
    }

    pub(crate) fn database(&self) -> i64 {
        self.shared.server.redis_settings().db()
    }

    /// Where the primary was found last, and how often it had moved by then.
    pub(crate) fn found(&self) -> Option<(ConnectionInfo, u64)> {
        let place = self.shared.place.borrow();
        let (host, port) = place.address.clone()?;
        Some((at(&self.shared.server, host, port), place.moves))
    }

    /// How another server is spoken to that they know.
    pub(crate) fn at(&self, host: String, port: u16) -> ConnectionInfo {
        at(&self.shared.server, host, port)
    }

    /// Where the replicas are that are in touch with the primary, as the first sentinel says.
    pub(crate) async fn replicas(&self) -> Result<Vec<(String, u16)>, Error> {
        let replicas = self.shared.replicas().await;
        if replicas.is_err() {
            // The next one is asked next time.
            self.shared.order().rotate_left(1);
        }
        replicas
    }

    /// How often it has moved.
    pub(crate) fn moves(&self) -> u64 {
        self.shared.place.borrow().moves
    }

    /// Waits until it is elsewhere than after so many moves.
    pub(crate) async fn moved(&self, from: u64) {
        // The sender is here, so it does not end.
        let _ = self.shared.place.subscribe().wait_for(|place| place.moves != from).await;
    }

    /// A connection to the primary, made by `open`, and how often that has moved. Begins anew as soon as another
    /// primary is announced.
    pub(crate) async fn connect<F>(
        &self,
        open: impl Fn(ConnectionInfo) -> F,
    ) -> Result<(Multiplexed, u64), Error>
    where
        F: Future<Output = Result<Multiplexed, Error>>,
    {
        loop {
            let mut place = self.shared.place.subscribe();
            tokio::select! {
                connected = self.shared.connect(&open) => return connected,
                _ = place.changed() => {}
            }
        }
    }

    /// Listens no more.
    pub(crate) fn close(&self) {
        self.watching.abort();
    }
}

impl Shared {
    async fn connect<F>(&self, open: &impl Fn(ConnectionInfo) -> F) -> Result<(Multiplexed, u64), Error>
    where
        F: Future<Output = Result<Multiplexed, Error>>,
    {
        let (host, port) = self.ask_in_turn().await?;
        let made = open(at(&self.server, host.clone(), port)).await;
        let made = match made {
            Ok(mut opened) => is_primary(&self.name, &mut opened.connection).await.map(|()| opened),
            Err(error) => Err(error),
        };
        match made {
            Ok(opened) => Ok((opened, self.is_at(host, port))),
            Err(error) => {
                // Another sentinel may know better.
                self.order().rotate_left(1);
                Err(error)
            }
        }
    }

    /// Asks one after the other, until one knows.
    async fn ask_in_turn(&self) -> Result<(String, u16), Error> {
        let in_turn = self.order().clone();
        let mut failure = None;
        for sentinel in &in_turn {
            match self.ask(sentinel).await {
                Ok(address) => return Ok(address),
                Err(error) => failure = Some(error),
            }
            self.order().rotate_left(1);
        }
        Err(failure.unwrap_or_else(|| self.unknown("there is no sentinel to ask", "none is named")))
    }

    async fn ask(&self, sentinel: &ConnectionInfo) -> Result<(String, u16), Error> {
        let answer: Option<(String, u16)> = self.question(sentinel, "GET-MASTER-ADDR-BY-NAME").await?;
        let unknown =
            || self.unknown("the sentinels know no primary of this name", sentinel.addr().to_string());
        answer.ok_or_else(unknown)
    }

    async fn replicas(&self) -> Result<Vec<(String, u16)>, Error> {
        let first = self.order().first().cloned();
        let first = first.ok_or_else(|| self.unknown("there is no sentinel to ask", "none is named"))?;
        let replicas: Vec<HashMap<String, String>> = self.question(&first, "REPLICAS").await?;
        Ok(replicas.iter().filter_map(in_touch).collect())
    }

    /// Asks one sentinel something about the primary.
    async fn question<T: FromRedisValue>(&self, sentinel: &ConnectionInfo, what: &str) -> Result<T, Error> {
        let failed = |cause| classify::connect_error(format!("sentinel {}", sentinel.addr()), cause);
        let client = Client::open(sentinel.clone()).map_err(failed)?;
        let mut connection =
            client.get_multiplexed_async_connection_with_config(&self.settings).await.map_err(failed)?;
        let mut question = redis::cmd("SENTINEL");
        question.arg(what).arg(&*self.name).query_async(&mut connection).await.map_err(failed)
    }

    /// Takes note of where the primary is, and says how often it has moved.
    fn is_at(&self, host: String, port: u16) -> u64 {
        self.place.send_if_modified(|place| {
            if place.address.as_ref().is_some_and(|(known, at)| *known == host && *at == port) {
                return false;
            }
            place.moves += 1;
            place.address = Some((host, port));
            true
        });
        self.place.borrow().moves
    }

    fn order(&self) -> std::sync::MutexGuard<'_, Vec<ConnectionInfo>> {
        self.sentinels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unknown(&self, why: &'static str, who: impl Into<BoxError>) -> Error {
        no_primary(&self.name, why).with_source(who)
    }
}

fn no_primary(name: &Arc<str>, why: &'static str) -> Error {
    Error::new(FailureKind::Transient, LAYER, Arc::clone(name)).not_executed().with_message(why)
}

/// A sentinel is spoken to as a server is, with a login of its own.
fn like(server: &ConnectionInfo, sentinel: &ConnectionInfo) -> ConnectionInfo {
    let (ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. }) = sentinel.addr()
    else {
        return sentinel.clone();
    };
    at(server, host.clone(), *port).set_redis_settings(sentinel.redis_settings().clone())
}

/// A primary that was just demoted, or one that a sentinel cut off from the others still believes in, is none.
async fn is_primary(name: &Arc<str>, connection: &mut MultiplexedConnection) -> Result<(), Error> {
    let ask = redis::cmd("ROLE");
    let answer = tokio::time::timeout(PATIENCE, ask.query_async::<Value>(connection)).await;
    match answer {
        Ok(Ok(Value::Array(role))) if is_word(role.first(), b"master") => Ok(()),
        // Whoever may not ask has to believe.
        Ok(Err(cause)) if cause.code() == Some("NOPERM") => Ok(()),
        Ok(Err(cause)) => Err(classify::connect_error(Arc::clone(name), cause)),
        Ok(Ok(role)) => {
            let why = "the server that the sentinels name is no primary, or not yet";
            Err(no_primary(name, why).with_source(format!("{role:?}")))
        }
        Err(elapsed) => {
            let why = "the server that the sentinels name does not say that it is the primary";
            Err(no_primary(name, why).with_source(elapsed))
        }
    }
}

/// Where a replica is, if it hears of its primary and may be named to clients.
fn in_touch(replica: &HashMap<String, String>) -> Option<(String, u16)> {
    let is = |field: &str, value: &str| replica.get(field).is_some_and(|said| said == value);
    let is_gone = |flag| matches!(flag, "s_down" | "o_down" | "disconnected");
    if !is("master-link-status", "ok") || is("replica-announced", "0") {
        return None;
    }
    if replica.get("flags")?.split(',').any(is_gone) {
        return None;
    }
    Some((replica.get("ip")?.clone(), replica.get("port")?.parse().ok()?))
}

fn is_word(value: Option<&Value>, word: &[u8]) -> bool {
    matches!(value, Some(Value::BulkString(bytes)) if bytes == word)
}
