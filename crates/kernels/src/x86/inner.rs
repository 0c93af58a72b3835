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
            use super::{BLOCK, Inner, ROWS, Softmax, Tile, decode, dots_with, encode, float, gather_with, $vector};

            pub(super) const INNER: Inner =
                Inner { decode, encode, dots, soften, gather, rms_norm, silu_mul, gelu_mul, softmax };

            #[target_feature(enable = $features)]
            unsafe fn dots(left: &[f32], right: &[f32], dim: usize, out: &mut Tile) {
                // SAFETY: the instructions are enabled; lengths are the caller's promise.
                unsafe { dots_with::<$vector>(left, right, dim, out) }
            }

            #[target_feature(enable = $features)]
            unsafe fn gather(weights: &Tile, factors: &[f32; ROWS], values: &[f32], out: &mut [f32]) {
                // SAFETY: the instructions are enabled; lengths are the caller's promise.
                unsafe { gather_with::<$vector, $strip>(weights, factors, values, out) }
            }

            #[target_feature(enable = $features)]
            fn soften(scores: &mut [f32; BLOCK], state: &mut Softmax) -> f32 {
                float::soften(scores, state)
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

#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
unsafe fn dots_with<V: Vector>(left: &[f32], right: &[f32], dim: usize, out: &mut Tile) {
    let width = PANEL * V::PANELS;
    let whole = dim / width * width;
    for (column, right) in right.chunks_exact(dim).enumerate().take(BLOCK) {
        let mut sums = [V::zero(); ROWS];
        for at in (0..whole).step_by(width) {
            let part = V::read(right.as_ptr().add(at));
            for (row, sum) in sums.iter_mut().enumerate() {
                *sum = V::mul_add(part, V::read(left.as_ptr().add(row * dim + at)), *sum);
            }
        }
        for (row, sum) in sums.into_iter().enumerate() {
            let left = &left[row * dim..(row + 1) * dim];
            let rest: f32 = left[whole..].iter().zip(&right[whole..]).map(|(left, right)| left * right).sum();
            out[row][column] = V::sum(sum) + rest;
        }
    }
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
