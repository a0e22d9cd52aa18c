#![doc = include_str!("../README.md")]

mod access;
mod atomic;
mod attributes;
mod classify;
mod client;
mod commit_gate;
mod config;
mod directory;
mod engine;
mod entries;
mod fault;
mod file;
pub mod future;
mod identity;
mod lines;
mod link;
mod losses;
mod metadata;
mod operation;
mod place;
mod read;
mod read_at;
mod remove;
mod rename;
mod request;
mod service;
mod sink;
mod stream;
mod sys;
mod work;
mod write;
mod writers;

#[cfg(unix)]
pub use access::Access;
pub use atomic::{Durability, GroupCommit};
pub use attributes::Times;
pub use classify::FsClassifier;
pub use client::Fs;
pub use config::{FsConfig, Tiers};
pub use directory::{Entry, EntryKind};
pub use entries::{Entries, EntryWithMetadata};
pub use file::{File, FileLock, LockKind, OpenOptions};
pub use lines::{LineBatch, LineBatches, LineEnding, LineOptions, Lines};
pub use losses::Losses;
pub use operation::Operation;
#[cfg(unix)]
pub use place::Space;
pub use request::{FsRequest, FsResponse};
pub use service::FileService;
pub use stream::FileStream;
pub use writers::{Appender, AtomicWriter};
