//! The block formats of GGUF tensors and their reference decoder.

use crate::error::{Error, check_length};
use crate::half::{decode_bf16, decode_f16};

/// How a tensor's values are stored. Names are those of GGUF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(non_camel_case_types, reason = "the formats are known by these names everywhere")]
pub enum QuantType {
    /// 32-bit float.
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16.
    BF16,
    /// 4 bits, a scale per 32.
    Q4_0,
    /// 4 bits, a scale and a minimum per 32.
    Q4_1,
    /// 5 bits, a scale per 32.
    Q5_0,
    /// 5 bits, a scale and a minimum per 32.
    Q5_1,
    /// 8 bits, a scale per 32.
    Q8_0,
    /// 4 bits, 6-bit scales and minima per 32 within 256.
    Q4_K,
    /// 5 bits, 6-bit scales and minima per 32 within 256.
    Q5_K,
    /// 6 bits, 8-bit scales per 16 within 256.
    Q6_K,
}

impl QuantType {
    /// Every supported type.
    pub const ALL: [Self; 11] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q4_K,
        Self::Q5_K,
        Self::Q6_K,
    ];

    /// The type a GGUF file names with this number.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`].
    pub fn from_gguf(id: u32) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|ty| ty.gguf_id() == id).ok_or(Error::UnsupportedType(id))
    }

    /// The number a GGUF file names this type with.
    #[must_use]
    pub const fn gguf_id(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q5_0 => 6,
            Self::Q5_1 => 7,
            Self::Q8_0 => 8,
            Self::Q4_K => 12,
            Self::Q5_K => 13,
            Self::Q6_K => 14,
            Self::BF16 => 30,
        }
    }

    /// Values in one block.
    #[must_use]
    pub const fn block_len(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => 32,
            Self::Q4_K | Self::Q5_K | Self::Q6_K => 256,
        }
    }

    /// Bytes of one block.
    #[must_use]
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q4_K => 144,
            Self::Q5_K => 176,
            Self::Q6_K => 210,
        }
    }

    /// Bytes of a row of `cols` values.
    ///
    /// # Errors
    /// `cols` is not a whole number of blocks, or the size overflows.
    pub fn row_bytes(self, cols: usize) -> Result<usize, Error> {
        let block = self.block_len();
        if !cols.is_multiple_of(block) {
            return Err(Error::PartialBlock { ty: self, block, cols });
        }
        crate::error::product("row", cols / block, self.block_bytes())
    }
}

/// Decodes whole blocks to `f32`: the reference that every kernel is tested against.
///
/// # Errors
/// `out` is not a whole number of blocks long, or `raw` is not exactly that many blocks.
pub fn dequantize(ty: QuantType, raw: &[u8], out: &mut [f32]) -> Result<(), Error> {
    check_length("raw", raw.len(), ty.row_bytes(out.len())?)?;
    let blocks = raw.chunks_exact(ty.block_bytes());
    match ty {
        QuantType::F32 => {
            for (value, bytes) in out.iter_mut().zip(blocks) {
                *value = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
        }
        QuantType::F16 | QuantType::BF16 => {
            let decode = if ty == QuantType::F16 { decode_f16 } else { decode_bf16 };
            for (value, bytes) in out.iter_mut().zip(blocks) {
                *value = decode(u16::from_le_bytes([bytes[0], bytes[1]]));
            }
        }
        _ => {
            for (values, block) in out.chunks_exact_mut(ty.block_len()).zip(blocks) {
                Block::decode(ty, block).values(values);
            }
        }
    }
    Ok(())
}

/// One quantized block taken apart: value i = scale · steps[i / 16] · (quants[i] − offset) + shift of i / 32.
#[derive(Debug)]
pub(crate) struct Block {
    /// Unsigned quants; the first 32 in formats with short blocks.
    pub(crate) quants: [u8; 256],
    /// Integer scale of each 16 values (1 in formats without them).
    pub(crate) steps: [i8; 16],
    /// Integer minimum of each 32 values, to be multiplied by `−minimum` (−1 times in Q4_1 and Q5_1).
    pub(crate) minima: [u8; 8],
    /// Half-precision bits of the block's scale.
    pub(crate) scale: u16,
    /// Half-precision bits of the scale of the minima (K formats: subtracted; Q4_1 and Q5_1: added).
    pub(crate) minimum: u16,
    ty: QuantType,
}

impl Block {
    /// Takes a block of a quantized type apart; `raw` is `ty.block_bytes()` long.
    pub(crate) fn decode(ty: QuantType, raw: &[u8]) -> Self {
        let half = |at: usize| u16::from_le_bytes([raw[at], raw[at + 1]]);
        let mut block = Self { quants: [0; 256], steps: [1; 16], minima: [0; 8], scale: half(0), minimum: 0, ty };
        match ty {
            QuantType::F32 | QuantType::F16 | QuantType::BF16 => {}
            QuantType::Q4_0 => block.nibbles(&raw[2..18]),
            QuantType::Q4_1 => {
                block.minimum = half(2);
                block.nibbles(&raw[4..20]);
            }
            QuantType::Q5_0 => {
                block.nibbles(&raw[6..22]);
                block.fifth_bits([raw[2], raw[3], raw[4], raw[5]]);
            }
            QuantType::Q5_1 => {
                block.minimum = half(2);
                block.nibbles(&raw[8..24]);
                block.fifth_bits([raw[4], raw[5], raw[6], raw[7]]);
            }
            QuantType::Q8_0 => {
                for (quant, byte) in block.quants.iter_mut().zip(&raw[2..34]) {
                    *quant = byte ^ 0x80;
                }
            }
            QuantType::Q4_K => {
                block.minimum = half(2);
                block.six_bit_scales(&raw[4..16]);
                block.nibble_pairs(&raw[16..144]);
            }
            QuantType::Q5_K => {
                block.minimum = half(2);
                block.six_bit_scales(&raw[4..16]);
                block.nibble_pairs(&raw[48..176]);
                for (i, quant) in block.quants.iter_mut().enumerate() {
                    *quant |= (raw[16 + i % 32] >> (i / 32) & 1) << 4;
                }
            }
            QuantType::Q6_K => {
                block.scale = half(208);
                block.six_bits(raw);
            }
        }
        block
    }

    /// What is subtracted from a quant before scaling.
    pub(crate) const fn offset(ty: QuantType) -> u8 {
        match ty {
            QuantType::Q4_0 => 8,
            QuantType::Q5_0 => 16,
            QuantType::Q6_K => 32,
            QuantType::Q8_0 => 128,
            _ => 0,
        }
    }

    fn values(&self, out: &mut [f32]) {
        let scale = decode_f16(self.scale);
        let minimum = decode_f16(self.minimum);
        let offset = f32::from(Self::offset(self.ty));
        let long = out.len() == 256;
        for (i, value) in out.iter_mut().enumerate() {
            let shift = if long { -minimum * f32::from(self.minima[i / 32]) } else { minimum };
            *value = scale * f32::from(self.steps[i / 16]) * (f32::from(self.quants[i]) - offset) + shift;
        }
    }

    /// 32 quants whose low nibbles come first.
    fn nibbles(&mut self, bytes: &[u8]) {
        for (i, byte) in bytes.iter().enumerate() {
            self.quants[i] = byte & 15;
            self.quants[i + 16] = byte >> 4;
        }
    }

    fn fifth_bits(&mut self, bytes: [u8; 4]) {
        for (i, quant) in self.quants[..32].iter_mut().enumerate() {
            *quant |= (bytes[i / 8] >> (i % 8) & 1) << 4;
        }
    }

    /// 256 quants: each 32 bytes hold 32 low nibbles, then 32 high ones.
    fn nibble_pairs(&mut self, bytes: &[u8]) {
        for (quants, bytes) in self.quants.chunks_exact_mut(64).zip(bytes.chunks_exact(32)) {
            for (i, byte) in bytes.iter().enumerate() {
                quants[i] = byte & 15;
                quants[i + 32] = byte >> 4;
            }
        }
    }

    /// The 12 bytes that hold eight 6-bit scales and eight 6-bit minima.
    fn six_bit_scales(&mut self, bytes: &[u8]) {
        for group in 0..8 {
            let (step, minimum) = if group < 4 {
                (bytes[group] & 63, bytes[group + 4] & 63)
            } else {
                let low = bytes[group + 4];
                (low & 15 | bytes[group - 4] >> 6 << 4, low >> 4 | bytes[group] >> 6 << 4)
            };
            self.steps[2 * group] = step.cast_signed();
            self.steps[2 * group + 1] = step.cast_signed();
            self.minima[group] = minimum;
        }
    }

    fn six_bits(&mut self, raw: &[u8]) {
        for (step, byte) in self.steps.iter_mut().zip(&raw[192..208]) {
            *step = byte.cast_signed();
        }
        for (i, quant) in self.quants.iter_mut().enumerate() {
            let (half, quarter, at) = (i / 128, i % 128 / 32, i % 32);
            let low = raw[64 * half + 32 * (quarter % 2) + at] >> (4 * (quarter / 2)) & 15;
            let high = raw[128 + 32 * half + at] >> (2 * quarter) & 3;
            *quant = low | high << 4;
        }
    }
}
