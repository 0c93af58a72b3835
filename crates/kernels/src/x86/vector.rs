//! The vector operations that the products are written in.
//!
//! A vector has one 32-bit lane per matrix row: four consecutive int8 quants, an `i32` sum or a float. 256-bit
//! vectors cover one panel of 8 rows, 512-bit vectors two.

use std::arch::x86_64::{
    __m256, __m256i, __m512, __m512i, _mm_add_ps, _mm_cvtsi32_si128, _mm_loadl_epi64, _mm_loadu_si128, _mm_storeu_ps,
    _mm_unpacklo_epi64, _mm256_abs_epi8, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256,
    _mm256_broadcast_ss, _mm256_castpd_ps, _mm256_castps256_ps128, _mm256_castsi128_si256, _mm256_cvtepi8_epi32,
    _mm256_cvtepi32_ps, _mm256_cvtepu8_epi32, _mm256_cvtph_ps, _mm256_dpbusd_avx_epi32, _mm256_extractf128_ps,
    _mm256_fmadd_ps, _mm256_hadd_ps, _mm256_inserti128_si256, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_sll_epi16, _mm256_srl_epi16,
    _mm256_storeu_ps, _mm256_xor_si256, _mm512_and_si512, _mm512_castps_pd, _mm512_castps512_ps256,
    _mm512_castsi256_si512, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32, _mm512_cvtph_ps,
    _mm512_dpbusd_epi32, _mm512_extractf64x4_pd, _mm512_fmadd_ps, _mm512_inserti64x4, _mm512_loadu_ps, _mm512_mul_ps,
    _mm512_or_si512, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_sll_epi16, _mm512_srl_epi16, _mm512_storeu_ps, _mm512_xor_si512,
};

/// Where the same part of each panel of a vector lies.
pub(super) type Panels = [*const u8; 2];

/// Operations of one family of instructions.
///
/// # Safety
/// Every method needs a processor with the family's instructions, and pointers that may be read for as many
/// bytes as the operation says.
pub(super) trait Vector: Copy {
    /// Vector of integers.
    type Int: Copy;
    /// Vector of floats.
    type Float: Copy;
    /// Panels side by side in a vector.
    const PANELS: usize;
    /// Whether [`Vector::dot`] takes 8-bit quants signed.
    const SIGNED_BYTES: bool;

    /// 32 bytes of each panel, `at` bytes in.
    unsafe fn load(panels: Panels, at: usize) -> Self::Int;
    /// Eight half-precision numbers of each panel.
    unsafe fn load_halves(panels: Panels, at: usize) -> Self::Float;
    /// Eight unsigned bytes of each panel.
    unsafe fn load_unsigned(panels: Panels, at: usize) -> Self::Float;
    /// Eight signed bytes of each panel.
    unsafe fn load_signed(panels: Panels, at: usize) -> Self::Float;
    /// The same byte everywhere.
    unsafe fn bytes(value: u8) -> Self::Int;
    unsafe fn and(left: Self::Int, right: Self::Int) -> Self::Int;
    unsafe fn or(left: Self::Int, right: Self::Int) -> Self::Int;
    unsafe fn xor(left: Self::Int, right: Self::Int) -> Self::Int;
    /// Shifts 16-bit units; towards the high end if `places` is positive.
    unsafe fn shift(value: Self::Int, places: i32) -> Self::Int;
    /// Sums, per lane, of quants times `4 · N` activations; quants are below 2^BITS.
    unsafe fn dot<const BITS: usize, const N: usize>(quants: &[Self::Int], values: *const i8) -> Self::Int;
    unsafe fn float(value: Self::Int) -> Self::Float;
    unsafe fn zero() -> Self::Float;
    /// The float behind the pointer, everywhere.
    unsafe fn splat(value: *const f32) -> Self::Float;
    unsafe fn number(value: f32) -> Self::Float;
    unsafe fn mul(left: Self::Float, right: Self::Float) -> Self::Float;
    /// left · right + sum
    unsafe fn mul_add(left: Self::Float, right: Self::Float, sum: Self::Float) -> Self::Float;
    /// Reads `8 · PANELS` floats.
    unsafe fn read(from: *const f32) -> Self::Float;
    /// Each vector's sum of all lanes.
    unsafe fn sums(values: [Self::Float; 4]) -> [f32; 4];
    /// Writes `8 · PANELS` floats.
    unsafe fn write(to: *mut f32, value: Self::Float);
}

/// 256-bit vectors; int8 products through 16-bit sums.
#[derive(Clone, Copy)]
pub(super) struct Avx2;

/// 256-bit vectors; int8 dot products.
#[derive(Clone, Copy)]
pub(super) struct AvxVnni;

/// 512-bit vectors with int8 dot products.
#[derive(Clone, Copy)]
pub(super) struct Avx512;

macro_rules! half_width {
    ($name:ident, $signed:literal, $dot:item) => {
        #[expect(unsafe_op_in_unsafe_fn, reason = "each method is a few instructions under the trait's contract")]
        impl Vector for $name {
            type Int = __m256i;
            type Float = __m256;
            const PANELS: usize = 1;
            const SIGNED_BYTES: bool = $signed;

            #[inline(always)]
            unsafe fn load(panels: Panels, at: usize) -> __m256i {
                _mm256_loadu_si256(panels[0].add(at).cast())
            }
            #[inline(always)]
            unsafe fn load_halves(panels: Panels, at: usize) -> __m256 {
                _mm256_cvtph_ps(_mm_loadu_si128(panels[0].add(at).cast()))
            }
            #[inline(always)]
            unsafe fn load_unsigned(panels: Panels, at: usize) -> __m256 {
                _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(panels[0].add(at).cast())))
            }
            #[inline(always)]
            unsafe fn load_signed(panels: Panels, at: usize) -> __m256 {
                _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(panels[0].add(at).cast())))
            }
            #[inline(always)]
            unsafe fn bytes(value: u8) -> __m256i {
                _mm256_set1_epi8(value.cast_signed())
            }
            #[inline(always)]
            unsafe fn and(left: __m256i, right: __m256i) -> __m256i {
                _mm256_and_si256(left, right)
            }
            #[inline(always)]
            unsafe fn or(left: __m256i, right: __m256i) -> __m256i {
                _mm256_or_si256(left, right)
            }
            #[inline(always)]
            unsafe fn xor(left: __m256i, right: __m256i) -> __m256i {
                _mm256_xor_si256(left, right)
            }
            #[inline(always)]
            unsafe fn shift(value: __m256i, places: i32) -> __m256i {
                if places < 0 {
                    _mm256_srl_epi16(value, _mm_cvtsi32_si128(-places))
                } else {
                    _mm256_sll_epi16(value, _mm_cvtsi32_si128(places))
                }
            }
            #[inline(always)]
            $dot
            #[inline(always)]
            unsafe fn float(value: __m256i) -> __m256 {
                _mm256_cvtepi32_ps(value)
            }
            #[inline(always)]
            unsafe fn zero() -> __m256 {
                _mm256_setzero_ps()
            }
            #[inline(always)]
            unsafe fn splat(value: *const f32) -> __m256 {
                _mm256_broadcast_ss(&*value)
            }
            #[inline(always)]
            unsafe fn number(value: f32) -> __m256 {
                _mm256_set1_ps(value)
            }
            #[inline(always)]
            unsafe fn mul(left: __m256, right: __m256) -> __m256 {
                _mm256_mul_ps(left, right)
            }
            #[inline(always)]
            unsafe fn mul_add(left: __m256, right: __m256, sum: __m256) -> __m256 {
                _mm256_fmadd_ps(left, right, sum)
            }
            #[inline(always)]
            unsafe fn read(from: *const f32) -> __m256 {
                _mm256_loadu_ps(from)
            }
            #[inline(always)]
            unsafe fn sums(values: [__m256; 4]) -> [f32; 4] {
                sums(values)
            }
            #[inline(always)]
            unsafe fn write(to: *mut f32, value: __m256) {
                _mm256_storeu_ps(to, value);
            }
        }
    };
}

/// Each vector's sum of all lanes.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "instructions that every user of this has")]
unsafe fn sums([a, b, c, d]: [__m256; 4]) -> [f32; 4] {
    let pairs = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    let sums = _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps::<1>(pairs));
    let mut out = [0.0; 4];
    _mm_storeu_ps(out.as_mut_ptr(), sums);
    out
}

/// Four int8 activations in every lane.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "one instruction; the caller vouches for the pointer")]
unsafe fn four(values: *const i8, index: usize) -> __m256i {
    _mm256_set1_epi32(values.add(4 * index).cast::<i32>().read_unaligned())
}

half_width!(
    Avx2,
    true,
    unsafe fn dot<const BITS: usize, const N: usize>(quants: &[__m256i], values: *const i8) -> __m256i {
        let ones = _mm256_set1_epi16(1);
        let mut total = _mm256_setzero_si256();
        if BITS == 8 {
            // The unsigned operand takes the size of the signed quant, the signed one its sign.
            for (j, quants) in quants.iter().enumerate().take(N) {
                let signed = _mm256_sign_epi8(four(values, j), *quants);
                let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(*quants), signed);
                total = _mm256_add_epi32(total, _mm256_madd_epi16(pairs, ones));
            }
            return total;
        }
        // As many 16-bit sums of two products (at most 2 · 127 · (2^BITS − 1)) as fit before widening.
        let fit = match BITS {
            4 => 8,
            5 => 4,
            _ => 2,
        };
        let mut sum = _mm256_setzero_si256();
        for (j, quants) in quants.iter().enumerate().take(N) {
            sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(*quants, four(values, j)));
            if (j + 1) % fit == 0 || j + 1 == N {
                total = _mm256_add_epi32(total, _mm256_madd_epi16(sum, ones));
                sum = _mm256_setzero_si256();
            }
        }
        total
    }
);

half_width!(
    AvxVnni,
    false,
    unsafe fn dot<const BITS: usize, const N: usize>(quants: &[__m256i], values: *const i8) -> __m256i {
        let mut total = _mm256_setzero_si256();
        for (j, quants) in quants.iter().enumerate().take(N) {
            total = _mm256_dpbusd_avx_epi32(total, *quants, four(values, j));
        }
        total
    }
);

#[expect(unsafe_op_in_unsafe_fn, reason = "each method is a few instructions under the trait's contract")]
impl Vector for Avx512 {
    type Int = __m512i;
    type Float = __m512;
    const PANELS: usize = 2;
    const SIGNED_BYTES: bool = false;

    #[inline(always)]
    unsafe fn load(panels: Panels, at: usize) -> __m512i {
        let low = _mm512_castsi256_si512(_mm256_loadu_si256(panels[0].add(at).cast()));
        _mm512_inserti64x4::<1>(low, _mm256_loadu_si256(panels[1].add(at).cast()))
    }
    #[inline(always)]
    unsafe fn load_halves(panels: Panels, at: usize) -> __m512 {
        let low = _mm256_castsi128_si256(_mm_loadu_si128(panels[0].add(at).cast()));
        _mm512_cvtph_ps(_mm256_inserti128_si256::<1>(low, _mm_loadu_si128(panels[1].add(at).cast())))
    }
    #[inline(always)]
    unsafe fn load_unsigned(panels: Panels, at: usize) -> __m512 {
        let [low, high] = panels.map(|panel| _mm_loadl_epi64(panel.add(at).cast()));
        _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_unpacklo_epi64(low, high)))
    }
    #[inline(always)]
    unsafe fn load_signed(panels: Panels, at: usize) -> __m512 {
        let [low, high] = panels.map(|panel| _mm_loadl_epi64(panel.add(at).cast()));
        _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_unpacklo_epi64(low, high)))
    }
    #[inline(always)]
    unsafe fn bytes(value: u8) -> __m512i {
        _mm512_set1_epi8(value.cast_signed())
    }
    #[inline(always)]
    unsafe fn and(left: __m512i, right: __m512i) -> __m512i {
        _mm512_and_si512(left, right)
    }
    #[inline(always)]
    unsafe fn or(left: __m512i, right: __m512i) -> __m512i {
        _mm512_or_si512(left, right)
    }
    #[inline(always)]
    unsafe fn xor(left: __m512i, right: __m512i) -> __m512i {
        _mm512_xor_si512(left, right)
    }
    #[inline(always)]
    unsafe fn shift(value: __m512i, places: i32) -> __m512i {
        if places < 0 {
            _mm512_srl_epi16(value, _mm_cvtsi32_si128(-places))
        } else {
            _mm512_sll_epi16(value, _mm_cvtsi32_si128(places))
        }
    }
    #[inline(always)]
    unsafe fn dot<const BITS: usize, const N: usize>(quants: &[__m512i], values: *const i8) -> __m512i {
        let mut total = _mm512_setzero_si512();
        for (j, quants) in quants.iter().enumerate().take(N) {
            let four = _mm512_set1_epi32(values.add(4 * j).cast::<i32>().read_unaligned());
            total = _mm512_dpbusd_epi32(total, *quants, four);
        }
        total
    }
    #[inline(always)]
    unsafe fn float(value: __m512i) -> __m512 {
        _mm512_cvtepi32_ps(value)
    }
    #[inline(always)]
    unsafe fn zero() -> __m512 {
        _mm512_setzero_ps()
    }
    #[inline(always)]
    unsafe fn splat(value: *const f32) -> __m512 {
        _mm512_set1_ps(*value)
    }
    #[inline(always)]
    unsafe fn number(value: f32) -> __m512 {
        _mm512_set1_ps(value)
    }
    #[inline(always)]
    unsafe fn mul(left: __m512, right: __m512) -> __m512 {
        _mm512_mul_ps(left, right)
    }
    #[inline(always)]
    unsafe fn mul_add(left: __m512, right: __m512, sum: __m512) -> __m512 {
        _mm512_fmadd_ps(left, right, sum)
    }
    #[inline(always)]
    unsafe fn read(from: *const f32) -> __m512 {
        _mm512_loadu_ps(from)
    }
    #[inline(always)]
    unsafe fn sums(values: [__m512; 4]) -> [f32; 4] {
        let mut halves = [_mm256_setzero_ps(); 4];
        for (half, value) in halves.iter_mut().zip(values) {
            let upper = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(value)));
            *half = _mm256_add_ps(_mm512_castps512_ps256(value), upper);
        }
        sums(halves)
    }
    #[inline(always)]
    unsafe fn write(to: *mut f32, value: __m512) {
        _mm512_storeu_ps(to, value);
    }
}
