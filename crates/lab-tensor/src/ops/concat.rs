//! Matrices put side by side or below each other; also how a slice of columns becomes a matrix of its own.

use crate::error::{Error, same};
use crate::ops::Op;
use crate::tape::{Back, Tape, Var, accumulate};
use std::ops::Range;

#[derive(Debug)]
pub(crate) struct Concat {
    inputs: Range<usize>,
    side_by_side: bool,
}

impl Tape {
    /// Records matrices of equally many rows side by side: `[rows, Σ columns]`.
    ///
    /// # Errors
    /// [`Error::Size`] when the rows differ or there is no matrix, [`Error::Stale`].
    pub fn concat_columns(&mut self, inputs: &[Var]) -> Result<Var, Error> {
        let rows = self.first("concat_columns", inputs)?.rows;
        for input in inputs {
            same("concat_columns", "rows", input.rows, rows)?;
        }
        let columns = inputs.iter().map(|input| input.columns).sum();
        Ok(self.concat(inputs, (rows, columns), true))
    }

    /// Records matrices of equally many columns below each other: `[Σ rows, columns]`.
    ///
    /// # Errors
    /// [`Error::Size`] when the columns differ or there is no matrix, [`Error::Stale`].
    pub fn concat_rows(&mut self, inputs: &[Var]) -> Result<Var, Error> {
        let columns = self.first("concat_rows", inputs)?.columns;
        for input in inputs {
            same("concat_rows", "columns", input.columns, columns)?;
        }
        let rows = inputs.iter().map(|input| input.rows).sum();
        Ok(self.concat(inputs, (rows, columns), false))
    }

    fn first(&self, name: &'static str, inputs: &[Var]) -> Result<Var, Error> {
        for input in inputs {
            self.check(name, *input)?;
        }
        inputs.first().copied().ok_or(Error::Size { operation: name, what: "matrices", found: 0, expected: 1 })
    }

    fn concat(&mut self, inputs: &[Var], shape: (usize, usize), side_by_side: bool) -> Var {
        let kept = self.keep_inputs(inputs);
        let out = self.push(shape, 0, |_, _| Op::Concat(Concat { inputs: kept, side_by_side }));
        let parts = self.parts(out);
        places(inputs, side_by_side, out.columns, |input, row, place| {
            parts.result[place].copy_from_slice(&parts.before[input.row(row)]);
        });
        out
    }
}

impl Concat {
    #[expect(clippy::unnecessary_wraps, reason = "the shape every operation's backward has")]
    pub(crate) fn backward(&self, back: &mut Back<'_>) -> Result<(), Error> {
        let inputs = &back.inputs[self.inputs.clone()];
        places(inputs, self.side_by_side, back.out.columns, |input, row, place| {
            accumulate(&mut back.before[input.row(row)], &back.slope[place]);
        });
        Ok(())
    }
}

/// Calls `work` with every input's rows and where each lies in the result.
fn places(inputs: &[Var], side_by_side: bool, columns: usize, mut work: impl FnMut(Var, usize, Range<usize>)) {
    let mut first = 0;
    for input in inputs {
        for row in 0..input.rows {
            let start = first + row * columns;
            work(*input, row, start..start + input.columns);
        }
        first += if side_by_side { input.columns } else { input.length() };
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::check::{as_input, check};
    use crate::{Init, Mode, Parameters, Tape};

    #[test]
    fn slopes_match_differences_through_slices() {
        let mut parameters = Parameters::new(3);
        parameters.add("x", (3, 5), Init::Normal(1.0));
        check(&mut parameters, 1e-3, |tape, parameters| {
            let x = as_input(tape, parameters, "x");
            let wide = tape.concat_columns(&[x.slice_columns(1..3)?, x])?;
            let narrow = wide.slice_columns(1..6)?;
            tape.concat_rows(&[narrow, x, narrow])
        });
    }

    #[test]
    fn values_lie_where_they_belong() {
        let mut tape = Tape::default();
        tape.begin(Mode::Evaluate);
        let left = tape.input(&[1.0, 2.0], (2, 1)).unwrap();
        let right = tape.input(&[3.0, 4.0, 5.0, 6.0], (2, 2)).unwrap();
        let wide = tape.concat_columns(&[left, right]).unwrap();
        assert_eq!(tape.flat(wide).unwrap(), [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
        let tall = tape.concat_rows(&[right, right]).unwrap();
        assert_eq!((tall.rows(), tape.flat(tall).unwrap()[4..].to_vec()), (4, vec![3.0, 4.0, 5.0, 6.0]));
        assert!(tape.concat_rows(&[left, right]).is_err() && tape.concat_columns(&[]).is_err());
    }
}
