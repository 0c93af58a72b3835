//! Zeroes each number with a probability and scales the rest up (Srivastava et al., 2014).

use crate::error::Error;
use crate::ops::Op;
use crate::tape::{Back, Tape, Var};

#[derive(Debug)]
pub(crate) struct Dropout {
    input: Var,
}

impl Tape {
    /// Records dropout; when evaluating, or at rate 0, the input itself is returned.
    ///
    /// # Errors
    /// [`Error::Size`] for a slice of columns.
    pub fn dropout(&mut self, input: Var, rate: f32) -> Result<Var, Error> {
        self.whole("dropout", input)?;
        if rate <= 0.0 {
            return Ok(input);
        }
        let Some(mut random) = self.draw() else { return Ok(input) };
        let out = self.push((input.rows, input.columns), input.length(), |_, _| Op::Dropout(Dropout { input }));
        let parts = self.parts(out);
        let kept = 1.0 / (1.0 - rate).max(f32::EPSILON);
        parts.saved.iter_mut().for_each(|factor| *factor = if random.unit() < rate { 0.0 } else { kept });
        let pairs = parts.before[input.range()].iter().zip(&*parts.saved);
        parts.result.iter_mut().zip(pairs).for_each(|(value, (source, factor))| *value = source * factor);
        Ok(out)
    }
}

impl Dropout {
    #[expect(clippy::unnecessary_wraps, reason = "the shape every operation's backward has")]
    pub(crate) fn backward(&self, back: &mut Back<'_>) -> Result<(), Error> {
        let kept = back.slope.iter().zip(back.saved);
        let sums = back.before[self.input.range()].iter_mut();
        sums.zip(kept).for_each(|(sum, (slope, factor))| *sum += slope * factor);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Gradients, Init, Mode, Parameters, Tape};

    #[test]
    fn the_same_numbers_are_dropped_forward_and_back_and_again_with_the_same_seed() {
        let mut parameters = Parameters::new(1);
        let table = parameters.add("x", (1, 1_000), Init::Ones);
        let mut tape = Tape::default();
        let mut step = |seed| {
            let mut gradients = Gradients::of(&parameters);
            tape.begin(Mode::Train { seed });
            let input = tape.embedding(&parameters, table, &[0]).unwrap();
            let dropped = tape.dropout(input, 0.25).unwrap();
            let sum = tape.sum(dropped).unwrap();
            tape.backward(&parameters, sum, &mut gradients).unwrap();
            assert_eq!(tape.flat(dropped).unwrap(), gradients.values());
            gradients
        };
        let first = step(5);
        assert_eq!(first, step(5));
        assert_ne!(first, step(6));
        let zeros = first.values().iter().filter(|slope| **slope == 0.0).count();
        assert!((200..300).contains(&zeros), "{zeros}");
    }
}
