use std::borrow::Cow;
use std::io;
use std::io::ErrorKind as Io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{Error, FailureKind};

use crate::descriptors::{Shortage, is_shortage};

/// What an operation is about; the name of every error it can end in.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) operation: &'static str,
    pub(crate) path: Arc<Path>,
}

impl Label {
    pub(crate) fn error(&self, kind: FailureKind, message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(kind, "fs", format!("{} {}", self.operation, self.path.display())).with_message(message)
    }
}

/// A classified failure of the synchronous part of an operation, before it has learnt its label.
#[derive(Debug)]
pub(crate) struct Fault {
    kind: FailureKind,
    message: Cow<'static, str>,
    cause: Option<io::Error>,
    changed_nothing: bool,
    retry_after: Option<Duration>,
}

impl Fault {
    /// A request that can never work, found out before anything was touched.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: FailureKind::Permanent,
            message: message.into(),
            cause: None,
            changed_nothing: true,
            retry_after: None,
        }
    }

    /// The caller is gone, and nothing has been changed.
    pub(crate) fn abandoned() -> Self {
        let message = Cow::Borrowed("the caller gave up before anything was changed");
        Self { kind: FailureKind::Cancelled, message, cause: None, changed_nothing: true, retry_after: None }
    }

    /// The failure of a system call that does all or nothing: what failed was not done, unless it was asked of a file
    /// server that no longer answers.
    pub(crate) fn of_one_step(cause: io::Error) -> Self {
        let answered = !matches!(
            cause.kind(),
            Io::TimedOut
                | Io::StaleNetworkFileHandle
                | Io::NetworkUnreachable
                | Io::HostUnreachable
                | Io::NetworkDown
                | Io::NotConnected
        );
        let fault = Self::from(cause);
        if answered { fault.changed_nothing() } else { fault }
    }

    /// Not even one thread could be started.
    pub(crate) fn no_thread() -> Self {
        let message = Cow::Borrowed("the system has no thread to spare: raise `ulimit -u` or run fewer");
        Self { kind: OVERLOADED, message, cause: None, changed_nothing: true, retry_after: None }
    }

    /// The runtime went away with work that was to be done.
    pub(crate) fn lost() -> Self {
        let message = Cow::Borrowed("the runtime shut down before it was done");
        Self { kind: FailureKind::Cancelled, message, cause: None, changed_nothing: false, retry_after: None }
    }

    /// A failed fsync is final, whatever its number: the kernel may have dropped the pages it could not
    /// write, and then a second fsync succeeds without them (Rebello et al., "Can Applications Recover from
    /// fsync Failures?", 2020).
    pub(crate) fn sync(cause: io::Error) -> Self {
        Self::permanent(
            "the data may not have reached the disk, and syncing again would not tell: write it anew",
            cause,
        )
    }

    pub(crate) fn directory_sync(cause: io::Error) -> Self {
        Self::permanent(
            "the new content is in place, but may be gone after a power failure: its directory could not be synced",
            cause,
        )
    }

    fn permanent(message: &'static str, cause: io::Error) -> Self {
        Self {
            kind: FailureKind::Permanent,
            message: Cow::Borrowed(message),
            cause: Some(cause),
            changed_nothing: false,
            retry_after: None,
        }
    }

    /// Not tried, because the device mounted at `mount` was full a moment ago.
    pub(crate) fn no_room(mount: &Path, wait: Duration) -> Self {
        let message = format!(
            "not tried, because the device of `{}` is full: free space on it or write elsewhere; reads go on, and \
             writes are tried again as soon as there is more room, or in {wait:.1?}",
            mount.display()
        );
        Self {
            kind: FailureKind::Refused,
            message: message.into(),
            cause: None,
            changed_nothing: true,
            retry_after: Some(wait),
        }
    }

    /// Whether there was no room for it: on the device, or left of somebody's share.
    pub(crate) fn is_for_want_of_room(&self) -> bool {
        let cause = self.cause.as_ref().map(io::Error::kind);
        matches!(cause, Some(Io::StorageFull | Io::QuotaExceeded))
    }

    /// Nothing that others see has been changed yet.
    pub(crate) fn changed_nothing(mut self) -> Self {
        self.changed_nothing = true;
        self
    }

    /// Whether trying again makes no sense.
    pub(crate) fn is_permanent(&self) -> bool {
        self.kind == PERMANENT
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.cause.as_ref().is_some_and(|cause| cause.kind() == Io::NotFound)
    }

    /// The same fault once more, for those who ask again after it.
    pub(crate) fn again(&self) -> Self {
        let cause = self.cause.as_ref().map(|cause| match cause.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::from(cause.kind()),
        });
        Self {
            kind: self.kind,
            message: self.message.clone(),
            cause,
            changed_nothing: self.changed_nothing,
            retry_after: self.retry_after,
        }
    }

    pub(crate) fn label(self, label: &Label) -> Error {
        let mut error = label.error(self.kind, self.message);
        if let Some(cause) = self.cause {
            error = error.with_source(cause);
        }
        if let Some(wait) = self.retry_after {
            error = error.with_retry_after(wait);
        }
        if self.changed_nothing { error.not_executed() } else { error }
    }
}

impl Shortage for Fault {
    fn is_shortage(&self) -> bool {
        self.cause.as_ref().is_some_and(is_shortage)
    }
}

impl From<io::Error> for Fault {
    fn from(cause: io::Error) -> Self {
        let (kind, message) = classify(&cause);
        Self {
            kind,
            message: Cow::Borrowed(message),
            cause: Some(cause),
            changed_nothing: false,
            retry_after: None,
        }
    }
}

const TRANSIENT: FailureKind = FailureKind::Transient;
const OVERLOADED: FailureKind = FailureKind::Overloaded { retry_after: None };
const PERMANENT: FailureKind = FailureKind::Permanent;

/// The one table of what an I/O error means. What is not in it will fail again.
fn classify(error: &io::Error) -> (FailureKind, &'static str) {
    match error.kind() {
        Io::Interrupted | Io::WouldBlock => (TRANSIENT, "interrupted before it was done"),
        Io::ResourceBusy | Io::ExecutableFileBusy => (TRANSIENT, "in use by somebody else"),
        Io::Deadlock => (TRANSIENT, "the lock would deadlock"),
        Io::StaleNetworkFileHandle => (TRANSIENT, "the file server no longer knows the file: open it anew"),
        Io::TimedOut | Io::NetworkUnreachable | Io::HostUnreachable | Io::NetworkDown | Io::NotConnected => {
            (TRANSIENT, "the file server does not answer")
        }
        Io::OutOfMemory => (OVERLOADED, "the system is short of memory"),
        Io::StorageFull => (PERMANENT, "the device is full: free space on it or write elsewhere"),
        Io::QuotaExceeded => (PERMANENT, "the disk quota is used up: raise it or free space"),
        Io::FileTooLarge => {
            (PERMANENT, "the file would be larger than the file system or the process limit allows")
        }
        Io::ReadOnlyFilesystem => (PERMANENT, "the file system is mounted read-only"),
        Io::PermissionDenied => (
            PERMANENT,
            "not allowed: check the owner and the mode of the file and of the directories above it",
        ),
        Io::NotFound => (PERMANENT, "does not exist: check the path and that its directory was made"),
        Io::AlreadyExists => (PERMANENT, "exists already"),
        Io::IsADirectory => (PERMANENT, "is a directory where a file is needed"),
        Io::NotADirectory => (PERMANENT, "a part of the path is a file where a directory is needed"),
        Io::DirectoryNotEmpty => (PERMANENT, "the directory is not empty"),
        Io::UnexpectedEof => (PERMANENT, "ends before so many bytes"),
        Io::InvalidFilename => (PERMANENT, "the name is too long or not allowed here"),
        _ => by_number(error),
    }
}

/// The errors that the standard library has no kind for.
#[cfg(unix)]
fn by_number(error: &io::Error) -> (FailureKind, &'static str) {
    use rustix::io::Errno;

    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => {
            (OVERLOADED, "this process has too many files open: raise `ulimit -n` or open fewer")
        }
        Some(Errno::NFILE) => (OVERLOADED, "the system has too many files open"),
        Some(Errno::HOSTDOWN) => (TRANSIENT, "the file server does not answer"),
        Some(Errno::IO) => {
            (PERMANENT, "the device cannot read or write this: look at its health, data may be lost")
        }
        _ => (PERMANENT, "the file system said no"),
    }
}

#[cfg(not(unix))]
fn by_number(_: &io::Error) -> (FailureKind, &'static str) {
    (PERMANENT, "the file system said no")
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    fn kind_of(errno: Errno) -> FailureKind {
        Fault::from(io::Error::from(errno)).kind
    }

    #[test]
    fn what_passes_by_itself_is_worth_another_try() {
        for errno in [
            Errno::INTR,
            Errno::AGAIN,
            Errno::BUSY,
            Errno::TXTBSY,
            Errno::STALE,
            Errno::TIMEDOUT,
            Errno::HOSTDOWN,
        ] {
            assert_eq!(kind_of(errno), FailureKind::Transient, "{errno}");
        }
    }

    #[test]
    fn running_out_of_file_descriptors_or_memory_is_overload() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            assert_eq!(kind_of(errno), FailureKind::Overloaded { retry_after: None }, "{errno}");
        }
    }

    #[test]
    fn what_needs_a_person_is_permanent_and_says_what_to_do() {
        for errno in
            [Errno::NOSPC, Errno::DQUOT, Errno::ROFS, Errno::ACCESS, Errno::NOENT, Errno::FBIG, Errno::IO]
        {
            let fault = Fault::from(io::Error::from(errno));
            assert_eq!(fault.kind, FailureKind::Permanent, "{errno}");
            assert_ne!(fault.message, "the file system said no", "{errno}");
        }
    }

    #[test]
    fn a_failed_fsync_is_final_even_with_a_number_that_is_otherwise_transient() {
        assert_eq!(Fault::sync(Errno::BUSY.into()).kind, FailureKind::Permanent);
        assert_eq!(Fault::sync(Errno::IO.into()).kind, FailureKind::Permanent);
    }

    #[test]
    fn the_error_names_the_operation_the_path_the_remedy_and_the_cause() {
        let label = Label { operation: "append", path: Arc::from(Path::new("/var/log/x")) };
        let error = Fault::from(io::Error::from(Errno::NOSPC)).label(&label);
        assert_eq!(
            error.to_string(),
            "fs `append /var/log/x`: the device is full: free space on it or write elsewhere: \
             No space left on device (os error 28)"
        );
    }
}
