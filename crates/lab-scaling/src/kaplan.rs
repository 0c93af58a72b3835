//! "Scaling Laws for Neural Language Models", Kaplan et al., 2020 (arXiv 2001.08361).
//!
//! N counts the parameters without embeddings; compute is in PF-days; batches and corpora in tokens.

use crate::FLOP_PER_PF_DAY;

/// One power law `L(x) = (x_c / x)^α`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerLaw {
    /// The scale x_c, in the unit of x.
    pub scale: f64,
    /// The exponent α.
    pub exponent: f64,
}

impl PowerLaw {
    /// Returns the loss at `x`, in nats a token.
    #[must_use]
    pub fn loss(self, x: f64) -> f64 {
        (self.scale / x).powf(self.exponent)
    }

    /// Returns the x at which the loss is reached.
    #[must_use]
    pub fn reach(self, loss: f64) -> f64 {
        self.scale / loss.powf(1.0 / self.exponent)
    }
}

/// Equation 1.1: loss against parameters, with data and training enough.
pub const PARAMETERS: PowerLaw = PowerLaw { scale: 8.8e13, exponent: 0.076 };

/// Equation 1.2: loss against tokens, for a large model stopped early.
pub const TOKENS: PowerLaw = PowerLaw { scale: 5.4e13, exponent: 0.095 };

/// Equation 1.3: loss against compute in PF-days, optimally used (C_min).
pub const COMPUTE: PowerLaw = PowerLaw { scale: 3.1e8, exponent: 0.050 };

/// Loss against compute in PF-days at the fixed batch of the paper's runs (section 3.3, the naive C).
pub const NAIVE_COMPUTE: PowerLaw = PowerLaw { scale: 1.6e7, exponent: 0.057 };

/// Exponent α_B of the critical batch size (equation 5.3).
pub const BATCH_EXPONENT: f64 = 0.21;

/// Scale B* of the critical batch size, in tokens (equation 5.3).
pub const BATCH_SCALE: f64 = 2e8;

/// Exponent α_S of the steps law (equation 5.6, table 3).
pub const STEP_EXPONENT: f64 = 0.76;

/// Scale S_c of the steps law, in steps (equation 5.6, table 3).
pub const STEP_SCALE: f64 = 2.1e3;

/// Returns the loss of N parameters trained on D tokens until it no longer falls (equation 1.5; constants of table 2).
#[must_use]
pub fn loss_of_size_and_data(parameters: f64, tokens: f64) -> f64 {
    let (alpha_n, alpha_d): (f64, f64) = (0.076, 0.103);
    let (n_c, d_c) = (6.4e13, 1.8e13);
    ((n_c / parameters).powf(alpha_n / alpha_d) + d_c / tokens).powf(alpha_d)
}

/// Returns the loss of N parameters after S_min steps at a batch far above critical (equation 1.6; constants of table 3).
#[must_use]
pub fn loss_of_size_and_steps(parameters: f64, minimal_steps: f64) -> f64 {
    let (alpha_n, n_c): (f64, f64) = (0.077, 6.5e13);
    (n_c / parameters).powf(alpha_n) + (STEP_SCALE / minimal_steps).powf(STEP_EXPONENT)
}

/// Returns the critical batch size at a loss, in tokens (equations 1.4 and 5.3).
#[must_use]
pub fn critical_batch(loss: f64) -> f64 {
    BATCH_SCALE / loss.powf(1.0 / BATCH_EXPONENT)
}

/// Returns the steps that an ever larger batch would have needed (equation 5.4).
#[must_use]
pub fn minimal_steps(steps: f64, batch_tokens: f64, loss: f64) -> f64 {
    steps / (1.0 + critical_batch(loss) / batch_tokens)
}

/// Returns the compute that an ever smaller batch would have needed, in the unit of `compute` (equation 5.5).
#[must_use]
pub fn minimal_compute(compute: f64, batch_tokens: f64, loss: f64) -> f64 {
    compute / (1.0 + batch_tokens / critical_batch(loss))
}

/// Returns the examples needed, as a multiple of the fewest, when training takes `steps_ratio` times the fewest steps
/// (equation 5.1); `None` where the ratio is not above 1.
#[must_use]
pub fn examples_ratio(steps_ratio: f64) -> Option<f64> {
    (steps_ratio > 1.0).then(|| 1.0 + 1.0 / (steps_ratio - 1.0))
}

/// Returns the tokens below which a model of N parameters overfits noticeably (equation 4.4).
#[must_use]
pub fn tokens_against_overfitting(parameters: f64) -> f64 {
    5e3 * parameters.powf(0.74)
}

/// Returns the parameters of a Transformer without its embeddings, N ≈ 2·d_model·n_layer·(2·d_attn + d_ff) (equation 2.1).
#[must_use]
pub fn non_embedding_parameters(layers: f64, d_model: f64, d_attention: f64, d_feed_forward: f64) -> f64 {
    2.0 * d_model * layers * (2.0 * d_attention + d_feed_forward)
}

/// Returns the forward pass's operations a token, C ≈ 2N + 2·n_layer·n_ctx·d_model (equation 2.2).
#[must_use]
pub fn forward_flop_per_token(parameters: f64, layers: f64, context: f64, d_model: f64) -> f64 {
    2.0 * parameters + 2.0 * layers * context * d_model
}

/// How to spend a compute budget (appendix A, table 6).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allocation {
    /// Parameters without embeddings: 1.3e9 · C^0.73.
    pub parameters: f64,
    /// Batch, in tokens: 2.0e6 · C^0.24.
    pub batch_tokens: f64,
    /// Serial steps at least: 5.4e3 · C^0.03.
    pub steps: f64,
    /// Tokens: 2e10 · C^0.27.
    pub tokens: f64,
    /// Loss expected (equation 1.3).
    pub loss: f64,
}

/// Returns how to spend `flop` operations.
#[must_use]
pub fn allocate(flop: f64) -> Allocation {
    let pf_days = flop / FLOP_PER_PF_DAY;
    Allocation {
        parameters: 1.3e9 * pf_days.powf(0.73),
        batch_tokens: 2.0e6 * pf_days.powf(0.24),
        steps: 5.4e3 * pf_days.powf(0.03),
        tokens: 2e10 * pf_days.powf(0.27),
        loss: COMPUTE.loss(pf_days),
    }
}

/// Returns the exponent of loss against optimally used compute that the other three imply (equation 1.8).
#[must_use]
pub fn compute_exponent() -> f64 {
    1.0 / (1.0 / STEP_EXPONENT + 1.0 / BATCH_EXPONENT + 1.0 / 0.077)
}

/// Returns the learning rate the paper found best for a size (appendix D.6, equation D.1).
#[must_use]
pub fn learning_rate(parameters: f64) -> f64 {
    0.003_239 - 0.000_139_5 * parameters.ln()
}

#[cfg(test)]
mod tests {
    use super::{
        COMPUTE, PARAMETERS, TOKENS, allocate, compute_exponent, critical_batch, examples_ratio, loss_of_size_and_data,
        minimal_compute, minimal_steps, non_embedding_parameters, tokens_against_overfitting,
    };

    fn close(found: f64, expected: f64, relative: f64) {
        assert!((found / expected - 1.0).abs() < relative, "{found} is not {expected} within {relative}");
    }

    #[test]
    fn ten_times_more_of_each_lowers_the_loss_as_the_paper_says() {
        close(PARAMETERS.loss(1e9) / PARAMETERS.loss(1e10), 10f64.powf(0.076), 1e-12);
        close(TOKENS.loss(1e9) / TOKENS.loss(1e10), 10f64.powf(0.095), 1e-12);
        close(COMPUTE.reach(COMPUTE.loss(3.0)), 3.0, 1e-9);
    }

    #[test]
    fn the_joint_law_ends_in_its_two_limits() {
        close(loss_of_size_and_data(1e8, 1e30), (6.4e13f64 / 1e8).powf(0.076), 1e-9);
        close(loss_of_size_and_data(1e30, 1e9), (1.8e13f64 / 1e9).powf(0.103), 1e-6);
    }

    #[test]
    fn batch_laws_agree_with_each_other() {
        let (loss, batch, steps) = (2.5, 1e6, 1e5);
        let examples = minimal_compute(steps * batch, batch, loss);
        close(critical_batch(loss), examples / minimal_steps(steps, batch, loss), 1e-12);
        assert_eq!(examples_ratio(2.0), Some(2.0));
        assert_eq!(examples_ratio(1.0), None);
    }

    #[test]
    fn the_compute_exponent_follows_from_the_other_three() {
        // The derived exponent and the one measured along the frontier (equation 1.3) agree within a twentieth.
        close(compute_exponent(), COMPUTE.exponent, 0.05);
    }

    #[test]
    fn sizes_and_budgets_have_the_papers_values() {
        close(non_embedding_parameters(48.0, 1600.0, 1600.0, 6400.0), 12.0 * 48.0 * 1600.0 * 1600.0, 1e-12);
        close(tokens_against_overfitting(1e9), 2.286e10, 0.01);
        let one = allocate(crate::FLOP_PER_PF_DAY);
        close(one.parameters, 1.3e9, 1e-12);
        close(allocate(10.0 * crate::FLOP_PER_PF_DAY).parameters / one.parameters, 10f64.powf(0.73), 1e-12);
    }
}
