//! What can be wrong with a run, a file of weights or a task.

use std::path::{Path, PathBuf};

/// Why something could not be trained, saved, loaded or measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of weights is not one.
    #[error("{}: {source}", path.display())]
    Weights {
        /// Which file.
        path: PathBuf,
        /// What its reader says.
        source: safetensors::SafeTensorError,
    },
    /// A tensor has another type or another number of values than the model's.
    #[error("{}: tensor `{name}` is {found}, expected {expected}", path.display())]
    Tensor {
        /// Which file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What it is.
        found: String,
        /// What the model needs.
        expected: String,
    },
    /// A file lacks something.
    #[error("{}: no `{name}` in it", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// What is not there.
        name: String,
    },
    /// A run's settings can't be read.
    #[error("{}: {source}", path.display())]
    Settings {
        /// Which file.
        path: PathBuf,
        /// What its reader says.
        source: toml::de::Error,
    },
    /// A run's settings can't be written.
    #[error("{}: {source}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the writer says.
        source: toml::ser::Error,
    },
    /// A line of a log is none.
    #[error("{}, line {line}: {source}", path.display())]
    Log {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What its reader says.
        source: serde_json::Error,
    },
    /// A run is already there.
    #[error("{} holds a run already: resume it or choose another folder", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A number is out of its range.
    #[error("{what} is {found}: {wanted}")]
    Setting {
        /// Which.
        what: &'static str,
        /// Its value.
        found: String,
        /// What it has to be.
        wanted: &'static str,
    },
    /// Two lists that belong together differ in length.
    #[error("{left_count} {left} but {right_count} {right}")]
    Unpaired {
        /// The first list.
        left: &'static str,
        /// Its length.
        left_count: usize,
        /// The second list.
        right: &'static str,
        /// Its length.
        right_count: usize,
    },
    /// The model refused its sizes or inputs.
    #[error(transparent)]
    Model(#[from] hearth_lab_nn::Error),
    /// An operation refused its inputs, or training diverged.
    #[error(transparent)]
    Tape(#[from] hearth_lab_tensor::Error),
}

impl Error {
    /// Names the file that an operation failed on.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }
}
