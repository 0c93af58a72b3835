//! A power law through points: a straight line in log–log, with bootstrap intervals; the form of every Kaplan law.

use crate::runs::{Error, require};
use crate::statistics::{Interval, interval, line, resample};

/// `y = factor · x^exponent` through points.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct PowerFit {
    /// The factor.
    pub factor: f64,
    /// The exponent; negative for a loss that falls.
    pub exponent: f64,
    /// The exponent's 95 % bootstrap interval; `None` with too few points to resample.
    pub exponent_interval: Option<Interval>,
    /// Root mean square of the residuals of ln y.
    pub residual: f64,
}

impl PowerFit {
    /// Returns y at x.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        self.factor * x.powf(self.exponent)
    }

    /// Returns Kaplan's form of a falling law, `(scale / x)^α`, as (scale, α).
    #[must_use]
    pub fn kaplan_form(&self) -> (f64, f64) {
        (self.factor.powf(-1.0 / self.exponent), -self.exponent)
    }
}

/// Fits a power law; `repetitions` bootstrap samples give the interval, drawn from `seed`.
///
/// # Errors
/// [`Error::TooFew`] with fewer than two points of different, positive x.
pub fn fit(points: &[(f64, f64)], repetitions: usize, seed: u64) -> Result<PowerFit, Error> {
    require("a power law", 2, points.len())?;
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let too_few = Error::TooFew { what: "a power law over different x", needed: 2, found: 1 };
    let (intercept, slope) = line(&logs).ok_or(too_few)?;
    let squares: f64 = logs.iter().map(|(x, y)| (y - intercept - slope * x).powi(2)).sum();
    let mut random = fastrand::Rng::with_seed(seed);
    let slopes = (0..repetitions).filter_map(|_| line(&resample(&logs, &mut random)).map(|(_, slope)| slope));
    Ok(PowerFit {
        factor: intercept.exp(),
        exponent: slope,
        exponent_interval: if points.len() > 2 { interval(slopes) } else { None },
        residual: (squares / logs.len() as f64).sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn a_law_is_found_again() {
        let points: Vec<(f64, f64)> =
            (1..20).map(|step| (10f64.powi(step), (8.8e13 / 10f64.powi(step)).powf(0.076))).collect();
        let found = fit(&points, 100, 1).unwrap();
        let (scale, alpha) = found.kaplan_form();
        assert!((alpha - 0.076).abs() < 1e-9 && (scale / 8.8e13 - 1.0).abs() < 1e-6, "{found:?}");
        assert!((found.at(1e9) - points[8].1).abs() < 1e-9);
        let held = found.exponent_interval.unwrap();
        assert!(held.low <= found.exponent + 1e-9 && found.exponent - 1e-9 <= held.high);
    }

    #[test]
    fn points_at_one_place_make_no_law() {
        assert!(fit(&[(1.0, 1.0), (1.0, 2.0)], 0, 1).is_err());
        assert!(fit(&[(1.0, 1.0)], 0, 1).is_err());
    }
}
