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

/// Appends what [`rope`] needs to know of `position`: sine and cosine of each pair's angle.
///
/// `frequencies[i]` is the angle of pair i in radians per position (scaling rules and per-dimension factors included).
/// All layers turn alike, so a batch needs this once and not once a layer.
pub fn turns(position: usize, frequencies: &[f32], out: &mut Vec<[f32; 2]>) {
    let position = position as f32;
    out.extend(frequencies.iter().map(|frequency| <[f32; 2]>::from((position * frequency).sin_cos())));
}

/// Rotates every head of one token in place.
///
/// `heads` is `[head][dim]`; `turns` is what [`turns`] gave for the token's position. Dimensions beyond
/// `2 · turns.len()` stay as they are.
///
/// # Errors
/// `dim` is zero or smaller than `2 · turns.len()`, or `heads` is not whole heads.
pub fn rope(heads: &mut [f32], dim: usize, turns: &[[f32; 2]], pairing: RopePairing) -> Result<(), Error> {
    let pairs = turns.len();
    if dim == 0 || dim < 2 * pairs {
        return Err(Error::Mismatch { what: "rotated dimensions and head dimensions", left: 2 * pairs, right: dim });
    }
    check_length("heads", heads.len(), heads.len() / dim * dim)?;
    for head in heads.chunks_exact_mut(dim) {
        for (pair, [sin, cos]) in turns.iter().enumerate() {
            let (first, second) = match pairing {
                RopePairing::HalfSplit => (pair, pair + pairs),
                RopePairing::Adjacent => (2 * pair, 2 * pair + 1),
            };
            let (x, y) = (head[first], head[second]);
            head[first] = x * cos - y * sin;
            head[second] = x * sin + y * cos;
        }
    }
    Ok(())
}
