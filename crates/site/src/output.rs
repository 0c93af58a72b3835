//! The folder of finished files: only what differs is written, and what is no longer made is removed.

use crate::error::Error;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The files of a build, by their path in the folder, with the hash of what they hold.
pub(crate) type Manifest = BTreeMap<String, String>;

/// Takes finished files from many threads.
#[derive(Debug)]
pub(crate) struct Output {
    /// Nothing is written without one.
    folder: Option<PathBuf>,
    before: Manifest,
    now: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    files: Manifest,
    changed: usize,
}

impl Output {
    /// `before` is what the last build made.
    pub(crate) fn new(folder: &Path, before: Manifest) -> Self {
        Self { folder: Some(folder.to_path_buf()), before, now: Mutex::default() }
    }

    /// Takes files and forgets them.
    pub(crate) fn nowhere() -> Self {
        Self { folder: None, before: Manifest::new(), now: Mutex::default() }
    }

    /// Takes a file; returns its hash.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) -> Result<String, Error> {
        let hash = blake3::hash(bytes).to_hex().to_string();
        let Some(folder) = &self.folder else {
            self.note(path, &hash, false);
            return Ok(hash);
        };
        let file = folder.join(path);
        let known = self.before.get(path) == Some(&hash) && has_length(&file, bytes.len());
        let changed = !known && std::fs::read(&file).ok().as_deref() != Some(bytes);
        if changed {
            write(&file, bytes)?;
        }
        self.note(path, &hash, changed);
        Ok(hash)
    }

    /// Says that a file is as the last build made it; `false` when it is not there any more.
    pub(crate) fn keep(&self, path: &str, hash: &str) -> bool {
        let there = self.folder.as_ref().is_some_and(|folder| folder.join(path).is_file());
        let kept = there && self.before.get(path).is_some_and(|before| before == hash);
        if kept {
            self.note(path, hash, false);
        }
        kept
    }

    fn note(&self, path: &str, hash: &str, changed: bool) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.files.insert(path.to_owned(), hash.to_owned());
        now.changed += usize::from(changed);
    }

    /// Removes what only the last build made. Returns the files, and how many were written or removed.
    pub(crate) fn finish(self) -> Result<(Manifest, usize), Error> {
        let now = self.now.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut changed = now.changed;
        let Some(folder) = &self.folder else { return Ok((now.files, 0)) };
        for path in self.before.keys().filter(|path| !now.files.contains_key(*path)) {
            let file = folder.join(path);
            match std::fs::remove_file(&file) {
                Ok(()) => changed += 1,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::write(&file)(error)),
            }
            remove_empty_folders(folder, &file);
        }
        Ok((now.files, changed))
    }
}

fn has_length(file: &Path, length: usize) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == length as u64)
}

/// Writes beside and renames, so that nobody reads half a page.
pub(crate) fn write(file: &Path, bytes: &[u8]) -> Result<(), Error> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = file.with_file_name(format!(".{name}.part"));
    let first = std::fs::write(&beside, bytes);
    match (first, file.parent()) {
        (Err(error), Some(folder)) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
            std::fs::write(&beside, bytes).map_err(Error::write(file))?;
        }
        (result, _) => result.map_err(Error::write(file))?,
    }
    std::fs::rename(&beside, file).map_err(Error::write(file))
}

fn remove_empty_folders(root: &Path, file: &Path) {
    for folder in file.ancestors().skip(1).take_while(|folder| *folder != root) {
        // A folder that holds something else stays: that is what the failure means.
        if std::fs::remove_dir(folder).is_err() {
            return;
        }
    }
}
