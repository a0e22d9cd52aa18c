#![doc = include_str!("../README.md")]

mod classify;
mod client;
mod command;
mod commands;
mod config;
mod consumer;
mod dedicated;
mod dial;
mod keeper;
mod nature;
mod node;
mod pipelined;
mod pubsub;
mod request;
mod script;
mod session;
mod stack;
mod stats;
mod telemetry;
mod wire;

pub use classify::RedisClassifier;
pub use client::Redis;
pub use command::Command;
pub use commands::SetOptions;
pub use config::{DedicatedConfig, Protocol, RedisConfig};
pub use consumer::{Consumer, Entry};
pub use pipelined::Pipelined;
pub use pubsub::{Gap, Heard, Message, Subscription};
/// The driver: its values and conversions are this crate's too.
pub use redis;
pub use request::{Action, Reply, Request};
pub use script::{Script, ScriptCall};
pub use session::Session;
pub use stats::{DedicatedStats, RedisStats, ReplacementStats};
