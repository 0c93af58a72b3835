//! Opens GGUF model files: header, typed metadata and the table of tensors, with every size checked against the file.
//!
//! Nothing here trusts the file. Counts are compared with the bytes that are left before anything is allocated, so
//! a hostile header of a few bytes costs a few bytes. Tensor data is read in place with positioned reads: the weights are
//! repacked for the processor when they are loaded, so a mapping would only keep a second copy alive and turn a
//! truncated file into a crash.

mod header;
mod value;

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use hearth_kernels::QuantType;

pub(crate) use value::{Array, Value};

/// Why a model file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The file could not be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The model file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file does not begin like a GGUF file.
    #[error("{} is not a GGUF file", path.display())]
    NotGguf {
        /// The model file.
        path: PathBuf,
    },
    /// The file has a version other than 2 or 3.
    #[error("{} is GGUF version {version}; versions 2 and 3 are supported", path.display())]
    Version {
        /// The model file.
        path: PathBuf,
        /// The version it names.
        version: u32,
    },
    /// The file contradicts itself or ends early.
    #[error("{} is damaged at byte {offset}: {what}", path.display())]
    Damaged {
        /// The model file.
        path: PathBuf,
        /// Where the reader stood.
        offset: u64,
        /// What was wrong there.
        what: &'static str,
    },
    /// A metadata key the model needs is absent or of another type.
    #[error("{} has no usable `{key}` (wanted {wanted})", path.display())]
    Metadata {
        /// The model file.
        path: PathBuf,
        /// The metadata key.
        key: String,
        /// The type or range that would do.
        wanted: &'static str,
    },
    /// A tensor the architecture needs is absent.
    #[error("{} has no tensor `{name}`", path.display())]
    MissingTensor {
        /// The model file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
    },
    /// A tensor has another shape than the metadata promises.
    #[error("tensor `{name}` in {} has shape {found:?}, wanted {wanted:?}", path.display())]
    Shape {
        /// The model file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// Its shape, fastest dimension first.
        found: Vec<u64>,
        /// The shape that was wanted.
        wanted: Vec<u64>,
    },
    /// A tensor is quantized in a way this engine cannot read.
    #[error("tensor `{name}` in {} has quantization type {type_id}, which is not supported", path.display())]
    TensorType {
        /// The model file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// The type number of the GGUF format.
        type_id: u32,
    },
}

/// One tensor of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TensorInfo {
    /// Its name.
    pub(crate) name: String,
    /// Dimensions, fastest first (`[columns, rows]` for a matrix).
    pub(crate) shape: Vec<u64>,
    /// The type number of the GGUF format.
    pub(crate) type_id: u32,
    /// First byte, counted from the start of the data section.
    pub(crate) offset: u64,
}

/// An open model file.
#[derive(Debug)]
pub(crate) struct Gguf {
    path: PathBuf,
    file: File,
    file_bytes: u64,
    data_start: u64,
    metadata: HashMap<String, Value>,
    tensors: Vec<TensorInfo>,
    by_name: HashMap<String, usize>,
}

impl Gguf {
    /// Opens `path` and reads its header; no tensor data is read.
    ///
    /// # Errors
    /// Any [`GgufError`] but `MissingTensor` and `Shape`.
    pub(crate) fn open(path: &Path) -> Result<Self, GgufError> {
        let io = |source| GgufError::Io { path: path.to_path_buf(), source };
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(GgufError::NotGguf { path: path.to_path_buf() });
        }
        header::parse(path, file, metadata.len())
    }

    /// Its size in bytes.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// All tensors in file order.
    pub(crate) fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor `name`, if there is one.
    pub(crate) fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.by_name.get(name).map(|&at| &self.tensors[at])
    }

    /// The tensor `name` with exactly `shape`.
    ///
    /// # Errors
    /// `MissingTensor` or `Shape`.
    pub(crate) fn shaped(&self, name: &str, shape: &[u64]) -> Result<&TensorInfo, GgufError> {
        let tensor = self
            .tensor(name)
            .ok_or_else(|| GgufError::MissingTensor { path: self.path.clone(), name: name.to_owned() })?;
        if tensor.shape != shape {
            return Err(GgufError::Shape {
                path: self.path.clone(),
                name: name.to_owned(),
                found: tensor.shape.clone(),
                wanted: shape.to_vec(),
            });
        }
        Ok(tensor)
    }

    /// How `tensor` is quantized.
    ///
    /// # Errors
    /// `TensorType` when this engine cannot read it.
    pub(crate) fn quantization(&self, tensor: &TensorInfo) -> Result<QuantType, GgufError> {
        QuantType::from_gguf(tensor.type_id).map_err(|_unsupported| GgufError::TensorType {
            path: self.path.clone(),
            name: tensor.name.clone(),
            type_id: tensor.type_id,
        })
    }

    /// Reads `into.len()` bytes of `tensor`, starting at its byte `from`.
    ///
    /// # Errors
    /// `Io`, also when the file has become shorter since it was opened.
    pub(crate) fn read_tensor(&self, tensor: &TensorInfo, from: u64, into: &mut [u8]) -> Result<(), GgufError> {
        self.read_at(self.data_start.saturating_add(tensor.offset).saturating_add(from), into)
    }

    /// Reads `into.len()` bytes from byte `at` of the file.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn read_at(&self, at: u64, into: &mut [u8]) -> Result<(), GgufError> {
        self.file.read_exact_at(into, at).map_err(|source| GgufError::Io { path: self.path.clone(), source })
    }

    /// The metadata value of `key`.
    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// The text at `key`.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(Value::as_text)
    }

    /// The truth value at `key`.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.value(key).and_then(Value::as_flag)
    }

    /// The number at `key`, when it is a whole number that fits.
    pub(crate) fn count(&self, key: &str) -> Option<u32> {
        self.value(key).and_then(Value::as_count)
    }

    /// The number at `key` as a float.
    pub(crate) fn float(&self, key: &str) -> Option<f32> {
        self.value(key).and_then(Value::as_float)
    }

    /// The number at `key`.
    ///
    /// # Errors
    /// `Metadata` when it is absent or no whole number.
    pub(crate) fn need_count(&self, key: &str) -> Result<u32, GgufError> {
        self.count(key).ok_or_else(|| self.unusable(key, "a whole number"))
    }

    /// The text at `key`.
    ///
    /// # Errors
    /// `Metadata` when it is absent or no text.
    pub(crate) fn need_text(&self, key: &str) -> Result<&str, GgufError> {
        self.text(key).ok_or_else(|| self.unusable(key, "text"))
    }

    /// The error for a key that can't be used.
    pub(crate) fn unusable(&self, key: &str, wanted: &'static str) -> GgufError {
        GgufError::Metadata { path: self.path.clone(), key: key.to_owned(), wanted }
    }
}
