//! A small log: one JSON object a line, in a file that can't grow without end.

use jiff::Timestamp;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The gateway's log in the folder of logs.
pub(crate) const FILE_NAME: &str = "gateway.log";
/// What a process of ours printed that is no log line: the model's process, a gateway that could not start.
pub(crate) const OUTPUT_NAME: &str = "output.log";

/// At this size the log is put aside as `.1`, replacing the last one put aside.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Longer messages are cut.
const MAX_MESSAGE_CHARS: usize = 2000;

/// An open log.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl Log {
    /// Opens the log in a folder; without a writable file nothing is kept.
    pub(crate) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE_NAME);
        rotate(&path);
        let file = File::options().create(true).append(true).open(&path).ok();
        Self { path, file: Mutex::new(file) }
    }

    /// Writes down what happened.
    pub(crate) fn info(&self, what: &str) {
        self.write("info", what);
    }

    /// Writes down what went wrong.
    pub(crate) fn error(&self, what: &str) {
        self.write("error", what);
    }

    fn write(&self, level: &str, what: &str) {
        let message: String = what.chars().take(MAX_MESSAGE_CHARS).collect();
        let line = serde_json::json!({ "time": Timestamp::now().to_string(), "level": level, "message": message });
        let Ok(mut file) = self.file.lock() else { return };
        let full = file.as_ref().and_then(|file| file.metadata().ok()).is_some_and(|meta| meta.len() >= MAX_BYTES);
        if full {
            rotate(&self.path);
            *file = File::options().create(true).append(true).open(&self.path).ok();
        }
        if let Some(file) = file.as_mut() {
            // The log is no reason to fail: with a full disk the work itself will say so.
            writeln!(file, "{line}").ok();
        }
    }
}

/// Puts a full log aside.
pub(crate) fn rotate(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.len() >= MAX_BYTES) {
        // A log that can't be put aside grows on; that is better than none.
        std::fs::rename(path, path.with_extension("log.1")).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::{FILE_NAME, Log, MAX_BYTES};

    #[test]
    fn lines_are_json_and_the_file_is_put_aside_when_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, vec![b'x'; usize::try_from(MAX_BYTES).unwrap()]).unwrap();
        let log = Log::open(folder.path());
        log.error("port\n\"taken\"");
        let text = std::fs::read_to_string(&path).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!((line["level"].as_str(), line["message"].as_str()), (Some("error"), Some("port\n\"taken\"")));
        assert!(folder.path().join("gateway.log.1").exists());
    }
}
