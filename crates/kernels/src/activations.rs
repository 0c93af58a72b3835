//! Activations in the forms the products read: int8 with scales, or plain floats.

use crate::error::{Error, check_length, product};
use crate::float::fold;
use crate::layout::{CHUNK, GROUP};
use crate::{Cpu, Pool, QuantType};

/// Which forms of the activations are prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forms(u8);

impl Forms {
    /// int8 with a scale per 32 values: for Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0.
    pub const PER_32: Self = Self(1);
    /// int8 with a scale per 256 values: for Q4_K, Q5_K and Q6_K.
    pub const PER_256: Self = Self(2);
    /// Unchanged floats: for F32, F16 and BF16.
    pub const FLOATS: Self = Self(4);
    /// All of them.
    pub const ALL: Self = Self(7);

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every form of `other` is among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The form that a product with a matrix of this type reads.
    #[must_use]
    pub const fn needed_by(ty: QuantType) -> Self {
        match ty {
            QuantType::F32 | QuantType::F16 | QuantType::BF16 => Self::FLOATS,
            QuantType::Q4_K | QuantType::Q5_K | QuantType::Q6_K => Self::PER_256,
            QuantType::Q4_0 | QuantType::Q4_1 | QuantType::Q5_0 | QuantType::Q5_1 | QuantType::Q8_0 => Self::PER_32,
        }
    }
}

/// Rows of activations, quantized for [`matmul`](crate::matmul). Its buffers are kept from use to use.
#[derive(Debug, Default)]
pub struct Activations {
    forms: Forms,
    rows: usize,
    cols: usize,
    per_32: Quantized,
    per_256: Quantized,
    floats: Vec<f32>,
}

/// int8 activations, chunk by chunk of 256 columns, all rows of a chunk next to each other.
///
/// Index of a chunk of a row: chunk × rows + row. A short last chunk is padded with zeros.
#[derive(Debug, Default)]
pub(crate) struct Quantized {
    pub(crate) parts: Vec<Part>,
}

/// One chunk of one row.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Part {
    pub(crate) values: [i8; CHUNK],
    /// Scale of each group; all the same in the form per 256.
    pub(crate) scales: [f32; 8],
    /// Sum of the int8 values of each group; in the form per 32 multiplied by the group's scale.
    pub(crate) sums: [f32; 8],
    /// The same for each half of a group.
    pub(crate) half_sums: [f32; 16],
}

impl Part {
    pub(crate) const ZERO: Self = Self { values: [0; CHUNK], scales: [0.0; 8], sums: [0.0; 8], half_sums: [0.0; 16] };
}

impl Activations {
    /// Empty, preparing every form.
    #[must_use]
    pub fn new() -> Self {
        Self::with_forms(Forms::ALL)
    }

    /// Empty, preparing only these forms: the union of [`Matrix::forms`](crate::Matrix::forms) of the
    /// matrices that will read it.
    #[must_use]
    pub fn with_forms(forms: Forms) -> Self {
        Self { forms, ..Self::default() }
    }

    /// Changes which forms the next [`Activations::quantize`] prepares.
    pub const fn set_forms(&mut self, forms: Forms) {
        self.forms = forms;
    }

    /// Rows of the last [`Activations::quantize`].
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the last [`Activations::quantize`].
    #[must_use]
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// Takes `rows` rows of `cols` values. A form whose block does not divide `cols` is left out: no matrix
    /// that needs it can have that many columns.
    ///
    /// # Errors
    /// `values` is not `rows · cols` long.
    pub fn quantize(&mut self, values: &[f32], rows: usize, cols: usize, pool: &Pool) -> Result<(), Error> {
        check_length("activations", values.len(), product("activations", rows, cols)?)?;
        (self.rows, self.cols) = (rows, cols);
        let prepared = |form| rows > 0 && cols > 0 && self.forms.contains(form);
        let per_32 = prepared(Forms::PER_32) && cols.is_multiple_of(GROUP);
        let per_256 = prepared(Forms::PER_256) && cols.is_multiple_of(CHUNK);
        let floats = prepared(Forms::FLOATS);
        self.per_32.fill::<false>(values, if per_32 { rows } else { 0 }, pool);
        self.per_256.fill::<true>(values, if per_256 { rows } else { 0 }, pool);
        self.floats.clear();
        if floats {
            self.floats.extend_from_slice(values);
        }
        Ok(())
    }

    /// The int8 form for a quantized type.
    pub(crate) fn quantized(&self, ty: QuantType) -> Result<&Quantized, Error> {
        let form = if Forms::needed_by(ty) == Forms::PER_256 { &self.per_256 } else { &self.per_32 };
        if form.parts.len() == self.rows * self.cols.div_ceil(CHUNK) { Ok(form) } else { Err(Error::MissingForm(ty)) }
    }

    /// The float form.
    pub(crate) fn floats(&self, ty: QuantType) -> Result<&[f32], Error> {
        if self.floats.len() == self.rows * self.cols { Ok(&self.floats) } else { Err(Error::MissingForm(ty)) }
    }
}

impl Quantized {
    /// Quantizes every row; with no rows, empties itself. Parts keep old values until they are overwritten.
    fn fill<const WHOLE: bool>(&mut self, values: &[f32], rows: usize, pool: &Pool) {
        let Some(cols) = values.len().checked_div(rows) else { return self.parts.clear() };
        self.parts.resize(rows * cols.div_ceil(CHUNK), Part::ZERO);
        pool.chunks_mut(&mut self.parts, 1, |index, parts| {
            let (chunk, row) = (index / rows, index % rows);
            let from = chunk * CHUNK;
            let values = &values[row * cols..][from..(from + CHUNK).min(cols)];
            if let [part] = parts {
                quantize(pool.cpu(), WHOLE, values, part);
            }
        });
    }
}

fn quantize(cpu: Cpu, whole: bool, values: &[f32], part: &mut Part) {
    #[cfg(target_arch = "x86_64")]
    if cpu != Cpu::Portable {
        // SAFETY: a pool has only kernels that the processor can run.
        #[expect(unsafe_code, reason = "the same code compiled for wider vectors")]
        return unsafe { crate::x86::quantize_chunk(whole, values, part) };
    }
    quantize_chunk(whole, values, part);
}

/// Quantizes up to 256 values; `whole`: with one scale for all of them, else one per 32.
#[inline(always)]
pub(crate) fn quantize_chunk(whole: bool, values: &[f32], part: &mut Part) {
    if values.len() < CHUNK {
        *part = Part::ZERO;
    }
    let all = if whole { largest(values) } else { 0.0 };
    for (group, values) in values.as_chunks::<GROUP>().0.iter().enumerate() {
        let largest = if whole { all } else { largest(values) };
        let scale = largest / 127.0;
        // Values so small that the inverse overflows count as zero.
        let inverse = if largest > 1e-30 { 127.0 / largest } else { 0.0 };
        let unit = if whole { 1.0 } else { scale };
        let (quants, _) = part.values[group * GROUP..].as_chunks_mut::<{ GROUP / 2 }>();
        let mut sums = [0.0; 2];
        for ((quants, values), sum) in quants.iter_mut().zip(values.as_chunks::<{ GROUP / 2 }>().0).zip(&mut sums) {
            *sum = quantize_half(values, inverse, quants) as f32 * unit;
        }
        part.scales[group] = scale;
        part.half_sums[2 * group..2 * group + 2].copy_from_slice(&sums);
        part.sums[group] = sums[0] + sums[1];
    }
}

/// Quantizes half a group; returns the sum of the quants.
#[inline(always)]
fn quantize_half(values: &[f32; GROUP / 2], inverse: f32, quants: &mut [i8; GROUP / 2]) -> i32 {
    // Adding 1.5·2²³ rounds to the nearest integer, ties to even, and leaves it in the low byte.
    const ROUND: f32 = 12_582_912.0;
    let mut sum = 0;
    for (quant, value) in quants.iter_mut().zip(values) {
        let [low, ..] = (value * inverse + ROUND).to_bits().to_le_bytes();
        *quant = low.cast_signed();
        sum += i32::from(*quant);
    }
    sum
}

#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    for values in values.as_chunks::<16>().0 {
        for (lane, value) in lanes.iter_mut().zip(values) {
            let size = value.abs();
            *lane = if size > *lane { size } else { *lane };
        }
    }
    fold(lanes, |left, right| if left > right { left } else { right })
}
