//! Joins the letters of one word into tokens, best pair first: by merge rank (BPE) or by score (SentencePiece-style).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::{Gguf, TokenizerError, Value, split};

const NONE: u32 = u32::MAX;

/// How two neighbours become one token.
#[derive(Debug)]
pub(super) enum Rule {
    /// Byte-level BPE.
    Ranked {
        /// Token by bytes.
        by_bytes: HashMap<Box<[u8]>, u32>,
        /// Rank and result by pair of tokens.
        merges: HashMap<(u32, u32), (u32, u32)>,
        /// Whether a word that is a token is taken whole, whatever the merges say.
        whole_words: bool,
    },
    /// SentencePiece-style.
    Scored {
        /// Token by bytes.
        by_bytes: HashMap<Box<[u8]>, u32>,
        /// Position of each token when all are ordered by descending score.
        ranks: Vec<u32>,
        /// What stands for bytes no token covers.
        unknown: Option<u32>,
    },
}

/// A run of bytes inside the word being joined.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    from: u32,
    to: u32,
    token: u32,
    before: u32,
    after: u32,
}

/// Buffers reused between words.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Reverse<Candidate>>,
}

/// A possible join; ordered by rank, then from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    rank: u32,
    left: u32,
    right: u32,
    bytes: u32,
    token: u32,
}

impl Rule {
    /// Reads the merge list of a byte-level vocabulary.
    pub(super) fn ranked(
        file: &Gguf,
        by_bytes: HashMap<Box<[u8]>, u32>,
        whole_words: bool,
    ) -> Result<Self, TokenizerError> {
        let key = "tokenizer.ggml.merges";
        let lines = file.value(key).and_then(Value::as_texts).ok_or_else(|| file.unusable(key, "an array of texts"))?;
        let alphabet = split::byte_alphabet();
        let token = |text: &str| by_bytes.get(super::decode_byte_level(text, &alphabet).as_slice()).copied();
        let mut merges = HashMap::with_capacity(lines.len());
        for (rank, line) in (0_u32..).zip(lines) {
            // The separator is the first space after the first letter: a token never contains a bare space.
            let Some((left, right)) = line
                .char_indices()
                .skip(1)
                .find(|(_, letter)| *letter == ' ')
                .map(|(at, _)| (&line[..at], &line[at + 1..]))
            else {
                continue;
            };
            let whole = format!("{left}{right}");
            if let (Some(left), Some(right), Some(whole)) = (token(left), token(right), token(&whole)) {
                merges.entry((left, right)).or_insert((rank, whole));
            }
        }
        Ok(Self::Ranked { by_bytes, merges, whole_words })
    }

    /// Reads the scores of a SentencePiece-style vocabulary.
    pub(super) fn scored(
        file: &Gguf,
        by_bytes: HashMap<Box<[u8]>, u32>,
        bytes: &[Box<[u8]>],
    ) -> Result<Self, TokenizerError> {
        let key = "tokenizer.ggml.scores";
        let scores = file
            .value(key)
            .and_then(Value::as_floats)
            .filter(|scores| scores.len() == bytes.len())
            .ok_or_else(|| file.unusable(key, "one score for each token"))?;
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut ranks = vec![0; scores.len()];
        let mut rank = 0_u32;
        for (position, &token) in order.iter().enumerate() {
            if position > 0 && scores[order[position - 1]].total_cmp(&scores[token]).is_ne() {
                rank += 1;
            }
            ranks[token] = rank;
        }
        let unknown = file.count("tokenizer.ggml.unknown_token_id").filter(|&id| (id as usize) < bytes.len());
        Ok(Self::Scored { by_bytes, ranks, unknown })
    }

    /// Appends the tokens of `word`.
    pub(super) fn encode(&self, word: &[u8], scratch: &mut Scratch, out: &mut Vec<u32>) {
        if word.is_empty() {
            return;
        }
        if let Self::Ranked { by_bytes, whole_words: true, .. } = self
            && let Some(&token) = by_bytes.get(word)
        {
            out.push(token);
            return;
        }
        self.start(word, scratch);
        for left in 0..scratch.symbols.len().saturating_sub(1) {
            let left = u32::try_from(left).unwrap_or(NONE);
            self.consider(word, scratch, left, left + 1);
        }
        self.join(word, scratch);
        let mut at = 0;
        while at != NONE {
            let symbol = scratch.symbols[at as usize];
            self.emit(word, symbol, out);
            at = symbol.after;
        }
    }

    fn start(&self, word: &[u8], scratch: &mut Scratch) {
        scratch.symbols.clear();
        scratch.queue.clear();
        let mut from = 0;
        while from < word.len() {
            let width = if matches!(self, Self::Ranked { .. }) { 1 } else { letter_width(&word[from..]) };
            let index = u32::try_from(scratch.symbols.len()).unwrap_or(NONE);
            scratch.symbols.push(Symbol {
                from: u32::try_from(from).unwrap_or(NONE),
                to: u32::try_from(from + width).unwrap_or(NONE),
                token: self.token(&word[from..from + width]).unwrap_or(NONE),
                before: index.checked_sub(1).unwrap_or(NONE),
                after: index + 1,
            });
            from += width;
        }
        if let Some(last) = scratch.symbols.last_mut() {
            last.after = NONE;
        }
    }

    fn token(&self, bytes: &[u8]) -> Option<u32> {
        let (Self::Ranked { by_bytes, .. } | Self::Scored { by_bytes, .. }) = self;
        by_bytes.get(bytes).copied()
    }

    fn pair(&self, word: &[u8], left: Symbol, right: Symbol) -> Option<(u32, u32)> {
        match self {
            Self::Ranked { merges, .. } => merges.get(&(left.token, right.token)).copied(),
            Self::Scored { by_bytes, ranks, .. } => {
                let token = *by_bytes.get(&word[left.from as usize..right.to as usize])?;
                Some((ranks[token as usize], token))
            }
        }
    }

    fn consider(&self, word: &[u8], scratch: &mut Scratch, left: u32, right: u32) {
        let (a, b) = (scratch.symbols[left as usize], scratch.symbols[right as usize]);
        if let Some((rank, token)) = self.pair(word, a, b) {
            scratch.queue.push(Reverse(Candidate { rank, left, right, bytes: b.to - a.from, token }));
        }
    }

    fn join(&self, word: &[u8], scratch: &mut Scratch) {
        while let Some(Reverse(candidate)) = scratch.queue.pop() {
            let (left, right) = (candidate.left as usize, candidate.right as usize);
            let (a, b) = (scratch.symbols[left], scratch.symbols[right]);
            // An earlier join may have used up one of the two.
            if a.from == a.to || b.from == b.to || a.after != candidate.right || b.to - a.from != candidate.bytes {
                continue;
            }
            scratch.symbols[left] = Symbol { to: b.to, token: candidate.token, after: b.after, ..a };
            scratch.symbols[right] = Symbol { to: b.from, ..b };
            if b.after != NONE {
                scratch.symbols[b.after as usize].before = candidate.left;
                self.consider(word, scratch, candidate.left, b.after);
            }
            if a.before != NONE {
                self.consider(word, scratch, a.before, candidate.left);
            }
        }
    }

    fn emit(&self, word: &[u8], symbol: Symbol, out: &mut Vec<u32>) {
        if symbol.token != NONE {
            out.push(symbol.token);
            return;
        }
        let Self::Scored { unknown, .. } = self else { return };
        for byte in &word[symbol.from as usize..symbol.to as usize] {
            match self.token(std::slice::from_ref(byte)) {
                Some(token) => out.push(token),
                None => {
                    out.extend(*unknown);
                    return;
                }
            }
        }
    }
}

/// Width of the UTF-8 letter at the start of `bytes`, which come from a `str`.
fn letter_width(bytes: &[u8]) -> usize {
    let width = match bytes[0] {
        0..0x80 => 1,
        0x80..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    };
    width.min(bytes.len())
}
