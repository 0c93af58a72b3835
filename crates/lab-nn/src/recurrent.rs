//! Layers of LSTM and GRU cells: the input's projection and the recurrence, in PyTorch's layout of weights.

use crate::error::Error;
use crate::layers::Projection;
use hearth_lab_tensor::{Init, Parameter, Parameters, Recurrence, Reset, Tape, Var};

/// An LSTM layer.
#[derive(Clone, Copy, Debug)]
pub struct Lstm {
    input: Projection,
    weight: Parameter,
    bias: Parameter,
    hidden: usize,
}

impl Lstm {
    /// Adds `<name>.input` (W_ih, b_ih) and `<name>.state` (W_hh, b_hh).
    pub fn new(parameters: &mut Parameters, name: &str, (inputs, hidden): (usize, usize), init: Init) -> Self {
        Self {
            input: Projection::new(parameters, &format!("{name}.input"), (inputs, 4 * hidden), init),
            weight: parameters.add(format!("{name}.state.weight"), (4 * hidden, hidden), init),
            bias: parameters.add(format!("{name}.state.bias"), (1, 4 * hidden), Init::Zeros),
            hidden,
        }
    }

    /// Records all steps over `[batch·T, inputs]`: `[batch·T, 2·hidden]`, h in the left half and c in the right.
    ///
    /// # Errors
    /// The shapes do not fit.
    pub fn apply(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        input: Var,
        recurrence: Recurrence<'_>,
    ) -> Result<Var, Error> {
        let gates = self.input.apply(tape, parameters, input)?;
        Ok(tape.lstm(parameters, gates, (self.weight, self.bias), recurrence)?)
    }

    /// The part h of what [`Self::apply`] gives.
    ///
    /// # Errors
    /// It is not what this layer gave.
    pub fn hidden(&self, states: Var) -> Result<Var, Error> {
        Ok(states.slice_columns(0..self.hidden)?)
    }
}

/// A GRU layer.
#[derive(Clone, Copy, Debug)]
pub struct Gru {
    input: Projection,
    cell: GruCell,
}

/// The recurrence of a GRU, without the input's projection.
#[derive(Clone, Copy, Debug)]
pub struct GruCell {
    weight: Parameter,
    bias: Parameter,
    reset: Reset,
}

impl GruCell {
    /// Adds `<name>.weight` (W_hh) and `<name>.bias` (b_hh).
    pub fn new(parameters: &mut Parameters, name: &str, hidden: usize, (init, reset): (Init, Reset)) -> Self {
        Self {
            weight: parameters.add(format!("{name}.weight"), (3 * hidden, hidden), init),
            bias: parameters.add(format!("{name}.bias"), (1, 3 * hidden), Init::Zeros),
            reset,
        }
    }

    /// Records all steps over projected inputs `[batch·T, 3·hidden]`: `[batch·T, hidden]`.
    ///
    /// # Errors
    /// The shapes do not fit.
    pub fn apply(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        inputs: Var,
        recurrence: Recurrence<'_>,
    ) -> Result<Var, Error> {
        Ok(tape.gru(parameters, inputs, (self.weight, self.bias, self.reset), recurrence)?)
    }
}

impl Gru {
    /// Adds `<name>.input` (W_ih, b_ih) and `<name>.state` (W_hh, b_hh).
    pub fn new(
        parameters: &mut Parameters,
        name: &str,
        (inputs, hidden): (usize, usize),
        (init, reset): (Init, Reset),
    ) -> Self {
        Self {
            input: Projection::new(parameters, &format!("{name}.input"), (inputs, 3 * hidden), init),
            cell: GruCell::new(parameters, &format!("{name}.state"), hidden, (init, reset)),
        }
    }

    /// Records all steps over `[batch·T, inputs]`: `[batch·T, hidden]`.
    ///
    /// # Errors
    /// The shapes do not fit.
    pub fn apply(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        input: Var,
        recurrence: Recurrence<'_>,
    ) -> Result<Var, Error> {
        let gates = self.input.apply(tape, parameters, input)?;
        self.cell.apply(tape, parameters, gates, recurrence)
    }
}
