//! The products in plain Rust: what the vector kernels are tested against, and what other processors run.

use crate::activations::{Part, Quantized};
use std::ops::Range;

use crate::float;
use crate::half::{decode_f16, encode_f16};
use crate::inner::{Inner, ROWS, Softmax, Tile};
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

/// The loops over floats.
pub(crate) const INNER: Inner = Inner {
    decode,
    encode,
    dots,
    soften,
    gather,
    rms_norm: float::norm_row,
    silu_mul: float::silu_rows,
    gelu_mul: float::gelu_rows,
    softmax: float::softmax_row,
};

fn soften(scores: &mut Tile, states: &mut [Softmax; ROWS]) -> [f32; ROWS] {
    float::soften(scores, states, |scores| scores.each_ref().map(|row| float::sum(row)))
}

fn decode(bits: &[u16], out: &mut [f32]) {
    for (value, bits) in out.iter_mut().zip(bits) {
        *value = decode_f16(*bits);
    }
}

fn encode(values: &[f32], out: &mut [u16]) {
    for (bits, value) in out.iter_mut().zip(values) {
        *bits = encode_f16(*value);
    }
}

fn dots(left: &[f32], right: &[f32], dim: usize, out: &mut Tile) {
    for (left, out) in left.chunks_exact(dim).zip(out) {
        for (right, out) in right.chunks_exact(dim).zip(out) {
            *out = float::dot(left, right);
        }
    }
}

fn gather(weights: &Tile, factors: &[f32; ROWS], values: &[f32], out: &mut [f32]) {
    let dim = out.len() / ROWS;
    for ((out, weights), factor) in out.chunks_exact_mut(dim).zip(weights).zip(factors) {
        out.iter_mut().for_each(|out| *out *= factor);
        for (value, weight) in values.chunks_exact(dim).zip(weights) {
            for (out, value) in out.iter_mut().zip(value) {
                *out += weight * value;
            }
        }
    }
}
