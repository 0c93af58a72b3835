//! What can go wrong besides the model and the tools.

use hearth_core::error::ErrorKind;
use hearth_core::session::SessionKey;
use std::io;
use std::path::{Path, PathBuf};

/// Why an agent could not be opened, or a session not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The workspace can't be used.
    #[error(transparent)]
    Workspace(#[from] hearth_memory::Error),
    /// The file system refused.
    #[error("can't {action} {path}: {source}")]
    Io {
        /// What was tried: `create`, `read`, `write`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The session belongs to another agent.
    #[error("session {key} is not one of agent {agent}")]
    OtherAgent {
        /// The session.
        key: SessionKey,
        /// The agent that was asked.
        agent: String,
    },
    /// The process is shutting down.
    #[error("hearth is shutting down")]
    ShuttingDown,
}

impl Error {
    /// Returns what kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Workspace(error) => error.kind(),
            Self::Io { source, .. } => ErrorKind::of_io(source),
            Self::OtherAgent { .. } => ErrorKind::User,
            Self::ShuttingDown => ErrorKind::Interrupted,
        }
    }

    /// Returns what the person can do about it; empty when nothing.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.kind() {
            ErrorKind::DiskFull => "free some space on this disk, then send the message again",
            ErrorKind::User => "check that the path exists and belongs to you",
            _ => "",
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

/// Runs work that waits for the disk on a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    // A join error means that the runtime is going down (or that the work panicked, which no work here does).
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::ShuttingDown))
}
