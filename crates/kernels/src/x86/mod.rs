//! The kernels of x86-64 processors.
//!
//! One algorithm ([`product`]) written over a small set of vector operations ([`vector`]) that each family
//! of instructions provides. [`run`] enters it with the instructions enabled.

mod inner;
mod product;
mod vector;

use std::ops::Range;

use crate::Cpu;
use crate::activations::{self, Part};
use crate::layout::{Family, Layout};
use crate::pool::Shared;
use crate::portable::Product;
pub(crate) use inner::inner;
use product::{Format, few, many};
use vector::{Avx2, Avx512, AvxVnni, Vector};

/// Panels that one unit of work covers.
pub(crate) fn panels_per_unit(cpu: Cpu) -> usize {
    if cpu == Cpu::Avx512 { Avx512::PANELS } else { 1 }
}

/// [`crate::activations::quantize_chunk`] compiled for 256-bit vectors.
///
/// # Safety
/// The processor has AVX2.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn quantize_chunk(whole: bool, values: &[f32], part: &mut Part) {
    activations::quantize_chunk(whole, values, part);
}

macro_rules! enter {
    ($name:ident, $features:literal, $vector:ident, $rows:literal) => {
        #[doc = concat!("Enters the product with ", $features, " enabled.")]
        #[target_feature(enable = $features)]
        unsafe fn $name<F: Format>(product: &Product<'_>, out: &Shared<'_, f32>, units: Range<usize>) {
            // SAFETY: the instructions are enabled; the rest is the caller's promise.
            unsafe {
                match product.rows {
                    1 => few::<$vector, F, 1>(product, out, units),
                    2 => few::<$vector, F, 2>(product, out, units),
                    3 => few::<$vector, F, 3>(product, out, units),
                    4 => few::<$vector, F, 4>(product, out, units),
                    _ => many::<$vector, F, $rows>(product, out, units),
                }
            }
        }
    };
}

enter!(enter_avx2, "avx2,fma,f16c", Avx2, 4);
enter!(enter_avx_vnni, "avx2,fma,f16c,avxvnni", AvxVnni, 4);
enter!(enter_avx512, "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni", Avx512, 8);

/// Computes the outputs of these units.
///
/// # Safety
/// The processor has the instructions of `cpu`; the sizes in `product` are those of its slices; no other
/// thread computes the same units into the same output.
pub(crate) unsafe fn run(cpu: Cpu, layout: Layout, product: &Product<'_>, out: &Shared<'_, f32>, units: Range<usize>) {
    macro_rules! formats {
        ($enter:ident, $($name:ident: $bits:literal $family:ident $offset:literal),*) => {
            match (layout.bits, layout.family) {
                $(($bits, Family::$family) => {
                    struct $name;
                    impl Format for $name {
                        const LAYOUT: Layout = Layout { bits: $bits, family: Family::$family, offset: $offset };
                    }
                    // SAFETY: passed on.
                    unsafe { $enter::<$name>(product, out, units) }
                })*
                _ => {}
            }
        };
    }
    macro_rules! every_format {
        ($enter:ident) => {
            formats!(
                $enter, Q4_0: 4 Plain 8, Q4_1: 4 Shifted 0, Q5_0: 5 Plain 16, Q5_1: 5 Shifted 0,
                Q8_0: 8 Plain 128, Q4K: 4 Stepped 0, Q5K: 5 Stepped 0, Q6K: 6 Fine 32
            )
        };
    }
    match cpu {
        Cpu::Portable => {}
        Cpu::Avx2 => every_format!(enter_avx2),
        Cpu::AvxVnni => every_format!(enter_avx_vnni),
        Cpu::Avx512 => every_format!(enter_avx512),
    }
}
