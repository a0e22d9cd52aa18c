//! Files and directories that go by themselves.

mod create;
mod directory;
mod file;
mod named;
mod options;
mod spooled;

pub(crate) use self::create::create_new;
pub use self::directory::TemporaryDir;
pub use self::named::NamedTemporaryFile;
pub use self::options::TemporaryOptions;
pub use self::spooled::SpooledFile;
