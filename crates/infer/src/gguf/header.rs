//! Parses the header of a GGUF file: counts, metadata, tensor table.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use hearth_kernels::QuantType;

use super::{Array, Gguf, GgufError, TensorInfo, Value};

const MAGIC: [u8; 4] = *b"GGUF";
const MAX_ENTRIES: u64 = 1 << 16;
const MAX_KEY_BYTES: u64 = 1 << 10;
const MAX_DIMENSIONS: u32 = 4;
const DEFAULT_ALIGNMENT: u64 = 32;
const MAX_ALIGNMENT: u64 = 1 << 20;
/// Capacity reserved ahead of reading; longer arrays grow as their bytes really arrive.
const RESERVE: usize = 1 << 12;

/// Reads everything up to the tensor data.
pub(super) fn parse(path: &Path, file: File, file_bytes: u64) -> Result<Gguf, GgufError> {
    let copy = file.try_clone().map_err(|source| GgufError::Io { path: path.to_path_buf(), source })?;
    let mut reader = Reader { path, input: BufReader::with_capacity(1 << 16, copy), at: 0, end: file_bytes };
    let (tensor_count, entry_count) = reader.counts()?;
    let mut metadata = HashMap::new();
    for _ in 0..entry_count {
        let key = reader.text(MAX_KEY_BYTES)?;
        let kind = reader.u32()?;
        let value = reader.value(kind)?;
        if metadata.insert(key, value).is_some() {
            return Err(reader.damaged("a metadata key appears twice"));
        }
    }
    let mut tensors = Vec::new();
    let mut by_name = HashMap::new();
    for _ in 0..tensor_count {
        let tensor = reader.tensor()?;
        if by_name.insert(tensor.name.clone(), tensors.len()).is_some() {
            return Err(reader.damaged("a tensor name appears twice"));
        }
        tensors.push(tensor);
    }
    let data_start = reader.data_start(&metadata)?;
    for tensor in &tensors {
        reader.check_extent(tensor, data_start)?;
    }
    Ok(Gguf { path: path.to_path_buf(), file, file_bytes, data_start, metadata, tensors, by_name })
}

struct Reader<'a> {
    path: &'a Path,
    input: BufReader<File>,
    at: u64,
    end: u64,
}

impl Reader<'_> {
    fn damaged(&self, what: &'static str) -> GgufError {
        GgufError::Damaged { path: self.path.to_path_buf(), offset: self.at, what }
    }

    fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        if self.left() < N as u64 {
            return Err(self.damaged("the file ends in the middle of its header"));
        }
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes).map_err(|source| GgufError::Io { path: self.path.to_path_buf(), source })?;
        self.at += N as u64;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn raw_text(&mut self, max: u64) -> Result<Vec<u8>, GgufError> {
        let length = self.u64()?;
        if length > max {
            return Err(self.damaged("a text is longer than its limit"));
        }
        if length > self.left() {
            return Err(self.damaged("a text is longer than the rest of the file"));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        self.input.read_exact(&mut bytes).map_err(|source| GgufError::Io { path: self.path.to_path_buf(), source })?;
        self.at += length as u64;
        Ok(bytes)
    }

    fn text(&mut self, max: u64) -> Result<String, GgufError> {
        let bytes = self.raw_text(max)?;
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(broken) => String::from_utf8_lossy(broken.as_bytes()).into_owned(),
        })
    }

    fn counts(&mut self) -> Result<(u64, u64), GgufError> {
        let not_gguf = || GgufError::NotGguf { path: self.path.to_path_buf() };
        if self.end < MAGIC.len() as u64 {
            return Err(not_gguf());
        }
        if self.bytes::<4>()? != MAGIC {
            return Err(GgufError::NotGguf { path: self.path.to_path_buf() });
        }
        let version = self.u32()?;
        if !(2..=3).contains(&version) {
            return Err(GgufError::Version { path: self.path.to_path_buf(), version });
        }
        let (tensors, entries) = (self.u64()?, self.u64()?);
        if tensors > MAX_ENTRIES || entries > MAX_ENTRIES {
            return Err(self.damaged("the header promises more tensors or metadata than any model has"));
        }
        Ok((tensors, entries))
    }

    fn value(&mut self, kind: u32) -> Result<Value, GgufError> {
        Ok(match kind {
            0 | 2 | 4 | 10 => Value::Unsigned(self.unsigned(kind)?),
            1 | 3 | 5 | 11 => Value::Signed(self.signed(kind)?),
            6 | 12 => Value::Float(self.float(kind)?),
            7 => Value::Flag(self.flag()?),
            8 => Value::Text(self.text(u64::MAX)?),
            9 => Value::Array(self.array()?),
            _ => return Err(self.damaged("a metadata value has an unknown type")),
        })
    }

    fn unsigned(&mut self, kind: u32) -> Result<u64, GgufError> {
        Ok(match kind {
            0 => u64::from(u8::from_le_bytes(self.bytes()?)),
            2 => u64::from(u16::from_le_bytes(self.bytes()?)),
            4 => u64::from(self.u32()?),
            _ => self.u64()?,
        })
    }

    fn signed(&mut self, kind: u32) -> Result<i64, GgufError> {
        Ok(match kind {
            1 => i64::from(i8::from_le_bytes(self.bytes()?)),
            3 => i64::from(i16::from_le_bytes(self.bytes()?)),
            5 => i64::from(i32::from_le_bytes(self.bytes()?)),
            _ => i64::from_le_bytes(self.bytes()?),
        })
    }

    fn float(&mut self, kind: u32) -> Result<f64, GgufError> {
        Ok(if kind == 6 { f64::from(f32::from_le_bytes(self.bytes()?)) } else { f64::from_le_bytes(self.bytes()?) })
    }

    fn flag(&mut self) -> Result<bool, GgufError> {
        Ok(self.bytes::<1>()? != [0])
    }

    fn array(&mut self) -> Result<Array, GgufError> {
        let kind = self.u32()?;
        let count = self.u64()?;
        let least_bytes: u64 = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            9 => return Err(self.damaged("arrays of arrays are not part of any known model")),
            _ => return Err(self.damaged("an array has an unknown element type")),
        };
        if count.checked_mul(least_bytes).is_none_or(|bytes| bytes > self.left()) {
            return Err(self.damaged("an array is longer than the rest of the file"));
        }
        Ok(match kind {
            0 | 2 | 4 | 10 => {
                Array::Whole(self.repeat(count, |r| Ok(i64::try_from(r.unsigned(kind)?).unwrap_or(i64::MAX)))?)
            }
            1 | 3 | 5 | 11 => Array::Whole(self.repeat(count, |r| r.signed(kind))?),
            6 | 12 => Array::Float(self.repeat(count, |r| r.narrow_float(kind))?),
            7 => Array::Flag(self.repeat(count, Self::flag)?),
            _ => Array::Text(self.repeat(count, |r| r.text(u64::MAX))?),
        })
    }

    #[expect(clippy::cast_possible_truncation, reason = "token scores are single precision in every known file")]
    fn narrow_float(&mut self, kind: u32) -> Result<f32, GgufError> {
        Ok(self.float(kind)? as f32)
    }

    fn repeat<T>(&mut self, count: u64, read: impl Fn(&mut Self) -> Result<T, GgufError>) -> Result<Vec<T>, GgufError> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut items = Vec::with_capacity(count.min(RESERVE));
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    fn tensor(&mut self) -> Result<TensorInfo, GgufError> {
        let name = self.text(MAX_KEY_BYTES)?;
        let dimensions = self.u32()?;
        if dimensions == 0 || dimensions > MAX_DIMENSIONS {
            return Err(self.damaged("a tensor has no or too many dimensions"));
        }
        let shape = self.repeat(u64::from(dimensions), Self::u64)?;
        if shape.contains(&0) {
            return Err(self.damaged("a tensor has an empty dimension"));
        }
        Ok(TensorInfo { name, shape, type_id: self.u32()?, offset: self.u64()? })
    }

    fn data_start(&self, metadata: &HashMap<String, Value>) -> Result<u64, GgufError> {
        let alignment = match metadata.get("general.alignment") {
            None => DEFAULT_ALIGNMENT,
            Some(value) => u64::from(value.as_count().unwrap_or(0)),
        };
        if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT {
            return Err(self.damaged("the alignment is no power of two"));
        }
        Ok(self.at.next_multiple_of(alignment))
    }

    /// Tensors of a type this engine does not know are only checked for their start.
    fn check_extent(&self, tensor: &TensorInfo, data_start: u64) -> Result<(), GgufError> {
        let elements = tensor.shape.iter().try_fold(1_u64, |product, &dimension| product.checked_mul(dimension));
        let bytes = match QuantType::from_gguf(tensor.type_id) {
            Err(_unsupported) => Some(0),
            Ok(quantization) => {
                let block = quantization.block_len() as u64;
                if !tensor.shape[0].is_multiple_of(block) {
                    return Err(self.damaged("a tensor's rows are no whole number of blocks"));
                }
                elements.and_then(|count| (count / block).checked_mul(quantization.block_bytes() as u64))
            }
        };
        let start = data_start.checked_add(tensor.offset);
        match start.zip(bytes).and_then(|(start, bytes)| start.checked_add(bytes)) {
            Some(end) if elements.is_some() && end <= self.end => Ok(()),
            _ => Err(self.damaged("a tensor reaches beyond the end of the file")),
        }
    }
}
