//! The loops over floats that are compiled once per family of instructions.

use crate::{Cpu, portable};

/// Right-hand rows of a tile of dot products; positions of a block in attention.
pub(crate) const BLOCK: usize = 32;
/// Left-hand rows of a tile of dot products.
pub(crate) const ROWS: usize = 4;

/// A tile of dot products, or weights.
pub(crate) type Tile = [[f32; BLOCK]; ROWS];

/// Running maximum and sum of a row's softmax.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Softmax {
    pub(crate) largest: f32,
    pub(crate) total: f32,
}

/// One family's loops.
///
/// # Safety
/// Each may only be called on a processor with the family's instructions and with the lengths it says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inner {
    /// Half-precision bits to floats; equally long.
    pub(crate) decode: unsafe fn(&[u16], &mut [f32]),
    /// Floats to half-precision bits; equally long.
    pub(crate) encode: unsafe fn(&[f32], &mut [u16]),
    /// Dot products of each of [`ROWS`] left rows with each of at most [`BLOCK`] right ones, `dim` long each.
    pub(crate) dots: unsafe fn(left: &[f32], right: &[f32], dim: usize, out: &mut Tile),
    /// Turns scores into weights relative to their row's maximum, and returns what each row's earlier sums have
    /// to be multiplied by.
    pub(crate) soften: unsafe fn(scores: &mut Tile, states: &mut [Softmax; ROWS]) -> [f32; ROWS],
    /// out = out · factor + weights · values, with [`ROWS`] rows in `out` and [`BLOCK`] in `values`.
    pub(crate) gather: unsafe fn(weights: &Tile, factors: &[f32; ROWS], values: &[f32], out: &mut [f32]),
    /// [`crate::rms_norm`]; equally long.
    pub(crate) rms_norm: unsafe fn(row: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]),
    /// [`crate::silu_mul`]; equally long.
    pub(crate) silu_mul: unsafe fn(gate: &mut [f32], up: &[f32]),
    /// [`crate::gelu_mul`]; equally long.
    pub(crate) gelu_mul: unsafe fn(gate: &mut [f32], up: &[f32]),
    /// [`crate::softmax`].
    pub(crate) softmax: unsafe fn(values: &mut [f32]),
}

impl Inner {
    /// The loops for this family; calling them needs a processor that has it.
    pub(crate) fn of(cpu: Cpu) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(inner) = crate::x86::inner(cpu) {
            return inner;
        }
        portable::INNER
    }

    /// The loops for this processor.
    pub(crate) fn detected() -> Self {
        Self::of(Cpu::detect())
    }
}
