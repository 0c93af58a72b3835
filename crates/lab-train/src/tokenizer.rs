//! Byte-level byte-pair encoding (Sennrich et al., 2016; Radford et al., 2019), trained here.
//!
//! The first 256 tokens are the bytes, so every text has tokens and comes back unchanged. Each merge joins the pair of neighbours that
//! occurs most often, within words only; a word takes the white space before it along.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Splits text into tokens. Without merges it is the byte tokenizer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct Tokenizer {
    /// Pairs in the order they were learned; the pair at place i makes token 256 + i.
    merges: Vec<(u32, u32)>,
    ranks: HashMap<(u32, u32), u32>,
    bytes: Vec<Vec<u8>>,
}

/// What of a tokenizer is on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    merges: Vec<(u32, u32)>,
}

/// A merge that names a token which does not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("merge {place} joins {left} and {right}, but only tokens below {limit} exist by then")]
pub struct BadMerge {
    place: usize,
    left: u32,
    right: u32,
    limit: u32,
}

const BYTES: u32 = 256;

impl Tokenizer {
    /// Returns the byte tokenizer: 256 tokens.
    #[must_use]
    pub fn bytes() -> Self {
        Self { merges: Vec::new(), ranks: HashMap::new(), bytes: (0..=u8::MAX).map(|byte| vec![byte]).collect() }
    }

    /// Learns merges from a text until there are `vocabulary` tokens or no pair occurs twice. Equal counts go to the pair with the
    /// smaller ids, so a text always gives the same tokenizer.
    #[must_use]
    pub fn train(text: &str, vocabulary: usize) -> Self {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        words(text).for_each(|word| *counts.entry(word).or_default() += 1);
        let mut pieces: Vec<(Vec<u32>, usize)> =
            counts.into_iter().map(|(word, count)| (word.bytes().map(u32::from).collect(), count)).collect();
        let mut tokenizer = Self::bytes();
        while tokenizer.vocabulary() < vocabulary {
            let mut pairs: HashMap<(u32, u32), usize> = HashMap::new();
            for (tokens, count) in &pieces {
                tokens.windows(2).for_each(|pair| *pairs.entry((pair[0], pair[1])).or_default() += count);
            }
            let best = pairs.into_iter().max_by_key(|(pair, count)| (*count, std::cmp::Reverse(*pair)));
            let Some((pair, 2..)) = best else { break };
            let token = tokenizer.push(pair);
            pieces.iter_mut().for_each(|(tokens, _)| join(tokens, pair, token));
        }
        tokenizer
    }

    /// Adds a merge of existing tokens and returns its token.
    fn push(&mut self, pair: (u32, u32)) -> u32 {
        let token = BYTES + u32::try_from(self.merges.len()).unwrap_or(u32::MAX - BYTES);
        let joined = [self.token_bytes(pair.0), self.token_bytes(pair.1)].concat();
        self.ranks.insert(pair, token);
        self.merges.push(pair);
        self.bytes.push(joined);
        token
    }

    /// Returns the number of tokens.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.bytes.len()
    }

    /// Splits a text.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<usize> {
        let mut known: HashMap<&str, Vec<u32>> = HashMap::new();
        let mut all = Vec::new();
        for word in words(text) {
            let tokens = known.entry(word).or_insert_with(|| self.encode_word(word));
            all.extend(tokens.iter().map(|token| *token as usize));
        }
        all
    }

    fn encode_word(&self, word: &str) -> Vec<u32> {
        let mut tokens: Vec<u32> = word.bytes().map(u32::from).collect();
        // The earliest learned pair first, until none is left.
        while let Some((token, pair)) =
            tokens.windows(2).filter_map(|pair| Some((*self.ranks.get(&(pair[0], pair[1]))?, (pair[0], pair[1])))).min()
        {
            join(&mut tokens, pair, token);
        }
        tokens
    }

    /// Joins tokens to a text; unknown ids are left out, and bytes that are no UTF-8 become replacement characters.
    #[must_use]
    pub fn decode(&self, tokens: &[usize]) -> String {
        let bytes: Vec<u8> = tokens.iter().filter_map(|token| self.bytes.get(*token)).flatten().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn token_bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], Vec::as_slice)
    }

    /// Writes the merges as JSON.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_vec(self).map_err(|source| log_error(path, source))?;
        crate::weights::replace(path, &text)
    }

    /// Reads what [`Self::save`] wrote.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Log`] when it is no tokenizer.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read(path).map_err(Error::file(path))?;
        serde_json::from_slice(&text).map_err(|source| log_error(path, source))
    }
}

fn log_error(path: &Path, source: serde_json::Error) -> Error {
    Error::Log { path: path.to_path_buf(), line: source.line(), source }
}

impl TryFrom<Saved> for Tokenizer {
    type Error = BadMerge;

    fn try_from(saved: Saved) -> Result<Self, BadMerge> {
        let mut tokenizer = Self::bytes();
        for (place, (left, right)) in saved.merges.into_iter().enumerate() {
            let limit = BYTES + u32::try_from(place).unwrap_or(u32::MAX - BYTES);
            if left >= limit || right >= limit {
                return Err(BadMerge { place, left, right, limit });
            }
            tokenizer.push((left, right));
        }
        Ok(tokenizer)
    }
}

impl From<Tokenizer> for Saved {
    fn from(tokenizer: Tokenizer) -> Self {
        Self { merges: tokenizer.merges }
    }
}

/// Replaces each occurrence of the pair by the token, from the left.
fn join(tokens: &mut Vec<u32>, pair: (u32, u32), token: u32) {
    let mut kept = 0;
    let mut place = 0;
    while place < tokens.len() {
        let joined = place + 1 < tokens.len() && (tokens[place], tokens[place + 1]) == pair;
        tokens[kept] = if joined { token } else { tokens[place] };
        kept += 1;
        place += if joined { 2 } else { 1 };
    }
    tokens.truncate(kept);
}

/// Words with the white space before them, and runs of characters of one kind.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let kind = |c: char| match c {
        c if c.is_whitespace() => 0,
        c if c.is_alphabetic() => 1,
        c if c.is_numeric() => 2,
        _ => 3,
    };
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        // One space may belong to what follows it.
        let lead = if first == ' ' { 1 } else { 0 };
        let body = rest[lead..].chars().next().map_or(0, kind);
        let end = rest[lead..].find(|c: char| kind(c) != body).map_or(rest.len(), |end| lead + end);
        let (word, after) = rest.split_at(end.max(lead));
        rest = after;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::{Tokenizer, words};

    const TEXT: &str = "low lower lowest, slow slower slowest; 10 100 1000 lows";

    #[test]
    fn words_keep_one_space_and_cover_the_text() {
        let parts: Vec<&str> = words("a bc,  d\n1x").collect();
        assert_eq!(parts, ["a", " bc", ",", "  ", "d", "\n", "1", "x"]);
        assert_eq!(words(" ").collect::<Vec<_>>(), [" "]);
    }

    #[test]
    fn text_comes_back_whatever_it_is() {
        let tokenizer = Tokenizer::train(TEXT, 280);
        for text in [TEXT, "", " ", "Grüße, 世界!\t\n  \u{1f600}", "never seen\0before"] {
            assert_eq!(tokenizer.decode(&tokenizer.encode(text)), text);
            assert_eq!(Tokenizer::bytes().encode(text).len(), text.len());
        }
        assert!(tokenizer.encode(TEXT).len() * 2 < TEXT.len());
    }

    #[test]
    fn the_most_frequent_pair_is_merged_first() {
        // "lo" and "ow" occur equally often; the smaller ids win.
        let tokenizer = Tokenizer::train(TEXT, 258);
        assert_eq!(tokenizer.vocabulary(), 258);
        assert_eq!(tokenizer.decode(&[256]), "lo");
        assert_eq!(tokenizer.decode(&[257]), "low");
        assert_eq!(Tokenizer::train("ab", 300).vocabulary(), 256, "a pair that occurs once is no pair");
    }

    #[test]
    fn a_saved_tokenizer_is_the_same_and_a_broken_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        let tokenizer = Tokenizer::train(TEXT, 270);
        tokenizer.save(&path).unwrap();
        assert_eq!(Tokenizer::load(&path).unwrap(), tokenizer);
        std::fs::write(&path, r#"{"merges":[[97,300]]}"#).unwrap();
        let refused = Tokenizer::load(&path).unwrap_err().to_string();
        assert!(refused.contains("only tokens below 256 exist by then"), "{refused}");
    }
}
