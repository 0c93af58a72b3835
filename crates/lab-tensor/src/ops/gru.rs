//! A whole sequence of gated recurrent units (Cho et al., 2014): reset r, update z, candidate n.
//!
//! r = σ(x_r + W_r·h + b_r), z = σ(x_z + W_z·h + b_z), h ← (1 − z)∘n + z∘h. The candidate comes in two forms: as published,
//! n = tanh(x_n + W_n·(r∘h) + b_n), and as PyTorch has it, n = tanh(x_n + r∘(W_n·h + b_n)). Inputs x = W_ih·x + b_ih are one product
//! before ([`Tape::linear`]).

use crate::error::{Error, same};
use crate::ops::Op;
use crate::ops::recurrence::{Recurrence, Steps};
use crate::parameters::{Parameter, Parameters};
use crate::tape::{Back, Forward, Tape, Var, accumulate, product, room};
use hearth_kernels::elementwise::{Function, activate};
use hearth_kernels::{Existing, View};

const NAME: &str = "gru";

/// Where the reset gate acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// On the state, before the matrix: as published.
    Before,
    /// On the matrix's result: as PyTorch has it.
    After,
}

#[derive(Debug)]
pub(crate) struct Gru {
    input: Var,
    weight: Parameter,
    bias: Parameter,
    reset: Reset,
    steps: Steps,
}

impl Tape {
    /// Records all steps: inputs `[batch·T, 3H]` in the order r, z, n, W_hh `[3H, H]` and b_hh `[1, 3H]` to the states of every
    /// position, `[batch·T, H]`. A start state is `[batch, H]`.
    ///
    /// # Errors
    /// [`Error::Size`] when shapes do not fit, [`Error::Index`] for a length beyond T, [`Error::Stale`].
    pub fn gru(
        &mut self,
        parameters: &Parameters,
        input: Var,
        (weight, bias, reset): (Parameter, Parameter, Reset),
        recurrence: Recurrence<'_>,
    ) -> Result<Var, Error> {
        self.check(NAME, input)?;
        let (outputs, hidden) = parameters.shape(weight);
        same(NAME, "rows of the weight", outputs, 3 * hidden)?;
        same(NAME, "columns of the input", input.columns, outputs)?;
        same(NAME, "length of the bias", parameters.of(bias).len(), outputs)?;
        let steps = Steps::new(self, NAME, recurrence, (input.rows, hidden))?;
        let op = Gru { input, weight, bias, reset, steps };
        let forward = Gru { steps: op.steps.clone(), ..op };
        // For every row r, z, n, and what the candidate's matrix gives (reset after) or takes (reset before).
        let out = self.push((input.rows, hidden), input.rows * 4 * hidden, |_, _| Op::Gru(op));
        let indices = std::mem::take(&mut self.indices);
        let outcome = (0..forward.steps.time).try_for_each(|step| {
            let mut parts = self.parts(out);
            let mut previous = std::mem::take(parts.scratch);
            let outcome = forward.step(&mut parts, (parameters, &indices), step, &mut previous);
            *parts.scratch = previous;
            outcome
        });
        self.indices = indices;
        outcome.map(|()| out)
    }
}

/// A product over the rows of one step, which lie a whole sequence apart.
struct Strided<'a> {
    left: &'a [f32],
    left_stride: usize,
    batch: usize,
}

impl Gru {
    /// The rows r, z of the recurrence's weight, or its rows n.
    fn part<'a>(&self, parameters: &'a Parameters, candidate: bool) -> Result<View<'a>, Error> {
        let hidden = parameters.shape(self.weight).1;
        let (gates, last) = parameters.of(self.weight).split_at(2 * hidden * hidden);
        let (values, rows) = if candidate { (last, hidden) } else { (gates, 2 * hidden) };
        View::rows_of(values, rows, hidden).map_err(|source| Error::Kernel { operation: NAME, source })
    }

    fn step(
        &self,
        parts: &mut Forward<'_>,
        (parameters, indices): (&Parameters, &[usize]),
        step: usize,
        previous: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let hidden = parameters.shape(self.weight).1;
        let (steps, bias) = (&self.steps, parameters.of(self.bias));
        let (position, apart) = (steps.position(step) * 4 * hidden, steps.time * 4 * hidden);
        let (previous, taken) = room(previous, 2 * steps.batch * hidden).split_at_mut(steps.batch * hidden);
        for (sequence, state) in previous.chunks_exact_mut(hidden).enumerate() {
            steps.previous((parts.before, parts.result), sequence, step, state);
            let row = steps.row(sequence, step);
            let (gates, last) = parts.saved[row * 4 * hidden..][..4 * hidden].split_at_mut(3 * hidden);
            gates.copy_from_slice(&parts.before[self.input.row(row)]);
            accumulate(&mut gates[..2 * hidden], bias);
            match self.reset {
                Reset::Before => accumulate(&mut gates[2 * hidden..], &bias[2 * hidden..]),
                Reset::After => last.copy_from_slice(&bias[2 * hidden..]),
            }
        }
        let states = Strided { left: previous, left_stride: hidden, batch: steps.batch };
        states.times(parts, self.part(parameters, false)?.transposed(), (position, apart))?;
        if self.reset == Reset::After {
            states.times(parts, self.part(parameters, true)?.transposed(), (position + 3 * hidden, apart))?;
        }
        for (sequence, state) in previous.chunks_exact(hidden).enumerate() {
            let saved = &mut parts.saved[steps.row(sequence, step) * 4 * hidden..][..4 * hidden];
            let (gates, last) = saved.split_at_mut(3 * hidden);
            activate(Function::Sigmoid, &mut gates[..2 * hidden]);
            let (reset, candidate) = gates.split_at_mut(2 * hidden);
            for unit in 0..hidden {
                match self.reset {
                    Reset::Before => last[unit] = reset[unit] * state[unit],
                    Reset::After => candidate[unit] += reset[unit] * last[unit],
                }
            }
        }
        if self.reset == Reset::Before {
            // The result goes into other columns of the rows that are read, so these are copied out first.
            for (sequence, row) in taken.chunks_exact_mut(hidden).enumerate() {
                row.copy_from_slice(&parts.saved[position + sequence * apart + 3 * hidden..][..hidden]);
            }
            let taken = Strided { left: taken, left_stride: hidden, batch: steps.batch };
            taken.times(parts, self.part(parameters, true)?.transposed(), (position + 2 * hidden, apart))?;
        }
        for (sequence, state) in previous.chunks_exact(hidden).enumerate() {
            let row = steps.row(sequence, step);
            let gates = &mut parts.saved[row * 4 * hidden..][..3 * hidden];
            let result = &mut parts.result[row * hidden..][..hidden];
            if steps.skips(indices, sequence, steps.position(step)) {
                result.copy_from_slice(state);
                continue;
            }
            activate(Function::Tanh, &mut gates[2 * hidden..]);
            for unit in 0..hidden {
                let (update, candidate) = (gates[hidden + unit], gates[2 * hidden + unit]);
                result[unit] = (1.0 - update) * candidate + update * state[unit];
            }
        }
        Ok(())
    }

    pub(crate) fn backward(&self, back: &mut Back<'_>) -> Result<(), Error> {
        let hidden = back.parameters.shape(self.weight).1;
        let (rows, batch) = (back.out.rows, self.steps.batch);
        let mut scratch = std::mem::take(back.scratch);
        let all = room(&mut scratch, rows * 5 * hidden + 2 * batch * hidden);
        let (by_gates, rest) = all.split_at_mut(rows * 3 * hidden);
        let (by_last, rest) = rest.split_at_mut(rows * hidden);
        let (earlier, rest) = rest.split_at_mut(rows * hidden);
        let (by_state, spare) = rest.split_at_mut(batch * hidden);
        by_state.fill(0.0);
        for step in (0..self.steps.time).rev() {
            self.step_back(back, step, (by_gates, by_last, earlier), (by_state, spare))?;
        }
        if let Some(start) = self.steps.start {
            for (sequence, slope) in by_state.chunks_exact(hidden).enumerate() {
                accumulate(&mut back.before[start.row(sequence)], slope);
            }
        }
        let bias = back.parameters.range(self.bias);
        for (row, slope) in by_gates.chunks_exact(3 * hidden).enumerate() {
            accumulate(&mut back.before[self.input.row(row)], slope);
            let sums = &mut back.gradients[bias.clone()];
            accumulate(&mut sums[..2 * hidden], slope);
            let last = match self.reset {
                Reset::Before => &slope[2 * hidden..],
                Reset::After => &by_last[row * hidden..][..hidden],
            };
            accumulate(&mut sums[2 * hidden..], last);
        }
        let wrong = |source| Error::Kernel { operation: NAME, source };
        let earlier = View::rows_of(earlier, rows, hidden).map_err(wrong)?;
        let gates = View::new(by_gates, (rows, 2 * hidden), (3 * hidden, 1)).map_err(wrong)?.transposed();
        let (left, right) = match self.reset {
            Reset::After => (View::rows_of(by_last, rows, hidden).map_err(wrong)?, earlier),
            Reset::Before => (
                View::new(&by_gates[2 * hidden..], (rows, hidden), (3 * hidden, 1)).map_err(wrong)?,
                View::new(&back.saved[3 * hidden..], (rows, hidden), (4 * hidden, 1)).map_err(wrong)?,
            ),
        };
        let sums = &mut back.gradients[back.parameters.range(self.weight)];
        let (by_reset_update, by_candidate) = sums.split_at_mut(2 * hidden * hidden);
        product(back.sgemm, NAME, (gates, earlier), Existing::Kept, (by_reset_update, hidden))?;
        product(back.sgemm, NAME, (left.transposed(), right), Existing::Kept, (by_candidate, hidden))?;
        *back.scratch = scratch;
        Ok(())
    }

    fn step_back(
        &self,
        back: &mut Back<'_>,
        step: usize,
        (by_gates, by_last, earlier): (&mut [f32], &mut [f32], &mut [f32]),
        (by_state, spare): (&mut [f32], &mut [f32]),
    ) -> Result<(), Error> {
        let hidden = back.parameters.shape(self.weight).1;
        let steps = &self.steps;
        let results = &back.values[back.out.range()];
        for (sequence, by_state) in by_state.chunks_exact_mut(hidden).enumerate() {
            let row = steps.row(sequence, step);
            accumulate(by_state, &back.slope[row * hidden..][..hidden]);
            let previous = &mut earlier[row * hidden..][..hidden];
            steps.previous((back.values, results), sequence, step, previous);
            let slopes = (&mut by_gates[row * 3 * hidden..][..3 * hidden], &mut by_last[row * hidden..][..hidden]);
            if steps.skips(back.indices, sequence, steps.position(step)) {
                slopes.0.fill(0.0);
                slopes.1.fill(0.0);
            } else {
                let saved = &back.saved[row * 4 * hidden..][..4 * hidden];
                unit_slopes(self.reset, (saved, previous), by_state, slopes);
            }
        }
        let wrong = |source| Error::Kernel { operation: NAME, source };
        let first = steps.position(step) * hidden;
        let apart = steps.time * hidden;
        let candidate = self.part(back.parameters, true)?;
        match self.reset {
            Reset::After => {
                let slopes = View::new(&by_last[first..], (steps.batch, hidden), (apart, 1)).map_err(wrong)?;
                product(back.sgemm, NAME, (slopes, candidate), Existing::Kept, (&mut *by_state, hidden))?;
            }
            Reset::Before => {
                let slopes = &by_gates[3 * first + 2 * hidden..];
                let slopes = View::new(slopes, (steps.batch, hidden), (3 * apart, 1)).map_err(wrong)?;
                // d(r∘h), which splits into what r and what h gets.
                product(back.sgemm, NAME, (slopes, candidate), Existing::Replaced, (&mut *spare, hidden))?;
                for (sequence, slopes) in spare.chunks_exact(hidden).enumerate() {
                    let row = steps.row(sequence, step);
                    let (reset, previous) = (&back.saved[row * 4 * hidden..], &earlier[row * hidden..]);
                    let by_state = &mut by_state[sequence * hidden..];
                    reset_slopes(slopes, (reset, previous), by_state, &mut by_gates[row * 3 * hidden..]);
                }
            }
        }
        let slopes = View::new(&by_gates[3 * first..], (steps.batch, 2 * hidden), (3 * apart, 1)).map_err(wrong)?;
        product(back.sgemm, NAME, (slopes, self.part(back.parameters, false)?), Existing::Kept, (by_state, hidden))
    }
}

impl Strided<'_> {
    /// Adds the product with a matrix to columns of the saved rows.
    fn times(&self, parts: &mut Forward<'_>, matrix: View<'_>, (first, apart): (usize, usize)) -> Result<(), Error> {
        let left = View::rows_of(self.left, self.batch, self.left_stride)
            .map_err(|source| Error::Kernel { operation: NAME, source })?;
        product(parts.sgemm, NAME, (left, matrix), Existing::Kept, (&mut parts.saved[first..], apart))
    }
}

/// The slopes of one unit's step but for the products: `by_state` holds those by the new state and gets what goes straight to the old
/// one; `by_gates` those by r, z, n before their functions (r only for [`Reset::After`]), `by_last` those by W_n·h + b_n.
fn unit_slopes(
    reset: Reset,
    (saved, previous): (&[f32], &[f32]),
    by_state: &mut [f32],
    (by_gates, by_last): (&mut [f32], &mut [f32]),
) {
    let hidden = previous.len();
    for unit in 0..hidden {
        let [r, z, n, last] = [0, 1, 2, 3].map(|gate| saved[gate * hidden + unit]);
        let slope = by_state[unit];
        let by_candidate = slope * (1.0 - z) * (1.0 - n * n);
        by_gates[unit] = if reset == Reset::After { by_candidate * last * r * (1.0 - r) } else { 0.0 };
        by_gates[hidden + unit] = slope * (previous[unit] - n) * z * (1.0 - z);
        by_gates[2 * hidden + unit] = by_candidate;
        by_last[unit] = by_candidate * r;
        by_state[unit] = slope * z;
    }
}

/// Splits the slopes by r∘h.
fn reset_slopes(slopes: &[f32], (reset, previous): (&[f32], &[f32]), by_state: &mut [f32], by_reset: &mut [f32]) {
    for (unit, slope) in slopes.iter().enumerate() {
        by_reset[unit] = slope * previous[unit] * reset[unit] * (1.0 - reset[unit]);
        by_state[unit] += slope * reset[unit];
    }
}

#[cfg(test)]
mod tests {
    use super::Reset;
    use crate::ops::check::{as_input, check};
    use crate::{Direction, Init, Mode, Parameters, Recurrence, Tape};

    #[test]
    fn slopes_match_differences_in_both_forms_and_directions_with_lengths_and_a_start() {
        let mut parameters = Parameters::new(9);
        parameters.add("x", (6, 6), Init::Normal(0.8));
        parameters.add("start", (2, 2), Init::Normal(0.8));
        let weight = parameters.add("w", (6, 2), Init::Normal(0.8));
        let bias = parameters.add("b", (1, 6), Init::Normal(0.8));
        let orders = [(Direction::Forward, None), (Direction::Backward, Some(&[3, 2][..]))];
        for (reset, (direction, lengths)) in
            [Reset::Before, Reset::After].map(|reset| orders.map(|order| (reset, order))).concat()
        {
            check(&mut parameters, 6e-3, |tape, parameters| {
                let x = as_input(tape, parameters, "x");
                let start = Some(as_input(tape, parameters, "start"));
                let recurrence = Recurrence { batch: 2, lengths, direction, start };
                tape.gru(parameters, x, (weight, bias, reset), recurrence)
            });
        }
    }

    /// Two units over two steps, by both forms' equations in f64.
    #[test]
    fn values_follow_the_equations() {
        let mut parameters = Parameters::new(4);
        let weight = parameters.add("w", (6, 2), Init::Normal(0.8));
        let bias = parameters.add("b", (1, 6), Init::Normal(0.8));
        let x = parameters.add("x", (2, 6), Init::Normal(0.8));
        let at = |parameter, place: usize| f64::from(parameters.of(parameter)[place]);
        let times = |gate: usize, unit: usize, state: [f64; 2]| {
            let row = 2 * gate + unit;
            at(weight, 2 * row) * state[0] + at(weight, 2 * row + 1) * state[1] + at(bias, row)
        };
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        for reset in [Reset::Before, Reset::After] {
            let mut tape = Tape::default();
            tape.begin(Mode::Evaluate);
            let input = tape.input(parameters.of(x), (2, 6)).unwrap();
            let out = tape.gru(&parameters, input, (weight, bias, reset), Recurrence::forward(1)).unwrap();
            let mut state = [0.0f64; 2];
            for (step, found) in tape.flat(out).unwrap().chunks_exact(2).enumerate() {
                let gate = |gate, unit| sigmoid(at(x, 6 * step + 2 * gate + unit) + times(gate, unit, state));
                let kept = [gate(0, 0) * state[0], gate(0, 1) * state[1]];
                let inner = [0, 1].map(|unit| match reset {
                    Reset::Before => times(2, unit, kept),
                    Reset::After => gate(0, unit) * times(2, unit, state),
                });
                let candidate = |unit: usize| (at(x, 6 * step + 4 + unit) + inner[unit]).tanh();
                let next = [0, 1].map(|unit| (1.0 - gate(1, unit)) * candidate(unit) + gate(1, unit) * state[unit]);
                state = next;
                assert!((f64::from(found[0]) - state[0]).abs() < 1e-6, "{reset:?} {step}");
                assert!((f64::from(found[1]) - state[1]).abs() < 1e-6, "{reset:?} {step}");
            }
        }
    }
}
