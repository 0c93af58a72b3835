//! Chinchilla's approach 3: `L(N, D) = E + A/N^α + B/D^β` fitted by Huber loss on log L (section 3.3, equation 3; appendix D.3).
//!
//! The unknowns are a = ln A, b = ln B, e = ln E, α and β, so that ln L is a log-sum-exp of three lines. The objective is the
//! *sum* over the runs: with the mean, L-BFGS stops early, which is how the published values came about (Besiroglu et al., 2024).

use crate::chinchilla::ParametricLaw;
use crate::lbfgs::{Minimum, minimise};
use crate::runs::{Error, Run, require};
use crate::statistics::{Interval, interval, resample};

/// Where the Huber loss turns from quadratic to linear, in ln L (the paper's δ).
const DELTA: f64 = 1e-3;

/// Steps each start may take before only the best go on.
const SCOUT_STEPS: usize = 40;

/// How many starts go on to the end.
const FINALISTS: usize = 24;

/// Steps to the end.
const FINAL_STEPS: usize = 2_000;

/// The fit and how sure it is.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ParametricFit {
    /// The law.
    pub law: ParametricLaw,
    /// a = β/(α+β).
    pub size_share: f64,
    /// The sum of Huber losses at the fit.
    pub objective: f64,
    /// How many runs were used.
    pub runs: usize,
    /// 95 % bootstrap intervals; `None` when no repetition was asked for.
    pub intervals: Option<Intervals>,
}

/// 95 % bootstrap intervals of the law's parts.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Intervals {
    /// Of E.
    pub irreducible: Interval,
    /// Of A.
    pub size_factor: Interval,
    /// Of α.
    pub size_exponent: Interval,
    /// Of B.
    pub data_factor: Interval,
    /// Of β.
    pub data_exponent: Interval,
    /// Of a = β/(α+β).
    pub size_share: Interval,
}

/// Fits the law from the paper's grid of 4,500 starts on `threads` threads; `repetitions` bootstrap samples, drawn from
/// `seed`, give the intervals. Takes seconds for hundreds of runs.
///
/// # Errors
/// [`Error::TooFew`] with fewer than six runs: five unknowns and something to be wrong about.
pub fn fit(runs: &[Run], threads: usize, repetitions: usize, seed: u64) -> Result<ParametricFit, Error> {
    require("the parametric law", 6, runs.len())?;
    let points: Vec<Point> = runs.iter().map(Point::from).collect();
    let scouts = in_parallel(&starts(), threads, |start| minimise(|at| objective(at, &points), *start, SCOUT_STEPS));
    let mut order: Vec<Minimum<5>> = scouts.into_iter().filter(|found| found.value.is_finite()).collect();
    order.sort_by(|left, right| left.value.total_cmp(&right.value));
    let finalists: Vec<[f64; 5]> = order.iter().take(FINALISTS).map(|found| found.at).collect();
    let ends = in_parallel(&finalists, threads, |start| minimise(|at| objective(at, &points), *start, FINAL_STEPS));
    let best = ends.into_iter().min_by(|left, right| left.value.total_cmp(&right.value));
    let best = best.ok_or(Error::TooFew { what: "the parametric law", needed: 6, found: 0 })?;
    let law = law_of(&best.at);
    Ok(ParametricFit {
        law,
        size_share: law.size_share(),
        objective: best.value,
        runs: runs.len(),
        intervals: bootstrap(&points, &best.at, threads, repetitions, seed),
    })
}

/// ln N, ln D, ln L of a run.
#[derive(Clone, Copy)]
struct Point {
    log_size: f64,
    log_tokens: f64,
    log_loss: f64,
}

impl From<&Run> for Point {
    fn from(run: &Run) -> Self {
        Self { log_size: run.parameters.ln(), log_tokens: run.tokens.ln(), log_loss: run.loss.ln() }
    }
}

/// Appendix D.3's grid: a, b ∈ {0, 5, …, 25}, e ∈ {−1, −½, …, 1}, α, β ∈ {0, ½, …, 2}.
fn starts() -> Vec<[f64; 5]> {
    let fives = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0];
    let (signed, halves) = ([-1.0, -0.5, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.5, 2.0]);
    let mut grid = Vec::with_capacity(4_500);
    for a in fives {
        for b in fives {
            for e in signed {
                grid.extend(halves.iter().flat_map(|&alpha| halves.map(|beta| [a, b, e, alpha, beta])));
            }
        }
    }
    grid
}

/// The sum of Huber losses of ln L̂ − ln L, and its gradient by (a, b, e, α, β).
fn objective(unknowns: &[f64; 5], points: &[Point]) -> (f64, [f64; 5]) {
    let [a, b, e, alpha, beta] = *unknowns;
    let (mut sum, mut gradient) = (0.0, [0.0; 5]);
    for point in points {
        let terms = [a - alpha * point.log_size, b - beta * point.log_tokens, e];
        let largest = terms[0].max(terms[1]).max(terms[2]);
        let shares = terms.map(|term| (term - largest).exp());
        let total: f64 = shares.iter().sum();
        let residual = largest + total.ln() - point.log_loss;
        let slope = residual.clamp(-DELTA, DELTA);
        sum += if residual.abs() <= DELTA { 0.5 * residual * residual } else { DELTA * (residual.abs() - 0.5 * DELTA) };
        let [by_a, by_b, by_e] = shares.map(|share| slope * share / total);
        gradient[0] += by_a;
        gradient[1] += by_b;
        gradient[2] += by_e;
        gradient[3] -= by_a * point.log_size;
        gradient[4] -= by_b * point.log_tokens;
    }
    // In units of δ the objective is of the order of the residuals, which is where the search's tolerances fit.
    (sum / DELTA, gradient.map(|slope| slope / DELTA))
}

fn law_of(unknowns: &[f64; 5]) -> ParametricLaw {
    let [a, b, e, alpha, beta] = *unknowns;
    ParametricLaw {
        irreducible: e.exp(),
        size_factor: a.exp(),
        size_exponent: alpha,
        data_factor: b.exp(),
        data_exponent: beta,
    }
}

fn bootstrap(points: &[Point], best: &[f64; 5], threads: usize, repetitions: usize, seed: u64) -> Option<Intervals> {
    let seeds: Vec<u64> = (0..repetitions as u64).map(|repetition| seed.wrapping_add(repetition)).collect();
    let laws = in_parallel(&seeds, threads, |seed| {
        let sample = resample(points, &mut fastrand::Rng::with_seed(*seed));
        law_of(&minimise(|at| objective(at, &sample), *best, FINAL_STEPS).at)
    });
    let of = |part: fn(&ParametricLaw) -> f64| interval(laws.iter().map(part));
    Some(Intervals {
        irreducible: of(|law| law.irreducible)?,
        size_factor: of(|law| law.size_factor)?,
        size_exponent: of(|law| law.size_exponent)?,
        data_factor: of(|law| law.data_factor)?,
        data_exponent: of(|law| law.data_exponent)?,
        size_share: of(ParametricLaw::size_share)?,
    })
}

/// Maps items on a number of threads, keeping their order, so that results do not depend on the number.
fn in_parallel<T: Sync, R: Send>(items: &[T], threads: usize, map: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let share = items.len().div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            items.chunks(share).map(|chunk| scope.spawn(|| chunk.iter().map(&map).collect::<Vec<R>>())).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{Point, fit, objective};
    use crate::chinchilla::ParametricLaw;
    use crate::runs::Run;

    fn runs_of(law: &ParametricLaw, noise: f64) -> Vec<Run> {
        let mut random = fastrand::Rng::with_seed(5);
        let mut runs = Vec::new();
        for size in 0..12 {
            for ratio in [3.0, 10.0, 30.0, 100.0] {
                let parameters = 5e7 * 1.6f64.powi(size);
                let tokens = ratio * parameters;
                let loss = law.loss(parameters, tokens) * (noise * (random.f64() - 0.5)).exp();
                runs.push(Run { parameters, tokens, flop: crate::training_flop(parameters, tokens), loss });
            }
        }
        runs
    }

    #[test]
    fn the_gradient_is_that_of_the_objective() {
        let points: Vec<Point> = runs_of(&ParametricLaw::PUBLISHED, 0.01).iter().map(Point::from).collect();
        let at = [5.5, 7.0, 0.5, 0.33, 0.36];
        let (_, gradient) = objective(&at, &points);
        for (unknown, slope) in gradient.into_iter().enumerate() {
            let moved = |by: f64| {
                let mut next = at;
                next[unknown] += by;
                objective(&next, &points).0
            };
            let numeric = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((numeric - slope).abs() <= 1e-3 * slope.abs().max(1.0), "unknown {unknown}: {numeric} {slope}");
        }
    }

    #[test]
    fn a_law_is_found_again_from_its_points() {
        let law = ParametricLaw::CORRECTED;
        let found = fit(&runs_of(&law, 0.0), 2, 0, 1).unwrap();
        assert!((found.law.size_exponent - law.size_exponent).abs() < 2e-3, "{found:?}");
        assert!((found.law.data_exponent - law.data_exponent).abs() < 2e-3, "{found:?}");
        assert!((found.law.irreducible - law.irreducible).abs() < 2e-3, "{found:?}");
    }

    #[test]
    fn intervals_hold_the_fit_and_do_not_depend_on_the_threads() {
        let runs = runs_of(&ParametricLaw::CORRECTED, 0.01);
        let (one, two) = (fit(&runs, 1, 20, 9).unwrap(), fit(&runs, 2, 20, 9).unwrap());
        assert_eq!(one, two);
        let held = one.intervals.unwrap().size_share;
        assert!(held.low < held.high && (held.low - 0.02..held.high + 0.02).contains(&one.size_share), "{one:?}");
    }

    #[test]
    fn five_runs_do_not_fix_five_unknowns() {
        assert!(fit(&runs_of(&ParametricLaw::PUBLISHED, 0.0)[..5], 1, 0, 1).is_err());
    }
}
