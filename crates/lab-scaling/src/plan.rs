//! What a budget buys, what a target costs, and how undertrained a model is.

use crate::chinchilla::{Optimum, ParametricLaw};
use crate::{kaplan, training_flop};

/// The machines that train.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Hardware {
    /// How many devices.
    pub devices: u32,
    /// A device's peak, in floating-point operations a second, for the number format trained in.
    pub peak_flop_per_second: f64,
    /// The share of the peak that training reaches (model FLOP utilisation), above 0 and at most 1.
    pub utilisation: f64,
    /// What a device costs an hour, in dollars; 0 for one's own.
    pub dollars_per_device_hour: f64,
}

impl Hardware {
    /// Returns the operations that all devices together do in an hour.
    #[must_use]
    pub fn flop_per_hour(&self) -> f64 {
        f64::from(self.devices) * self.peak_flop_per_second * self.utilisation * 3_600.0
    }
}

/// A device people have or rent, with the dense peak its maker states for 16-bit matrix products (f32 for a CPU core).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Device {
    /// The name to write on the command line.
    pub name: &'static str,
    /// Peak, in floating-point operations a second.
    pub peak_flop_per_second: f64,
}

/// Devices known by name. A CPU core is 3 GHz × 2 fused operations × 8 lanes × 2 units of AVX2.
pub const DEVICES: [Device; 9] = [
    Device { name: "cpu-core", peak_flop_per_second: 96e9 },
    Device { name: "rtx-3090", peak_flop_per_second: 71e12 },
    Device { name: "rtx-4090", peak_flop_per_second: 165e12 },
    Device { name: "l4", peak_flop_per_second: 121e12 },
    Device { name: "a100", peak_flop_per_second: 312e12 },
    Device { name: "l40s", peak_flop_per_second: 362e12 },
    Device { name: "h100", peak_flop_per_second: 989e12 },
    Device { name: "h200", peak_flop_per_second: 989e12 },
    Device { name: "b200", peak_flop_per_second: 2_250e12 },
];

/// What is given, and the rest is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// Train for this many days.
    Days(f64),
    /// Spend this many dollars; needs a price.
    Dollars(f64),
    /// Spend this many operations.
    Flop(f64),
    /// Reach this loss, in nats a token.
    Loss(f64),
    /// Train a model of this many parameters as long as it deserves.
    Parameters(f64),
}

/// What training takes and gives.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Plan {
    /// Size, tokens, compute and loss.
    pub optimum: Optimum,
    /// Tokens a parameter.
    pub tokens_per_parameter: f64,
    /// The batch beyond which more examples at once stop helping, at the final loss, in tokens (Kaplan, equation 5.3).
    pub batch_tokens: f64,
    /// Optimizer steps at that batch.
    pub steps: f64,
    /// Wall-clock hours.
    pub hours: f64,
    /// Dollars; 0 without a price.
    pub dollars: f64,
    /// Bytes of weights, gradients and AdamW's two moments in mixed precision: 16 a parameter, activations not counted.
    pub training_bytes: f64,
    /// Operations a generated token takes: 2N.
    pub inference_flop_per_token: f64,
    /// Dollars for a million generated tokens at the same utilisation; 0 without a price.
    pub inference_dollars_per_million: f64,
}

/// Why there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A quantity that must be positive and finite is not.
    #[error("{what} must be a positive number, not {value}")]
    NotPositive {
        /// Which one.
        what: &'static str,
        /// The value given.
        value: f64,
    },
    /// Utilisation above one.
    #[error("utilisation is a share of the peak, at most 1, not {value}")]
    Utilisation {
        /// The value given.
        value: f64,
    },
    /// Money is the goal and nothing costs any.
    #[error("a goal in dollars needs the price of a device hour")]
    NoPrice,
    /// No budget reaches the loss.
    #[error("no budget reaches a loss of {loss}: the law's irreducible loss is {irreducible}")]
    Unreachable {
        /// The loss wanted.
        loss: f64,
        /// E.
        irreducible: f64,
    },
}

/// Plans for a goal on some hardware under a law.
///
/// # Errors
/// [`Error`] names the quantity that makes it impossible.
pub fn plan(law: &ParametricLaw, hardware: &Hardware, goal: Goal) -> Result<Plan, Error> {
    positive("peak operations a second", hardware.peak_flop_per_second)?;
    positive("devices", f64::from(hardware.devices))?;
    positive("utilisation", hardware.utilisation)?;
    if hardware.utilisation > 1.0 {
        return Err(Error::Utilisation { value: hardware.utilisation });
    }
    let optimum = match goal {
        Goal::Days(days) => law.optimum(positive("days", days)? * 24.0 * hardware.flop_per_hour()),
        Goal::Dollars(dollars) => {
            let an_hour = f64::from(hardware.devices) * hardware.dollars_per_device_hour;
            if an_hour <= 0.0 {
                return Err(Error::NoPrice);
            }
            law.optimum(positive("dollars", dollars)? / an_hour * hardware.flop_per_hour())
        }
        Goal::Flop(flop) => law.optimum(positive("operations", flop)?),
        Goal::Loss(loss) => law
            .optimum_of_loss(positive("the loss", loss)?)
            .ok_or(Error::Unreachable { loss, irreducible: law.irreducible })?,
        Goal::Parameters(parameters) => law.optimum_of_size(positive("parameters", parameters)?),
    };
    Ok(describe(hardware, optimum))
}

fn describe(hardware: &Hardware, optimum: Optimum) -> Plan {
    let hours = optimum.flop / hardware.flop_per_hour();
    let dollars_per_flop = hardware.dollars_per_device_hour * f64::from(hardware.devices) / hardware.flop_per_hour();
    let inference_flop_per_token = 2.0 * optimum.parameters;
    let batch_tokens = kaplan::critical_batch(optimum.loss).min(optimum.tokens);
    Plan {
        tokens_per_parameter: optimum.tokens / optimum.parameters,
        batch_tokens,
        steps: optimum.tokens / batch_tokens,
        hours,
        dollars: optimum.flop * dollars_per_flop,
        training_bytes: 16.0 * optimum.parameters,
        inference_flop_per_token,
        inference_dollars_per_million: 1e6 * inference_flop_per_token * dollars_per_flop,
        optimum,
    }
}

/// How a trained model stands beside the best use of its compute.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Audit {
    /// The loss the law expects of the model.
    pub loss: f64,
    /// Tokens its size deserves.
    pub deserved_tokens: f64,
    /// Tokens deserved over tokens seen: above 1 the model is undertrained.
    pub undertrained: f64,
    /// What the same compute would have given best.
    pub best: Optimum,
    /// The share of its compute that the best split would have needed for the same loss.
    pub needed_share: f64,
}

/// Audits a model of N parameters trained on D tokens.
///
/// # Errors
/// [`Error::NotPositive`].
pub fn audit(law: &ParametricLaw, parameters: f64, tokens: f64) -> Result<Audit, Error> {
    let (parameters, tokens) = (positive("parameters", parameters)?, positive("tokens", tokens)?);
    let loss = law.loss(parameters, tokens);
    let deserved_tokens = law.optimum_of_size(parameters).tokens;
    let flop = training_flop(parameters, tokens);
    let needed = law.optimum_of_loss(loss).map_or(flop, |optimum| optimum.flop);
    Ok(Audit {
        loss,
        deserved_tokens,
        undertrained: deserved_tokens / tokens,
        best: law.optimum(flop),
        needed_share: needed / flop,
    })
}

fn positive(what: &'static str, value: f64) -> Result<f64, Error> {
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err(Error::NotPositive { what, value }) }
}

#[cfg(test)]
mod tests {
    use super::{Error, Goal, Hardware, audit, plan};
    use crate::chinchilla::ParametricLaw;

    const EIGHT: Hardware =
        Hardware { devices: 8, peak_flop_per_second: 989e12, utilisation: 0.4, dollars_per_device_hour: 2.5 };

    #[test]
    fn days_dollars_operations_and_loss_are_four_ways_to_one_plan() {
        let law = ParametricLaw::CORRECTED;
        let by_days = plan(&law, &EIGHT, Goal::Days(10.0)).unwrap();
        assert!((by_days.hours - 240.0).abs() < 1e-6 && (by_days.dollars - 240.0 * 8.0 * 2.5).abs() < 1e-6);
        for goal in [
            Goal::Dollars(by_days.dollars),
            Goal::Flop(by_days.optimum.flop),
            Goal::Loss(by_days.optimum.loss),
            Goal::Parameters(by_days.optimum.parameters),
        ] {
            let other = plan(&law, &EIGHT, goal).unwrap();
            assert!((other.optimum.parameters / by_days.optimum.parameters - 1.0).abs() < 1e-6, "{goal:?}");
        }
        assert!((by_days.steps * by_days.batch_tokens / by_days.optimum.tokens - 1.0).abs() < 1e-12);
    }

    #[test]
    fn gpt_3_was_undertrained_and_chinchilla_is_not() {
        let gpt_3 = audit(&ParametricLaw::CORRECTED, 175e9, 300e9).unwrap();
        let chinchilla = audit(&ParametricLaw::CORRECTED, 70e9, 1.4e12).unwrap();
        assert!(gpt_3.undertrained > 8.0 && gpt_3.needed_share < 0.65, "{gpt_3:?}");
        assert!((0.8..1.25).contains(&chinchilla.undertrained) && chinchilla.needed_share > 0.98, "{chinchilla:?}");
    }

    #[test]
    fn impossible_wishes_are_named() {
        let law = ParametricLaw::CORRECTED;
        assert_eq!(plan(&law, &EIGHT, Goal::Loss(1.0)), Err(Error::Unreachable { loss: 1.0, irreducible: 1.8172 }));
        assert_eq!(plan(&law, &EIGHT, Goal::Days(-1.0)), Err(Error::NotPositive { what: "days", value: -1.0 }));
        let free = Hardware { dollars_per_device_hour: 0.0, ..EIGHT };
        assert_eq!(plan(&law, &free, Goal::Dollars(5.0)), Err(Error::NoPrice));
        let magic = Hardware { utilisation: 1.5, ..EIGHT };
        assert_eq!(plan(&law, &magic, Goal::Days(1.0)), Err(Error::Utilisation { value: 1.5 }));
    }
}
