//! Why the tools could not be set up. A failed call is a `ToolError` of the core crate instead.

use hearth_core::error::ErrorKind;
use std::io;
use std::path::PathBuf;

/// Why the tools could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The workspace can't be opened as a folder.
    #[error("cannot open the workspace {}: {source}", path.display())]
    Workspace {
        /// The configured folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A grant's path is relative, so that it would mean another folder wherever Hearth is started.
    #[error("tools.grants: {} is not an absolute path", path.display())]
    RelativeGrant {
        /// The configured path.
        path: PathBuf,
    },
}

impl Error {
    /// Returns the kind of failure, for exit codes.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Workspace { source, .. } => ErrorKind::of_io(source),
            Self::RelativeGrant { .. } => ErrorKind::Config,
        }
    }
}
