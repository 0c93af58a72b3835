//! Opening and replacing single files of a [`Place`], without ever waiting on what is no file.

use crate::roots::Place;
use cap_std::fs::{
    Dir, File, FileType, FileTypeExt, Metadata, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt,
};
use hearth_core::tool::{ToolContext, ToolError};
use rustix::fs::OFlags;
use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

/// How long the file system may take for one call: a dead network drive must not hold a turn.
const PATIENCE: Duration = Duration::from_secs(60);

/// The mode of new files: what the person's own editor would make, less what others could write.
const NEW_FILE_MODE: u32 = 0o644;

/// Runs file work off the runtime's threads; returns early when the turn is stopped or the file system hangs. Work that
/// has begun is not undone then.
pub(crate) async fn off_thread<T: Send + 'static>(
    context: &ToolContext,
    work: impl FnOnce() -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    let work = tokio::task::spawn_blocking(work);
    tokio::select! {
        biased;
        () = context.cancel.cancelled() => Err(ToolError::Cancelled),
        done = tokio::time::timeout(PATIENCE, work) => match done {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(ToolError::Failed(format!("the file work broke off: {error}"))),
            Err(_) => Err(ToolError::Failed(format!("the file system did not answer within {} s", PATIENCE.as_secs()))),
        },
    }
}

/// Opens a regular file for reading. A named pipe, a socket or a device is refused without being opened.
pub(crate) fn open(place: &Place) -> Result<(File, Metadata), ToolError> {
    let fail = |error: io::Error| failed("read", &place.shown, &error);
    refuse_special(&place.shown, place.root.metadata(&place.relative).map_err(fail)?.file_type())?;
    let mut options = OpenOptions::new();
    // Should a named pipe have taken the file's place just now, opening it must not wait for a writer.
    options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = place.root.open_with(&place.relative, &options).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    refuse_special(&place.shown, metadata.file_type())?;
    if metadata.is_dir() {
        return Err(ToolError::Failed(format!("{} is a folder, not a file", place.shown)));
    }
    Ok((file, metadata))
}

/// Reads a whole file of at most `cap` bytes.
pub(crate) fn load(place: &Place, cap: usize) -> Result<Vec<u8>, ToolError> {
    let (file, metadata) = open(place)?;
    let too_large = |bytes: u64| {
        let message =
            format!("{} has {bytes} bytes; at most {cap} can be changed at once. Use bash (sed, awk)", place.shown);
        ToolError::Failed(message)
    };
    let limit = u64::try_from(cap).unwrap_or(u64::MAX);
    if metadata.len() > limit {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| failed("read", &place.shown, &error))?;
    if bytes.len() > cap { Err(too_large(limit.saturating_add(1))) } else { Ok(bytes) }
}

/// What was there before a file was replaced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Before {
    Nothing,
    File { bytes: u64 },
}

/// Replaces a file by new content, or makes it: whoever looks, after a crash too, sees the old or the new, whole. Missing
/// folders are made; the mode of a replaced file is kept.
pub(crate) fn replace(place: &Place, content: &[u8]) -> Result<Before, ToolError> {
    let fail = |error: io::Error| failed("write", &place.shown, &error);
    let Some(name) = place.relative.file_name() else {
        return Err(ToolError::Failed(format!("{} is a folder; name a file in it", place.shown)));
    };
    let folder = open_folder(place).map_err(fail)?;
    let (before, mode) = match folder.symlink_metadata(name) {
        Ok(metadata) => replaceable(&place.shown, &metadata)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => (Before::Nothing, None),
        Err(error) => return Err(fail(error)),
    };
    let temporary = format!(".hearth-{:016x}.tmp", RandomState::new().build_hasher().finish());
    let written = write_new(&folder, &temporary, content, mode).and_then(|()| folder.rename(&temporary, &folder, name));
    if let Err(error) = written {
        // The failure to report is the first one; a temporary file that can't be removed either changes nothing of it.
        drop(folder.remove_file(&temporary));
        return Err(fail(error));
    }
    sync_folder(&folder).map_err(fail)?;
    Ok(before)
}

/// Puts a file-system failure into words for the model.
pub(crate) fn failed(action: &str, shown: &str, error: &io::Error) -> ToolError {
    let because = match error.kind() {
        io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
            // The confinement's own refusal; the system's have a number.
            return ToolError::Denied(format!("cannot {action} {shown}: it leads out of the folders you may use"));
        }
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file stands where the path needs a folder".to_owned()
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        io::ErrorKind::PermissionDenied => "this machine's user may not".to_owned(),
        _ => error.to_string(),
    };
    ToolError::Failed(format!("cannot {action} {shown}: {because}"))
}

fn open_folder(place: &Place) -> io::Result<Dir> {
    match place.relative.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => {
            place.root.create_dir_all(parent)?;
            place.root.open_dir(parent)
        }
        None => place.root.open_dir(Path::new(".")),
    }
}

fn replaceable(shown: &str, metadata: &Metadata) -> Result<(Before, Option<u32>), ToolError> {
    refuse_special(shown, metadata.file_type())?;
    if metadata.is_dir() {
        return Err(ToolError::Failed(format!("{shown} is a folder; name a file in it")));
    }
    if metadata.file_type().is_symlink() {
        // A link that leads nowhere, or one that took the file's place just now: the link itself is replaced.
        return Ok((Before::Nothing, None));
    }
    if metadata.permissions().readonly() {
        return Err(ToolError::Failed(format!("{shown} is read-only; make it writable first (bash: chmod u+w)")));
    }
    Ok((Before::File { bytes: metadata.len() }, Some(metadata.permissions().mode())))
}

fn write_new(folder: &Dir, name: &str, content: &[u8], mode: Option<u32>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode.unwrap_or(NEW_FILE_MODE) & 0o7777);
    let mut file = folder.open_with(OsStr::new(name), &options)?;
    file.write_all(content)?;
    if let Some(mode) = mode {
        // The process's umask took bits away above.
        file.set_permissions(Permissions::from_mode(mode & 0o7777))?;
    }
    file.sync_all()
}

/// Makes the rename itself last. File systems that can't sync a folder lose nothing else.
fn sync_folder(folder: &Dir) -> io::Result<()> {
    match folder.open(".")?.sync_all() {
        Err(error) if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Err(error),
        _ => Ok(()),
    }
}

fn refuse_special(shown: &str, kind: FileType) -> Result<(), ToolError> {
    let what = if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        return Ok(());
    };
    Err(ToolError::Denied(format!("{shown} is {what}, not a regular file")))
}
