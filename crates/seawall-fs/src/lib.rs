#![doc = include_str!("../README.md")]

mod atomic;
mod classify;
mod client;
mod commit_gate;
mod config;
mod engine;
mod fault;
mod operations;
mod read;
mod request;
mod service;
mod sink;
mod stream;
mod writers;

pub use classify::FsClassifier;
pub use client::Fs;
pub use config::FsConfig;
pub use request::{Entry, EntryKind, FsRequest, FsResponse, Operation};
pub use service::FileService;
pub use stream::{FileReader, FileStream};
pub use writers::{Appender, AtomicWriter};
