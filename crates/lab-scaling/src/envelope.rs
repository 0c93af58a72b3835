//! Chinchilla's approach 1: the lower envelope of all training curves (section 3.1).
//!
//! Each point of a curve is a run of its own (N, tokens so far, loss so far); at each compute the run with the lowest loss
//! says which size was best there.

use crate::power::{PowerFit, fit as fit_power};
use crate::runs::{Error, Run, require};

/// The envelope and the frontier through it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct EnvelopeFit {
    /// (C, N, D, loss) of the best run in each interval of compute.
    pub best: Vec<(f64, f64, f64, f64)>,
    /// N_opt ∝ C^a.
    pub size: PowerFit,
    /// D_opt ∝ C^b.
    pub data: PowerFit,
    /// Loss against compute along the envelope.
    pub loss: PowerFit,
}

/// Cuts the range of log C into `intervals` and keeps the lowest loss of each; runs above the envelope so far are left out.
///
/// # Errors
/// [`Error::TooFew`] when the envelope has fewer than three points.
pub fn fit(runs: &[Run], intervals: usize, repetitions: usize, seed: u64) -> Result<EnvelopeFit, Error> {
    let mut sorted = runs.to_vec();
    sorted.sort_by(|left, right| left.flop.total_cmp(&right.flop));
    require("an envelope", 3, sorted.len())?;
    let (low, high) = (sorted[0].flop.ln(), sorted[sorted.len() - 1].flop.ln());
    let width = ((high - low) / intervals.max(1) as f64).max(f64::MIN_POSITIVE);
    let mut best: Vec<Run> = Vec::new();
    let mut edge = low + width;
    let mut lowest: Option<Run> = None;
    for run in &sorted {
        while run.flop.ln() > edge {
            best.extend(lowest.take());
            edge += width;
        }
        if lowest.is_none_or(|found| run.loss < found.loss) {
            lowest = Some(*run);
        }
    }
    best.extend(lowest);
    let mut floor = f64::MAX;
    best.retain(|run| {
        let below = run.loss < floor;
        floor = floor.min(run.loss);
        below
    });
    require("an envelope", 3, best.len())?;
    let points = |of: fn(&Run) -> f64| best.iter().map(|run| (run.flop, of(run))).collect::<Vec<_>>();
    Ok(EnvelopeFit {
        size: fit_power(&points(|run| run.parameters), repetitions, seed)?,
        data: fit_power(&points(|run| run.tokens), repetitions, seed)?,
        loss: fit_power(&points(|run| run.loss), repetitions, seed)?,
        best: best.iter().map(|run| (run.flop, run.parameters, run.tokens, run.loss)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::fit;
    use crate::chinchilla::ParametricLaw;
    use crate::runs::Run;

    #[test]
    fn the_envelope_of_a_known_laws_curves_follows_its_frontier() {
        let law = ParametricLaw::CORRECTED;
        let mut curves = Vec::new();
        for size_step in 0..40 {
            let parameters = 1e7 * 1.25f64.powi(size_step);
            for token_step in 0..80 {
                let tokens = 1e7 * 1.15f64.powi(token_step);
                let flop = crate::training_flop(parameters, tokens);
                curves.push(Run { parameters, tokens, flop, loss: law.loss(parameters, tokens) });
            }
        }
        curves.retain(|run| (1e17..1e20).contains(&run.flop));
        let found = fit(&curves, 60, 20, 1).unwrap();
        assert!((found.size.exponent - law.size_share()).abs() < 0.03, "{:?}", found.size);
        assert!(found.loss.exponent < 0.0);
    }
}
