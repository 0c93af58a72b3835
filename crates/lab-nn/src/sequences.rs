//! Sequences of different lengths in one batch, padded at their ends.

use crate::error::Error;
use hearth_lab_tensor::{Error as TensorError, Tape};

/// Token ids of a batch, sequence by sequence, each padded to the longest.
#[derive(Clone, Copy, Debug)]
pub struct Sequences<'a> {
    /// `batch · longest` ids; what lies beyond a sequence's length is padding and may be any id of the vocabulary.
    pub tokens: &'a [usize],
    /// How long each sequence is, at least 1.
    pub lengths: &'a [usize],
}

impl Sequences<'_> {
    /// Returns the number of sequences.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.lengths.len()
    }

    /// Returns the positions of each sequence, padding included.
    #[must_use]
    pub fn time(&self) -> usize {
        self.tokens.len() / self.batch().max(1)
    }

    /// Checks that there is a sequence, that all are equally long with their padding, and that lengths lie within.
    ///
    /// # Errors
    /// [`Error::Tensor`] naming the size, [`Error::TooLong`] beyond `limit`.
    pub fn check(&self, limit: usize) -> Result<(), Error> {
        let wrong = |what, found, expected| TensorError::Size { operation: "sequences", what, found, expected };
        if self.lengths.is_empty() {
            return Err(wrong("sequences", 0, 1).into());
        }
        if !self.tokens.len().is_multiple_of(self.batch()) {
            return Err(wrong("tokens modulo sequences", self.tokens.len() % self.batch(), 0).into());
        }
        let time = self.time();
        if time > limit {
            return Err(Error::TooLong { found: time, limit });
        }
        match self.lengths.iter().find(|length| **length == 0 || **length > time) {
            Some(&index) => Err(TensorError::Index { operation: "sequences", index, limit: time + 1 }.into()),
            None => Ok(()),
        }
    }

    /// The place of every token in its sequence.
    pub(crate) fn places(&self) -> Vec<usize> {
        (0..self.tokens.len()).map(|place| place % self.time().max(1)).collect()
    }

    /// The rows of every sequence's last token that is no padding.
    pub(crate) fn last_rows(&self) -> Vec<usize> {
        self.lengths.iter().enumerate().map(|(sequence, length)| sequence * self.time() + length - 1).collect()
    }

    /// The targets with padding ignored: what each position is to predict, in the same order as the tokens.
    pub(crate) fn counted(&self, targets: &[usize]) -> Vec<usize> {
        let time = self.time().max(1);
        let counts = |place: usize| self.lengths.get(place / time).is_some_and(|length| place % time < *length);
        targets.iter().enumerate().map(|(place, target)| if counts(place) { *target } else { Tape::IGNORED }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Sequences;
    use hearth_lab_tensor::Tape;

    #[test]
    fn padding_is_found_and_ignored() {
        let both = Sequences { tokens: &[5, 6, 7, 8, 0, 0], lengths: &[3, 1] };
        assert_eq!((both.batch(), both.time(), both.last_rows()), (2, 3, vec![2, 3]));
        assert_eq!(both.counted(&[6, 7, 1, 1, 9, 9]), [6, 7, 1, 1, Tape::IGNORED, Tape::IGNORED]);
        assert!(both.check(3).is_ok());
        assert_eq!(both.check(2).unwrap_err().to_string(), "a sequence of 3 tokens does not fit the context of 2");
        assert!(Sequences { lengths: &[3, 0], ..both }.check(3).is_err());
        assert!(Sequences { lengths: &[3], ..both }.check(9).is_ok());
        assert!(Sequences { lengths: &[3, 3, 3, 3], ..both }.check(9).is_err());
    }
}
