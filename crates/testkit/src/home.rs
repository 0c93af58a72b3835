//! A temporary home and a clock that stands still.

use hearth_core::clock::Clock;
use jiff::Timestamp;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// 2026-11-23 19:49:00 UTC, a Monday, in milliseconds since 1970.
pub const FIXED_MS: i64 = 1_795_463_340_000;

/// Returns a clock that always says [`FIXED_MS`].
#[must_use]
pub fn fixed_clock() -> Clock {
    Clock::Fixed(Timestamp::from_millisecond(FIXED_MS).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// A folder that is deleted with this value, laid out like a person's home of Hearth.
#[derive(Debug)]
pub struct TempHome {
    folder: TempDir,
}

impl TempHome {
    /// Makes an empty one.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn new() -> io::Result<Self> {
        Ok(Self { folder: TempDir::with_prefix("hearth-")? })
    }

    /// Returns the folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Returns where the main agent's workspace belongs; nothing is there at first.
    #[must_use]
    pub fn workspace(&self) -> PathBuf {
        self.root().join("workspace")
    }

    /// Returns where the main agent's sessions belong; nothing is there at first.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.root().join("agents/main/sessions")
    }

    /// Returns where skills of all agents belong; nothing is there at first.
    #[must_use]
    pub fn skills(&self) -> PathBuf {
        self.root().join("skills")
    }
}

#[cfg(test)]
mod tests {
    use super::{TempHome, fixed_clock};

    #[test]
    fn the_clock_stands_still_on_a_monday_evening() {
        assert_eq!(fixed_clock().now().to_string(), "2026-11-23T19:49:00Z");
    }

    #[test]
    fn a_home_vanishes_with_its_value() -> std::io::Result<()> {
        let home = TempHome::new()?;
        let root = home.root().to_owned();
        assert!(root.is_dir());
        drop(home);
        assert!(!root.exists());
        Ok(())
    }
}
