use std::fmt;
use std::path::{Path, PathBuf};

/// A scenario that cannot be played: in which file and line, which key, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    file: PathBuf,
    line: Option<usize>,
    key: String,
    problem: String,
}

impl ScenarioError {
    pub(super) fn new(file: &Path, line: Option<usize>, key: String, problem: String) -> Self {
        Self { file: file.to_owned(), line, key, problem }
    }

    /// The same, if it is of that file, without a line: it is in a text that nobody has.
    pub(super) fn in_no_line_of(self, file: &Path) -> Self {
        let line = self.line.filter(|_| self.file != file);
        Self { line, ..self }
    }

    /// The file: the scenario's, or that of its trace.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line, counted from 1. None where the file cannot be read at all, or where what is wrong is not in it.
    pub const fn line(&self) -> Option<usize> {
        self.line
    }

    /// The key, such as `triggers[0].share`. Empty where the text is not TOML, and in a trace.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong, and what to do about it.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.problem)
    }
}

impl std::error::Error for ScenarioError {}
