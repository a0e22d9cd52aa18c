/// What a line is.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `ending` | [`LineEnding::LfOrCrLf`] | what ends a line |
/// | `max_length` | 1048576 (1 MiB) | the longest line in bytes, without its ending; a longer one is an error; 1 GiB at the most |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineOptions {
    /// What ends a line.
    pub ending: LineEnding,
    /// The longest line in bytes, without its ending. A longer one is an error, and not endless memory.
    pub max_length: usize,
}

impl Default for LineOptions {
    fn default() -> Self {
        Self { ending: LineEnding::default(), max_length: 1024 * 1024 }
    }
}

/// What ends a line. The end of the file does, too; after a last line ending there is no empty line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnding {
    /// `\n`. A `\r` before it belongs to the line.
    Lf,
    /// `\n` or `\r\n`, in one file too. A `\r` at the end of the file, without `\n`, belongs to the line.
    #[default]
    LfOrCrLf,
}
