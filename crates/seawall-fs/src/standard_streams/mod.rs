//! The streams that a process is born with, each on a thread of its own.
//!
//! Reading from a terminal or writing to a pipe that nobody reads may take for ever. So neither occupies one of the
//! threads that file operations are done on, nor keeps the runtime from shutting down.

mod input;
mod output;

use std::io;
use std::io::IsTerminal as _;
use std::sync::LazyLock;

pub use self::input::Input;
pub use self::output::Output;

/// The standard input of this process. All handles read the same stream: what one has taken, the others do not see.
pub fn stdin() -> Input {
    static STDIN: LazyLock<Input> =
        LazyLock::new(|| Input::new("stdin", || io::stdin().is_terminal(), io::stdin()));
    STDIN.clone()
}

/// The standard output of this process. All handles write to the same stream, `write_bytes` by `write_bytes`, and what
/// `print!` writes stands between them.
pub fn stdout() -> Output {
    static STDOUT: LazyLock<Output> =
        LazyLock::new(|| Output::new("stdout", || io::stdout().is_terminal(), io::stdout()));
    STDOUT.clone()
}

/// The standard error stream of this process, as [`stdout`].
pub fn stderr() -> Output {
    static STDERR: LazyLock<Output> =
        LazyLock::new(|| Output::new("stderr", || io::stderr().is_terminal(), io::stderr()));
    STDERR.clone()
}
