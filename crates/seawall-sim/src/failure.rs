use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use seawall_sim::scenario::ScenarioError;
use thiserror::Error;

/// Why a command did not do what it was asked for.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Input(String),
    /// Properties are broken; which ones has been said.
    #[error("{0} of the claims do not hold")]
    Broken(usize),
    /// A file cannot be written.
    #[error("{} cannot be written: {cause}", file.display())]
    File { file: PathBuf, cause: io::Error },
    /// The result cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// Which code tells it.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) => ExitCode::from(2),
            Self::Broken(_) | Self::File { .. } | Self::Output(_) => ExitCode::FAILURE,
        }
    }
}

impl From<ScenarioError> for Failure {
    fn from(error: ScenarioError) -> Self {
        Self::Input(error.to_string())
    }
}
