//! How long to wait before another try.

use crate::response::Response;
use jiff::Timestamp;
use std::time::Duration;

/// Exponential waits with full jitter: the n-th is drawn evenly from zero to `base · 2ⁿ`, at most `max`.
///
/// Full jitter spreads clients that failed together (Amazon's "Exponential Backoff And Jitter" has the measurements).
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    tries: u32,
    random: fastrand::Rng,
}

impl Backoff {
    /// Starts a series of waits.
    #[must_use]
    pub fn new(base: Duration, max: Duration) -> Self {
        Self { base, max, tries: 0, random: fastrand::Rng::new() }
    }

    /// Draws from this seed instead, for tests.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), ..self }
    }

    /// Returns the next wait.
    pub fn next_wait(&mut self) -> Duration {
        let ceiling = self.base.saturating_mul(2_u32.saturating_pow(self.tries)).min(self.max);
        self.tries = self.tries.saturating_add(1);
        ceiling.mul_f64(self.random.f64())
    }
}

/// Returns how long the server asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date.
///
/// A date in the past is no wait at all; `None` when the server does not say.
#[must_use]
pub fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let milliseconds = response.header("retry-after-ms").and_then(|value| parse_seconds(value, 1e-3));
    milliseconds.or_else(|| parse_retry_after(response.header("retry-after")?, now))
}

fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    parse_seconds(value, 1.0).or_else(|| {
        // An HTTP date is an RFC 2822 date whose zone is written GMT.
        let at = jiff::fmt::rfc2822::parse(value.trim()).ok()?.timestamp();
        Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
    })
}

fn parse_seconds(value: &str, unit: f64) -> Option<Duration> {
    let number: f64 = value.trim().parse().ok()?;
    Duration::try_from_secs_f64(number * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::{Backoff, parse_retry_after};
    use jiff::Timestamp;
    use std::time::Duration;

    #[test]
    fn waits_grow_to_the_maximum_and_never_exceed_it() {
        let mut longest = [Duration::ZERO; 6];
        for seed in 0..200 {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(8)).with_seed(seed);
            for (index, slot) in longest.iter_mut().enumerate() {
                let wait = backoff.next_wait();
                let ceiling = Duration::from_secs((1 << index).min(8));
                assert!(wait <= ceiling, "wait {index} was {wait:?}");
                *slot = wait.max(*slot);
            }
        }
        assert!(longest.iter().zip([0.9, 1.8, 3.6, 7.2, 7.2, 7.2]).all(|(seen, least)| seen.as_secs_f64() > least));
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        for (value, seconds) in [
            ("7", Some(7.0)),
            (" 1.5 ", Some(1.5)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37.0)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", Some(0.0)),
            ("-3", None),
            ("soon", None),
            ("NaN", None),
        ] {
            assert_eq!(parse_retry_after(value, now), seconds.map(Duration::from_secs_f64), "{value}");
        }
    }
}
