//! Locks out an address that keeps failing to sign in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const MAX_FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
const LOCKOUT: Duration = Duration::from_secs(300);

/// Addresses remembered at a time; beyond that the oldest is forgotten.
const MAX_ADDRESSES: usize = 1024;

/// Whose failures are counted together. A web page's are counted apart from programs', so that a hostile page can't
/// lock out the person's own command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    pub(crate) address: IpAddr,
    pub(crate) browser: bool,
}

/// Counts failures by caller.
#[derive(Default)]
pub(crate) struct Limiter {
    callers: Mutex<HashMap<Caller, Failures>>,
}

struct Failures {
    first: Instant,
    count: u32,
    locked_until: Option<Instant>,
}

impl Limiter {
    /// Returns how long a caller stays locked out, or `None` when it may try.
    pub(crate) fn locked(&self, caller: Caller) -> Option<Duration> {
        let callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let until = callers.get(&caller)?.locked_until?;
        until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// Counts one failure.
    pub(crate) fn failed(&self, caller: Caller) {
        let now = Instant::now();
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MAX_ADDRESSES && !callers.contains_key(&caller) {
            let oldest = callers.iter().min_by_key(|(_, failures)| failures.first).map(|(caller, _)| *caller);
            oldest.map(|caller| callers.remove(&caller));
        }
        let failures = callers.entry(caller).or_insert(Failures { first: now, count: 0, locked_until: None });
        if now.duration_since(failures.first) > WINDOW {
            *failures = Failures { first: now, count: 0, locked_until: None };
        }
        failures.count += 1;
        if failures.count >= MAX_FAILURES {
            failures.locked_until = Some(now + LOCKOUT);
        }
    }

    /// Forgets a caller's failures after it has signed in.
    pub(crate) fn succeeded(&self, caller: Caller) {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner).remove(&caller);
    }
}

#[cfg(test)]
mod tests {
    use super::{Caller, Limiter};
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    const PROGRAM: Caller = Caller { address: IpAddr::V4(Ipv4Addr::LOCALHOST), browser: false };
    const PAGE: Caller = Caller { address: IpAddr::V4(Ipv4Addr::LOCALHOST), browser: true };

    #[tokio::test(start_paused = true)]
    async fn ten_failures_in_a_minute_lock_out_for_five() {
        let limiter = Limiter::default();
        for _ in 0..9 {
            limiter.failed(PAGE);
        }
        assert_eq!(limiter.locked(PAGE), None);
        limiter.failed(PAGE);
        assert_eq!(limiter.locked(PAGE), Some(Duration::from_secs(300)));
        assert_eq!(limiter.locked(PROGRAM), None);
        tokio::time::advance(Duration::from_secs(301)).await;
        assert_eq!(limiter.locked(PAGE), None);
        limiter.failed(PAGE);
        assert_eq!(limiter.locked(PAGE), None);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_far_apart_do_not_add_up() {
        let limiter = Limiter::default();
        for _ in 0..30 {
            limiter.failed(PROGRAM);
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        assert_eq!(limiter.locked(PROGRAM), None);
        limiter.succeeded(PROGRAM);
        assert_eq!(limiter.locked(PROGRAM), None);
    }
}
