//! Limited-memory BFGS for a handful of unknowns (Nocedal and Wright, "Numerical Optimization", algorithms 7.4 and 7.5).

use std::collections::VecDeque;

/// How many past steps shape the next direction.
const MEMORY: usize = 10;

/// Where the search ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Minimum<const N: usize> {
    /// The unknowns.
    pub(crate) at: [f64; N],
    /// The value there.
    pub(crate) value: f64,
}

/// Minimises `function`, which returns its value and gradient, from `start`; stops when the value no longer falls by more
/// than a 1e-12th, when the gradient vanishes, or after `steps`.
pub(crate) fn minimise<const N: usize>(
    function: impl Fn(&[f64; N]) -> (f64, [f64; N]),
    start: [f64; N],
    steps: usize,
) -> Minimum<N> {
    let mut at = start;
    let (mut value, mut gradient) = function(&at);
    let mut past: VecDeque<([f64; N], [f64; N])> = VecDeque::with_capacity(MEMORY);
    for _ in 0..steps {
        if dot(&gradient, &gradient) < 1e-20 {
            break;
        }
        let mut direction = two_loops(&gradient, &past);
        if dot(&direction, &gradient) >= 0.0 {
            past.clear();
            direction = gradient.map(|slope| -slope);
        }
        let Some((next, next_value, next_gradient)) = line_search(&function, &at, value, &gradient, &direction) else {
            // A direction that leads nowhere with memory is tried once more without.
            if past.is_empty() {
                break;
            }
            past.clear();
            continue;
        };
        let moved = subtract(&next, &at);
        let turned = subtract(&next_gradient, &gradient);
        if dot(&moved, &turned) > 1e-14 * dot(&turned, &turned) {
            if past.len() == MEMORY {
                past.pop_front();
            }
            past.push_back((moved, turned));
        }
        let gained = value - next_value;
        (at, value, gradient) = (next, next_value, next_gradient);
        if gained <= 1e-12 * value.abs().max(1e-12) {
            break;
        }
    }
    Minimum { at, value }
}

/// Backtracks from a full step until the value falls enough (Armijo's condition).
fn line_search<const N: usize>(
    function: &impl Fn(&[f64; N]) -> (f64, [f64; N]),
    at: &[f64; N],
    value: f64,
    gradient: &[f64; N],
    direction: &[f64; N],
) -> Option<([f64; N], f64, [f64; N])> {
    let slope = dot(gradient, direction);
    // The first step has no curvature to go by: one unit of length at most.
    let mut step = 1.0f64.min(1.0 / dot(direction, direction).sqrt().max(1.0)).max(1e-3);
    if dot(direction, direction) < 100.0 {
        step = 1.0;
    }
    for _ in 0..60 {
        let mut next = *at;
        for (coordinate, change) in next.iter_mut().zip(direction) {
            *coordinate += step * change;
        }
        let (next_value, next_gradient) = function(&next);
        if next_value.is_finite() && next_value <= value + 1e-4 * step * slope {
            return Some((next, next_value, next_gradient));
        }
        step *= 0.5;
    }
    None
}

fn two_loops<const N: usize>(gradient: &[f64; N], past: &VecDeque<([f64; N], [f64; N])>) -> [f64; N] {
    let mut direction = gradient.map(|slope| -slope);
    let mut weights = Vec::with_capacity(past.len());
    for (moved, turned) in past.iter().rev() {
        let weight = dot(moved, &direction) / dot(moved, turned);
        add(&mut direction, turned, -weight);
        weights.push(weight);
    }
    if let Some((moved, turned)) = past.back() {
        let scale = dot(moved, turned) / dot(turned, turned);
        direction = direction.map(|change| change * scale);
    }
    for ((moved, turned), weight) in past.iter().zip(weights.into_iter().rev()) {
        let back = dot(turned, &direction) / dot(moved, turned);
        add(&mut direction, moved, weight - back);
    }
    direction
}

fn dot<const N: usize>(left: &[f64; N], right: &[f64; N]) -> f64 {
    left.iter().zip(right).map(|(one, other)| one * other).sum()
}

fn add<const N: usize>(target: &mut [f64; N], other: &[f64; N], factor: f64) {
    for (value, change) in target.iter_mut().zip(other) {
        *value += factor * change;
    }
}

fn subtract<const N: usize>(left: &[f64; N], right: &[f64; N]) -> [f64; N] {
    let mut difference = *left;
    add(&mut difference, right, -1.0);
    difference
}

#[cfg(test)]
mod tests {
    use super::minimise;

    #[test]
    fn the_valley_of_rosenbrock_is_followed_to_its_end() {
        let found = minimise(
            |[x, y]: &[f64; 2]| {
                let (a, b) = (1.0 - x, y - x * x);
                (a * a + 100.0 * b * b, [-2.0 * a - 400.0 * x * b, 200.0 * b])
            },
            [-1.2, 1.0],
            500,
        );
        assert!(found.value < 1e-10, "{found:?}");
        assert!((found.at[0] - 1.0).abs() < 1e-4);
    }
}
