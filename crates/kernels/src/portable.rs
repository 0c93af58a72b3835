//! The products in plain Rust: what the vector kernels are tested against, and what other processors run.

use crate::activations::{Part, Quantized};
use crate::layout::{CHUNK, Expanded, GROUP, Layout, PANEL};

/// One panel of a product: `out[row]` receives 8 outputs for each row of activations.
///
/// `whole`: the activations have one scale per 256, applied after the chunk's sum.
pub(crate) fn panel(layout: Layout, panel: &[u8], cols: usize, activations: &Quantized, out: &mut [[f32; PANEL]]) {
    let mut expanded = Expanded::new();
    out.fill([0.0; PANEL]);
    let rows = out.len();
    for (chunk, bytes) in panel.chunks(layout.chunk_bytes(CHUNK / GROUP)).enumerate() {
        let groups = (cols - chunk * CHUNK).min(CHUNK) / GROUP;
        expanded.fill(layout, bytes, groups);
        for (sums, part) in out.iter_mut().zip(&activations.parts[chunk * rows..]) {
            multiply(layout, &expanded, groups, part, sums);
        }
    }
}

fn multiply(layout: Layout, expanded: &Expanded, groups: usize, part: &Part, sums: &mut [f32; PANEL]) {
    let whole = matches!(layout.family, crate::layout::Family::Stepped | crate::layout::Family::Fine);
    let mut totals = [0f32; PANEL];
    for half in 0..2 * groups {
        let vectors = &expanded.quants[half / 2][half % 2 * 4..][..4];
        let dots = dot(vectors, &part.values[half * 16..][..16]);
        let scale = if whole { 1.0 } else { part.scales[half / 2] };
        for lane in 0..PANEL {
            totals[lane] += expanded.scale[half][lane] * (dots[lane] as f32 * scale)
                + expanded.shift[half][lane] * part.half_sums[half];
        }
    }
    let scale = if whole { part.scales[0] } else { 1.0 };
    for (sum, total) in sums.iter_mut().zip(totals) {
        *sum += total * scale;
    }
}

/// Dot products of eight rows by 16 columns.
fn dot(vectors: &[[u8; 32]], values: &[i8]) -> [i32; PANEL] {
    let mut dots = [0; PANEL];
    for (vector, values) in vectors.iter().zip(values.chunks_exact(4)) {
        for (lane, quants) in vector.chunks_exact(4).enumerate() {
            for (quant, value) in quants.iter().zip(values) {
                dots[lane] += i32::from(*quant) * i32::from(*value);
            }
        }
    }
    dots
}

/// Dot product of two float slices of the same length.
pub(crate) fn dot_floats(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    for (left, right) in left.iter().zip(right) {
        for lane in 0..8 {
            lanes[lane] += left[lane] * right[lane];
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
    lanes.into_iter().sum::<f32>() + rest
}
