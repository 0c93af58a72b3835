//! Chooses the next token from the scores the model gives.

use std::collections::VecDeque;

use crate::quirks::Sampling;

const DEFAULT_TOP_K: u32 = 40;
const DEFAULT_TOP_P: f32 = 0.95;
const PENALTY_WINDOW: usize = 256;
const MAX_TOP_K: usize = 1 << 10;

/// Chooses tokens for one answer.
#[derive(Debug)]
pub(crate) struct Sampler {
    temperature: f32,
    top_k: usize,
    top_p: f32,
    min_p: f32,
    penalty: f32,
    random: fastrand::Rng,
    recent: VecDeque<u32>,
    candidates: Vec<(f32, u32)>,
}

impl Sampler {
    /// A sampler that gives the same choices for the same seed and scores.
    pub(crate) fn new(sampling: Sampling, seed: u64) -> Self {
        let top_k = match sampling.top_k.unwrap_or(DEFAULT_TOP_K) {
            0 => MAX_TOP_K,
            count => (count as usize).min(MAX_TOP_K),
        };
        Self {
            temperature: sampling.temperature.unwrap_or(0.0).max(0.0),
            top_k,
            top_p: sampling.top_p.unwrap_or(DEFAULT_TOP_P).clamp(0.0, 1.0),
            min_p: sampling.min_p.unwrap_or(0.0).clamp(0.0, 1.0),
            penalty: sampling.repetition_penalty.unwrap_or(1.0).max(0.1),
            random: fastrand::Rng::with_seed(seed),
            recent: VecDeque::with_capacity(PENALTY_WINDOW),
            candidates: Vec::new(),
        }
    }

    /// Whether the likeliest token is always taken, so that its successors may be guessed.
    pub(crate) fn is_greedy(&self) -> bool {
        self.temperature <= f32::EPSILON
    }

    /// Lowers the scores of tokens written recently. Call once before [`choose`](Self::choose).
    pub(crate) fn penalize(&self, scores: &mut [f32]) {
        if (self.penalty - 1.0).abs() < f32::EPSILON {
            return;
        }
        for (index, &token) in self.recent.iter().enumerate() {
            let seen_before = self.recent.iter().take(index).any(|&earlier| earlier == token);
            if let (false, Some(score)) = (seen_before, scores.get_mut(token as usize)) {
                *score *= self.penalty.powf(-score.signum());
            }
        }
    }

    /// The chosen token; forbidden tokens have the score `-inf`. `None` when all are forbidden.
    pub(crate) fn choose(&mut self, scores: &[f32]) -> Option<u32> {
        if self.is_greedy() {
            return likeliest(scores);
        }
        self.collect(scores);
        let best = self.candidates.first()?.0;
        let mut total = 0.0;
        for candidate in &mut self.candidates {
            candidate.0 = ((candidate.0 - best) / self.temperature).exp();
            total += candidate.0;
        }
        let mut kept = 0.0;
        let mut count = 0;
        for &(weight, _) in &self.candidates {
            if count > 0 && (weight < self.min_p || kept >= self.top_p * total) {
                break;
            }
            kept += weight;
            count += 1;
        }
        let mut left = self.random.f32() * kept;
        for &(weight, token) in &self.candidates[..count] {
            left -= weight;
            if left <= 0.0 {
                return Some(token);
            }
        }
        self.candidates.first().map(|&(_, token)| token)
    }

    /// Remembers that `token` was written.
    pub(crate) fn accept(&mut self, token: u32) {
        if self.recent.len() == PENALTY_WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(token);
    }

    /// Fills `candidates` with the `top_k` best, best first.
    fn collect(&mut self, scores: &[f32]) {
        self.candidates.clear();
        let mut floor = f32::NEG_INFINITY;
        let room = self.top_k.saturating_mul(4);
        for (token, &score) in (0_u32..).zip(scores) {
            if score > floor {
                self.candidates.push((score, token));
            }
            if self.candidates.len() >= room {
                floor = self.shrink();
            }
        }
        self.shrink();
    }

    fn shrink(&mut self) -> f32 {
        self.candidates.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.candidates.truncate(self.top_k);
        self.candidates.last().map_or(f32::NEG_INFINITY, |candidate| candidate.0)
    }
}

/// The token with the highest score, the first of equals; `None` when every score is `-inf` or no number.
pub(crate) fn likeliest(scores: &[f32]) -> Option<u32> {
    let mut best = (f32::NEG_INFINITY, None);
    for (token, &score) in (0_u32..).zip(scores) {
        if score > best.0 {
            best = (score, Some(token));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::{Sampler, Sampling};

    #[test]
    fn temperature_zero_takes_the_likeliest_allowed_token() {
        let mut sampler = Sampler::new(Sampling::default(), 1);
        assert_eq!(sampler.choose(&[0.1, f32::NEG_INFINITY, 0.9, 0.9]), Some(2));
        assert_eq!(sampler.choose(&[f32::NEG_INFINITY; 3]), None);
    }

    #[test]
    fn sampling_is_repeatable_and_stays_in_the_nucleus() {
        let sampling = Sampling { temperature: Some(1.0), top_p: Some(0.6), ..Sampling::default() };
        let scores: Vec<f32> = [0.5_f32, 0.3, 0.15, 0.05].iter().map(|p| p.ln()).collect();
        let draw = |seed| {
            let mut sampler = Sampler::new(sampling, seed);
            (0..200).map(|_| sampler.choose(&scores).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        let drawn = draw(8);
        let share = drawn.iter().filter(|&&token| token == 0).count();
        assert!(drawn.iter().all(|&token| token < 2), "0.5 + 0.3 reach 0.6, the rest is out");
        assert!((100..150).contains(&share), "0.5 of 0.8 is 125 of 200, got {share}");
    }

    #[test]
    fn repetition_is_discouraged_once_for_each_token() {
        let sampling = Sampling { repetition_penalty: Some(2.0), ..Sampling::default() };
        let mut sampler = Sampler::new(sampling, 1);
        sampler.accept(0);
        sampler.accept(0);
        let mut scores = [4.0, 3.0, -1.0];
        sampler.penalize(&mut scores);
        assert_eq!(scores.map(f32::to_bits), [2.0_f32, 3.0, -1.0].map(f32::to_bits));
    }
}
