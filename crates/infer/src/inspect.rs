//! Says what a model file holds and whether this engine can run it, without loading it.

use std::path::Path;

use hearth_kernels::QuantType;

use crate::gguf::{Gguf, GgufError};
use crate::model::{Architecture, Config};
use crate::tokenizer::Tokenizer;

/// What is in a model file.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSummary {
    /// The name the file gives itself, or empty.
    pub name: String,
    /// The model family, such as `qwen2`.
    pub architecture: String,
    /// The licence the file states, if any.
    pub license: Option<String>,
    /// Numbers in all tensors.
    pub parameters: u64,
    /// Size of the file in bytes.
    pub file_bytes: u64,
    /// Positions the model was trained for.
    pub context_tokens: u32,
    /// How most of the numbers are stored, such as `Q4_K`.
    pub quantization: String,
    /// Whether the file brings a chat template.
    pub chat_template: bool,
    /// Why this engine cannot run the file; empty when it can.
    pub unsupported: Vec<String>,
}

/// Reads the header of the model file at `path`. Takes milliseconds and no memory to speak of.
///
/// # Errors
/// The file is absent, unreadable, damaged or no GGUF file. A sound file that cannot be run is no error:
/// [`ModelSummary::unsupported`] lists the reasons.
pub fn inspect(path: &Path) -> Result<ModelSummary, GgufError> {
    let file = Gguf::open(path)?;
    let architecture = file.text("general.architecture").unwrap_or_default().to_owned();
    let context_key = format!("{architecture}.context_length");
    Ok(ModelSummary {
        name: file.text("general.name").unwrap_or_default().to_owned(),
        license: file.text("general.license").map(str::to_owned),
        parameters: file.tensors().iter().map(elements).fold(0, u64::saturating_add),
        file_bytes: file.file_bytes(),
        context_tokens: file.count(&context_key).unwrap_or(0),
        quantization: quantization(&file),
        chat_template: file.text("tokenizer.chat_template").is_some(),
        unsupported: unsupported(&file, &architecture),
        architecture,
    })
}

fn elements(tensor: &crate::gguf::TensorInfo) -> u64 {
    tensor.shape.iter().fold(1, |product: u64, &dimension| product.saturating_mul(dimension))
}

/// The type that holds most numbers.
fn quantization(file: &Gguf) -> String {
    let mut totals: Vec<(u32, u64)> = Vec::new();
    for tensor in file.tensors() {
        match totals.iter_mut().find(|(type_id, _)| *type_id == tensor.type_id) {
            Some((_, total)) => *total = total.saturating_add(elements(tensor)),
            None => totals.push((tensor.type_id, elements(tensor))),
        }
    }
    let most = totals.into_iter().max_by_key(|(_, total)| *total);
    most.map_or_else(String::new, |(type_id, _)| type_name(type_id))
}

fn type_name(type_id: u32) -> String {
    QuantType::from_gguf(type_id).map_or_else(|_unknown| format!("type {type_id}"), |known| format!("{known:?}"))
}

fn unsupported(file: &Gguf, architecture: &str) -> Vec<String> {
    let mut reasons = Vec::new();
    if Architecture::named(architecture).is_none() {
        reasons.push(format!("architecture `{architecture}`; llama, qwen2, qwen3 and gemma3 can be run"));
    } else if let Err(error) = Config::read(file) {
        reasons.push(error.to_string());
    }
    let mut types: Vec<u32> = file
        .tensors()
        .iter()
        .map(|tensor| tensor.type_id)
        .filter(|&type_id| QuantType::from_gguf(type_id).is_err())
        .collect();
    types.sort_unstable();
    types.dedup();
    reasons.extend(types.into_iter().map(|type_id| format!("quantization {}", type_name(type_id))));
    if let Err(error) = Tokenizer::load(file) {
        reasons.push(error.to_string());
    }
    reasons
}
