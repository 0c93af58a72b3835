//! The product with a matrix of floats: small ones, so simple rather than fast.

use std::ops::Range;

use crate::half::decode_bf16;
use crate::inner::{BLOCK, Inner, ROWS};
use crate::matrix::Data;
use crate::pool::Shared;
use crate::{Matrix, Pool, QuantType};

/// What is multiplied, [`BLOCK`] outputs at a time.
pub(crate) struct FloatProduct<'a> {
    pub(crate) matrix: &'a Matrix,
    /// Rows of activations, as long as the matrix's.
    pub(crate) values: &'a [f32],
    /// The loops of the pool's processor.
    pub(crate) inner: Inner,
}

#[expect(unsafe_code, reason = "loops chosen for the processor, and disjoint parts of one output")]
impl FloatProduct<'_> {
    /// Computes every output; `out` is as long as they are.
    pub(crate) fn run(&self, pool: &Pool, out: &mut [f32]) {
        let (outputs, cols) = (self.matrix.rows(), self.matrix.cols());
        let out = Shared::new(out);
        pool.for_each(outputs.div_ceil(BLOCK), 1, |blocks| {
            let mut weights = vec![0.0; BLOCK * cols];
            let mut left = vec![0.0; ROWS * cols];
            for block in blocks {
                let span = block * BLOCK..outputs.min((block + 1) * BLOCK);
                let weights = &mut weights[..span.len() * cols];
                self.load(span.start * cols..span.end * cols, weights);
                self.block(weights, &mut left, (&out, span));
            }
        });
    }

    /// The outputs `span` of every row.
    fn block(&self, weights: &[f32], left: &mut [f32], (out, span): (&Shared<'_, f32>, Range<usize>)) {
        for (group, values) in self.values.chunks(left.len()).enumerate() {
            left[..values.len()].copy_from_slice(values);
            self.tile(left, weights, (group * ROWS, values.len() / self.matrix.cols()), (out, span.clone()));
        }
    }

    /// The outputs `span` of `count` rows from `first` on.
    fn tile(
        &self,
        left: &[f32],
        weights: &[f32],
        (first, count): (usize, usize),
        (out, span): (&Shared<'_, f32>, Range<usize>),
    ) {
        let mut tile = [[0.0; BLOCK]; ROWS];
        // SAFETY: the loops are those of the pool's processor; left holds ROWS rows.
        unsafe { (self.inner.dots)(left, weights, self.matrix.cols(), &mut tile) };
        for (row, tile) in tile.iter().enumerate().take(count) {
            // SAFETY: each span has its own columns of the output and is computed once.
            let out = unsafe { out.slice_mut((first + row) * self.matrix.rows() + span.start, span.len()) };
            out.copy_from_slice(&tile[..span.len()]);
        }
    }

    /// Decodes a range of the weights.
    fn load(&self, range: Range<usize>, out: &mut [f32]) {
        match &self.matrix.data {
            Data::Packed { .. } => {}
            Data::Single(weights) => out.copy_from_slice(&weights[range]),
            Data::Half(weights) if self.matrix.quant_type() == QuantType::BF16 => {
                for (value, bits) in out.iter_mut().zip(&weights[range]) {
                    *value = decode_bf16(*bits);
                }
            }
            Data::Half(weights) => {
                // SAFETY: the loops are those of the pool's processor; out is as long as the range.
                unsafe { (self.inner.decode)(&weights[range], out) };
            }
        }
    }
}
