//! What is wrong with the settings, where, and what to do about it.

use crate::layers::Source;
use std::fmt;

/// One thing that is wrong with the settings. Loading goes on without what it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// Where: usually a line and column of the file.
    pub at: Source,
    /// The setting's dotted name; empty when the whole file is meant.
    pub key: String,
    /// What is wrong, and what Hearth uses instead.
    pub message: String,
    /// A command that mends it, if there is one.
    pub hint: Option<String>,
}

/// How much a [`Diagnostic`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something is ignored; all that could be used is used.
    Warning,
    /// A section, or the whole file, is not what was written there.
    Error,
}

impl Diagnostic {
    /// Returns place and message in one line, without the hint.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("{}: {}", self.at, self.message)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}\n  in {}", self.severity, self.message, self.at)?;
        match &self.hint {
            Some(hint) => write!(formatter, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}
