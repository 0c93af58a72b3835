//! Scaled dot-product attention, softmax(Q·Kᵀ/√d)·V, over a batch, by tiles of queries.
//!
//! Only the logarithm of each row's sum is kept; the probabilities are computed again on the way back (Dao et al., 2022), and what a
//! mask hides is never computed. Equation 1 of "Attention Is All You Need"; grouped key and value heads as in Ainslie et al., 2023;
//! the band is GPT-3's locally banded pattern (Child et al., 2019).

use crate::error::{Error, same};
use crate::ops::Op;
use crate::tape::{Back, Forward, Tape, Var, product, room};
use hearth_kernels::elementwise::{exp_shifted, softmax_log_sum, softmax_slopes};
use hearth_kernels::{Existing, Sgemm, View};
use std::ops::Range;

const NAME: &str = "attention";

/// Queries in a tile: its scores stay in the second-level cache for sequences of a few thousand.
const TILE: usize = 64;

/// Which keys a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// All of them.
    None,
    /// Its own position and those before it, where the last query stands at the last key.
    Causal,
    /// Its own position and the `width − 1` before it.
    Banded {
        /// At least 1.
        width: usize,
    },
}

/// How queries, keys and values are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    /// Sequences in the batch.
    pub batch: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub key_heads: usize,
    /// Which keys a query sees.
    pub mask: Mask,
}

#[derive(Debug)]
pub(crate) struct Recorded {
    layout: Attention,
    query: Var,
    key: Var,
    value: Var,
    /// How many keys of each sequence there are to be seen.
    lengths: Range<usize>,
}

impl Tape {
    /// Records attention: queries `[batch·Tq, heads·d]`, keys `[batch·Tk, key_heads·d]` and values `[batch·Tk, key_heads·dv]`, which
    /// may be slices of columns of one projection, to `[batch·Tq, heads·dv]`.
    ///
    /// # Errors
    /// [`Error::Size`] when heads or lengths do not divide the shapes.
    pub fn attention(&mut self, layout: Attention, query: Var, key: Var, value: Var) -> Result<Var, Error> {
        self.attention_within(layout, None, (query, key, value))
    }

    /// Records [`Self::attention`] over sequences of different lengths: no query sees a key at or beyond its sequence's length, which
    /// is padding.
    ///
    /// # Errors
    /// As [`Self::attention`]; [`Error::Index`] for a length that is 0 or beyond the keys.
    pub fn attention_within(
        &mut self,
        layout: Attention,
        lengths: Option<&[usize]>,
        (query, key, value): (Var, Var, Var),
    ) -> Result<Var, Error> {
        for input in [query, key, value] {
            self.check(NAME, input)?;
        }
        let mut recorded = Recorded { layout, query, key, value, lengths: 0..0 };
        recorded.check()?;
        let shape = recorded.shape();
        same(NAME, "lengths", lengths.map_or(layout.batch, <[usize]>::len), layout.batch)?;
        let all = (0..layout.batch).map(|sequence| lengths.map_or(shape.keys, |lengths| lengths[sequence]));
        if let Some(index) = all.clone().find(|length| (*length == 0 && shape.keys > 0) || *length > shape.keys) {
            return Err(Error::Index { operation: NAME, index, limit: shape.keys + 1 });
        }
        recorded.lengths = self.keep_indices(all);
        let lengths = recorded.lengths.clone();
        let saved = query.rows * layout.heads;
        let out = self.push((query.rows, layout.heads * shape.value_width), saved, |_, _| Op::Attention(recorded));
        let recorded = Recorded { layout, query, key, value, lengths };
        let indices = std::mem::take(&mut self.indices);
        let mut parts = self.parts(out);
        let outcome = recorded.tiles(&indices, |tile| recorded.forward(tile, &mut parts, out));
        self.indices = indices;
        outcome.map(|()| out)
    }
}

/// Sizes that follow from the layout.
#[derive(Clone, Copy)]
struct Shape {
    queries: usize,
    keys: usize,
    width: usize,
    value_width: usize,
    group: usize,
}

/// Some queries of one head of one sequence, and the keys any of them sees.
#[derive(Clone, Debug)]
struct Tile {
    sequence: usize,
    head: usize,
    queries: Range<usize>,
    keys: Range<usize>,
    /// Keys of the sequence that are no padding.
    length: usize,
}

impl Recorded {
    fn check(&self) -> Result<(), Error> {
        let Attention { batch, heads, key_heads, .. } = self.layout;
        let divides =
            |what, size: usize, by: usize| same(NAME, what, size % by.max(1), 0).and(same(NAME, what, by.min(1), 1));
        divides("query rows modulo the batch", self.query.rows, batch)?;
        divides("key rows modulo the batch", self.key.rows, batch)?;
        divides("query columns modulo the heads", self.query.columns, heads)?;
        divides("key columns modulo the key heads", self.key.columns, key_heads)?;
        divides("value columns modulo the key heads", self.value.columns, key_heads)?;
        divides("heads modulo the key heads", heads, key_heads)?;
        same(NAME, "rows of the values", self.value.rows, self.key.rows)?;
        same(NAME, "width of a key head", self.key.columns / key_heads, self.query.columns / heads)
    }

    fn shape(&self) -> Shape {
        let Attention { batch, heads, key_heads, .. } = self.layout;
        Shape {
            queries: self.query.rows / batch,
            keys: self.key.rows / batch,
            width: self.query.columns / heads,
            value_width: self.value.columns / key_heads,
            group: heads / key_heads,
        }
    }

    fn scale(&self) -> f32 {
        1.0 / (self.shape().width as f32).sqrt()
    }

    /// Calls `work` for every tile, in an order that does not depend on anything else.
    fn tiles(&self, indices: &[usize], mut work: impl FnMut(&Tile) -> Result<(), Error>) -> Result<(), Error> {
        let shape = self.shape();
        for place in 0..self.layout.batch * self.layout.heads {
            let (sequence, head) = (place / self.layout.heads, place % self.layout.heads);
            let length = indices[self.lengths.start + sequence];
            for first in (0..shape.queries).step_by(TILE) {
                let queries = first..(first + TILE).min(shape.queries);
                let keys = self.visible(queries.start, length).start..self.visible(queries.end - 1, length).end;
                work(&Tile { sequence, head, queries, keys, length })?;
            }
        }
        Ok(())
    }

    /// The keys that a query sees.
    fn visible(&self, query: usize, length: usize) -> Range<usize> {
        let shape = self.shape();
        let end = (query + shape.keys + 1).saturating_sub(shape.queries).min(shape.keys);
        match self.layout.mask {
            Mask::None => 0..length,
            Mask::Causal => 0..end.min(length),
            Mask::Banded { width } => end.saturating_sub(width.max(1)).min(length)..end.min(length),
        }
    }

    fn query_part(&self, tile: &Tile) -> Var {
        let shape = self.shape();
        part(self.query, tile.sequence * shape.queries, &tile.queries, (tile.head, shape.width))
    }

    fn key_part(&self, tile: &Tile) -> Var {
        let shape = self.shape();
        part(self.key, tile.sequence * shape.keys, &tile.keys, (tile.head / shape.group, shape.width))
    }

    fn value_part(&self, tile: &Tile) -> Var {
        let shape = self.shape();
        part(self.value, tile.sequence * shape.keys, &tile.keys, (tile.head / shape.group, shape.value_width))
    }

    fn out_part(&self, out: Var, tile: &Tile) -> Var {
        let shape = self.shape();
        part(out, tile.sequence * shape.queries, &tile.queries, (tile.head, shape.value_width))
    }

    /// Where a tile's saved row sums lie.
    fn saved(&self, tile: &Tile) -> Range<usize> {
        let queries = self.shape().queries;
        let start = (tile.sequence * self.layout.heads + tile.head) * queries;
        start + tile.queries.start..start + tile.queries.end
    }

    /// Fills `scores` with Q·Kᵀ/√d, and −∞ where the mask hides a key.
    fn scores(&self, tile: &Tile, values: &[f32], sgemm: &mut Sgemm, scores: &mut [f32]) -> Result<(), Error> {
        let wrong = |source| Error::Kernel { operation: NAME, source };
        let query = self.query_part(tile).view(NAME, values)?;
        let key = self.key_part(tile).view(NAME, values)?.transposed();
        let count = tile.keys.len();
        sgemm.product(self.scale(), (query, key), Existing::Replaced, (scores, count)).map_err(wrong)?;
        if self.layout.mask == Mask::None {
            return Ok(());
        }
        for (row, query) in scores.chunks_exact_mut(count.max(1)).zip(tile.queries.clone()) {
            let seen = self.visible(query, tile.length);
            row[..seen.start - tile.keys.start].fill(f32::NEG_INFINITY);
            row[seen.end - tile.keys.start..].fill(f32::NEG_INFINITY);
        }
        Ok(())
    }

    fn forward(&self, tile: &Tile, parts: &mut Forward<'_>, out: Var) -> Result<(), Error> {
        let count = tile.keys.len();
        let mut scratch = std::mem::take(parts.scratch);
        let scores = room(&mut scratch, tile.queries.len() * count);
        self.scores(tile, parts.before, parts.sgemm, scores)?;
        for (row, kept) in scores.chunks_exact_mut(count.max(1)).zip(&mut parts.saved[self.saved(tile)]) {
            let total = softmax_log_sum(row);
            // A row of padding may see nothing; its probabilities stay 0 on the way back.
            *kept = if total.is_finite() { total } else { 0.0 };
        }
        let wrong = |source| Error::Kernel { operation: NAME, source };
        let shares = View::rows_of(scores, tile.queries.len(), count).map_err(wrong)?;
        let value = self.value_part(tile).view(NAME, parts.before)?;
        let place = self.out_part(out, tile).range();
        let result = &mut parts.result[place.start - out.start..place.end - out.start];
        product(parts.sgemm, NAME, (shares, value), Existing::Replaced, (result, out.stride))?;
        *parts.scratch = scratch;
        Ok(())
    }

    pub(crate) fn backward(&self, back: &mut Back<'_>) -> Result<(), Error> {
        let indices = back.indices;
        self.tiles(indices, |tile| self.backward_tile(tile, back))
    }

    fn backward_tile(&self, tile: &Tile, back: &mut Back<'_>) -> Result<(), Error> {
        let wrong = |source| Error::Kernel { operation: NAME, source };
        let (rows, count) = (tile.queries.len(), tile.keys.len());
        let mut scratch = std::mem::take(back.scratch);
        let (shares, slopes) = room(&mut scratch, 2 * rows * count).split_at_mut(rows * count);
        self.scores(tile, back.values, back.sgemm, shares)?;
        let place = self.out_part(back.out, tile);
        let by_out = Var { start: place.start - back.out.start, ..place }.view(NAME, back.slope)?;
        // dP = dO·Vᵀ
        let value = self.value_part(tile);
        let turned = value.view(NAME, back.values)?.transposed();
        product(back.sgemm, NAME, (by_out, turned), Existing::Replaced, (&mut *slopes, count))?;
        // dS = P·(dP − Σ P·dP)/√d, for each row
        let scale = self.scale();
        let kept = &back.saved[self.saved(tile)];
        for ((shares, slopes), kept) in
            shares.chunks_exact_mut(count.max(1)).zip(slopes.chunks_exact_mut(count.max(1))).zip(kept)
        {
            exp_shifted(shares, *kept);
            softmax_slopes(shares, slopes, scale);
        }
        let shares = View::rows_of(shares, rows, count).map_err(wrong)?;
        let slopes = View::rows_of(slopes, rows, count).map_err(wrong)?;
        // dV += Pᵀ·dO, dQ += dS·K, dK += dSᵀ·Q
        let (query, key) = (self.query_part(tile), self.key_part(tile));
        let into = (&mut back.before[value.range()], value.stride);
        product(back.sgemm, NAME, (shares.transposed(), by_out), Existing::Kept, into)?;
        let into = (&mut back.before[query.range()], query.stride);
        product(back.sgemm, NAME, (slopes, key.view(NAME, back.values)?), Existing::Kept, into)?;
        let into = (&mut back.before[key.range()], key.stride);
        product(back.sgemm, NAME, (slopes.transposed(), query.view(NAME, back.values)?), Existing::Kept, into)?;
        *back.scratch = scratch;
        Ok(())
    }
}

/// The part of a matrix, one row a position and `width` columns a head, that belongs to some rows of a sequence and a head.
fn part(matrix: Var, first_row: usize, rows: &Range<usize>, (head, width): (usize, usize)) -> Var {
    let start = matrix.start + (first_row + rows.start) * matrix.stride + head * width;
    Var { start, rows: rows.len(), columns: width, ..matrix }
}

#[cfg(test)]
mod tests {
    use super::{Attention, Mask};
    use crate::ops::check::{as_input, check};
    use crate::{Init, Mode, Parameters, Tape};

    fn check_slopes(mask: Mask, key_heads: usize) {
        let mut parameters = Parameters::new(8);
        parameters.add("x", (6, 12), Init::Normal(0.7));
        check(&mut parameters, 6e-3, |tape, parameters| {
            let all = as_input(tape, parameters, "x");
            let query = all.slice_columns(0..4)?;
            let key = all.slice_columns(4..4 + 2 * key_heads)?;
            let value = all.slice_columns(8..8 + 2 * key_heads)?;
            tape.attention(Attention { batch: 2, heads: 2, key_heads, mask }, query, key, value)
        });
    }

    #[test]
    fn slopes_match_differences_for_every_mask_and_for_shared_key_heads() {
        for mask in [Mask::None, Mask::Causal, Mask::Banded { width: 2 }] {
            check_slopes(mask, 2);
            check_slopes(mask, 1);
        }
    }

    #[test]
    fn keys_beyond_a_sequences_length_change_nothing_and_get_no_slope() {
        let mut parameters = Parameters::new(8);
        parameters.add("x", (6, 6), Init::Normal(0.7));
        for mask in [Mask::None, Mask::Causal, Mask::Banded { width: 1 }] {
            let layout = Attention { batch: 2, heads: 1, key_heads: 1, mask };
            check(&mut parameters, 6e-3, |tape, parameters| {
                let all = as_input(tape, parameters, "x");
                let parts = (all.slice_columns(0..2)?, all.slice_columns(2..4)?, all.slice_columns(4..6)?);
                tape.attention_within(layout, Some(&[3, 2]), parts)
            });
        }
        let mut tape = Tape::default();
        tape.begin(Mode::Evaluate);
        let layout = Attention { batch: 1, heads: 1, key_heads: 1, mask: Mask::None };
        let (query, short) = (tape.input(&[1.0], (1, 1)).unwrap(), tape.input(&[2.0, 3.0], (2, 1)).unwrap());
        let long = tape.input(&[2.0, 3.0, 50.0], (3, 1)).unwrap();
        let alone = tape.attention(layout, query, short, short).unwrap();
        let padded = tape.attention_within(layout, Some(&[2]), (query, long, long)).unwrap();
        assert_eq!(tape.flat(alone).unwrap(), tape.flat(padded).unwrap());
    }

    /// Whether a query sees a key.
    type Sees = fn(usize, usize) -> bool;

    const TIME: usize = 150;
    const WIDTH: usize = 3;

    fn numbers(seed: u64) -> Vec<f32> {
        let mut random = crate::random::Random::new(seed, 0);
        (0..TIME * WIDTH).map(|_| random.normal()).collect()
    }

    /// softmax(Q·Kᵀ/√d)·V at row `i`, middle column, in f64.
    fn plain([q, k, v]: [&[f32]; 3], i: usize, sees: Sees) -> f64 {
        let at = |numbers: &[f32], row: usize, column: usize| f64::from(numbers[row * WIDTH + column]);
        let weights = (0..TIME).map(|j| {
            let dot: f64 = (0..WIDTH).map(|column| at(q, i, column) * at(k, j, column)).sum();
            if sees(i, j) { (dot / 3f64.sqrt()).exp() } else { 0.0 }
        });
        let weights: Vec<f64> = weights.collect();
        weights.iter().enumerate().map(|(j, weight)| weight * at(v, j, 1)).sum::<f64>() / weights.iter().sum::<f64>()
    }

    #[test]
    fn tiles_and_masks_agree_with_the_plain_formula() {
        let (q, k, v) = (numbers(1), numbers(2), numbers(3));
        let masks: [(Mask, Sees); 3] = [
            (Mask::None, |_, _| true),
            (Mask::Causal, |query, key| key <= query),
            (Mask::Banded { width: 5 }, |query, key| key <= query && key + 5 > query),
        ];
        for (mask, sees) in masks {
            let mut tape = Tape::default();
            tape.begin(Mode::Evaluate);
            let [query, key, value] = [&q, &k, &v].map(|numbers| tape.input(numbers, (TIME, WIDTH)).unwrap());
            let layout = Attention { batch: 1, heads: 1, key_heads: 1, mask };
            let out = tape.attention(layout, query, key, value).unwrap();
            for (i, row) in tape.flat(out).unwrap().chunks_exact(WIDTH).enumerate() {
                assert!((f64::from(row[1]) - plain([&q, &k, &v], i, sees)).abs() < 1e-5, "{mask:?} {i}");
            }
        }
    }
}
