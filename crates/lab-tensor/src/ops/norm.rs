//! Layer normalisation and root-mean-square normalisation of each row.

use crate::error::{Error, same};
use crate::ops::Op;
use crate::parameters::{Parameter, Parameters};
use crate::tape::{Back, Tape, Var};
use hearth_kernels::elementwise::{moments, normalise, normalise_slopes};

#[derive(Debug)]
pub(crate) struct Norm {
    input: Var,
    gain: Parameter,
    /// With a bias the mean is taken off (layer norm), without it is not (RMS norm).
    bias: Option<Parameter>,
}

impl Tape {
    /// Records y = (x − mean) / √(variance + epsilon) · gain + bias for each row (Ba, Kiros and Hinton, 2016).
    ///
    /// # Errors
    /// [`Error::Size`] when gain or bias are not as long as a row.
    pub fn layer_norm(
        &mut self,
        parameters: &Parameters,
        input: Var,
        (gain, bias): (Parameter, Parameter),
        epsilon: f32,
    ) -> Result<Var, Error> {
        self.norm(parameters, Norm { input, gain, bias: Some(bias) }, epsilon)
    }

    /// Records y = x / √(mean(x²) + epsilon) · gain for each row (Zhang and Sennrich, 2019).
    ///
    /// # Errors
    /// [`Error::Size`] when the gain is not as long as a row.
    pub fn rms_norm(
        &mut self,
        parameters: &Parameters,
        input: Var,
        gain: Parameter,
        epsilon: f32,
    ) -> Result<Var, Error> {
        self.norm(parameters, Norm { input, gain, bias: None }, epsilon)
    }

    fn norm(&mut self, parameters: &Parameters, norm: Norm, epsilon: f32) -> Result<Var, Error> {
        let Norm { input, gain, bias } = norm;
        let name = if bias.is_some() { "layer_norm" } else { "rms_norm" };
        self.whole(name, input)?;
        same(name, "length of the gain", parameters.of(gain).len(), input.columns)?;
        if let Some(bias) = bias {
            same(name, "length of the bias", parameters.of(bias).len(), input.columns)?;
        }
        let out = self.push((input.rows, input.columns), 2 * input.rows, |_, _| Op::Norm(norm));
        let parts = self.parts(out);
        let width = input.columns.max(1);
        let rows = parts.before[input.range()].chunks_exact(width).zip(parts.result.chunks_exact_mut(width));
        for ((row, result), kept) in rows.zip(parts.saved.as_chunks_mut::<2>().0) {
            *kept = moments(row, bias.is_some(), epsilon);
            normalise(row, *kept, parameters.of(gain), result);
            if let Some(bias) = bias {
                result.iter_mut().zip(parameters.of(bias)).for_each(|(y, bias)| *y += bias);
            }
        }
        Ok(out)
    }
}

impl Norm {
    #[expect(clippy::unnecessary_wraps, reason = "the shape every operation's backward has")]
    pub(crate) fn backward(&self, back: &mut Back<'_>) -> Result<(), Error> {
        let width = self.input.columns.max(1);
        let gain = back.parameters.of(self.gain);
        let rows = back.values[self.input.range()].chunks_exact(width).zip(back.slope.chunks_exact(width));
        let targets = back.before[self.input.range()].chunks_exact_mut(width);
        for (((row, slope), moments), target) in rows.zip(back.saved.as_chunks::<2>().0).zip(targets) {
            let by_gain = &mut back.gradients[back.parameters.range(self.gain)];
            normalise_slopes((row, slope, gain), *moments, self.bias.is_some(), (target, by_gain));
            if let Some(bias) = self.bias {
                let sums = &mut back.gradients[back.parameters.range(bias)];
                sums.iter_mut().zip(slope).for_each(|(sum, slope)| *sum += slope);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::check::{as_input, check};
    use crate::{Init, Mode, Parameters, Tape};

    #[test]
    fn slopes_match_differences() {
        let mut parameters = Parameters::new(2);
        parameters.add("x", (3, 5), Init::Normal(1.0));
        let gain = parameters.add("gain", (1, 5), Init::Normal(1.0));
        let bias = parameters.add("bias", (1, 5), Init::Normal(1.0));
        check(&mut parameters, 5e-3, |tape, parameters| {
            let input = as_input(tape, parameters, "x");
            tape.layer_norm(parameters, input, (gain, bias), 1e-5)
        });
        check(&mut parameters, 5e-3, |tape, parameters| {
            let input = as_input(tape, parameters, "x");
            tape.rms_norm(parameters, input, gain, 1e-5)
        });
    }

    /// PyTorch 2: `F.layer_norm(tensor([1., 2., 4.]), (3,), eps=1e-5)` and `F.rms_norm` of the same.
    #[test]
    fn values_are_those_of_the_definition() {
        let mut parameters = Parameters::new(2);
        let gain = parameters.add("gain", (1, 3), Init::Ones);
        let bias = parameters.add("bias", (1, 3), Init::Zeros);
        let mut tape = Tape::default();
        tape.begin(Mode::Evaluate);
        let input = tape.input(&[1.0, 2.0, 4.0], (1, 3)).unwrap();
        let layer = tape.layer_norm(&parameters, input, (gain, bias), 1e-5).unwrap();
        let rms = tape.rms_norm(&parameters, input, gain, 1e-5).unwrap();
        for (found, expected) in tape.flat(layer).unwrap().iter().zip([-1.069_041, -0.267_260_3, 1.336_301_3]) {
            assert!((found - expected).abs() < 1e-5, "{found}");
        }
        for (found, expected) in tape.flat(rms).unwrap().iter().zip([0.377_964_2, 0.755_928_4, 1.511_856_8]) {
            assert!((found - expected).abs() < 1e-5, "{found}");
        }
    }
}
