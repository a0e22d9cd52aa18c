#![doc = include_str!("../README.md")]

mod backend;
mod batch;
mod body;
mod client;
mod config;
mod deadline_header;
mod endpoints;
mod failure;
pub mod http_cache;
mod quota;
pub mod reconnect;
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
pub use config::{HttpConfig, HttpVersion};
pub use endpoints::{Endpoints, EndpointsConfig, HealthConfig};
pub use quota::{Quota, quota};
pub use request::RequestBuilder;
pub use response::{ResponseExt, StatusError};
pub use retry_after::retry_after;
pub use transfer::{Interruption, Opened, Transfer};
