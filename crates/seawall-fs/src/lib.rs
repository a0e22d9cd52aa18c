#![doc = include_str!("../README.md")]

mod access;
mod at;
mod at_once;
mod atomic;
mod attributes;
mod byte_rate;
mod classify;
mod client;
mod commit_gate;
mod config;
mod copy;
mod descriptors;
mod directory;
mod engine;
mod entries;
mod fault;
mod file;
mod full_devices;
pub mod future;
mod ground;
mod identity;
mod lines;
mod link;
mod log;
mod losses;
mod many;
mod metadata;
mod operation;
mod place;
mod progress;
mod read;
mod read_at;
mod remove;
mod rename;
mod request;
#[cfg(target_os = "linux")]
mod root;
mod run;
mod service;
mod sink;
mod span;
pub mod standard_streams;
mod stream;
mod sys;
mod temporary;
mod text;
mod tree;
mod walk;
mod watch;
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
pub use copy::CopyOptions;
pub use directory::{Entry, EntryKind};
pub use entries::{Entries, EntryWithMetadata};
pub use file::{File, FileLock, LockKind, OpenOptions};
pub use lines::{LineBatch, LineBatches, LineEnding, LineOptions, Lines};
pub use log::{AppendLog, LogOptions, LogRecord, LogRecords, Recovered};
pub use losses::Losses;
pub use many::Many;
pub use operation::Operation;
#[cfg(unix)]
pub use place::Space;
pub use progress::Progress;
pub use request::{FsRequest, FsResponse};
#[cfg(target_os = "linux")]
pub use root::Root;
pub use service::FileService;
pub use stream::FileStream;
#[cfg(feature = "mmap")]
pub use sys::Mapped;
pub use temporary::{NamedTemporaryFile, SpooledFile, TemporaryDir, TemporaryOptions};
pub use tree::{TreeOptions, TreeReport};
pub use walk::{Walk, WalkBatches, WalkEntry};
pub use watch::{Change, ChangeKind, Watch, WatchBatch, Watching};
pub use writers::{Appender, AtomicWriter};
