//! Checks a backward pass against finite differences: the one way every operation's derivative is tested.

use crate::Error;
use crate::parameters::{Gradients, Parameters};
use crate::random::Random;
use crate::tape::{Mode, Tape, Var};

/// A step of the differences. In f32 the error of the quotient is smallest near the cube root of the rounding error.
const STEP: f32 = 1e-2;

/// Records `build` on a tape, weighs its result into one number, and compares each parameter's slope with the difference quotient.
/// Inputs are to be parameters of the build, so that slopes by inputs are compared too.
pub(crate) fn check(
    parameters: &mut Parameters,
    tolerance: f32,
    build: impl Fn(&mut Tape, &Parameters) -> Result<Var, Error>,
) {
    let mut tape = Tape::default();
    let mut gradients = Gradients::of(parameters);
    let loss = weighed(&mut tape, parameters, &build);
    tape.backward(parameters, loss, &mut gradients).unwrap();
    for place in 0..parameters.count() {
        let start = parameters.values()[place];
        let mut at = |value: f32| {
            parameters.values_mut()[place] = value;
            let loss = weighed(&mut tape, parameters, &build);
            f64::from(tape.flat(loss).unwrap()[0])
        };
        let quotient = (at(start + STEP) - at(start - STEP)) / f64::from(2.0 * STEP);
        at(start);
        let slope = f64::from(gradients.values()[place]);
        let scale = slope.abs().max(quotient.abs()).max(1.0);
        assert!(
            (slope - quotient).abs() <= f64::from(tolerance) * scale,
            "number {place}: slope {slope}, quotient {quotient}"
        );
    }
}

/// Puts a parameter on the tape as an input whose slopes are the parameter's.
pub(crate) fn as_input(tape: &mut Tape, parameters: &Parameters, name: &str) -> Var {
    let (_, parameter, (rows, _)) = parameters.iter().find(|(found, _, _)| *found == name).unwrap();
    let all: Vec<usize> = (0..rows).collect();
    tape.embedding(parameters, parameter, &all).unwrap()
}

/// One number from a result: a sum with fixed uneven weights, so that no slope can hide.
fn weighed(
    tape: &mut Tape,
    parameters: &Parameters,
    build: &impl Fn(&mut Tape, &Parameters) -> Result<Var, Error>,
) -> Var {
    tape.begin(Mode::Evaluate);
    let result = build(tape, parameters).unwrap();
    if result.length() == 1 {
        return result;
    }
    let mut random = Random::new(11, 0);
    let weights: Vec<f32> = (0..result.length()).map(|_| random.normal()).collect();
    let weights = tape.input(&weights, (result.rows(), result.columns())).unwrap();
    let products = tape.multiply(result, weights).unwrap();
    tape.sum(products).unwrap()
}
