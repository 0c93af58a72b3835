//! Writes GGUF files of tiny random models, and talks HTTP to a server.

use std::path::{Path, PathBuf};

/// A metadata value.
pub(crate) enum Meta {
    Text(&'static str),
    Count(u32),
    Float(f32),
    Texts(Vec<String>),
    Kinds(Vec<i32>),
}

/// A tensor of f32 values.
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<u64>,
}

/// The parts of a file, to be changed before it is written.
pub(crate) struct Parts {
    pub(crate) meta: Vec<(String, Meta)>,
    pub(crate) tensors: Vec<Tensor>,
}

const WIDTH: u64 = 32;
const INNER: u64 = 64;
const KEYS: u64 = 16;
const LAYERS: u32 = 2;

/// A two-layer Llama over single bytes.
pub(crate) fn llama() -> Parts {
    let (texts, kinds) = vocabulary();
    let size = texts.len() as u64;
    let meta = [
        ("general.architecture", Meta::Text("llama")),
        ("general.name", Meta::Text("tiny")),
        ("llama.block_count", Meta::Count(LAYERS)),
        ("llama.context_length", Meta::Count(4096)),
        ("llama.embedding_length", Meta::Count(32)),
        ("llama.feed_forward_length", Meta::Count(64)),
        ("llama.attention.head_count", Meta::Count(4)),
        ("llama.attention.head_count_kv", Meta::Count(2)),
        ("llama.attention.layer_norm_rms_epsilon", Meta::Float(1e-5)),
        ("tokenizer.ggml.model", Meta::Text("gpt2")),
        ("tokenizer.ggml.pre", Meta::Text("qwen2")),
        ("tokenizer.ggml.tokens", Meta::Texts(texts)),
        ("tokenizer.ggml.token_type", Meta::Kinds(kinds)),
        ("tokenizer.ggml.merges", Meta::Texts(vec!["b a".to_owned(), "ba s".to_owned()])),
        ("tokenizer.ggml.eos_token_id", Meta::Count(257)),
    ];
    let mut tensors = vec![tensor("token_embd.weight", &[WIDTH, size]), tensor("output_norm.weight", &[WIDTH])];
    for layer in 0..LAYERS {
        for (name, shape) in [
            ("attn_norm", &[WIDTH][..]),
            ("attn_q", &[WIDTH, WIDTH]),
            ("attn_k", &[WIDTH, KEYS]),
            ("attn_v", &[WIDTH, KEYS]),
            ("attn_output", &[WIDTH, WIDTH]),
            ("ffn_norm", &[WIDTH]),
            ("ffn_gate", &[WIDTH, INNER]),
            ("ffn_up", &[WIDTH, INNER]),
            ("ffn_down", &[INNER, WIDTH]),
        ] {
            tensors.push(tensor(&format!("blk.{layer}.{name}.weight"), shape));
        }
    }
    Parts { meta: meta.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(), tensors }
}

fn tensor(name: &str, shape: &[u64]) -> Tensor {
    Tensor { name: name.to_owned(), shape: shape.to_vec() }
}

/// All bytes in GPT-2's letters, two control tokens, and the results of the two merges.
fn vocabulary() -> (Vec<String>, Vec<i32>) {
    let mut next = 0x100;
    let mut texts = Vec::new();
    for byte in 0..=u8::MAX {
        if matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) {
            texts.push(char::from(byte).to_string());
        } else {
            texts.push(char::from_u32(next).unwrap().to_string());
            next += 1;
        }
    }
    let mut kinds = vec![1; 256];
    for (text, kind) in [("<|im_start|>", 3), ("<|im_end|>", 3), ("ba", 1), ("bas", 1)] {
        texts.push(text.to_owned());
        kinds.push(kind);
    }
    (texts, kinds)
}

impl Parts {
    /// Replaces the value of `key`.
    pub(crate) fn set(&mut self, key: &str, value: Meta) {
        self.meta.retain(|(known, _)| known != key);
        self.meta.push((key.to_owned(), value));
    }

    /// The file's bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3_u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.meta.len() as u64).to_le_bytes());
        for (key, value) in &self.meta {
            text(&mut out, key);
            value.write(&mut out);
        }
        let mut offset = 0_u64;
        for tensor in &self.tensors {
            text(&mut out, &tensor.name);
            out.extend(u32::try_from(tensor.shape.len()).unwrap().to_le_bytes());
            tensor.shape.iter().for_each(|dimension| out.extend(dimension.to_le_bytes()));
            out.extend(0_u32.to_le_bytes());
            out.extend(offset.to_le_bytes());
            offset += tensor.values() * 4;
        }
        out.resize(out.len().next_multiple_of(32), 0);
        let mut random = fastrand::Rng::with_seed(11);
        for tensor in &self.tensors {
            // Norms stay near one, as in trained models.
            let (centre, spread) = if tensor.shape.len() == 1 { (1.0, 0.1) } else { (0.0, 1.0) };
            let values = (0..tensor.values()).map(|_| centre + spread * (random.f32() - 0.5));
            out.extend(values.flat_map(f32::to_le_bytes));
        }
        out
    }

    /// Writes the file into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join("tiny.gguf");
        std::fs::write(&path, self.bytes()).unwrap();
        path
    }
}

impl Tensor {
    fn values(&self) -> u64 {
        self.shape.iter().product()
    }
}

impl Meta {
    fn write(&self, out: &mut Vec<u8>) {
        let kind = |out: &mut Vec<u8>, kind: u32| out.extend(kind.to_le_bytes());
        match self {
            Self::Count(number) => {
                kind(out, 4);
                out.extend(number.to_le_bytes());
            }
            Self::Float(number) => {
                kind(out, 6);
                out.extend(number.to_le_bytes());
            }
            Self::Text(value) => {
                kind(out, 8);
                text(out, value);
            }
            Self::Texts(values) => {
                kind(out, 9);
                kind(out, 8);
                out.extend((values.len() as u64).to_le_bytes());
                values.iter().for_each(|value| text(out, value));
            }
            Self::Kinds(values) => {
                kind(out, 9);
                kind(out, 5);
                out.extend((values.len() as u64).to_le_bytes());
                values.iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
        }
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
