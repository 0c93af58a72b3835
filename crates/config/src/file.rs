//! Small files of a home: read with a cap, written so that a crash leaves the old or the new one.

use crate::error::Error;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Largest settings file that is read, in bytes; a thousand providers fit.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads a text file; `None` when there is none. A byte that is not UTF-8 becomes U+FFFD, so that the reader can say
/// where it stands.
pub(crate) fn read(path: &Path) -> Result<Option<String>, Error> {
    let failed = |source| Error::Io { action: "reading", path: path.to_path_buf(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > MAX_BYTES {
        return Err(Error::TooLarge { path: path.to_path_buf(), bytes, limit: MAX_BYTES });
    }
    let mut content = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut content).map_err(failed)?;
    Ok(Some(String::from_utf8_lossy(&content).into_owned()))
}

/// Writes a text file (mode 0600) beside its place, syncs it and renames it. A symbolic link keeps pointing where it
/// did: its target is replaced.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let target = fs::canonicalize(path).unwrap_or_else(|_missing| path.to_path_buf());
    let failed = |source| Error::Io { action: "writing", path: target.clone(), source };
    let beside = temporary(&target);
    let written = write_new(&beside, text).and_then(|()| fs::rename(&beside, &target));
    if let Err(error) = written {
        // The half-written file would only confuse; when even removing fails, the first error is the one to tell.
        drop(fs::remove_file(&beside));
        return Err(failed(error));
    }
    // The rename itself is on disk only when its folder is.
    let folder = target.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Creates a folder and its parents, mode 0700; an existing one is left as it is.
pub(crate) fn create_dir(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| Error::Io {
        action: "creating",
        path: path.to_path_buf(),
        source,
    })
}

/// Takes others' permissions on a folder away.
pub(crate) fn close_to_others(path: &Path) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(|source| Error::Io {
        action: "closing to others",
        path: path.to_path_buf(),
        source,
    })
}

/// Holds `lock` while `change` runs; a second process gets [`Error::Busy`] instead of a lost change.
pub(crate) fn with_lock<T>(lock: &Path, file: &Path, change: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let failed = |source| Error::Io { action: "locking", path: lock.to_path_buf(), source };
    let held = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(lock).map_err(failed)?;
    match held.try_lock() {
        Ok(()) => change(),
        Err(fs::TryLockError::WouldBlock) => Err(Error::Busy { path: file.to_path_buf() }),
        Err(fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn temporary(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    target.with_file_name(name)
}
