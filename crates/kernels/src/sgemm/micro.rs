//! The innermost loops: one tile of out from a panel of A and a panel of B.

use crate::cpu::Cpu;

/// Room for the largest tile.
pub(super) const TILE: usize = 12 * 32;

/// A tile's shape and the loop that fills it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel {
    /// Rows of a tile.
    pub(super) rows: usize,
    /// Columns of a tile.
    pub(super) columns: usize,
    cpu: Cpu,
}

impl Kernel {
    pub(super) fn best() -> Self {
        Self::of(Cpu::detect())
    }

    /// The caller has checked that the processor can run the family.
    pub(super) fn of(cpu: Cpu) -> Self {
        match cpu {
            Cpu::Avx512 => Self { rows: 12, columns: 32, cpu },
            Cpu::Avx2 | Cpu::AvxVnni => Self { rows: 6, columns: 16, cpu },
            Cpu::Portable => Self { rows: 4, columns: 8, cpu },
        }
    }

    /// Fills the tile, row by row, with the product of `rows` × `depth` packed values and `depth` × `columns` packed values.
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "vector instructions chosen at run time")]
    pub(super) fn run(self, depth: usize, left: &[f32], right: &[f32], tile: &mut [f32; TILE]) {
        match self.cpu {
            // SAFETY: a kernel is made only for a family that the processor has.
            Cpu::Avx512 => unsafe { x86::tile_12_by_32(depth, left, right, tile) },
            // SAFETY: as above.
            Cpu::Avx2 | Cpu::AvxVnni => unsafe { x86::tile_6_by_16(depth, left, right, tile) },
            Cpu::Portable => tile_4_by_8(left, right, tile),
        }
    }

    /// Fills the tile, row by row, with the product of `rows` × `depth` packed values and `depth` × `columns` packed values.
    #[cfg(not(target_arch = "x86_64"))]
    pub(super) fn run(self, _depth: usize, left: &[f32], right: &[f32], tile: &mut [f32; TILE]) {
        tile_4_by_8(left, right, tile);
    }
}

fn tile_4_by_8(left: &[f32], right: &[f32], tile: &mut [f32; TILE]) {
    let mut sums = [[0.0f32; 8]; 4];
    for (column, row) in left.as_chunks::<4>().0.iter().zip(right.as_chunks::<8>().0) {
        for (sums, left) in sums.iter_mut().zip(column) {
            for (sum, right) in sums.iter_mut().zip(row) {
                *sum += left * right;
            }
        }
    }
    tile[..32].copy_from_slice(sums.as_flattened());
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector instructions chosen at run time")]
mod x86 {
    use super::TILE;
    use std::arch::x86_64::{
        _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps, _mm512_fmadd_ps,
        _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    #[target_feature(enable = "avx512f")]
    pub(super) fn tile_12_by_32(depth: usize, left: &[f32], right: &[f32], tile: &mut [f32; TILE]) {
        let mut sums = [[_mm512_setzero_ps(); 2]; 12];
        for (column, row) in left.as_chunks::<12>().0.iter().zip(right.as_chunks::<32>().0).take(depth) {
            // SAFETY: a row of 32 values holds both halves.
            let halves = unsafe { [_mm512_loadu_ps(row.as_ptr()), _mm512_loadu_ps(row.as_ptr().add(16))] };
            for (sums, left) in sums.iter_mut().zip(column) {
                let left = _mm512_set1_ps(*left);
                sums[0] = _mm512_fmadd_ps(left, halves[0], sums[0]);
                sums[1] = _mm512_fmadd_ps(left, halves[1], sums[1]);
            }
        }
        for (sums, row) in sums.iter().zip(tile.as_chunks_mut::<32>().0) {
            // SAFETY: a row of 32 values holds both halves.
            unsafe {
                _mm512_storeu_ps(row.as_mut_ptr(), sums[0]);
                _mm512_storeu_ps(row.as_mut_ptr().add(16), sums[1]);
            }
        }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn tile_6_by_16(depth: usize, left: &[f32], right: &[f32], tile: &mut [f32; TILE]) {
        let mut sums = [[_mm256_setzero_ps(); 2]; 6];
        for (column, row) in left.as_chunks::<6>().0.iter().zip(right.as_chunks::<16>().0).take(depth) {
            // SAFETY: a row of 16 values holds both halves.
            let halves = unsafe { [_mm256_loadu_ps(row.as_ptr()), _mm256_loadu_ps(row.as_ptr().add(8))] };
            for (sums, left) in sums.iter_mut().zip(column) {
                let left = _mm256_broadcast_ss(left);
                sums[0] = _mm256_fmadd_ps(left, halves[0], sums[0]);
                sums[1] = _mm256_fmadd_ps(left, halves[1], sums[1]);
            }
        }
        for (sums, row) in sums.iter().zip(tile.as_chunks_mut::<16>().0) {
            // SAFETY: a row of 16 values holds both halves.
            unsafe {
                _mm256_storeu_ps(row.as_mut_ptr(), sums[0]);
                _mm256_storeu_ps(row.as_mut_ptr().add(8), sums[1]);
            }
        }
    }
}
