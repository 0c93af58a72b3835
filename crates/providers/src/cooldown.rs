//! How long a model that failed is left alone.

use hearth_core::error::ErrorKind;
use std::time::Duration;
use tokio::time::Instant;

/// Waits after the first, second, third and every later failure in a row.
const STEPS: [Duration; 4] = [minutes(1), minutes(5), minutes(25), minutes(60)];

/// A refused key or an empty account mends only when a person acts.
const FIRST_LONG: Duration = minutes(5 * 60);
const LONGEST: Duration = minutes(24 * 60);

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// One model's rest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cooldown {
    failures: u32,
    until: Option<Instant>,
}

impl Cooldown {
    /// Returns how long the rest still lasts; `None` when there is none.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// The model failed; `asked` is how long it asked to be left alone.
    pub(crate) fn fail(&mut self, kind: ErrorKind, is_lasting: bool, asked: Option<Duration>, now: Instant) {
        let person_must_act = is_lasting && matches!(kind, ErrorKind::ProviderAuth | ErrorKind::ProviderLimit);
        let rest = if person_must_act {
            FIRST_LONG.saturating_mul(2_u32.saturating_pow(self.failures)).min(LONGEST)
        } else {
            let step = usize::try_from(self.failures).unwrap_or(usize::MAX).min(STEPS.len() - 1);
            STEPS[step]
        };
        let rest = asked.map_or(rest, |asked| rest.max(asked.min(LONGEST)));
        self.failures = self.failures.saturating_add(1);
        self.until = now.checked_add(rest);
    }

    /// The model answered.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{Cooldown, minutes};
    use hearth_core::error::ErrorKind;
    use tokio::time::Instant;

    #[test]
    fn rests_grow_with_each_failure_and_end_with_an_answer() {
        let now = Instant::now();
        let mut cooldown = Cooldown::default();
        assert_eq!(cooldown.left(now), None);
        for expected in [1, 5, 25, 60, 60] {
            cooldown.fail(ErrorKind::Remote, false, None, now);
            assert_eq!(cooldown.left(now), Some(minutes(expected)));
        }
        cooldown.clear();
        assert_eq!(cooldown.left(now), None);
        cooldown.fail(ErrorKind::ProviderLimit, false, Some(minutes(3)), now);
        assert_eq!(cooldown.left(now), Some(minutes(3)));
    }

    #[test]
    fn what_a_person_must_mend_rests_for_hours() {
        let now = Instant::now();
        let mut cooldown = Cooldown::default();
        for expected in [5, 10, 20, 24] {
            cooldown.fail(ErrorKind::ProviderAuth, true, None, now);
            assert_eq!(cooldown.left(now), Some(minutes(expected * 60)));
        }
    }
}
