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
use pack::{Span, pack_columns, pack_rows};

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
        for columns in spans(b.columns, COLUMNS) {
            for depth in spans(a.columns, DEPTH) {
                pack_columns(&b, depth, columns, self.kernel.columns, &mut self.right);
                self.strip(factor, (&a, depth), columns, (&mut *out, out_stride));
            }
        }
        Ok(())
    }

    /// Adds what the packed block of B and the columns `depth` of A give.
    fn strip(&mut self, factor: f32, (a, depth): (&View<'_>, Span), columns: Span, (out, stride): (&mut [f32], usize)) {
        for rows in spans(a.rows, ROWS) {
            pack_rows(a, rows, depth, (self.kernel.rows, factor), &mut self.left);
            let corner = rows.from * stride + columns.from;
            self.block(depth.count, (rows.count, columns.count), &mut out[corner..], stride);
        }
    }

    /// Adds the product of the packed blocks to the rectangle of `out` that starts at its first value.
    fn block(&self, depth: usize, (height, width): (usize, usize), out: &mut [f32], stride: usize) {
        let (tall, wide) = (self.kernel.rows, self.kernel.columns);
        let mut tile = [0.0f32; TILE];
        for (across, right) in self.right.chunks_exact(depth * wide).take(width.div_ceil(wide)).enumerate() {
            for (down, left) in self.left.chunks_exact(depth * tall).take(height.div_ceil(tall)).enumerate() {
                self.kernel.run(depth, left, right, &mut tile);
                let (row, column) = (down * tall, across * wide);
                let corner = &mut out[row * stride + column..];
                add_tile(
                    tile.chunks_exact(wide).take(tall.min(height - row)),
                    wide.min(width - column),
                    corner,
                    stride,
                );
            }
        }
    }
}

/// Adds the first `width` values of each row of a tile to the rows of `out`.
fn add_tile<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize, out: &mut [f32], stride: usize) {
    for (sums, values) in out.chunks_mut(stride).zip(rows) {
        sums[..width].iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
}

/// Cuts `0..total` into pieces of at most `size`.
fn spans(total: usize, size: usize) -> impl Iterator<Item = Span> {
    (0..total).step_by(size).map(move |from| Span { from, count: size.min(total - from) })
}
