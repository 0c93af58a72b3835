//! Causal attention of grouped query heads over a half-precision cache.

use crate::error::{Error, check_length, product};
use crate::float::exp;
use crate::half::decode_f16;
use crate::pool::Shared;
use crate::{Pool, portable};

/// Sizes and rules of an attention layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionShape {
    /// Query heads; a multiple of `kv_heads`.
    pub heads: usize,
    /// Key and value heads; query head h reads head `h / (heads / kv_heads)`.
    pub kv_heads: usize,
    /// Values in a head.
    pub dim: usize,
    /// Factor of the scores, usually 1 / √dim.
    pub scale: f32,
    /// How many positions a query sees, its own included; `None`: all before it.
    pub window: Option<usize>,
}

/// The cache of one layer and conversation: half-precision bits, `[position][kv_head][dim]`, from position 0
/// up to at least the last query's own.
#[derive(Debug, Clone, Copy)]
pub struct KeyValues<'a> {
    /// Keys (rotated already).
    pub keys: &'a [u16],
    /// Values.
    pub values: &'a [u16],
}

/// Attends for consecutive queries: `queries` and `out` are `[t][head][dim]`, query t stands at position
/// `first + t` and sees the positions up to its own.
///
/// # Errors
/// The head counts don't divide, a size is zero, or a slice is too short for the positions.
pub fn attention(
    pool: &Pool,
    shape: &AttentionShape,
    cache: KeyValues<'_>,
    (queries, first): (&[f32], usize),
    out: &mut [f32],
) -> Result<(), Error> {
    let count = check(shape, cache, queries, first)?;
    check_length("out", out.len(), queries.len())?;
    let (heads, dim) = (shape.heads, shape.dim);
    let shared = Shared::new(out);
    pool.for_each(count * heads, 1, |range| {
        for index in range {
            let (t, head) = (index / heads, index % heads);
            let at = index * dim;
            // SAFETY: each index has its own part of the output and is handed out once.
            #[expect(unsafe_code, reason = "heads write disjoint parts of one output")]
            let out = unsafe { shared.slice_mut(at, dim) };
            let end = first + t + 1;
            let start = end - shape.window.map_or(end, |window| window.clamp(1, end));
            one_query(shape, cache, (&queries[at..at + dim], head), (start, end), out);
        }
    });
    Ok(())
}

/// Checks every length; returns the number of queries.
fn check(shape: &AttentionShape, cache: KeyValues<'_>, queries: &[f32], first: usize) -> Result<usize, Error> {
    for (what, size) in [("heads", shape.heads), ("key heads", shape.kv_heads), ("head dimension", shape.dim)] {
        if size == 0 {
            return Err(Error::OutOfRange { what, size });
        }
    }
    if !shape.heads.is_multiple_of(shape.kv_heads) {
        return Err(Error::Mismatch { what: "query heads and key heads", left: shape.heads, right: shape.kv_heads });
    }
    let width = product("query", shape.heads, shape.dim)?;
    let count = queries.len() / width;
    check_length("queries", queries.len(), count * width)?;
    let positions = first.checked_add(count).ok_or(Error::OutOfRange { what: "position", size: first })?;
    let needed = product("cache", positions, product("cache", shape.kv_heads, shape.dim)?)?;
    for (what, found) in [("keys", cache.keys.len()), ("values", cache.values.len())] {
        if found < needed {
            return Err(Error::Length { what, expected: needed, found });
        }
    }
    Ok(count)
}

fn one_query(
    shape: &AttentionShape,
    cache: KeyValues<'_>,
    (query, head): (&[f32], usize),
    (start, end): (usize, usize),
    out: &mut [f32],
) {
    let stride = shape.kv_heads * shape.dim;
    let from = head / (shape.heads / shape.kv_heads) * shape.dim;
    let mut row = vec![0.0; shape.dim];
    let load = |bits: &[u16], row: &mut [f32]| {
        for (value, bits) in row.iter_mut().zip(bits) {
            *value = decode_f16(*bits);
        }
    };
    let (mut largest, mut total) = (f32::NEG_INFINITY, 0.0);
    out.fill(0.0);
    for position in start..end {
        let at = position * stride + from;
        load(&cache.keys[at..at + shape.dim], &mut row);
        let score = portable::dot_floats(query, &row) * shape.scale;
        if score > largest {
            let factor = exp(largest - score);
            out.iter_mut().for_each(|value| *value *= factor);
            total *= factor;
            largest = score;
        }
        let weight = exp(score - largest);
        total += weight;
        load(&cache.values[at..at + shape.dim], &mut row);
        for (value, row) in out.iter_mut().zip(&row) {
            *value += weight * row;
        }
    }
    let factor = if total > 0.0 { 1.0 / total } else { 0.0 };
    out.iter_mut().for_each(|value| *value *= factor);
}
