#![doc = include_str!("../README.md")]

mod backend;
mod batch;
mod body;
mod builder;
mod client;
mod config;
mod connect;
mod connections;
mod cookies;
mod deadline_header;
mod endpoints;
mod failure;
mod guard;
pub mod http_cache;
mod keyring;
pub mod multipart;
mod once;
mod outgoing;
mod quota;
mod reception;
pub mod reconnect;
mod redirect;
mod request;
mod response;
mod retry_after;
pub mod sse;
mod stack;
mod target;
mod telemetry;
mod transfer;
mod transport;
#[cfg(feature = "websocket")]
pub mod websocket;
mod wire;

pub use backend::HttpBackend;
pub use batch::{Answer, AsCompleted, Batch, InOrder};
pub use body::Body;
pub use client::Http;
pub use config::{
    Credentials, CredentialsConfig, GuardsConfig, HttpConfig, HttpVersion, Pem, Proxy, ProxyConfig, Secret,
    TlsConfig, TlsVersion,
};
pub use cookies::Cookies;
pub use endpoints::{Endpoints, EndpointsConfig, HealthConfig};
pub use quota::{Quota, quota};
pub use request::RequestBuilder;
pub use response::{ResponseExt, StatusError};
pub use retry_after::retry_after;
pub use transfer::{Interruption, Opened, Transfer};
