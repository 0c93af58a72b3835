//! The forward pass: tokens in, scores of the next token out.
//!
//! Shapes are given as `[rows][columns]`; `t` counts the tokens of a batch.

use std::ops::Range;
use std::sync::OnceLock;

use hearth_kernels::{
    Activations, AttentionShape, Error as KernelError, Forms, KeyValues, Matrix, Pool, add, attention, dequantize,
    f32_to_f16, gelu_mul, matmul, rms_norm, rope, silu_mul,
};

use super::config::{Architecture, Config};
use super::kv::LayerCache;
use super::rotary::Turns;
use super::weights::{Embedding, Layer, Linear};
use super::{KvCache, Model, ModelError};

/// Tokens that are computed together while a prompt is read: more would fall out of the processor's caches.
pub(crate) const BATCH: usize = 96;

/// Every intermediate of a forward pass, reused from token to token.
#[derive(Debug)]
pub(crate) struct Buffers {
    /// `[t][width]`: the residual stream.
    hidden: Vec<f32>,
    /// `[t][width]`.
    normed: Vec<f32>,
    /// `[t][heads · head width]`.
    queries: Vec<f32>,
    /// `[t][kv heads · head width]`.
    keys: Vec<f32>,
    /// `[t][kv heads · head width]`.
    values: Vec<f32>,
    /// `[t][heads · head width]`.
    attended: Vec<f32>,
    /// `[t][inner width]`.
    gate: Vec<f32>,
    /// `[t][inner width]`.
    up: Vec<f32>,
    /// `[t][width]`: what a block adds to the residual stream.
    update: Vec<f32>,
    /// `[vocabulary]`.
    scores: Vec<f32>,
    turns: Turns,
    activations: Activations,
    raw: Vec<u8>,
}

impl Buffers {
    /// Room for batches of [`BATCH`] tokens of `model`.
    pub(crate) fn new(model: &Model) -> Self {
        let config = &model.config;
        let rows = |width: usize| vec![0.0; width * BATCH];
        Self {
            hidden: rows(config.width),
            normed: rows(config.width),
            queries: rows(config.query_width()),
            keys: rows(config.kv_width()),
            values: rows(config.kv_width()),
            attended: rows(config.query_width()),
            gate: rows(config.inner_width),
            up: rows(config.inner_width),
            update: rows(config.width),
            scores: vec![0.0; config.vocabulary],
            turns: Turns::default(),
            activations: Activations::new(),
            raw: Vec::new(),
        }
    }

    /// Scores of the token after the last one computed with [`Model::advance`].
    pub(crate) fn scores_mut(&mut self) -> &mut [f32] {
        &mut self.scores
    }
}

impl Model {
    /// Appends at most [`BATCH`] tokens to `cache`; afterwards `buffers` holds the scores of the next one.
    ///
    /// # Errors
    /// `Token`, `Position`, `Kernel`; `File` when an embedding cannot be read. The cache is unchanged then.
    pub(crate) fn advance(&self, tokens: &[u32], cache: &mut KvCache, buffers: &mut Buffers) -> Result<(), ModelError> {
        self.absorb(tokens, cache, buffers)?;
        tokens.len().checked_sub(1).map_or(Ok(()), |last| self.score(last, buffers))
    }

    /// Appends at most [`BATCH`] tokens to `cache` without computing scores.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub(crate) fn absorb(&self, tokens: &[u32], cache: &mut KvCache, buffers: &mut Buffers) -> Result<(), ModelError> {
        if tokens.len() > BATCH {
            return Err(ModelError::Position { position: tokens.len(), context: BATCH });
        }
        cache.check_room(tokens.len())?;
        self.embed(tokens, buffers)?;
        let first = cache.tokens().len();
        buffers.turns.fill(first..first + tokens.len(), &self.weights);
        for (index, layer) in self.weights.layers.iter().enumerate() {
            let pass = Pass { config: &self.config, pool: &self.pool, layer, count: tokens.len(), first };
            let window = self.config.window_of(index);
            pass.project(buffers)?;
            pass.rotate(buffers, window.is_some(), self.weights.pairing)?;
            pass.attend(buffers, cache.layer_mut(index), window)?;
            pass.transform(buffers)?;
        }
        cache.extend(tokens);
        Ok(())
    }

    fn embed(&self, tokens: &[u32], buffers: &mut Buffers) -> Result<(), ModelError> {
        let scale = self.config.embedding_scale();
        for (&token, row) in tokens.iter().zip(buffers.hidden.chunks_exact_mut(self.config.width)) {
            if token as usize >= self.config.vocabulary {
                return Err(ModelError::Token(token));
            }
            match &self.weights.embedding {
                Embedding::Tied => self.weights.output.row(token as usize, row)?,
                Embedding::InFile { tensor, quantization, row_bytes } => {
                    buffers.raw.resize(*row_bytes, 0);
                    self.file.read_tensor(tensor, u64::from(token) * *row_bytes as u64, &mut buffers.raw)?;
                    dequantize(*quantization, &buffers.raw, row)?;
                }
            }
            if (scale - 1.0).abs() > f32::EPSILON {
                row.iter_mut().for_each(|value| *value *= scale);
            }
        }
        Ok(())
    }

    /// Computes the scores of what follows token `row` of the batch absorbed last.
    ///
    /// # Errors
    /// `Kernel`; `Position` when no batch has such a row.
    pub(crate) fn score(&self, row: usize, buffers: &mut Buffers) -> Result<(), ModelError> {
        let width = self.config.width;
        let row = buffers
            .hidden
            .get(row * width..(row + 1) * width)
            .ok_or(ModelError::Position { position: row, context: BATCH })?;
        let normed = &mut buffers.normed[..width];
        rms_norm(row, &self.weights.output_norm, self.config.epsilon, normed)?;
        let output = &self.weights.output;
        buffers.activations.set_forms(output.forms());
        buffers.activations.quantize(normed, 1, width, &self.pool)?;
        matmul(&self.pool, output, &buffers.activations, &mut buffers.scores)?;
        Ok(())
    }
}

/// One layer's work on one batch.
struct Pass<'a> {
    config: &'a Config,
    pool: &'a Pool,
    layer: &'a Layer,
    count: usize,
    first: usize,
}

impl Pass<'_> {
    /// Queries, keys and values of the batch.
    fn project(&self, buffers: &mut Buffers) -> Result<(), KernelError> {
        let (layer, width) = (self.layer, self.config.width);
        let forms = layer.query.matrix.forms().union(layer.key.matrix.forms()).union(layer.value.matrix.forms());
        let Buffers { hidden, normed, activations, queries, keys, values, .. } = buffers;
        let normed = self.norm_into(hidden, &layer.attention_norm, normed)?;
        quantize(activations, forms, normed, (self.count, width), self.pool)?;
        for (linear, out) in [(&layer.query, queries), (&layer.key, keys), (&layer.value, values)] {
            self.linear(linear, activations, out)?;
        }
        Ok(())
    }

    fn linear(&self, linear: &Linear, activations: &Activations, out: &mut [f32]) -> Result<(), KernelError> {
        let out = &mut out[..self.count * linear.matrix.rows()];
        matmul(self.pool, &linear.matrix, activations, out)?;
        if let Some(bias) = &linear.bias {
            for row in out.chunks_exact_mut(bias.len()) {
                add(row, bias)?;
            }
        }
        Ok(())
    }

    /// Head norms where the model has them, then rotation by position.
    fn rotate(
        &self,
        buffers: &mut Buffers,
        in_window: bool,
        pairing: hearth_kernels::RopePairing,
    ) -> Result<(), KernelError> {
        let (config, head, pairs) = (self.config, self.config.head_width, self.config.rotated / 2);
        let Buffers { queries, keys, turns, .. } = buffers;
        let turns = turns.of(in_window);
        for (rows, width, norm) in
            [(queries, config.query_width(), &self.layer.query_norm), (keys, config.kv_width(), &self.layer.key_norm)]
        {
            each_row(self.pool, &mut rows[..self.count * width], width, |t, row| {
                norm_heads(row, norm.as_deref(), config.epsilon);
                rope(row, head, &turns[t * pairs..(t + 1) * pairs], pairing)
            })?;
        }
        Ok(())
    }

    /// Stores keys and values, attends, and adds the result to the residual stream.
    fn attend(&self, buffers: &mut Buffers, cache: &mut LayerCache, window: Option<usize>) -> Result<(), KernelError> {
        let (config, layer) = (self.config, self.layer);
        let Range { start, end } =
            Range { start: self.first * config.kv_width(), end: (self.first + self.count) * config.kv_width() };
        f32_to_f16(&buffers.keys[..end - start], &mut cache.keys[start..end])?;
        f32_to_f16(&buffers.values[..end - start], &mut cache.values[start..end])?;
        let shape = AttentionShape {
            heads: config.heads,
            kv_heads: config.kv_heads,
            dim: config.head_width,
            scale: config.attention_scale(),
            window,
        };
        let length = self.count * config.query_width();
        let cache = KeyValues { keys: &cache.keys[..end], values: &cache.values[..end] };
        let queries = (&buffers.queries[..length], self.first);
        attention(self.pool, &shape, cache, queries, &mut buffers.attended[..length])?;
        let Buffers { hidden, update, normed, activations, attended, .. } = buffers;
        let attended = (&attended[..length], config.query_width());
        self.product(&layer.attention_out, activations, attended, update)?;
        self.add_update(hidden, update, normed, layer.attention_post_norm.as_deref())
    }

    /// The gated feed-forward block.
    fn transform(&self, buffers: &mut Buffers) -> Result<(), KernelError> {
        let (layer, width, inner) = (self.layer, self.config.width, self.config.inner_width);
        let Buffers { hidden, normed, activations, gate, up, update, .. } = buffers;
        let normed_rows = self.norm_into(hidden, &layer.inner_norm, normed)?;
        let forms = layer.gate.forms().union(layer.up.forms());
        quantize(activations, forms, normed_rows, (self.count, width), self.pool)?;
        let length = self.count * inner;
        matmul(self.pool, &layer.gate, activations, &mut gate[..length])?;
        matmul(self.pool, &layer.up, activations, &mut up[..length])?;
        let gelu = self.config.architecture == Architecture::Gemma3;
        let up = &up[..length];
        each_row(self.pool, &mut gate[..length], inner, |t, row| {
            let up = &up[t * inner..(t + 1) * inner];
            if gelu { gelu_mul(row, up) } else { silu_mul(row, up) }
        })?;
        self.product(&layer.down, activations, (&gate[..length], inner), update)?;
        self.add_update(hidden, update, normed, layer.inner_post_norm.as_deref())
    }

    fn product(
        &self,
        matrix: &Matrix,
        activations: &mut Activations,
        (input, width): (&[f32], usize),
        out: &mut [f32],
    ) -> Result<(), KernelError> {
        quantize(activations, matrix.forms(), input, (self.count, width), self.pool)?;
        matmul(self.pool, matrix, activations, &mut out[..self.count * matrix.rows()])
    }

    fn add_update(
        &self,
        hidden: &mut [f32],
        update: &[f32],
        scratch: &mut [f32],
        norm: Option<&[f32]>,
    ) -> Result<(), KernelError> {
        let length = self.count * self.config.width;
        match norm {
            None => add(&mut hidden[..length], &update[..length]),
            Some(weight) => {
                let normed = self.norm_into(update, weight, scratch)?;
                add(&mut hidden[..length], normed)
            }
        }
    }

    fn norm_into<'b>(&self, rows: &[f32], weight: &[f32], out: &'b mut [f32]) -> Result<&'b [f32], KernelError> {
        let width = self.config.width;
        let out = &mut out[..self.count * width];
        each_row(self.pool, out, width, |t, out| {
            rms_norm(&rows[t * width..(t + 1) * width], weight, self.config.epsilon, out)
        })?;
        Ok(out)
    }
}

fn quantize(
    activations: &mut Activations,
    forms: Forms,
    values: &[f32],
    (rows, columns): (usize, usize),
    pool: &Pool,
) -> Result<(), KernelError> {
    activations.set_forms(forms);
    activations.quantize(values, rows, columns, pool)
}

/// Calls `work` for each row, on all threads when there are several rows; the first failure is returned.
fn each_row(
    pool: &Pool,
    rows: &mut [f32],
    width: usize,
    work: impl Fn(usize, &mut [f32]) -> Result<(), KernelError> + Sync,
) -> Result<(), KernelError> {
    if rows.len() <= width {
        return work(0, rows);
    }
    let failure = OnceLock::new();
    pool.chunks_mut(rows, width, |t, row| {
        if let Err(error) = work(t, row) {
            failure.get_or_init(|| error);
        }
    });
    failure.into_inner().map_or(Ok(()), Err)
}

/// Normalises each head where the model does so.
fn norm_heads(row: &mut [f32], weight: Option<&[f32]>, epsilon: f32) {
    let Some(weight) = weight else { return };
    for head in row.chunks_exact_mut(weight.len()) {
        let mean = head.iter().map(|value| value * value).sum::<f32>() / weight.len() as f32;
        let factor = 1.0 / (mean + epsilon).sqrt();
        for (value, weight) in head.iter_mut().zip(weight) {
            *value *= factor * weight;
        }
    }
}
