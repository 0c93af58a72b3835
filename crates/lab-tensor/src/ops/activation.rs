//! Functions of one number: ReLU, GELU in both forms, SiLU, tanh and the logistic function.

use crate::error::Error;
use crate::ops::Op;
use crate::tape::{Back, Tape, Var};
use hearth_kernels::exp;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// max(0, x).
    Relu,
    /// x·Φ(x) by the tanh approximation (Hendrycks and Gimpel, 2016; GPT-2).
    GeluTanh,
    /// x·Φ(x) with the error function (BERT).
    GeluErf,
    /// x·σ(x).
    Silu,
    /// The hyperbolic tangent.
    Tanh,
    /// σ(x) = 1/(1 + e^−x).
    Sigmoid,
}

#[derive(Debug)]
pub(crate) struct Activate {
    input: Var,
    function: Activation,
}

impl Tape {
    /// Records a function of each number.
    ///
    /// # Errors
    /// [`Error::Size`] for a slice of columns, [`Error::Stale`].
    pub fn activate(&mut self, input: Var, function: Activation) -> Result<Var, Error> {
        self.whole("activate", input)?;
        let op = Op::Activation(Activate { input, function });
        let out = self.push((input.rows, input.columns), 0, |_, _| op);
        let parts = self.parts(out);
        let pairs = parts.result.iter_mut().zip(&parts.before[input.range()]);
        // One loop a function, so that each becomes vector code.
        match function {
            Activation::Relu => pairs.for_each(|(y, x)| *y = x.max(0.0)),
            Activation::GeluTanh => pairs.for_each(|(y, x)| *y = gelu_tanh(*x).0),
            Activation::GeluErf => pairs.for_each(|(y, x)| *y = gelu_erf(*x).0),
            Activation::Silu => pairs.for_each(|(y, x)| *y = x * sigmoid(*x)),
            Activation::Tanh => pairs.for_each(|(y, x)| *y = tanh(*x)),
            Activation::Sigmoid => pairs.for_each(|(y, x)| *y = sigmoid(*x)),
        }
        Ok(out)
    }
}

impl Activate {
    #[expect(clippy::unnecessary_wraps, reason = "the shape every operation's backward has")]
    pub(crate) fn backward(&self, back: &mut Back<'_>) -> Result<(), Error> {
        let inputs = back.slope.iter().zip(&back.values[self.input.range()]);
        let sums = back.before[self.input.range()].iter_mut().zip(inputs);
        match self.function {
            Activation::Relu => sums.for_each(|(sum, (slope, x))| *sum += if *x > 0.0 { *slope } else { 0.0 }),
            Activation::GeluTanh => sums.for_each(|(sum, (slope, x))| *sum += slope * gelu_tanh(*x).1),
            Activation::GeluErf => sums.for_each(|(sum, (slope, x))| *sum += slope * gelu_erf(*x).1),
            Activation::Silu => sums.for_each(|(sum, (slope, x))| {
                let share = sigmoid(*x);
                *sum += slope * share * (1.0 + x * (1.0 - share));
            }),
            Activation::Tanh => sums.for_each(|(sum, (slope, x))| {
                let y = tanh(*x);
                *sum += slope * (1.0 - y * y);
            }),
            Activation::Sigmoid => sums.for_each(|(sum, (slope, x))| {
                let y = sigmoid(*x);
                *sum += slope * y * (1.0 - y);
            }),
        }
        Ok(())
    }
}

/// σ(x).
#[inline]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// tanh(x), by the exponential; near 0 the difference would cancel, so its series is used there.
#[inline]
pub(crate) fn tanh(x: f32) -> f32 {
    let far = 1.0 - 2.0 / (exp(2.0 * x) + 1.0);
    let square = x * x;
    let near = x * (1.0 - square * (1.0 / 3.0 - square * (2.0 / 15.0)));
    if square < 0.01 { near } else { far }
}

/// GELU's tanh form and its slope.
#[inline]
fn gelu_tanh(x: f32) -> (f32, f32) {
    const ROOT: f32 = 0.797_884_6; // √(2/π)
    let bend = tanh(ROOT * (x + 0.044_715 * x * x * x));
    let inner = ROOT * (1.0 + 3.0 * 0.044_715 * x * x);
    (0.5 * x * (1.0 + bend), 0.5 * (1.0 + bend) + 0.5 * x * (1.0 - bend * bend) * inner)
}

/// GELU by the error function and its slope Φ(x) + x·φ(x).
#[inline]
fn gelu_erf(x: f32) -> (f32, f32) {
    let share = 0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
    let density = 0.398_942_3 * exp(-0.5 * x * x);
    (x * share, share + x * density)
}

/// The error function within 1.5e-7 (Abramowitz and Stegun, 7.1.26).
#[inline]
fn erf(x: f32) -> f32 {
    let magnitude = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * magnitude);
    let polynomial = t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let value = 1.0 - polynomial * exp(-magnitude * magnitude);
    value.copysign(x)
}

#[cfg(test)]
mod tests {
    use super::Activation::{GeluErf, GeluTanh, Relu, Sigmoid, Silu, Tanh};
    use crate::ops::check::{as_input, check};
    use crate::{Init, Mode, Parameters, Tape};

    #[test]
    fn slopes_match_differences() {
        let mut parameters = Parameters::new(2);
        parameters.add("x", (4, 5), Init::Normal(1.5));
        for function in [Relu, GeluTanh, GeluErf, Silu, Tanh, Sigmoid] {
            check(&mut parameters, 4e-3, |tape, parameters| {
                let input = as_input(tape, parameters, "x");
                tape.activate(input, function)
            });
        }
    }

    #[test]
    fn values_agree_with_f64() {
        let points: Vec<f32> = (-80..=80).map(|step| step as f32 / 8.0).collect();
        let mut tape = Tape::default();
        tape.begin(Mode::Evaluate);
        let input = tape.input(&points, (1, points.len())).unwrap();
        type Exact = fn(f64) -> f64;
        let exact: [(super::Activation, Exact); 4] = [
            (Tanh, f64::tanh),
            (Sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
            (Silu, |x| x / (1.0 + (-x).exp())),
            (GeluTanh, |x| 0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x.powi(3))).tanh())),
        ];
        for (function, exact) in exact {
            let out = tape.activate(input, function).unwrap();
            for (found, x) in tape.flat(out).unwrap().iter().zip(&points) {
                assert!((f64::from(*found) - exact(f64::from(*x))).abs() < 2e-6, "{function:?}({x}) = {found}");
            }
        }
        // erf(1) = 0.8427007929, so GELU(√2) = √2·(1 + erf 1)/2.
        let input = tape.input(&[std::f32::consts::SQRT_2], (1, 1)).unwrap();
        let out = tape.activate(input, GeluErf).unwrap();
        assert!((tape.flat(out).unwrap()[0] - 1.302_986_3).abs() < 1e-6);
    }
}
