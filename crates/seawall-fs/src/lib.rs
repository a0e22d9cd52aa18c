#![doc = include_str!("../README.md")]

mod atomic;
mod classify;
mod client;
mod commit_gate;
mod config;
mod directory;
mod engine;
mod fault;
mod metadata;
mod operation;
mod read;
mod remove;
mod request;
mod service;
mod sink;
mod stream;
mod work;
mod writers;

pub use classify::FsClassifier;
pub use client::Fs;
pub use config::FsConfig;
pub use directory::{Entry, EntryKind};
pub use operation::Operation;
pub use request::{FsRequest, FsResponse};
pub use service::FileService;
pub use stream::FileStream;
pub use writers::{Appender, AtomicWriter};
