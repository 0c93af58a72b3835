//! Additive attention ("Neural Machine Translation by Jointly Learning to Align and Translate", equations 5 and 6):
//! e = vᵀ·tanh(W·s + U·h), α = softmax(e), c = Σ α·h.

use crate::error::{Error, same};
use crate::ops::Op;
use crate::parameters::{Parameter, Parameters};
use crate::tape::{Back, Tape, Var};
use hearth_kernels::elementwise::{Function, activate, add_scaled, dot, softmax_log_sum, softmax_slopes};
use std::ops::Range;

const NAME: &str = "additive_attention";

/// What additive attention works on.
#[derive(Clone, Copy, Debug)]
pub struct AdditiveAttention<'a> {
    /// W·s of each sequence's state: `[batch, n]`.
    pub query: Var,
    /// U·h of each position: `[batch·S, n]`; the same for every step of a decoder.
    pub keys: Var,
    /// The annotations h: `[batch·S, d]`.
    pub values: Var,
    /// v: `[1, n]`.
    pub direction: Parameter,
    /// How many positions of each sequence there are to be seen, at least 1 each; the rest is padding.
    pub lengths: &'a [usize],
}

#[derive(Debug)]
pub(crate) struct Additive {
    query: Var,
    keys: Var,
    values: Var,
    direction: Parameter,
    lengths: Range<usize>,
}

impl Tape {
    /// Records the contexts and, to their right, the weights: `[batch, d + S]`.
    ///
    /// # Errors
    /// [`Error::Size`] when shapes do not fit each other, [`Error::Index`] for a length that is 0 or beyond S, [`Error::Stale`].
    pub fn additive_attention(&mut self, parameters: &Parameters, inputs: AdditiveAttention<'_>) -> Result<Var, Error> {
        let AdditiveAttention { query, keys, values, direction, lengths } = inputs;
        for input in [query, keys, values] {
            self.check(NAME, input)?;
        }
        let batch = query.rows;
        same(NAME, "lengths", lengths.len(), batch)?;
        same(NAME, "rows of the keys modulo the batch", keys.rows % batch.max(1), 0)?;
        same(NAME, "rows of the values", values.rows, keys.rows)?;
        same(NAME, "columns of the keys", keys.columns, query.columns)?;
        same(NAME, "length of the direction", parameters.of(direction).len(), query.columns)?;
        let time = keys.rows / batch.max(1);
        if let Some(&index) = lengths.iter().find(|length| **length == 0 || **length > time) {
            return Err(Error::Index { operation: NAME, index, limit: time + 1 });
        }
        let kept = self.keep_indices(lengths.iter().copied());
        let op = Additive { query, keys, values, direction, lengths: kept };
        let out = self.push((batch, values.columns + time), 0, |_, _| Op::Additive(op));
        let parts = self.parts(out);
        let rows = parts.result.chunks_exact_mut(out.columns.max(1)).zip(lengths);
        for (sequence, (result, length)) in rows.enumerate() {
            let (context, weights) = result.split_at_mut(values.columns);
            let positions = sequence * time..sequence * time + length;
            weights.fill(0.0);
            for (weight, position) in weights.iter_mut().zip(positions.clone()) {
                let (state, key) = (&parts.before[query.row(sequence)], &parts.before[keys.row(position)]);
                bend(state, key, parts.scratch);
                *weight = dot(parts.scratch, parameters.of(direction));
            }
            softmax_log_sum(&mut weights[..*length]);
            context.fill(0.0);
            for (weight, position) in weights.iter().zip(positions) {
                add_scaled(*weight, &parts.before[values.row(position)], context);
            }
        }
        Ok(out)
    }
}

/// tanh(state + key).
fn bend(state: &[f32], key: &[f32], bent: &mut Vec<f32>) {
    bent.clear();
    bent.extend(state.iter().zip(key).map(|(state, key)| state + key));
    activate(Function::Tanh, bent);
}

impl Additive {
    #[expect(clippy::unnecessary_wraps, reason = "the shape every operation's backward has")]
    pub(crate) fn backward(&self, back: &mut Back<'_>) -> Result<(), Error> {
        let time = back.out.columns - self.values.columns;
        let mut by_scores = std::mem::take(back.scratch);
        let mut bent = std::mem::take(back.spare);
        for sequence in 0..back.out.rows {
            let length = back.indices[self.lengths.start + sequence];
            let (by_context, by_weights) =
                back.slope[sequence * back.out.columns..][..back.out.columns].split_at(self.values.columns);
            let weights = &back.values[back.out.row(sequence)][self.values.columns..][..length];
            by_scores.clear();
            for ((place, weight), by_weight) in weights.iter().enumerate().zip(by_weights) {
                let position = self.values.row(sequence * time + place);
                by_scores.push(by_weight + dot(by_context, &back.values[position.clone()]));
                add_scaled(*weight, by_context, &mut back.before[position]);
            }
            softmax_slopes(weights, &mut by_scores, 1.0);
            for (place, by_score) in by_scores.iter().enumerate() {
                self.by_score(back, (sequence, sequence * time + place), *by_score, &mut bent);
            }
        }
        (*back.scratch, *back.spare) = (by_scores, bent);
        Ok(())
    }

    /// The slopes of e = vᵀ·tanh(a + b): by v it is tanh(a + b), by a and by b it is v·(1 − tanh²).
    fn by_score(&self, back: &mut Back<'_>, (sequence, position): (usize, usize), slope: f32, bent: &mut Vec<f32>) {
        let (state, key) = (self.query.row(sequence), self.keys.row(position));
        bend(&back.values[state.clone()], &back.values[key.clone()], bent);
        add_scaled(slope, bent, &mut back.gradients[back.parameters.range(self.direction)]);
        let direction = back.parameters.of(self.direction);
        bent.iter_mut().zip(direction).for_each(|(bent, direction)| *bent = direction * (1.0 - *bent * *bent));
        add_scaled(slope, bent, &mut back.before[state]);
        add_scaled(slope, bent, &mut back.before[key]);
    }
}

#[cfg(test)]
mod tests {
    use super::AdditiveAttention;
    use crate::ops::check::{as_input, check};
    use crate::{Error, Init, Mode, Parameters, Tape};

    #[test]
    fn slopes_match_differences_by_contexts_and_weights() {
        let mut parameters = Parameters::new(9);
        parameters.add("query", (2, 3), Init::Normal(0.8));
        parameters.add("keys", (8, 3), Init::Normal(0.8));
        parameters.add("values", (8, 2), Init::Normal(0.8));
        let direction = parameters.add("v", (1, 3), Init::Normal(0.8));
        check(&mut parameters, 4e-3, |tape, parameters| {
            let [query, keys, values] = ["query", "keys", "values"].map(|name| as_input(tape, parameters, name));
            let inputs = AdditiveAttention { query, keys, values, direction, lengths: &[4, 2] };
            tape.additive_attention(parameters, inputs)
        });
    }

    /// The formula in f64, two positions and one unit.
    #[test]
    fn values_are_those_of_the_definition_and_padding_is_not_seen() {
        let mut parameters = Parameters::new(9);
        let direction = parameters.add("v", (1, 1), Init::Constant(1.5));
        let mut tape = Tape::default();
        tape.begin(Mode::Evaluate);
        let query = tape.input(&[0.4], (1, 1)).unwrap();
        let keys = tape.input(&[0.1, -0.9, 7.0], (3, 1)).unwrap();
        let values = tape.input(&[2.0, 4.0, 99.0], (3, 1)).unwrap();
        let inputs = AdditiveAttention { query, keys, values, direction, lengths: &[2] };
        let out = tape.additive_attention(&parameters, inputs).unwrap();
        let scores = [1.5 * 0.5f64.tanh(), 1.5 * (-0.5f64).tanh()].map(f64::exp);
        let shares = scores.map(|score| score / (scores[0] + scores[1]));
        let expected = [2.0 * shares[0] + 4.0 * shares[1], shares[0], shares[1], 0.0];
        for (found, expected) in tape.flat(out).unwrap().iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{found} {expected}");
        }
        let wrong = tape.additive_attention(&parameters, AdditiveAttention { lengths: &[0], ..inputs });
        assert_eq!(wrong, Err(Error::Index { operation: "additive_attention", index: 0, limit: 4 }));
    }
}
