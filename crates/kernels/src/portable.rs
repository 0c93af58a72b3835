//! The products in plain Rust: what the vector kernels are tested against, and what other processors run.

use crate::activations::{Part, Quantized};
use std::ops::Range;

use crate::layout::{CHUNK, Expanded, Family, GROUP, Layout, PANEL};
use crate::pool::Shared;

/// What is multiplied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product<'a> {
    /// The packed matrix: whole panels.
    pub(crate) matrix: &'a [u8],
    /// Its rows.
    pub(crate) outputs: usize,
    /// Its columns.
    pub(crate) cols: usize,
    /// As many columns of activations, in the form the matrix needs.
    pub(crate) activations: &'a Quantized,
    /// Rows of activations.
    pub(crate) rows: usize,
}

/// Computes the outputs of these panels; nobody else may compute them into the same output.
pub(crate) fn product(layout: Layout, product: &Product<'_>, out: &Shared<'_, f32>, panels: Range<usize>) {
    let Product { matrix, outputs, cols, activations, rows } = *product;
    let size = layout.panel_bytes(cols);
    let mut expanded = Expanded::new();
    let mut sums = vec![[0.0; PANEL]; rows];
    for panel in panels {
        sums.fill([0.0; PANEL]);
        for (chunk, bytes) in matrix[panel * size..][..size].chunks(layout.chunk_bytes(CHUNK / GROUP)).enumerate() {
            let groups = (cols - chunk * CHUNK).min(CHUNK) / GROUP;
            expanded.fill(layout, bytes, groups);
            for (sums, part) in sums.iter_mut().zip(&activations.parts[chunk * rows..]) {
                multiply(layout, &expanded, groups, part, sums);
            }
        }
        let width = PANEL.min(outputs - panel * PANEL);
        for (row, sums) in sums.iter().enumerate() {
            // SAFETY: each panel has its own columns of the output and is computed once.
            #[expect(unsafe_code, reason = "panels write disjoint parts of one output")]
            let out = unsafe { out.slice_mut(row * outputs + panel * PANEL, width) };
            out.copy_from_slice(&sums[..width]);
        }
    }
}

fn multiply(layout: Layout, expanded: &Expanded, groups: usize, part: &Part, sums: &mut [f32; PANEL]) {
    let whole = matches!(layout.family, Family::Stepped | Family::Fine);
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
