//! Opens a workspace folder, or makes it so that a crash half-way is mended by the next start.

use crate::load::{self, Limits, Part};
use crate::templates::{FOLDERS, TEMPLATES, Template};
use hearth_core::error::ErrorKind;
use jiff::civil::Date;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The folder in which templates are written before they are moved to their names. While it exists, the workspace is
/// unfinished, and opening it adds what is missing.
const STAGING: &str = ".hearth-setup";

/// An agent's folder of text files.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

/// Why a workspace could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path exists and is no folder.
    #[error("workspace {path} is not a folder")]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
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
}

impl Error {
    /// Returns what kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAFolder { .. } => ErrorKind::Config,
            Self::Io { source, .. } => ErrorKind::of_io(source),
        }
    }
}

impl Workspace {
    /// Opens a workspace. A folder that is missing or empty gets the templates; a folder with anything in it is taken
    /// as it is, so files a person deleted stay deleted. No existing file is ever overwritten.
    ///
    /// # Errors
    /// [`Error::NotAFolder`], or [`Error::Io`] when the folder can't be made, read or written. What was written until
    /// then stays, and the next call goes on from there.
    pub fn open_or_create(root: PathBuf) -> Result<Self, Error> {
        if root.exists() && !root.is_dir() {
            return Err(Error::NotAFolder { path: root });
        }
        make_folder(&root)?;
        let staging = root.join(STAGING);
        if staging.is_dir() || is_empty(&root)? {
            fill(&root, &staging)?;
        }
        Ok(Self { root })
    }

    /// Returns the folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads the files that belong into a prompt on the given day, in prompt order.
    ///
    /// Missing and empty files are left out, and so is anything that is no file of this folder (a link that leads out
    /// of it). A file longer than its limit is cut and says so in its text. Bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn load(&self, limits: &Limits, today: Date) -> Vec<Part> {
        load::load(&self.root, limits, today)
    }
}

fn is_empty(root: &Path) -> Result<bool, Error> {
    let mut entries = fs::read_dir(root).map_err(|source| io_error("read", root, source))?;
    Ok(entries.next().is_none())
}

fn fill(root: &Path, staging: &Path) -> Result<(), Error> {
    make_folder(staging)?;
    for folder in FOLDERS {
        make_folder(&root.join(folder))?;
    }
    for template in &TEMPLATES {
        place(root, staging, template)?;
    }
    fs::remove_dir_all(staging).map_err(|source| io_error("remove", staging, source))
}

/// Writes one template beside its place and then gives it its name, so that the name never shows half a file.
fn place(root: &Path, staging: &Path, template: &Template) -> Result<(), Error> {
    let target = root.join(template.name);
    if target.symlink_metadata().is_ok() {
        return Ok(());
    }
    let staged = staging.join(template.name);
    write_synced(&staged, template.text).map_err(|source| io_error("write", &staged, source))?;
    match fs::hard_link(&staged, &target) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Some file systems (exFAT, network shares) have no hard links; a rename there may only race with a person
        // who creates the same file within this instant.
        Err(_) => fs::rename(&staged, &target).map_err(|source| io_error("write", &target, source)),
    }
}

fn write_synced(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn make_folder(path: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| io_error("create", path, source))
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io { action, path: path.to_owned(), source }
}
