//! The workspace's text files: what an assistant is, knows and noted down, as files a person can open and edit.
//!
//! This crate knows no model and no conversation: it makes the folder, and reads it within limits. Read in this order:
//!
//! - `workspace`: opens the folder, or makes it so that a crash half-way is mended by the next start
//! - `templates`: the files of a new workspace
//! - `load`: the files that belong into a prompt, in order
//! - `trim`: what of a file is shown: comments out, long texts cut with a visible mark
//!
//! ```
//! use hearth_memory::{Limits, Workspace};
//!
//! let home = tempfile::tempdir()?;
//! let workspace = Workspace::open_or_create(home.path().join("workspace"))?;
//! let parts = workspace.load(&Limits::default(), jiff::civil::date(2026, 11, 23));
//! assert_eq!(parts[0].name, "SOUL.md");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod load;
mod templates;
mod trim;
mod workspace;

pub use load::{Layer, Limits, Part};
pub use trim::Cut;
pub use workspace::{Error, Workspace};
