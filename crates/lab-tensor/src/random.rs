//! The seeded numbers of initialisation and dropout: the same on every machine and for every number of threads.

/// A small generator (`xoshiro256++` of Blackman and Vigna, seeded by `splitmix64`).
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// Starts from a seed; different streams of one seed never meet in practice.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = seed ^ stream.wrapping_mul(0xD134_2543_DE82_EF95);
        let state = std::array::from_fn(|_| {
            mixed = mixed.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut bits = mixed;
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            bits ^ (bits >> 31)
        });
        Self { state }
    }

    /// Returns 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let mut next = [a, b, c ^ a, d ^ b];
        next[1] ^= next[2];
        next[0] ^= next[3];
        next[2] ^= b << 17;
        next[3] = next[3].rotate_left(45);
        self.state = next;
        result
    }

    /// Returns a number of [0, 1), in steps of 2⁻²⁴.
    pub fn unit(&mut self) -> f32 {
        // 24 bits are what an f32 holds exactly.
        u32_to_f32(self.bits() >> 40) / 16_777_216.0
    }

    /// Returns an index below `limit`, every one equally likely up to 2⁻³².
    pub fn below(&mut self, limit: usize) -> usize {
        let wide = u128::from(self.bits()) * limit as u128;
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// Returns a normally distributed number (Box and Muller).
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.unit()).cos()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the caller passes at most 24 bits")]
fn u32_to_f32(bits: u64) -> f32 {
    bits as u32 as f32
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn numbers_have_their_moments_and_streams_differ() {
        let mut random = Random::new(3, 0);
        let normals: Vec<f32> = (0..100_000).map(|_| random.normal()).collect();
        let mean = normals.iter().sum::<f32>() / 1e5;
        let square = normals.iter().map(|value| value * value).sum::<f32>() / 1e5;
        assert!(mean.abs() < 0.02 && (square - 1.0).abs() < 0.02, "{mean} {square}");
        assert_eq!(Random::new(3, 0).bits(), Random::new(3, 0).bits());
        assert_ne!(Random::new(3, 0).bits(), Random::new(3, 1).bits());
        let mut seen = [0; 7];
        (0..7_000).for_each(|_| seen[random.below(7)] += 1);
        assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
    }
}
