//! Makes connections to one server, whose name is looked up each time.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
};
use seawall_core::{Error, FailureKind};

use crate::RedisConfig;
use crate::classify::{self, LAYER, misconfigured};
use crate::config::Protocol;
use crate::tls;

/// Bytes that may wait to be written before callers wait: enough for a burst of small commands to go out as one.
const WRITE_BUFFER: usize = 64 << 10;

/// Knows where the server is and how to speak to it. No `Debug`: it knows the password.
pub(crate) struct Dialer {
    /// What errors and telemetry call the server; holds no secret.
    name: Arc<str>,
    info: ConnectionInfo,
    connect_timeout: Duration,
    max_queued: usize,
    protocol: Protocol,
}

impl Dialer {
    /// Reads a URL: `redis://user:password@host:port/database`, `rediss://…` for TLS, or `unix:///path`.
    pub(crate) fn new(url: &str, config: &RedisConfig) -> Result<Self, Error> {
        let info = url.into_connection_info().map_err(|cause| {
            // The driver repeats no part of the URL but what it does not understand of it.
            let words = "the URL cannot be read: write `redis://user:password@host:port/database`, `rediss://…` for TLS, \
                or `unix:///path`";
            misconfigured(format!("{words} ({})", cause.category()))
        })?;
        let info = tls::secured(info, &config.tls)?;
        let name = match (info.addr(), info.redis_settings().db()) {
            (address, 0) => address.to_string(),
            (address, database) => format!("{address}/{database}"),
        };
        let protocol = match config.protocol {
            Protocol::Resp2 => ProtocolVersion::RESP2,
            Protocol::Resp3 => ProtocolVersion::RESP3,
        };
        let redis = info
            .redis_settings()
            .clone()
            .set_protocol(protocol)
            .set_lib_name("seawall", env!("CARGO_PKG_VERSION"));
        let info = info.set_redis_settings(redis).set_tcp_settings(tcp_settings(config));
        Ok(Self {
            name: name.into(),
            info,
            connect_timeout: config.connect_timeout,
            max_queued: config.max_queued.get(),
            protocol: config.protocol,
        })
    }

    pub(crate) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Host, port and database, as telemetry shows them. A socket has its path and no port.
    pub(crate) fn place(&self) -> (String, Option<u16>, i64) {
        let database = self.info.redis_settings().db();
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                (host.clone(), Some(*port), database)
            }
            other => (other.to_string(), None, database),
        }
    }

    /// How connections are made for one caller at a time: as here, by others.
    pub(crate) fn recipe(&self) -> (ConnectionInfo, AsyncConnectionConfig) {
        (self.info.clone(), self.settings())
    }

    /// A connection, logged in and answering. `pushed` is told what the server says by itself, and that the connection
    /// ended.
    pub(crate) async fn connect(
        &self,
        pushed: Option<impl AsyncPushSender>,
    ) -> Result<MultiplexedConnection, Error> {
        let settings = self.settings();
        let settings = match pushed {
            Some(pushed) if self.protocol == Protocol::Resp3 => settings.set_push_sender(pushed),
            _ => settings,
        };
        let client = Client::open(self.info.clone()).map_err(|cause| self.failed(cause))?;
        client
            .get_multiplexed_async_connection_with_config(&settings)
            .await
            .map_err(|cause| self.failed(cause))
    }

    /// A connection that listens.
    pub(crate) async fn listen(&self) -> Result<redis::aio::PubSub, Error> {
        let client = Client::open(self.info.clone()).map_err(|cause| self.failed(cause))?;
        match tokio::time::timeout(self.connect_timeout, client.get_async_pubsub()).await {
            Ok(result) => result.map_err(|cause| self.failed(cause)),
            Err(_elapsed) => Err(Error::new(FailureKind::Timeout, LAYER, self.name())
                .not_executed()
                .with_message("no connection to the server in time")),
        }
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

fn tcp_settings(config: &RedisConfig) -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(config.keepalive).with_interval(config.keepalive / 3);
    TcpSettings::default().set_nodelay(true).set_keepalive(keepalive)
}
