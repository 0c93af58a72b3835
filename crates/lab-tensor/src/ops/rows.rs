//! Some rows of a matrix, in any order: the last positions of sequences, the masked ones, one column of a batch.

use crate::error::Error;
use crate::ops::Op;
use crate::tape::{Back, Tape, Var};
use std::ops::Range;

#[derive(Debug)]
pub(crate) struct Rows {
    input: Var,
    indices: Range<usize>,
}

impl Tape {
    /// Records the rows of these indices.
    ///
    /// # Errors
    /// [`Error::Index`] for a row that is not there, [`Error::Stale`].
    pub fn rows(&mut self, input: Var, indices: &[usize]) -> Result<Var, Error> {
        self.check("rows", input)?;
        if let Some(&index) = indices.iter().find(|index| **index >= input.rows) {
            return Err(Error::Index { operation: "rows", index, limit: input.rows });
        }
        let kept = self.indices.len()..self.indices.len() + indices.len();
        self.indices.extend_from_slice(indices);
        let op = Op::Rows(Rows { input, indices: kept });
        let out = self.push((indices.len(), input.columns), 0, |_, _| op);
        let parts = self.parts(out);
        for (row, index) in parts.result.chunks_exact_mut(input.columns.max(1)).zip(indices) {
            let from = input.start + index * input.stride;
            row.copy_from_slice(&parts.before[from..from + input.columns]);
        }
        Ok(out)
    }
}

impl Rows {
    #[expect(clippy::unnecessary_wraps, reason = "the shape every operation's backward has")]
    pub(crate) fn backward(&self, back: &mut Back<'_>) -> Result<(), Error> {
        let columns = self.input.columns;
        for (row, index) in back.slope.chunks_exact(columns.max(1)).zip(&back.indices[self.indices.clone()]) {
            let from = self.input.start + index * self.input.stride;
            let sums = &mut back.before[from..from + columns];
            sums.iter_mut().zip(row).for_each(|(sum, slope)| *sum += slope);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::check::{as_input, check};
    use crate::{Init, Parameters};

    #[test]
    fn slopes_match_differences_through_slices_and_repeats() {
        let mut parameters = Parameters::new(3);
        parameters.add("x", (4, 5), Init::Normal(1.0));
        check(&mut parameters, 1e-3, |tape, parameters| {
            let input = as_input(tape, parameters, "x").slice_columns(1..4)?;
            tape.rows(input, &[3, 0, 3])
        });
    }
}
