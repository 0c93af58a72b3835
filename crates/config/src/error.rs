//! Why the configuration could not be read or changed.

use crate::diagnostic::Diagnostic;
use hearth_core::error::ErrorKind;
use std::path::PathBuf;

/// Why the configuration could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing says where the home is.
    #[error("no home folder is known: neither HEARTH_HOME nor HOME is set")]
    NoHome,
    /// A file or folder could not be used.
    #[error("{action} {} failed: {source}", path.display())]
    Io {
        /// What was tried: `reading`, `writing`, `creating`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is larger than any settings file.
    #[error("{} has {bytes} bytes, more than the {limit} a settings file may have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The file can't be changed while it can't be read.
    #[error("{}", .0.summary())]
    Unreadable(Box<Diagnostic>),
    /// A dotted key is not well formed.
    #[error("`{key}` is not a setting's name: {reason}")]
    MalformedKey {
        /// The key as given.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no such setting.
    #[error("there is no setting `{key}`{}", nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?")))]
    UnknownKey {
        /// The key as given.
        key: String,
        /// The most similar one that exists.
        nearest: Option<String>,
    },
    /// A value does not fit its setting.
    #[error("`{key}` {problem}")]
    WrongValue {
        /// The setting.
        key: String,
        /// What is wrong with the value, and what would fit.
        problem: String,
    },
    /// A list has no such entry.
    #[error("`{key}` has {len} entries: there is no entry {index}")]
    NoSuchEntry {
        /// The list.
        key: String,
        /// The entry asked for, from 0.
        index: usize,
        /// How many there are.
        len: usize,
    },
    /// The key leads through a value that has no parts.
    #[error("`{key}` is {found} in the file, so nothing can be set inside it")]
    NotAContainer {
        /// The setting that has no parts.
        key: String,
        /// What it is.
        found: &'static str,
    },
    /// Another process is changing the file.
    #[error("another command is changing {} at this moment", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The built-in defaults do not fit the types: a mistake in Hearth.
    #[error("the built-in defaults are wrong: {problem}")]
    Defaults {
        /// What does not fit.
        problem: String,
    },
}

impl Error {
    /// Returns the kind, for the exit code.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoHome | Self::TooLarge { .. } | Self::Unreadable(_) => ErrorKind::Config,
            Self::Io { source, .. } => ErrorKind::of_io(source),
            Self::MalformedKey { .. }
            | Self::UnknownKey { .. }
            | Self::WrongValue { .. }
            | Self::NoSuchEntry { .. }
            | Self::NotAContainer { .. }
            | Self::Busy { .. } => ErrorKind::User,
            Self::Defaults { .. } => ErrorKind::Internal,
        }
    }

    /// Returns what the person can do, as something that works when typed, if there is such a thing.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoHome => Some("HEARTH_HOME=/path/to/a/folder hearth".to_owned()),
            Self::Unreadable(diagnostic) => diagnostic.hint.clone(),
            Self::UnknownKey { nearest: Some(name), .. } => Some(format!("hearth config get {name}")),
            Self::UnknownKey { .. } | Self::MalformedKey { .. } => Some("hearth config get".to_owned()),
            Self::NoSuchEntry { key, .. } | Self::NotAContainer { key, .. } => Some(format!("hearth config get {key}")),
            Self::Io { .. }
            | Self::TooLarge { .. }
            | Self::WrongValue { .. }
            | Self::Busy { .. }
            | Self::Defaults { .. } => None,
        }
    }
}
