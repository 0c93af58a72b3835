//! The product of packed panels with int8 activations, over any [`Vector`].
//!
//! Few rows of activations: bound by reading the matrix, so each group is unpacked in registers on the way.
//! Many rows: each chunk is unpacked once into a tile in the first-level cache, and a few rows of
//! activations at a time run through it.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
use std::ops::Range;

use super::vector::{Panels, Vector};
use crate::activations::Part;
use crate::layout::{CHUNK, Family, GROUP, Layout, MINIMA, PANEL, STEPS};
use crate::pool::Shared;
use crate::portable::Product;

/// How far ahead of its use the matrix is asked for when it is only read once.
const AHEAD: usize = 3072;

/// A packed form as a type, so that each has its own compiled kernel.
pub(super) trait Format {
    const LAYOUT: Layout;
}

/// Where the quants and scales of a chunk come from.
///
/// # Safety
/// As for [`Vector`].
trait Source<V: Vector> {
    /// The eight vectors of a group.
    unsafe fn quants(&self, group: usize) -> [V::Int; 8];
    /// Scale of a half group.
    unsafe fn scale(&self, half: usize) -> V::Float;
    /// Shift of a half group.
    unsafe fn shift(&self, half: usize) -> V::Float;
}

/// A chunk as it lies in the matrix.
struct Packed<V: Vector, F> {
    panels: Panels,
    groups: usize,
    /// Scale of the chunk; unused where groups have their own.
    scale: V::Float,
    /// Scale of its minima or offset, negative.
    minimum: V::Float,
    format: std::marker::PhantomData<F>,
}

#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
impl<V: Vector, F: Format> Packed<V, F> {
    #[inline(always)]
    unsafe fn new(panels: Panels, groups: usize) -> Self {
        let (mut scale, mut minimum) = (V::zero(), V::zero());
        if matches!(F::LAYOUT.family, Family::Stepped | Family::Fine) {
            scale = V::load_halves(panels, 0);
        }
        match F::LAYOUT.family {
            Family::Stepped => minimum = V::mul(V::number(-1.0), V::load_halves(panels, 16)),
            Family::Fine => minimum = V::mul(V::number(-f32::from(F::LAYOUT.offset)), scale),
            Family::Plain | Family::Shifted => {}
        }
        Self { panels, groups, scale, minimum, format: std::marker::PhantomData }
    }
}

#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
impl<V: Vector, F: Format> Source<V> for Packed<V, F> {
    #[inline(always)]
    unsafe fn quants(&self, group: usize) -> [V::Int; 8] {
        let size = F::LAYOUT.group_bytes();
        let at = F::LAYOUT.header_bytes(self.groups) + group * size;
        for line in 0..size.div_ceil(64) {
            for panel in &self.panels[..V::PANELS] {
                _mm_prefetch::<_MM_HINT_T0>(panel.wrapping_add(at + AHEAD + 64 * line).cast());
            }
        }
        unpack::<V, F>(self.panels, at)
    }

    #[inline(always)]
    unsafe fn scale(&self, half: usize) -> V::Float {
        match F::LAYOUT.family {
            Family::Plain | Family::Shifted => V::load_halves(self.panels, 16 * (half / 2)),
            Family::Stepped => V::mul(self.scale, V::load_unsigned(self.panels, STEPS + 8 * (half / 2))),
            Family::Fine => V::mul(self.scale, V::load_signed(self.panels, STEPS + 8 * half)),
        }
    }

    #[inline(always)]
    unsafe fn shift(&self, half: usize) -> V::Float {
        match F::LAYOUT.family {
            Family::Plain if signed::<V, F>() => V::zero(),
            Family::Plain => {
                V::mul(V::number(-f32::from(F::LAYOUT.offset)), V::load_halves(self.panels, 16 * (half / 2)))
            }
            Family::Shifted => V::load_halves(self.panels, 16 * (self.groups + half / 2)),
            Family::Stepped => V::mul(self.minimum, V::load_unsigned(self.panels, MINIMA + 8 * (half / 2))),
            Family::Fine => V::mul(self.minimum, V::load_signed(self.panels, STEPS + 8 * half)),
        }
    }
}

/// The quants of the group `at` bytes into the chunk.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
unsafe fn unpack<V: Vector, F: Format>(panels: Panels, at: usize) -> [V::Int; 8] {
    let mut vectors = [V::bytes(0); 8];
    if F::LAYOUT.bits == 8 {
        for (j, vector) in vectors.iter_mut().enumerate() {
            *vector = V::load(panels, at + 32 * j);
            if signed::<V, F>() {
                *vector = V::xor(*vector, V::bytes(0x80));
            }
        }
        return vectors;
    }
    let low = V::bytes(15);
    for j in 0..4 {
        let both = V::load(panels, at + 32 * j);
        vectors[j] = V::and(both, low);
        vectors[j + 4] = V::and(V::shift(both, -4), low);
    }
    for ((j, vector), place) in vectors.iter_mut().enumerate().zip(0..) {
        // Where the upper bits of this vector are, how far they move and which they then are.
        let (from, places, mask) = match F::LAYOUT.bits {
            5 => (at + 128, 4 - place, 0x10),
            6 => (at + 128 + 32 * (j / 4), 4 - 2 * (place % 4), 0x30),
            _ => break,
        };
        let upper = V::and(V::shift(V::load(panels, from), places), V::bytes(mask));
        *vector = V::or(*vector, upper);
    }
    vectors
}

/// A chunk unpacked.
#[repr(C, align(64))]
struct Tile<V: Vector> {
    quants: [[V::Int; 8]; 8],
    scale: [V::Float; 16],
    shift: [V::Float; 16],
}

#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
impl<V: Vector> Tile<V> {
    #[inline(always)]
    unsafe fn empty() -> Self {
        Self { quants: [[V::bytes(0); 8]; 8], scale: [V::zero(); 16], shift: [V::zero(); 16] }
    }

    #[inline(always)]
    unsafe fn fill<F: Format>(&mut self, packed: &Packed<V, F>) {
        for group in 0..packed.groups {
            self.quants[group] = packed.quants(group);
            for half in [2 * group, 2 * group + 1] {
                self.scale[half] = packed.scale(half);
                self.shift[half] = packed.shift(half);
            }
        }
    }
}

impl<V: Vector> Source<V> for Tile<V> {
    #[inline(always)]
    unsafe fn quants(&self, group: usize) -> [V::Int; 8] {
        self.quants[group]
    }

    #[inline(always)]
    unsafe fn scale(&self, half: usize) -> V::Float {
        self.scale[half]
    }

    #[inline(always)]
    unsafe fn shift(&self, half: usize) -> V::Float {
        self.shift[half]
    }
}

/// Adds a chunk's products with `R` rows of activations to their sums.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
unsafe fn multiply<V: Vector, F: Format, S: Source<V>, const R: usize>(
    source: &S,
    groups: usize,
    parts: *const Part,
    sums: &mut [V::Float; R],
) {
    // Activations of the long formats have one scale per chunk, applied at its end.
    let mut totals = if long::<F>() { [V::zero(); R] } else { *sums };
    for group in 0..groups {
        let quants = source.quants(group);
        if matches!(F::LAYOUT.family, Family::Fine) {
            half_step::<V, F, S, R>(source, 2 * group, &quants[..4], parts, &mut totals);
            half_step::<V, F, S, R>(source, 2 * group + 1, &quants[4..], parts, &mut totals);
            continue;
        }
        let (scale, shift) = (source.scale(2 * group), source.shift(2 * group));
        for (r, total) in totals.iter_mut().enumerate() {
            let part = &*parts.add(r);
            let values = part.values.as_ptr().add(group * GROUP);
            let mut dot = V::float(dot::<V, F, 8>(&quants, values));
            if !long::<F>() {
                dot = V::mul(dot, V::splat(&part.scales[group]));
            }
            *total = V::mul_add(dot, scale, *total);
            if !signed::<V, F>() {
                *total = V::mul_add(shift, V::splat(&part.sums[group]), *total);
            }
        }
    }
    for (r, (sum, total)) in sums.iter_mut().zip(totals).enumerate() {
        *sum = if long::<F>() { V::mul_add(total, V::splat(&(*parts.add(r)).scales[0]), *sum) } else { total };
    }
}

/// Adds the products of half a group to the totals.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
unsafe fn half_step<V: Vector, F: Format, S: Source<V>, const R: usize>(
    source: &S,
    half: usize,
    quants: &[V::Int],
    parts: *const Part,
    totals: &mut [V::Float; R],
) {
    let (scale, shift) = (source.scale(half), source.shift(half));
    for (r, total) in totals.iter_mut().enumerate() {
        let part = &*parts.add(r);
        let values = part.values.as_ptr().add(half * (GROUP / 2));
        *total = V::mul_add(V::float(dot::<V, F, 4>(quants, values)), scale, *total);
        *total = V::mul_add(shift, V::splat(&part.half_sums[half]), *total);
    }
}

/// Whether the format's activations have one scale per chunk.
const fn long<F: Format>() -> bool {
    matches!(F::LAYOUT.family, Family::Stepped | Family::Fine)
}

/// Whether the quants are unpacked as signed bytes, with no offset left to subtract.
const fn signed<V: Vector, F: Format>() -> bool {
    F::LAYOUT.bits == 8 && V::SIGNED_BYTES
}

#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
unsafe fn dot<V: Vector, F: Format, const N: usize>(quants: &[V::Int], values: *const i8) -> V::Int {
    match F::LAYOUT.bits {
        4 => V::dot::<4, N>(quants, values),
        5 => V::dot::<5, N>(quants, values),
        6 => V::dot::<6, N>(quants, values),
        _ => V::dot::<8, N>(quants, values),
    }
}

/// The panels of unit `unit`; a missing last one is replaced by its neighbour, whose results are dropped.
#[inline(always)]
fn panels<V: Vector, F: Format>(product: &Product<'_>, unit: usize) -> Panels {
    let size = F::LAYOUT.panel_bytes(product.cols);
    let first = unit * V::PANELS;
    let last = product.outputs.div_ceil(PANEL) - 1;
    [first, (first + V::PANELS - 1).min(last)].map(|panel| product.matrix[panel * size..].as_ptr())
}

/// Each unit's chunks: number, groups and panels' pointers.
#[inline(always)]
fn chunks<F: Format>(cols: usize, panels: Panels) -> impl Iterator<Item = (usize, usize, Panels)> {
    (0..cols.div_ceil(CHUNK)).map(move |chunk| {
        let groups = (cols - chunk * CHUNK).min(CHUNK) / GROUP;
        let at = chunk * F::LAYOUT.chunk_bytes(CHUNK / GROUP);
        (chunk, groups, panels.map(|panel| panel.wrapping_add(at)))
    })
}

/// Writes the sums of one row of activations to its outputs.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
unsafe fn write<V: Vector>(product: &Product<'_>, out: &Shared<'_, f32>, (unit, row): (usize, usize), sums: V::Float) {
    let from = unit * V::PANELS * PANEL;
    let width = (V::PANELS * PANEL).min(product.outputs - from);
    let out = out.slice_mut(row * product.outputs + from, width);
    if width == V::PANELS * PANEL {
        V::write(out.as_mut_ptr(), sums);
    } else {
        let mut lanes = [0.0; 2 * PANEL];
        V::write(lanes.as_mut_ptr(), sums);
        out.copy_from_slice(&lanes[..width]);
    }
}

/// The product with exactly `R` rows of activations, unpacking in registers.
///
/// # Safety
/// As for [`super::run`].
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
pub(super) unsafe fn few<V: Vector, F: Format, const R: usize>(
    product: &Product<'_>,
    out: &Shared<'_, f32>,
    units: Range<usize>,
) {
    for unit in units {
        let mut sums = [V::zero(); R];
        for (chunk, groups, panels) in chunks::<F>(product.cols, panels::<V, F>(product, unit)) {
            let parts = product.activations.parts[chunk * R..].as_ptr();
            multiply::<V, F, _, R>(&Packed::<V, F>::new(panels, groups), groups, parts, &mut sums);
        }
        for (row, sums) in sums.into_iter().enumerate() {
            write::<V>(product, out, (unit, row), sums);
        }
    }
}

/// The product with any number of rows of activations, `R` at a time, unpacking into a tile.
///
/// # Safety
/// As for [`super::run`].
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "vector operations under the trait's contract")]
pub(super) unsafe fn many<V: Vector, F: Format, const R: usize>(
    product: &Product<'_>,
    out: &Shared<'_, f32>,
    units: Range<usize>,
) {
    let rows = product.rows;
    let mut tile = Tile::<V>::empty();
    let mut sums = vec![V::zero(); rows];
    for unit in units {
        sums.fill(V::zero());
        for (chunk, groups, panels) in chunks::<F>(product.cols, panels::<V, F>(product, unit)) {
            tile.fill::<F>(&Packed::new(panels, groups));
            let parts = &product.activations.parts[chunk * rows..][..rows];
            let (blocks, rest) = sums.as_chunks_mut::<R>();
            let from = rows - rest.len();
            for (block, sums) in blocks.iter_mut().enumerate() {
                multiply::<V, F, _, R>(&tile, groups, parts[block * R..].as_ptr(), sums);
            }
            for (row, sum) in rest.iter_mut().enumerate() {
                let mut sums = [*sum];
                multiply::<V, F, _, 1>(&tile, groups, parts[from + row..].as_ptr(), &mut sums);
                [*sum] = sums;
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            write::<V>(product, out, (unit, row), *sums);
        }
    }
}
