//! Text to tokens and back, exactly as the model was trained: byte-level BPE or SentencePiece-style, from the file.
//!
//! Control tokens (`<|im_start|>` and its like) come only from templates: [`Tokenizer::encode`] reads them when told to
//! and treats the same letters in a person's text as letters.

mod merge;
mod special;
mod split;
mod stream;

use std::collections::HashMap;

use crate::gguf::{Gguf, GgufError, Value};
use merge::{Rule, Scratch};
use special::Specials;
use split::{Classes, Split};

pub(crate) use stream::Utf8Stream;

/// Longest token this engine accepts, in bytes.
const MAX_TOKEN_BYTES: usize = 1 << 12;
/// Breaks up control tokens in what people write. A noncharacter: no text contains it.
const GUARD: char = '\u{FDD0}';
/// Names of tokens that end a turn in the families this engine knows.
const TURN_ENDS: [&str; 7] =
    ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<end_of_turn>", "</s>", "<|eom_id|>"];

/// Why a file's tokenizer could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The metadata is absent or has a wrong type.
    #[error(transparent)]
    File(#[from] GgufError),
    /// The file names a tokenizer this engine does not have.
    #[error("tokenizer `{model}` with splitting `{splitting}` is not supported")]
    Unsupported {
        /// `tokenizer.ggml.model`.
        model: String,
        /// `tokenizer.ggml.pre`, or empty.
        splitting: String,
    },
    /// A token is longer than any real one, or a list has another length than the vocabulary.
    #[error("the vocabulary is inconsistent at token {token}: {what}")]
    Vocabulary {
        /// Where.
        token: usize,
        /// What is wrong.
        what: &'static str,
    },
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Ordinary text.
    Text,
    /// Steers the model and is never shown.
    Control,
    /// Matched as a whole in any text.
    Defined,
    /// Stands for one byte.
    Byte,
    /// Never produced.
    Unused,
}

/// Which tokens [`Tokenizer::encode`] recognises besides text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Control tokens are parsed: for what templates write.
    Template,
    /// Only text: for what people and tools write.
    Plain,
}

/// The tokenizer of one model.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    bytes: Vec<Box<[u8]>>,
    kinds: Vec<Kind>,
    specials: Specials,
    rule: Rule,
    split: Split,
    classes: Classes,
    space_prefix: bool,
    bos: Option<u32>,
    add_bos: bool,
    stops: Vec<u32>,
}

impl Tokenizer {
    /// Reads the tokenizer of `file`.
    ///
    /// # Errors
    /// Any [`TokenizerError`].
    pub(crate) fn load(file: &Gguf) -> Result<Self, TokenizerError> {
        let model = file.need_text("tokenizer.ggml.model")?;
        let splitting = file.text("tokenizer.ggml.pre").unwrap_or("");
        let unsupported = || TokenizerError::Unsupported { model: model.to_owned(), splitting: splitting.to_owned() };
        let byte_level = match model {
            "gpt2" => true,
            "llama" => false,
            _ => return Err(unsupported()),
        };
        let split = if byte_level { Split::named(splitting).ok_or_else(unsupported)? } else { Split::Whole };
        let key = "tokenizer.ggml.tokens";
        let texts = file.value(key).and_then(Value::as_texts).ok_or_else(|| file.unusable(key, "an array of texts"))?;
        let kinds = kinds(file, texts.len())?;
        let bytes = token_bytes(texts, &kinds, byte_level)?;
        let specials = Specials::new(texts, &kinds);
        let by_bytes = index(&bytes, &kinds);
        let rule = if byte_level {
            Rule::ranked(file, by_bytes, split == Split::Llama3)?
        } else {
            Rule::scored(file, by_bytes, &bytes)?
        };
        let id = |key: &str| file.count(key).filter(|&id| (id as usize) < texts.len());
        let mut stops: Vec<u32> = ["eos", "eot", "eom"]
            .iter()
            .filter_map(|name| id(&format!("tokenizer.ggml.{name}_token_id")))
            .chain(TURN_ENDS.iter().filter_map(|name| specials.id(name)))
            .collect();
        stops.sort_unstable();
        stops.dedup();
        Ok(Self {
            bytes,
            kinds,
            specials,
            rule,
            split,
            classes: Classes::new(),
            space_prefix: !byte_level && file.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true),
            bos: id("tokenizer.ggml.bos_token_id"),
            add_bos: file.flag("tokenizer.ggml.add_bos_token").unwrap_or(!byte_level),
            stops,
        })
    }

    /// How many tokens there are.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes token `id` stands for; a control token's own name.
    pub(crate) fn bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], |bytes| bytes)
    }

    /// The bytes token `id` adds to an answer: none for control tokens.
    pub(crate) fn shown_bytes(&self, id: u32) -> &[u8] {
        if matches!(self.kind(id), Kind::Control | Kind::Unused) { &[] } else { self.bytes(id) }
    }

    /// What token `id` is for.
    pub(crate) fn kind(&self, id: u32) -> Kind {
        self.kinds.get(id as usize).copied().unwrap_or(Kind::Unused)
    }

    /// Whether token `id` ends a turn.
    pub(crate) fn is_stop(&self, id: u32) -> bool {
        self.stops.binary_search(&id).is_ok()
    }

    /// Tokens that end a turn, ascending.
    pub(crate) fn stops(&self) -> &[u32] {
        &self.stops
    }

    /// The token every prompt begins with, when the model wants one.
    pub(crate) fn first(&self) -> Option<u32> {
        self.bos.filter(|_| self.add_bos)
    }

    /// The text of the token that begins a document, for templates.
    pub(crate) fn bos_text(&self) -> &str {
        self.bos.map_or("", |id| std::str::from_utf8(self.bytes(id)).unwrap_or(""))
    }

    /// The text of the first token that ends a turn, for templates.
    pub(crate) fn eos_text(&self) -> &str {
        self.stops.last().map_or("", |&id| std::str::from_utf8(self.bytes(id)).unwrap_or(""))
    }

    /// `text` with every control token's name broken up by a mark, so that a template may carry it: what a person
    /// writes never steers the model. [`encode`](Self::encode) removes the marks.
    pub(crate) fn guard(&self, text: &str) -> String {
        self.specials.guard(&text.replace(GUARD, ""), GUARD)
    }

    /// Appends the tokens of `text` to `out`.
    pub(crate) fn encode(&self, text: &str, reading: Reading, out: &mut Vec<u32>) {
        let mut scratch = Scratch::default();
        self.specials.cut(text, reading, |piece, special| {
            if !piece.is_empty() {
                self.encode_text(piece, &mut scratch, out);
            }
            out.extend(special);
        });
    }

    fn encode_text(&self, text: &str, scratch: &mut Scratch, out: &mut Vec<u32>) {
        if text.contains(GUARD) {
            return self.encode_text(&text.replace(GUARD, ""), scratch, out);
        }
        if self.space_prefix {
            self.rule.encode(format!(" {text}").as_bytes(), scratch, out);
            return;
        }
        self.split.words(text, &self.classes, |word| self.rule.encode(word.as_bytes(), scratch, out));
    }
}

fn kinds(file: &Gguf, count: usize) -> Result<Vec<Kind>, TokenizerError> {
    let Some(numbers) = file.value("tokenizer.ggml.token_type").and_then(Value::as_whole_numbers) else {
        return Ok(vec![Kind::Text; count]);
    };
    if numbers.len() != count {
        return Err(TokenizerError::Vocabulary { token: numbers.len().min(count), what: "no type for this token" });
    }
    Ok(numbers
        .iter()
        .map(|number| match number {
            2 | 3 => Kind::Control,
            4 => Kind::Defined,
            5 => Kind::Unused,
            6 => Kind::Byte,
            _ => Kind::Text,
        })
        .collect())
}

fn token_bytes(texts: &[String], kinds: &[Kind], byte_level: bool) -> Result<Vec<Box<[u8]>>, TokenizerError> {
    let alphabet = split::byte_alphabet();
    let mut all = Vec::with_capacity(texts.len());
    for (token, (text, kind)) in texts.iter().zip(kinds).enumerate() {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenizerError::Vocabulary { token, what: "longer than any real token" });
        }
        let bytes: Vec<u8> = match kind {
            Kind::Byte => vec![byte_of(text).ok_or(TokenizerError::Vocabulary { token, what: "names no byte" })?],
            Kind::Text if byte_level => decode_byte_level(text, &alphabet),
            Kind::Text | Kind::Defined if !byte_level => text.replace('\u{2581}', " ").into_bytes(),
            _ => text.clone().into_bytes(),
        };
        all.push(bytes.into_boxed_slice());
    }
    Ok(all)
}

/// Letters outside the byte alphabet stand for themselves.
fn decode_byte_level(text: &str, alphabet: &HashMap<char, u8>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match alphabet.get(&letter) {
            Some(&byte) => bytes.push(byte),
            None => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// `<0x0A>` names byte 10.
fn byte_of(text: &str) -> Option<u8> {
    u8::from_str_radix(text.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

/// The first of several tokens with the same bytes wins, and text wins over single-byte stand-ins.
fn index(bytes: &[Box<[u8]>], kinds: &[Kind]) -> HashMap<Box<[u8]>, u32> {
    let mut by_bytes = HashMap::with_capacity(bytes.len());
    for wanted in [Kind::Text, Kind::Defined, Kind::Byte] {
        for (id, token) in bytes.iter().enumerate() {
            if kinds[id] == wanted {
                by_bytes.entry(token.clone()).or_insert(u32::try_from(id).unwrap_or(u32::MAX));
            }
        }
    }
    by_bytes
}
