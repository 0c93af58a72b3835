//! Whether anything that a site is made of has changed, told from names, sizes and times alone.

use crate::build::Options;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The hash of everything a build depends on. `made_with` stands for what is compiled in.
pub(crate) fn stamp(options: &Options, made_with: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes()).update(made_with).update(&[u8::from(options.drafts)]);
    let mut files = inputs(&options.root, &options.output);
    files.sort();
    for (path, length, time) in files {
        hasher.update(path.to_string_lossy().as_bytes()).update(&length.to_le_bytes()).update(&time.to_le_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Path, size and time in nanoseconds of every file that a site is made of. What can't be looked at is left out: the
/// build itself says what is wrong with it.
fn inputs(root: &Path, output: &Path) -> Vec<(PathBuf, u64, u128)> {
    let mut found = Vec::new();
    let mut note = |path: PathBuf| {
        if let Ok(metadata) = path.metadata() {
            let time = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            found.push((path, metadata.len(), time.map_or(0, |time| time.as_nanos())));
        }
    };
    note(root.join(crate::config::FILE));
    let mut folders: Vec<_> = ["content", "static", "theme"].map(|name| root.join(name)).into();
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.path() != output) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => note(entry.path()),
                _ => {}
            }
        }
    }
    found
}
