//! The loops over floats, with explicit vectors where the compiler finds none by itself.

use std::arch::x86_64::{
    _MM_FROUND_TO_NEAREST_INT, _mm_loadu_si128, _mm_storeu_si128, _mm256_cvtph_ps, _mm256_cvtps_ph, _mm256_loadu_ps,
    _mm256_storeu_ps,
};

use super::vector::{Avx2, Avx512, Vector};
use crate::inner::{BLOCK, Inner, ROWS, Softmax, Tile};
use crate::layout::PANEL;
use crate::{Cpu, float, half};

/// The loops for these instructions; `None` if they are not of this family of processors.
pub(crate) fn inner(cpu: Cpu) -> Option<Inner> {
    match cpu {
        Cpu::Portable => None,
        Cpu::Avx2 | Cpu::AvxVnni => Some(narrow::INNER),
        Cpu::Avx512 => Some(wide::INNER),
    }
}

macro_rules! compile {
    ($module:ident, $features:literal, $vector:ident, $strip:literal) => {
        mod $module {
            use super::{Inner, ROWS, Softmax, Tile, decode, dots_with, encode, float, gather_with, row_sums, $vector};

            pub(super) const INNER: Inner =
                Inner { decode, encode, dots, soften, gather, rms_norm, silu_mul, gelu_mul, softmax };

            #[target_feature(enable = $features)]
            unsafe fn dots(left: &[f32], right: &[f32], dim: usize, out: &mut Tile) {
                // SAFETY: the instructions are enabled; lengths are the caller's promise.
                unsafe { dots_with::<$vector, $strip>(left, right, dim, out) }
            }

            #[target_feature(enable = $features)]
            unsafe fn gather(weights: &Tile, factors: &[f32; ROWS], values: &[f32], out: &mut [f32]) {
                // SAFETY: the instructions are enabled; lengths are the caller's promise.
                unsafe { gather_with::<$vector, $strip>(weights, factors, values, out) }
            }

            #[target_feature(enable = $features)]
            fn soften(scores: &mut Tile, states: &mut [Softmax; ROWS]) -> [f32; ROWS] {
                // SAFETY: the instructions are enabled.
                float::soften(scores, states, |scores| unsafe { row_sums::<$vector>(scores) })
            }

            #[target_feature(enable = $features)]
            fn rms_norm(row: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
                float::norm_row(row, weight, epsilon, out);
            }

            #[target_feature(enable = $features)]
            fn silu_mul(gate: &mut [f32], up: &[f32]) {
                float::silu_rows(gate, up);
            }

            #[target_feature(enable = $features)]
            fn gelu_mul(gate: &mut [f32], up: &[f32]) {
                float::gelu_rows(gate, up);
            }

            #[target_feature(enable = $features)]
            fn softmax(values: &mut [f32]) {
                float::softmax_row(values);
            }
        }
    };
}

compile!(narrow, "avx2,fma,f16c", Avx2, 2);
compile!(wide, "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni", Avx512, 4);

#[target_feature(enable = "avx2,fma,f16c")]
fn decode(bits: &[u16], out: &mut [f32]) {
    let (bits, bits_rest) = bits.as_chunks::<8>();
    let (out, out_rest) = out.as_chunks_mut::<8>();
    for (bits, out) in bits.iter().zip(out) {
        // SAFETY: both are eight elements long.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), _mm256_cvtph_ps(_mm_loadu_si128(bits.as_ptr().cast()))) };
    }
    for (bits, out) in bits_rest.iter().zip(out_rest) {
        *out = half::decode_f16(*bits);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn encode(values: &[f32], out: &mut [u16]) {
    let (values, values_rest) = values.as_chunks::<8>();
    let (out, out_rest) = out.as_chunks_mut::<8>();
    for (values, out) in values.iter().zip(out) {
        // SAFETY: both are eight elements long.
        unsafe {
            let halves = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_loadu_ps(values.as_ptr()));
            _mm_storeu_si128(out.as_mut_ptr().cast(), halves);
        }
    }
    for (value, out) in values_rest.iter().zip(out_rest) {
        *out = half::encode_f16(*value);
    }
}

/// `C` right-hand rows at a time, so that their sums with the left-hand ones stay in registers.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
unsafe fn dots_with<V: Vector, const C: usize>(left: &[f32], right: &[f32], dim: usize, out: &mut Tile) {
    let count = (right.len() / dim).min(BLOCK);
    let whole = count / C * C;
    for column in (0..whole).step_by(C) {
        dots_strip::<V, C>(left, &right[column * dim..], dim, (out, column));
    }
    for column in whole..count {
        dots_strip::<V, 1>(left, &right[column * dim..], dim, (out, column));
    }
}

#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
unsafe fn dots_strip<V: Vector, const C: usize>(
    left: &[f32],
    right: &[f32],
    dim: usize,
    (out, column): (&mut Tile, usize),
) {
    let width = PANEL * V::PANELS;
    let whole = dim / width * width;
    let mut totals = [[V::zero(); ROWS]; C];
    for at in (0..whole).step_by(width) {
        let mut parts = [V::zero(); ROWS];
        for (row, part) in parts.iter_mut().enumerate() {
            *part = V::read(left.as_ptr().add(row * dim + at));
        }
        for (c, totals) in totals.iter_mut().enumerate() {
            let right = V::read(right.as_ptr().add(c * dim + at));
            for (part, total) in parts.iter().zip(totals) {
                *total = V::mul_add(*part, right, *total);
            }
        }
    }
    for (c, totals) in totals.into_iter().enumerate() {
        let right = &right[c * dim..(c + 1) * dim];
        for (row, total) in V::sums(totals).into_iter().enumerate() {
            out[row][column + c] = total;
            if whole < dim {
                let rest = left[row * dim + whole..(row + 1) * dim].iter().zip(&right[whole..]);
                out[row][column + c] += rest.map(|(left, right)| left * right).sum::<f32>();
            }
        }
    }
}

#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
unsafe fn row_sums<V: Vector>(tile: &Tile) -> [f32; ROWS] {
    let mut totals = [V::zero(); ROWS];
    for (row, total) in tile.iter().zip(&mut totals) {
        for part in row.chunks_exact(PANEL * V::PANELS) {
            *total = V::mul_add(V::read(part.as_ptr()), V::number(1.0), *total);
        }
    }
    V::sums(totals)
}

/// `S` vectors of every row stay in registers while the positions pass.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
unsafe fn gather_with<V: Vector, const S: usize>(
    weights: &Tile,
    factors: &[f32; ROWS],
    values: &[f32],
    out: &mut [f32],
) {
    let width = PANEL * V::PANELS;
    let dim = out.len() / ROWS;
    let mut at = 0;
    while at + S * width <= dim {
        gather_strip::<V, S>(weights, factors, &values[at..], (out.as_mut_ptr().add(at), dim));
        at += S * width;
    }
    while at + width <= dim {
        gather_strip::<V, 1>(weights, factors, &values[at..], (out.as_mut_ptr().add(at), dim));
        at += width;
    }
    for (row, out) in out.chunks_exact_mut(dim).enumerate() {
        for (column, out) in out.iter_mut().enumerate().skip(at) {
            let values = values.iter().skip(column).step_by(dim);
            let sum: f32 = values.zip(&weights[row]).map(|(value, weight)| value * weight).sum();
            *out = *out * factors[row] + sum;
        }
    }
}

#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
unsafe fn gather_strip<V: Vector, const S: usize>(
    weights: &Tile,
    factors: &[f32; ROWS],
    values: &[f32],
    (out, dim): (*mut f32, usize),
) {
    let width = PANEL * V::PANELS;
    let mut sums = [[V::zero(); S]; ROWS];
    for (row, sums) in sums.iter_mut().enumerate() {
        for (s, sum) in sums.iter_mut().enumerate() {
            *sum = V::mul(V::read(out.add(row * dim + s * width)), V::number(factors[row]));
        }
    }
    for position in 0..BLOCK {
        let mut strip = [V::zero(); S];
        for (s, part) in strip.iter_mut().enumerate() {
            *part = V::read(values.as_ptr().add(position * dim + s * width));
        }
        for (weights, sums) in weights.iter().zip(&mut sums) {
            let weight = V::splat(&weights[position]);
            for (part, sum) in strip.iter().zip(sums) {
                *sum = V::mul_add(weight, *part, *sum);
            }
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        for (s, sum) in sums.into_iter().enumerate() {
            V::write(out.add(row * dim + s * width), sum);
        }
    }
}
