//! Wall-clock time: the one place of the workspace's tools that reads it, and the one pause.

use std::time::Duration;

#[expect(clippy::disallowed_types, reason = "xtask has no runtime whose clock could be paused")]
type Instant = std::time::Instant;

/// Measures from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.started.elapsed()
    }

    /// Whole and tenth seconds, for stage lines.
    pub(crate) fn seconds(self) -> String {
        format!("{:.1} s", self.elapsed().as_secs_f64())
    }
}

/// Waits; used only between looks at another process.
#[expect(clippy::disallowed_methods, reason = "xtask is synchronous and waits for other processes")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
