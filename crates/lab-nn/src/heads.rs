//! Multi-head attention with its four projections (section 3.2.2 of "Attention Is All You Need").

use crate::error::Error;
use crate::layers::Projection;
use hearth_lab_tensor::{Attention, Init, Mask, Parameters, Tape, Var};

/// MultiHead(Q, K, V) = Concat(head₁ … head_h)·W_O, head_i = Attention(Q·W_Q, K·W_K, V·W_V).
#[derive(Clone, Copy, Debug)]
pub struct MultiHead {
    query: Projection,
    key: Projection,
    value: Projection,
    output: Projection,
    heads: usize,
}

/// What the queries of a batch see.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Sequences.
    pub batch: usize,
    /// Which positions.
    pub mask: Mask,
    /// How long the sequences of keys are; `None` for all of equal length.
    pub lengths: Option<&'a [usize]>,
}

/// Names of the four projections in published weights.
#[derive(Clone, Copy, Debug)]
pub struct HeadNames {
    /// W_Q.
    pub query: &'static str,
    /// W_K.
    pub key: &'static str,
    /// W_V.
    pub value: &'static str,
    /// W_O.
    pub output: &'static str,
}

impl HeadNames {
    /// The plain names.
    pub const PLAIN: Self = Self { query: "query", key: "key", value: "value", output: "output" };
}

impl MultiHead {
    /// Adds the four projections below `<name>.`; `heads` divides `width`.
    pub fn new(
        parameters: &mut Parameters,
        (name, names): (&str, HeadNames),
        (width, heads): (usize, usize),
        init: Init,
    ) -> Self {
        let mut add = |part: &str| Projection::new(parameters, &format!("{name}.{part}"), (width, width), init);
        Self { query: add(names.query), key: add(names.key), value: add(names.value), output: add(names.output), heads }
    }

    /// Records attention of the rows of `from` `[batch·Tq, width]` to those of `to` `[batch·Tk, width]`.
    ///
    /// # Errors
    /// The shapes do not fit.
    pub fn apply(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        (from, to): (Var, Var),
        seen: Seen<'_>,
    ) -> Result<Var, Error> {
        let query = self.query.apply(tape, parameters, from)?;
        let key = self.key.apply(tape, parameters, to)?;
        let value = self.value.apply(tape, parameters, to)?;
        let layout = Attention { batch: seen.batch, heads: self.heads, key_heads: self.heads, mask: seen.mask };
        let mixed = tape.attention_within(layout, seen.lengths, (query, key, value))?;
        self.output.apply(tape, parameters, mixed)
    }
}
