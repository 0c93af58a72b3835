//! Which kernels this processor can run.

/// A family of kernels.
///
/// [`Cpu::detect`] chooses the fastest one the processor has; tests choose others to compare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cpu {
    /// Plain Rust, on every processor.
    Portable,
    /// 256-bit vectors: AVX2, FMA and F16C (most x86-64 processors since 2013).
    Avx2,
    /// As [`Cpu::Avx2`], with int8 dot products (AVX-VNNI; Intel since 2021, AMD since Zen 5).
    AvxVnni,
    /// 512-bit vectors with int8 dot products (AVX-512 F, BW, VL, VNNI).
    Avx512,
}

impl Cpu {
    /// Every family, slowest first.
    pub const ALL: [Self; 4] = [Self::Portable, Self::Avx2, Self::AvxVnni, Self::Avx512];

    /// The fastest family this processor can run.
    #[must_use]
    pub fn detect() -> Self {
        Self::ALL.into_iter().rev().find(|cpu| cpu.available()).unwrap_or(Self::Portable)
    }

    /// Whether this processor can run the family.
    #[must_use]
    #[cfg(target_arch = "x86_64")]
    pub fn available(self) -> bool {
        use std::arch::is_x86_feature_detected as has;
        let avx2 = has!("avx2") && has!("fma") && has!("f16c");
        match self {
            Self::Portable => true,
            Self::Avx2 => avx2,
            Self::AvxVnni => avx2 && has!("avxvnni"),
            Self::Avx512 => avx2 && has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512vnni"),
        }
    }

    /// Whether this processor can run the family.
    #[must_use]
    #[cfg(not(target_arch = "x86_64"))]
    pub fn available(self) -> bool {
        self == Self::Portable
    }
}
