//! The general matrix product in f32, for training: out = α·A·B, replaced or added.
//!
//! The scheme is the usual one of blocks for the caches (Goto and van de Geijn, "Anatomy of High-Performance Matrix
//! Multiplication", 2008): a block of B and a block of A are copied into panels in the order the innermost loop reads them, then
//! tiles of out stay in registers over a whole block. Transposed operands cost nothing extra: only the copying sees strides.
//! One call runs on one thread; training splits the batch instead.

mod micro;
mod pack;

use crate::cpu::Cpu;
use crate::error::{Error, check_length};
use micro::{Kernel, TILE};
use pack::{pack_columns, pack_rows};

/// Columns of A (rows of B) in a block: a panel of B of this depth stays in the first-level cache.
const DEPTH: usize = 256;

/// Rows of A in a block: with [`DEPTH`] it fills about half of a second-level cache of 512 KB.
const ROWS: usize = 192;

/// Columns of B in a block.
const COLUMNS: usize = 2_048;

/// A matrix that lies in a slice, with any strides.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// Looks at `rows` × `columns` values, `row_stride` apart from row to row and `column_stride` from column to column.
    ///
    /// # Errors
    /// The slice is too short for the shape.
    pub fn new(
        values: &'a [f32],
        (rows, columns): (usize, usize),
        (row_stride, column_stride): (usize, usize),
    ) -> Result<Self, Error> {
        let last =
            rows.saturating_sub(1).checked_mul(row_stride).zip(columns.saturating_sub(1).checked_mul(column_stride));
        let needed = last.and_then(|(down, right)| down.checked_add(right)?.checked_add(1)).unwrap_or(usize::MAX);
        if rows > 0 && columns > 0 && values.len() < needed {
            check_length("matrix", values.len(), needed)?;
        }
        Ok(Self { values, rows, columns, row_stride, column_stride })
    }

    /// Looks at a matrix whose rows follow each other.
    ///
    /// # Errors
    /// The slice is too short for the shape.
    pub fn rows_of(values: &'a [f32], rows: usize, columns: usize) -> Result<Self, Error> {
        Self::new(values, (rows, columns), (columns, 1))
    }

    /// Returns the transposed matrix; nothing is copied.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// What happens to the values that are already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// They are replaced.
    Replaced,
    /// The product is added to them.
    Kept,
}

/// Buffers and kernels of one thread; makes no allocation once it has seen the largest block.
#[derive(Debug)]
pub struct Sgemm {
    kernel: Kernel,
    left: Vec<f32>,
    right: Vec<f32>,
}

impl Default for Sgemm {
    fn default() -> Self {
        Self { kernel: Kernel::best(), left: Vec::new(), right: Vec::new() }
    }
}

impl Sgemm {
    /// Uses the given kernels instead of the fastest ones (to compare them).
    ///
    /// # Errors
    /// The processor lacks what the kernels need.
    pub fn with_cpu(cpu: Cpu) -> Result<Self, Error> {
        if !cpu.available() {
            return Err(Error::MissingInstructions(cpu));
        }
        Ok(Self { kernel: Kernel::of(cpu), left: Vec::new(), right: Vec::new() })
    }

    /// Computes `out = factor · a · b`, or adds it, where row i of `out` starts at `i · out_stride`.
    ///
    /// # Errors
    /// The inner sizes differ, `out_stride` is shorter than a row, or `out` is too short.
    pub fn product(
        &mut self,
        factor: f32,
        (a, b): (View<'_>, View<'_>),
        existing: Existing,
        (out, out_stride): (&mut [f32], usize),
    ) -> Result<(), Error> {
        check_length("rows of the right matrix", b.rows, a.columns)?;
        if a.rows == 0 || b.columns == 0 {
            return Ok(());
        }
        let needed = (a.rows - 1).saturating_mul(out_stride).saturating_add(b.columns);
        if out_stride < b.columns || out.len() < needed {
            check_length("out", out.len(), needed)?;
            check_length("out stride", out_stride, b.columns)?;
        }
        if existing == Existing::Replaced {
            for row in out.chunks_mut(out_stride).take(a.rows) {
                row[..b.columns].fill(0.0);
            }
        }
        for column in (0..b.columns).step_by(COLUMNS) {
            let width = COLUMNS.min(b.columns - column);
            for deep in (0..a.columns).step_by(DEPTH) {
                let depth = DEPTH.min(a.columns - deep);
                pack_columns(&b, (deep, depth), (column, width), self.kernel.columns, &mut self.right);
                for row in (0..a.rows).step_by(ROWS) {
                    let height = ROWS.min(a.rows - row);
                    pack_rows(&a, (row, height), (deep, depth), (self.kernel.rows, factor), &mut self.left);
                    self.block(depth, (height, width), &mut out[row * out_stride + column..], out_stride);
                }
            }
        }
        Ok(())
    }

    /// Adds the product of the packed blocks to the rectangle of `out` that starts at its first value.
    fn block(&self, depth: usize, (height, width): (usize, usize), out: &mut [f32], stride: usize) {
        let (tall, wide) = (self.kernel.rows, self.kernel.columns);
        let mut tile = [0.0f32; TILE];
        for (place, right) in self.right.chunks_exact(depth * wide).take(width.div_ceil(wide)).enumerate() {
            let column = place * wide;
            let columns = wide.min(width - column);
            for (place, left) in self.left.chunks_exact(depth * tall).take(height.div_ceil(tall)).enumerate() {
                let row = place * tall;
                self.kernel.run(depth, left, right, &mut tile);
                for (line, values) in tile.chunks_exact(wide).take(tall.min(height - row)).enumerate() {
                    let from = (row + line) * stride + column;
                    for (sum, value) in out[from..from + columns].iter_mut().zip(values) {
                        *sum += value;
                    }
                }
            }
        }
    }
}
