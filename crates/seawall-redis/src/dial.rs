//! Makes connections to one server, whose name is looked up each time.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::AsyncPushSender;
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ProtocolVersion};
#[cfg(feature = "sentinel")]
use redis::{PushInfo, aio::SendError};
use seawall_core::{Error, FailureKind};

use crate::RedisConfig;
use crate::classify::{self, LAYER};
use crate::config::Protocol;
use crate::multiplexed::{Crowd, Multiplexed};
#[cfg(feature = "sentinel")]
use crate::sentinel::Sentinels;
use crate::tls;
#[cfg(any(feature = "cluster", feature = "sentinel"))]
use crate::url;
use crate::url::{Address, Topology};

/// Bytes that may wait to be written before callers wait: enough for a burst of small commands to go out as one.
const WRITE_BUFFER: usize = 64 << 10;

/// Knows where the server is and how to speak to it. No `Debug`: it knows the password.
pub(crate) struct Dialer {
    /// What errors and telemetry call the server; holds no secret.
    name: Arc<str>,
    server: Server,
    connect_timeout: Duration,
    max_queued: usize,
    protocol: Protocol,
    /// Whether its server is a replica of a cluster, which sends readers away unless they say that they only read.
    only_reads: bool,
    /// The calls under way over what was dialled.
    pub(crate) crowd: Crowd,
}

/// Which server it is.
enum Server {
    /// This one.
    Fixed(Box<ConnectionInfo>),
    /// Whichever is the primary.
    #[cfg(feature = "sentinel")]
    Named(Sentinels),
}

impl Dialer {
    /// For the server that a URL names, or for the primary that its sentinels know.
    pub(crate) fn new(address: Address, config: &RedisConfig) -> Result<Self, Error> {
        let Address { server, topology } = address;
        let server = settled(tls::secured(server, &config.tls)?, config);
        let database = server.redis_settings().db();
        let called =
            |host: &str| if database == 0 { host.into() } else { format!("{host}/{database}").into() };
        let (name, server) = match topology {
            #[cfg(feature = "cluster")]
            Topology::Cluster { .. } => (called(&server.addr().to_string()), Server::Fixed(Box::new(server))),
            Topology::One => (called(&server.addr().to_string()), Server::Fixed(Box::new(server))),
            #[cfg(feature = "sentinel")]
            Topology::Sentinels { primary, sentinels } => {
                let sentinels = Sentinels::new(&primary, server, sentinels, config.connect_timeout);
                (called(&primary), Server::Named(sentinels))
            }
        };
        Ok(Self {
            name,
            server,
            connect_timeout: config.connect_timeout,
            max_queued: config.max_queued.get(),
            protocol: config.protocol,
            only_reads: false,
            crowd: Crowd::default(),
        })
    }

    /// For another server, which is spoken to as this one; where it `only_reads`, for a replica of a cluster.
    #[cfg(any(feature = "cluster", feature = "sentinel"))]
    pub(crate) fn at(&self, host: String, port: u16, only_reads: bool) -> Self {
        let info = match &self.server {
            Server::Fixed(info) => url::at(info, host, port),
            #[cfg(feature = "sentinel")]
            Server::Named(sentinels) => sentinels.at(host, port),
        };
        Self {
            only_reads,
            name: info.addr().to_string().into(),
            server: Server::Fixed(Box::new(info)),
            connect_timeout: self.connect_timeout,
            max_queued: self.max_queued,
            protocol: self.protocol,
            crowd: Crowd::default(),
        }
    }

    pub(crate) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Host, port and database, as telemetry shows them. A socket has its path and no port, a primary its name.
    pub(crate) fn place(&self) -> (String, Option<u16>, i64) {
        match &self.server {
            Server::Fixed(info) => {
                let database = info.redis_settings().db();
                match info.addr() {
                    ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                        (host.clone(), Some(*port), database)
                    }
                    other => (other.to_string(), None, database),
                }
            }
            #[cfg(feature = "sentinel")]
            Server::Named(sentinels) => (sentinels.name().to_owned(), None, sentinels.database()),
        }
    }

    /// A connection, logged in and answering, and how often the server had moved by then. `pushed` is told what the
    /// server says by itself, and that the connection ended.
    pub(crate) async fn connect(
        &self,
        pushed: Option<impl AsyncPushSender>,
    ) -> Result<(Multiplexed, u64), Error> {
        let settings = self.settings();
        let settings = match pushed {
            Some(pushed) if self.protocol == Protocol::Resp3 => settings.set_push_sender(pushed),
            _ => settings,
        };
        match &self.server {
            Server::Fixed(info) => Ok((self.open(info, &settings).await?, 0)),
            #[cfg(feature = "sentinel")]
            Server::Named(sentinels) => {
                let settings = &settings;
                sentinels.connect(|info| async move { self.open(&info, settings).await }).await
            }
        }
    }

    /// A connection that listens.
    pub(crate) async fn listen(&self) -> Result<redis::aio::PubSub, Error> {
        let (info, _) = self.found().await?;
        let client = Client::open(info).map_err(|cause| self.failed(cause))?;
        match tokio::time::timeout(self.connect_timeout, client.get_async_pubsub()).await {
            Ok(result) => result.map_err(|cause| self.failed(cause)),
            Err(_elapsed) => Err(self.too_late()),
        }
    }

    /// How connections are made for one caller at a time, as here, by others; and how often the server had moved.
    pub(crate) async fn recipe(&self) -> Result<(ConnectionInfo, AsyncConnectionConfig, u64), Error> {
        let (info, moves) = self.found().await?;
        Ok((info, self.settings(), moves))
    }

    /// How often the server has moved.
    pub(crate) fn moves(&self) -> u64 {
        match &self.server {
            Server::Fixed(_) => 0,
            #[cfg(feature = "sentinel")]
            Server::Named(sentinels) => sentinels.moves(),
        }
    }

    /// Waits until the server is elsewhere than it was after so many moves.
    #[cfg_attr(
        not(feature = "sentinel"),
        expect(unused_variables, reason = "a server that is named stays where it is")
    )]
    pub(crate) async fn moved(&self, from: u64) {
        match &self.server {
            Server::Fixed(_) => std::future::pending().await,
            #[cfg(feature = "sentinel")]
            Server::Named(sentinels) => sentinels.moved(from).await,
        }
    }

    /// Where the replicas are that follow the server, as the sentinels know.
    #[cfg(feature = "sentinel")]
    pub(crate) async fn replicas(&self) -> Result<Vec<(String, u16)>, Error> {
        match &self.server {
            Server::Fixed(_) => Ok(Vec::new()),
            Server::Named(sentinels) => sentinels.replicas().await,
        }
    }

    /// Looks for the server no more.
    pub(crate) fn close(&self) {
        match &self.server {
            Server::Fixed(_) => {}
            #[cfg(feature = "sentinel")]
            Server::Named(sentinels) => sentinels.close(),
        }
    }

    /// Where the server is; asked for if that is not known yet.
    #[cfg_attr(
        not(feature = "sentinel"),
        expect(clippy::unused_async, reason = "the others have to be asked")
    )]
    async fn found(&self) -> Result<(ConnectionInfo, u64), Error> {
        match &self.server {
            Server::Fixed(info) => Ok((ConnectionInfo::clone(info), 0)),
            #[cfg(feature = "sentinel")]
            Server::Named(sentinels) => {
                if let Some(found) = sentinels.found() {
                    return Ok(found);
                }
                self.connect(None::<fn(PushInfo) -> Result<(), SendError>>).await?;
                Ok(sentinels.found().expect("whoever connects has found it"))
            }
        }
    }

    async fn open(
        &self,
        info: &ConnectionInfo,
        settings: &AsyncConnectionConfig,
    ) -> Result<Multiplexed, Error> {
        let opened = tokio::time::timeout(
            self.connect_timeout,
            Multiplexed::open(info, settings.clone(), self.crowd.clone()),
        );
        let Ok(opened) = opened.await else { return Err(self.too_late()) };
        let mut opened = opened.map_err(|cause| self.failed(cause))?;
        if self.only_reads {
            let reads = redis::cmd("READONLY");
            let said =
                tokio::time::timeout(self.connect_timeout, reads.exec_async(&mut opened.connection)).await;
            match said {
                Ok(result) => result.map_err(|cause| self.failed(cause))?,
                Err(_elapsed) => return Err(self.too_late()),
            }
        }
        Ok(opened)
    }

    fn too_late(&self) -> Error {
        Error::new(FailureKind::Timeout, LAYER, self.name())
            .not_executed()
            .with_message("no connection to the server in time")
    }

    /// Response time-outs are the business of whoever calls, who knows what was asked for.
    fn settings(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(self.max_queued)
            .set_write_backpressure_boundary(WRITE_BUFFER)
    }

    fn failed(&self, cause: redis::RedisError) -> Error {
        classify::connect_error(self.name(), cause)
    }
}

/// What is the same for every server of a client.
fn settled(info: ConnectionInfo, config: &RedisConfig) -> ConnectionInfo {
    let protocol = match config.protocol {
        Protocol::Resp2 => ProtocolVersion::RESP2,
        Protocol::Resp3 => ProtocolVersion::RESP3,
    };
    let redis = info
        .redis_settings()
        .clone()
        .set_protocol(protocol)
        .set_lib_name("seawall", env!("CARGO_PKG_VERSION"));
    info.set_redis_settings(redis).set_tcp_settings(tcp_settings(config))
}

fn tcp_settings(config: &RedisConfig) -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(config.keepalive).with_interval(config.keepalive / 3);
    TcpSettings::default().set_nodelay(true).set_keepalive(keepalive)
}
