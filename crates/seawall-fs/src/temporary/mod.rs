//! Files and directories that go by themselves.

mod directory;
mod file;
mod named;
mod options;
mod spooled;

pub use self::directory::TemporaryDir;
pub use self::named::NamedTemporaryFile;
pub use self::options::TemporaryOptions;
pub use self::spooled::SpooledFile;
