//! What the models' tests share.

use crate::Error;
use hearth_lab_tensor::optimiser::{Adam, AdamSettings};
use hearth_lab_tensor::{Gradients, Mode, Parameters, Tape, Var};

/// Trains on one batch with Adam and returns the last loss.
pub(crate) fn learn(
    parameters: &mut Parameters,
    steps: usize,
    learning_rate: f32,
    loss: impl Fn(&mut Tape, &Parameters) -> Result<Var, Error>,
) -> f32 {
    let (mut tape, mut gradients) = (Tape::default(), Gradients::of(parameters));
    let mut adam = Adam::new(parameters, AdamSettings::default());
    let mut last = f32::MAX;
    for _ in 0..steps {
        gradients.clear();
        tape.begin(Mode::Train { seed: 1 });
        let loss = loss(&mut tape, parameters).unwrap();
        tape.backward(parameters, loss, &mut gradients).unwrap();
        last = tape.flat(loss).unwrap()[0];
        gradients.clip(1.0);
        adam.step(parameters, &gradients, learning_rate);
    }
    last
}
