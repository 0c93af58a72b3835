//! A model's bare scores, without prompts, sampling or a server: to compare engines and to measure models.

use std::path::Path;

use hearth_kernels::Pool;

use crate::engine::EngineError;
use crate::gguf::Gguf;
use crate::model::{BATCH, Buffers, KvCache, Model, ModelError};
use crate::tokenizer::{Reading, Tokenizer};

/// A loaded model that scores token sequences. Every sequence starts anew.
#[derive(Debug)]
pub struct Probe {
    model: Model,
    tokenizer: Tokenizer,
    cache: KvCache,
    buffers: Buffers,
}

impl Probe {
    /// Loads the model file at `path` for sequences of at most `context` tokens, computed by `threads` threads.
    ///
    /// # Errors
    /// The file cannot be read, damaged or not supported; `threads` is 0 or absurd.
    pub fn open(path: &Path, context: usize, threads: usize) -> Result<Self, EngineError> {
        let file = Gguf::open(path)?;
        let tokenizer = Tokenizer::load(&file)?;
        let model = Model::load(file, Pool::new(threads).map_err(ModelError::from)?)?;
        let cache = model.cache(context.min(model.config().trained_context));
        let buffers = Buffers::new(&model);
        Ok(Self { model, tokenizer, cache, buffers })
    }

    /// The tokens of `text` as it stands: nothing is put before it, and names of control tokens are plain text.
    #[must_use]
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        let mut tokens = Vec::new();
        self.tokenizer.encode(text, Reading::Plain, &mut tokens);
        tokens
    }

    /// Scores of every token of the vocabulary to follow `tokens`.
    ///
    /// # Errors
    /// `tokens` is longer than the context or has a token outside the vocabulary.
    pub fn scores(&mut self, tokens: &[u32]) -> Result<&[f32], EngineError> {
        self.cache.truncate(0);
        for batch in tokens.chunks(BATCH) {
            self.model.advance(batch, &mut self.cache, &mut self.buffers)?;
        }
        Ok(self.buffers.scores_mut())
    }

    /// How surprised the model is by `tokens` on average, the first one not counted: the mean of −ln p, in nats. Its
    /// exponential is the perplexity. 0 for fewer than two tokens.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    pub fn surprise(&mut self, tokens: &[u32]) -> Result<f64, EngineError> {
        self.cache.truncate(0);
        let (mut total, mut following) = (0.0, tokens.iter().skip(1));
        for batch in tokens.chunks(BATCH) {
            self.model.absorb(batch, &mut self.cache, &mut self.buffers)?;
            for (row, &next) in (0..batch.len()).zip(following.by_ref()) {
                self.model.score(row, &mut self.buffers)?;
                total -= log_probability(self.buffers.scores_mut(), next).ok_or(ModelError::Token(next))?;
            }
        }
        Ok(total / tokens.len().saturating_sub(1).max(1) as f64)
    }
}

/// ln of the probability that softmax over `scores` gives `token`.
fn log_probability(scores: &[f32], token: u32) -> Option<f64> {
    let score = f64::from(*scores.get(token as usize)?);
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = scores.iter().map(|score| f64::from(score - largest).exp()).sum();
    Some(score - f64::from(largest) - total.ln())
}
