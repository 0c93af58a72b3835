//! The scaling laws of language models: what loss to expect from a size, a corpus and a budget; plain numbers, no tensors.
//!
//! This crate knows nothing of models, training or files beyond a table of runs. In reading order:
//!
//! - [`kaplan`]: "Scaling Laws for Neural Language Models" (2020), its laws and its allocation
//! - [`chinchilla`]: "Training Compute-Optimal Large Language Models" (2022), its parametric law, its correction, its tables
//! - [`attnres`]: the fitted curves of "Attention Residuals" (2026)
//! - [`runs`]: a table of training runs, read from CSV
//! - [`parametric`]: the Chinchilla fit, Huber loss by L-BFGS from a grid of starts, with bootstrap intervals
//! - [`isoflop`] and [`envelope`]: the other two Chinchilla approaches
//! - [`power`]: a power law through points, the form of every Kaplan law
//! - [`plan`]: what a budget buys, what a target costs, how undertrained a model is
//! - [`plot`]: the picture of a fit as SVG
//!
//! Units: N in parameters, D in tokens, C in floating-point operations (Kaplan's own formulas: PF-days), losses in nats a token.
//!
//! ```
//! use hearth_lab_scaling::chinchilla::ParametricLaw;
//!
//! let optimum = ParametricLaw::CORRECTED.optimum(5.76e23);
//! assert!((18.0..25.0).contains(&(optimum.tokens / optimum.parameters)));
//! ```

pub mod attnres;
pub mod chinchilla;
pub mod envelope;
pub mod isoflop;
pub mod kaplan;
pub mod parametric;
pub mod plan;
pub mod plot;
pub mod power;
pub mod runs;

mod lbfgs;
mod statistics;

/// Floating-point operations of one PF-day: 10^15 a second for a day (Kaplan et al., section 1.3).
pub const FLOP_PER_PF_DAY: f64 = 1e15 * 86_400.0;

/// Returns the training compute C ≈ 6·N·D in floating-point operations (Kaplan section 2.1, Chinchilla section 3.3).
#[must_use]
pub fn training_flop(parameters: f64, tokens: f64) -> f64 {
    6.0 * parameters * tokens
}
