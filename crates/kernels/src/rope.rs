//! Rotary position embedding (Su et al. 2021, §3.2).

use crate::error::{Error, check_length};

/// Which two dimensions are rotated together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RopePairing {
    /// i and i + n/2 (GPT-NeoX; Qwen, Gemma).
    HalfSplit,
    /// 2i and 2i + 1 (Llama as stored in GGUF).
    Adjacent,
}

/// Rotates every head of one token in place.
///
/// `heads` is `[head][dim]`; `frequencies[i]` is the angle of pair i in radians per position (scaling rules
/// and per-dimension factors included). Dimensions beyond `2 · frequencies.len()` stay as they are.
///
/// # Errors
/// `dim` is zero or smaller than `2 · frequencies.len()`, or `heads` is not whole heads.
pub fn rope(
    heads: &mut [f32],
    dim: usize,
    position: usize,
    frequencies: &[f32],
    pairing: RopePairing,
) -> Result<(), Error> {
    let pairs = frequencies.len();
    if dim == 0 || dim < 2 * pairs {
        return Err(Error::Mismatch { what: "rotated dimensions and head dimensions", left: 2 * pairs, right: dim });
    }
    check_length("heads", heads.len(), heads.len() / dim * dim)?;
    let position = position as f32;
    for (pair, frequency) in frequencies.iter().enumerate() {
        let (sin, cos) = (position * frequency).sin_cos();
        let (first, second) = match pairing {
            RopePairing::HalfSplit => (pair, pair + pairs),
            RopePairing::Adjacent => (2 * pair, 2 * pair + 1),
        };
        for head in heads.chunks_exact_mut(dim) {
            let (x, y) = (head[first], head[second]);
            head[first] = x * cos - y * sin;
            head[second] = x * sin + y * cos;
        }
    }
    Ok(())
}
