//! Reproducible random inputs.

use hearth_kernels::QuantType;

/// A small generator (xorshift).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Between −1 and 1, mostly small.
    pub(crate) fn float(&mut self) -> f32 {
        let unit = (self.bits() >> 40) as f32 / 8_388_608.0 - 1.0;
        unit * unit * unit
    }

    pub(crate) fn floats(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.float()).collect()
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.bits().to_le_bytes()[3] as usize % limit
    }

    /// A tensor of random blocks whose scales are sensible.
    pub(crate) fn tensor(&mut self, ty: QuantType, rows: usize, cols: usize) -> Vec<u8> {
        let count = rows * cols / ty.block_len() * ty.block_bytes();
        let mut raw: Vec<u8> = (0..count).map(|_| self.bits().to_le_bytes()[4]).collect();
        for block in raw.chunks_exact_mut(ty.block_bytes()) {
            self.sensible_scales(ty, block);
        }
        raw
    }

    fn sensible_scales(&mut self, ty: QuantType, block: &mut [u8]) {
        if ty == QuantType::F32 {
            block.copy_from_slice(&self.float().to_le_bytes());
            return;
        }
        // High bytes of half-precision numbers between 2^-9 and 2^-5; a bfloat16 needs its own.
        let halves: &[usize] = match ty {
            QuantType::Q4_1 | QuantType::Q5_1 | QuantType::Q4_K | QuantType::Q5_K => &[0, 2],
            QuantType::Q6_K => &[208],
            _ => &[0],
        };
        for at in halves {
            let sign = block[at + 1] & 0x80;
            let exponent = if ty == QuantType::BF16 { 0x3d } else { 0x18 + (block[at + 1] & 0x0f) };
            block[at + 1] = sign | exponent;
        }
    }
}
