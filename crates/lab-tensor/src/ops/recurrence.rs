//! What the recurrent operations share: the order of the steps, lengths, and the state before each step.

use crate::error::{Error, same};
use crate::tape::{Tape, Var};
use std::ops::Range;

/// Which end of a sequence comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Position 0 does.
    Forward,
    /// The last position does.
    Backward,
}

/// How sequences lie in a batch.
#[derive(Clone, Copy, Debug)]
pub struct Recurrence<'a> {
    /// Sequences; they divide the rows into equal parts of T positions.
    pub batch: usize,
    /// How many positions of each sequence count; the rest is padding, where the state stays as it is. `None` for all.
    pub lengths: Option<&'a [usize]>,
    /// Which end comes first.
    pub direction: Direction,
    /// The state before the first step, one row a sequence; `None` for zeros.
    pub start: Option<Var>,
}

impl Recurrence<'_> {
    /// All positions of `batch` sequences from first to last, starting at zero.
    #[must_use]
    pub fn forward(batch: usize) -> Self {
        Self { batch, lengths: None, direction: Direction::Forward, start: None }
    }
}

/// A checked [`Recurrence`].
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    pub(crate) batch: usize,
    pub(crate) time: usize,
    direction: Direction,
    pub(crate) start: Option<Var>,
    lengths: Range<usize>,
    /// Columns of the state.
    state: usize,
}

impl Steps {
    pub(crate) fn new(
        tape: &mut Tape,
        name: &'static str,
        recurrence: Recurrence<'_>,
        (rows, state): (usize, usize),
    ) -> Result<Self, Error> {
        let Recurrence { batch, lengths, direction, start } = recurrence;
        same(name, "sequences or 1", batch.min(1), 1)?;
        same(name, "rows modulo the batch", rows % batch, 0)?;
        let time = rows / batch;
        if let Some(start) = start {
            tape.check(name, start)?;
            same(name, "rows of the start", start.rows, batch)?;
            same(name, "columns of the start", start.columns, state)?;
        }
        if let Some(lengths) = lengths {
            same(name, "lengths", lengths.len(), batch)?;
        }
        if let Some(&index) = lengths.and_then(|lengths| lengths.iter().find(|length| **length > time)) {
            return Err(Error::Index { operation: name, index, limit: time + 1 });
        }
        let all = (0..batch).map(|sequence| lengths.map_or(time, |lengths| lengths[sequence]));
        let lengths = tape.keep_indices(all);
        Ok(Self { batch, time, direction, start, lengths, state })
    }

    /// The position of a step.
    pub(crate) fn position(&self, step: usize) -> usize {
        match self.direction {
            Direction::Forward => step,
            Direction::Backward => self.time - 1 - step,
        }
    }

    /// Whether a position is padding.
    pub(crate) fn skips(&self, indices: &[usize], sequence: usize, position: usize) -> bool {
        position >= indices[self.lengths.start + sequence]
    }

    /// The row of a sequence at a step.
    pub(crate) fn row(&self, sequence: usize, step: usize) -> usize {
        sequence * self.time + self.position(step)
    }

    /// Copies the state before a step; `results` are the states of all rows, one behind the other.
    pub(crate) fn previous(
        &self,
        (before, results): (&[f32], &[f32]),
        sequence: usize,
        step: usize,
        state: &mut [f32],
    ) {
        match (step, self.start) {
            (0, None) => state.fill(0.0),
            (0, Some(start)) => state.copy_from_slice(&before[start.row(sequence)][..state.len()]),
            _ => {
                let from = self.row(sequence, step - 1) * self.state;
                state.copy_from_slice(&results[from..from + state.len()]);
            }
        }
    }
}
