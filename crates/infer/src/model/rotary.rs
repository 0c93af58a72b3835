//! Rotary frequencies: one angle per position and pair of dimensions (Su et al. 2021, §3.2.2).

use super::config::Rotary;

/// θᵢ = base^(−2i/n) / factor, divided once more by the file's own factor for that pair where it has them (Llama 3.1).
pub(super) fn frequencies(rotary: Rotary, rotated: usize, divisors: Option<&[f32]>) -> Vec<f32> {
    (0..rotated / 2)
        .map(|pair| {
            let exponent = -2.0 * pair as f32 / rotated as f32;
            let divisor = divisors.and_then(|divisors| divisors.get(pair)).copied().unwrap_or(1.0);
            rotary.base.powf(exponent) / rotary.factor / divisor
        })
        .collect()
}
