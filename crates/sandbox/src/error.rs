//! Why a program could not be started or ended.

use hearth_core::error::ErrorKind;
use std::io;
use std::path::PathBuf;

/// Why a program could not be started or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder to start in is missing or no folder.
    #[error("cannot start in {}: it is not a folder", path.display())]
    WorkingFolder {
        /// The folder that was asked for.
        path: PathBuf,
    },
    /// The file that should receive the output can't be opened.
    #[error("cannot append the output to {}: {source}", path.display())]
    OutputFile {
        /// The file that was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The program itself can't be started: missing, not executable, arguments too long.
    #[error("cannot start {}: {source}", program.display())]
    Start {
        /// The program that was asked for.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system lost track of a started program.
    #[error("cannot wait for process {pid}: {source}")]
    Wait {
        /// The program's process id.
        pid: u32,
        /// What the system said.
        source: io::Error,
    },
    /// A killed program did not end: it hangs inside the kernel, on a dead network file system as a rule.
    #[error("process {pid} was killed {seconds} s ago and still has not ended")]
    Stuck {
        /// The program's process id.
        pid: u32,
        /// How long its end was waited for after the kill.
        seconds: u64,
    },
}

impl Error {
    /// Returns the kind of failure, for exit codes.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::WorkingFolder { .. } => ErrorKind::User,
            Self::OutputFile { source, .. } | Self::Start { source, .. } => ErrorKind::of_io(source),
            Self::Wait { .. } | Self::Stuck { .. } => ErrorKind::Internal,
        }
    }
}
