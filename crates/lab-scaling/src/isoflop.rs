//! Chinchilla's approach 2: for each budget a parabola of loss over log N; its lowest point is the best size (section 3.2).

use crate::power::{PowerFit, fit as fit_power};
use crate::runs::{Error, Run, require};
use crate::statistics::parabola_vertex;

/// The best size at one budget.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Valley {
    /// C, the geometric mean of the group, in floating-point operations.
    pub flop: f64,
    /// The best N.
    pub parameters: f64,
    /// The tokens that go with it, C/(6N).
    pub tokens: f64,
    /// The loss at the bottom.
    pub loss: f64,
    /// How many runs drew the parabola.
    pub runs: usize,
}

/// Valleys and the frontier through them.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct IsoFlopFit {
    /// One a budget, from small to large.
    pub valleys: Vec<Valley>,
    /// N_opt ∝ C^a.
    pub size: PowerFit,
    /// D_opt ∝ C^b.
    pub data: PowerFit,
}

/// Groups runs whose budgets lie within `tolerance` (as a factor, for example 1.25) of the group's first, and fits.
///
/// # Errors
/// [`Error::TooFew`] with fewer than two budgets that have a valley (three different sizes at least, lowest in between).
pub fn fit(runs: &[Run], tolerance: f64, repetitions: usize, seed: u64) -> Result<IsoFlopFit, Error> {
    let valleys: Vec<Valley> = budgets(runs, tolerance).iter().filter_map(|group| valley(group)).collect();
    require("an IsoFLOP frontier (budgets with a valley)", 2, valleys.len())?;
    let sizes: Vec<(f64, f64)> = valleys.iter().map(|valley| (valley.flop, valley.parameters)).collect();
    let tokens: Vec<(f64, f64)> = valleys.iter().map(|valley| (valley.flop, valley.tokens)).collect();
    Ok(IsoFlopFit {
        size: fit_power(&sizes, repetitions, seed)?,
        data: fit_power(&tokens, repetitions, seed)?,
        valleys,
    })
}

fn budgets(runs: &[Run], tolerance: f64) -> Vec<Vec<Run>> {
    let mut sorted = runs.to_vec();
    sorted.sort_by(|left, right| left.flop.total_cmp(&right.flop));
    let mut groups: Vec<Vec<Run>> = Vec::new();
    for run in sorted {
        match groups.last_mut() {
            Some(group) if run.flop <= group[0].flop * tolerance => group.push(run),
            _ => groups.push(vec![run]),
        }
    }
    groups
}

fn valley(group: &[Run]) -> Option<Valley> {
    let points: Vec<(f64, f64)> = group.iter().map(|run| (run.parameters.ln(), run.loss)).collect();
    let (log_size, loss, _) = parabola_vertex(&points)?;
    let mean_log_flop = group.iter().map(|run| run.flop.ln()).sum::<f64>() / group.len() as f64;
    let (smallest, largest) =
        points.iter().fold((f64::MAX, f64::MIN), |(low, high), point| (low.min(point.0), high.max(point.0)));
    // A bottom outside the sizes that were tried is a guess, not a measurement.
    let (flop, parameters) = (mean_log_flop.exp(), log_size.exp());
    (smallest..=largest).contains(&log_size).then(|| Valley {
        flop,
        parameters,
        tokens: flop / (6.0 * parameters),
        loss,
        runs: group.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::fit;
    use crate::chinchilla::ParametricLaw;
    use crate::runs::Run;

    #[test]
    fn valleys_of_a_known_law_lie_on_its_frontier() {
        let law = ParametricLaw::CORRECTED;
        let mut runs = Vec::new();
        for power in 18..23 {
            let flop = 6.0 * 10f64.powi(power);
            let best = law.optimum(flop).parameters;
            for factor in [0.5, 0.7, 1.0, 1.4, 2.0] {
                let (parameters, tokens) = (best * factor, flop / (6.0 * best * factor));
                runs.push(Run { parameters, tokens, flop, loss: law.loss(parameters, tokens) });
            }
        }
        let found = fit(&runs, 1.1, 50, 3).unwrap();
        assert_eq!(found.valleys.len(), 5);
        assert!((found.size.exponent - law.size_share()).abs() < 0.002, "{found:?}");
        assert!((found.size.exponent + found.data.exponent - 1.0).abs() < 1e-9);
    }

    #[test]
    fn one_budget_makes_no_frontier() {
        let runs = [1.0, 2.0, 3.0].map(|size| Run {
            parameters: size,
            tokens: 1.0 / size,
            flop: 6.0,
            loss: (size - 2.0f64).powi(2) + 1.0,
        });
        assert_eq!(
            fit(&runs, 1.1, 0, 1).unwrap_err().to_string(),
            "1 runs are too few: an IsoFLOP frontier (budgets with a valley) needs 2"
        );
    }
}
