//! The fitted curves of "Attention Residuals", 2026 (arXiv 2603.15031): loss against compute for three kinds of residual.

/// A curve `L = A·C^−α`, C in PF-days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    /// Whose curve.
    pub name: &'static str,
    /// A, in nats a token.
    pub factor: f64,
    /// α.
    pub exponent: f64,
}

/// The paper's three fits: ordinary residuals, block and full attention over depth.
pub const CURVES: [Curve; 3] = [
    Curve { name: "baseline", factor: 1.891, exponent: 0.057 },
    Curve { name: "block", factor: 1.870, exponent: 0.058 },
    Curve { name: "full", factor: 1.865, exponent: 0.057 },
];

impl Curve {
    /// Returns the loss at a compute, in PF-days.
    #[must_use]
    pub fn loss(&self, pf_days: f64) -> f64 {
        self.factor * pf_days.powf(-self.exponent)
    }

    /// Returns the compute that reaches a loss, in PF-days.
    #[must_use]
    pub fn compute(&self, loss: f64) -> f64 {
        (self.factor / loss).powf(1.0 / self.exponent)
    }

    /// Returns how many times more compute `other` needs for what this curve reaches at `pf_days`.
    #[must_use]
    pub fn advantage_over(&self, other: &Self, pf_days: f64) -> f64 {
        other.compute(self.loss(pf_days)) / pf_days
    }
}

#[cfg(test)]
mod tests {
    use super::CURVES;

    #[test]
    fn block_saves_a_fifth_of_the_compute_as_the_report_says() {
        let [baseline, block, _] = CURVES;
        assert!((baseline.loss(5.6) - 1.714).abs() < 1e-3);
        assert!((block.loss(5.6) - 1.692).abs() < 1e-3);
        assert!((block.advantage_over(&baseline, 5.6) - 1.25).abs() < 0.02);
    }
}
