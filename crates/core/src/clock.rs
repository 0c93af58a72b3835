//! The clock that is passed to whoever needs the time, so that tests can fix it.

use jiff::Timestamp;

/// Tells the time: the machine's, or one fixed instant in tests.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// Always this instant.
    Fixed(Timestamp),
}

impl Clock {
    /// Returns the current instant, to the millisecond (what transcripts and frames carry).
    #[must_use]
    pub fn now(self) -> Timestamp {
        let now = match self {
            Self::System => Timestamp::now(),
            Self::Fixed(instant) => instant,
        };
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}
