//! The few statistics the fits share: a straight line, a parabola, percentiles, resampling.

/// Fits `y = intercept + slope·x` by least squares; `None` with fewer than two different x.
pub(crate) fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|point| point.0).sum::<f64>() / count;
    let mean_y = points.iter().map(|point| point.1).sum::<f64>() / count;
    let spread: f64 = points.iter().map(|point| (point.0 - mean_x).powi(2)).sum();
    let joint: f64 = points.iter().map(|point| (point.0 - mean_x) * (point.1 - mean_y)).sum();
    let slope = joint / spread;
    (points.len() >= 2 && spread > 0.0).then_some((mean_y - slope * mean_x, slope))
}

/// Fits `y = a + b·x + c·x²` by least squares around the mean of x; returns (x of the vertex, y there, c).
/// `None` with fewer than three different x or when the parabola opens downwards.
pub(crate) fn parabola_vertex(points: &[(f64, f64)]) -> Option<(f64, f64, f64)> {
    let count = points.len() as f64;
    let mean = points.iter().map(|point| point.0).sum::<f64>() / count;
    let moment = |power: i32| points.iter().map(|point| (point.0 - mean).powi(power)).sum::<f64>();
    let joint = |power: i32| points.iter().map(|point| (point.0 - mean).powi(power) * point.1).sum::<f64>();
    let rows = [
        [count, moment(1), moment(2), joint(0)],
        [moment(1), moment(2), moment(3), joint(1)],
        [moment(2), moment(3), moment(4), joint(2)],
    ];
    let [a, b, c] = solve(rows)?;
    (c > 0.0).then(|| (mean - b / (2.0 * c), a - b * b / (4.0 * c), c))
}

/// Solves three linear equations by elimination with pivoting; `None` when they are dependent.
fn solve(mut rows: [[f64; 4]; 3]) -> Option<[f64; 3]> {
    let size = rows.iter().flatten().fold(0.0f64, |largest, value| largest.max(value.abs()));
    for column in 0..3 {
        let pivot =
            (column..3).max_by(|&left, &right| rows[left][column].abs().total_cmp(&rows[right][column].abs()))?;
        rows.swap(column, pivot);
        if rows[column][column].abs() <= 1e-12 * size {
            return None;
        }
        for row in column + 1..3 {
            let (above, below) = rows.split_at_mut(row);
            let factor = below[0][column] / above[column][column];
            for (entry, subtracted) in below[0].iter_mut().zip(&above[column]) {
                *entry -= factor * subtracted;
            }
        }
    }
    let z = rows[2][3] / rows[2][2];
    let y = (rows[1][3] - rows[1][2] * z) / rows[1][1];
    let x = (rows[0][3] - rows[0][1] * y - rows[0][2] * z) / rows[0][0];
    Some([x, y, z])
}

/// A value with the interval that holds 95 % of its bootstrap repetitions.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Interval {
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

/// Returns the 95 % interval of repeated values; `None` without any finite one.
pub(crate) fn interval(values: impl IntoIterator<Item = f64>) -> Option<Interval> {
    let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    Some(Interval { low: percentile(&sorted, 0.025)?, high: percentile(&sorted, 0.975)? })
}

fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * (sorted.len().checked_sub(1)?) as f64;
    let (below, above) = (sorted.get(floor_index(place))?, sorted.get(floor_index(place.ceil()))?);
    Some(below + (above - below) * place.fract())
}

#[expect(clippy::cast_possible_truncation, reason = "the value is a non-negative index into a slice in memory")]
#[expect(clippy::cast_sign_loss, reason = "the value is a non-negative index into a slice in memory")]
fn floor_index(place: f64) -> usize {
    place as usize
}

/// Draws as many items as there are, with repetition.
pub(crate) fn resample<T: Copy>(items: &[T], random: &mut fastrand::Rng) -> Vec<T> {
    items.iter().map(|_| items[random.usize(..items.len())]).collect()
}

#[cfg(test)]
mod tests {
    use super::{interval, line, parabola_vertex};

    #[test]
    fn exact_points_give_exact_curves() {
        assert_eq!(line(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), Some((1.0, 2.0)));
        assert_eq!(line(&[(1.0, 1.0), (1.0, 2.0)]), None);
        let points: Vec<(f64, f64)> = [1.0, 2.0, 4.0, 5.0].map(|x| (x, 2.0 + 3.0 * (x - 3.5f64).powi(2))).to_vec();
        let (x, y, c) = parabola_vertex(&points).unwrap();
        assert!((x - 3.5).abs() < 1e-9 && (y - 2.0).abs() < 1e-9 && (c - 3.0).abs() < 1e-9);
        assert_eq!(parabola_vertex(&points.iter().map(|point| (point.0, -point.1)).collect::<Vec<_>>()), None);
        assert_eq!(parabola_vertex(&[(1.0, 1.0), (2.0, 2.0), (2.0, 3.0)]), None);
    }

    #[test]
    fn intervals_cut_both_tails() {
        let found = interval((0..=1000).map(f64::from)).unwrap();
        assert!((found.low - 25.0).abs() < 1e-9 && (found.high - 975.0).abs() < 1e-9);
        assert_eq!(interval([f64::NAN]), None);
    }
}
