//! Why a credential could not be read or kept.

use hearth_core::error::ErrorKind;
use std::path::PathBuf;

/// A failure to read or keep a credential; never carries the credential.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment variable does not exist.
    #[error("environment variable {name} is not set")]
    EnvMissing {
        /// The variable.
        name: String,
    },
    /// What was found is empty or only white space.
    #[error("{origin} is set but empty")]
    Empty {
        /// Where it was looked for: `environment variable X`, `file /x`, `stored secret x`.
        origin: String,
    },
    /// What was found contains line breaks or control characters, so it can't be sent as a header.
    #[error("{origin} contains a line break or control character inside")]
    ControlCharacter {
        /// Where it was looked for.
        origin: String,
    },
    /// No secret of that name is stored.
    #[error("no secret named `{name}` is stored")]
    NotStored {
        /// The name.
        name: String,
    },
    /// A name that can't be a file name on every system.
    #[error(
        "secret name `{name}` is not made of a-z, 0-9, `-`, `_` and `.` (at most 64, starting with a letter or digit)"
    )]
    InvalidName {
        /// The refused name, cut at 80 characters.
        name: String,
    },
    /// Other accounts of the machine can read the file.
    #[error("secret file {path} can be read by others (mode {mode:o})")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is too large to be a credential.
    #[error("secret file {path} has more than {limit_bytes} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit_bytes: u64,
    },
    /// The file is not UTF-8 text.
    #[error("secret file {path} is not text")]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The file system said no.
    #[error("could not {action} {path}: {source}")]
    Io {
        /// `read`, `write`, `list`, `remove`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Returns the kind, for the exit code.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => ErrorKind::of_io(source),
            Self::InvalidName { .. } => ErrorKind::User,
            Self::EnvMissing { .. }
            | Self::Empty { .. }
            | Self::ControlCharacter { .. }
            | Self::NotStored { .. }
            | Self::Exposed { .. }
            | Self::TooLarge { .. }
            | Self::NotText { .. } => ErrorKind::Config,
        }
    }

    /// Returns what the person can do about it, as something that works when typed; empty when nothing.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::EnvMissing { name } => format!("export {name}=…"),
            Self::Exposed { path, .. } => format!("chmod 600 {}", path.display()),
            _ => String::new(),
        }
    }
}
