//! Who has signed in: the shared token, one-time tokens for the browser, and the browser's cookie sessions.

use crate::gateway::Error;
use crate::limiter::Limiter;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

/// How long a printed link works.
pub(crate) const ONE_TIME_LIFE: Duration = Duration::from_secs(300);

/// How long a browser stays signed in, while the gateway runs.
pub(crate) const SESSION_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

const MAX_ONE_TIME: usize = 32;
const MAX_SESSIONS: usize = 64;

/// Checks and issues what proves that a client belongs to the person.
pub(crate) struct Auth {
    token: String,
    one_time: Mutex<Issued>,
    sessions: Mutex<Issued>,
    pub(crate) limiter: Limiter,
}

impl Auth {
    pub(crate) fn new(token: String) -> Self {
        Self { token, one_time: Mutex::default(), sessions: Mutex::default(), limiter: Limiter::default() }
    }

    /// Compares in a time that does not depend on where the difference is.
    pub(crate) fn accepts_token(&self, given: &str) -> bool {
        !self.token.is_empty() && bool::from(self.token.as_bytes().ct_eq(given.as_bytes()))
    }

    /// Makes a token for a link; it opens one browser session within five minutes.
    pub(crate) fn issue_one_time(&self) -> Result<String, Error> {
        lock(&self.one_time).issue(ONE_TIME_LIFE, MAX_ONE_TIME)
    }

    /// Spends a one-time token for a browser session, returned as the cookie's value.
    pub(crate) fn open_session(&self, one_time: &str) -> Result<Option<String>, Error> {
        if !lock(&self.one_time).spend(one_time) {
            return Ok(None);
        }
        lock(&self.sessions).issue(SESSION_LIFE, MAX_SESSIONS).map(Some)
    }

    /// True for the cookie of a session that has not expired.
    pub(crate) fn accepts_session(&self, cookie: &str) -> bool {
        lock(&self.sessions).contains(cookie)
    }
}

fn lock(issued: &Mutex<Issued>) -> std::sync::MutexGuard<'_, Issued> {
    issued.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Random values that were given out, with their expiry. They are 256 bits long, so a lookup's timing tells nothing.
#[derive(Default)]
struct Issued {
    until: HashMap<String, Instant>,
}

impl Issued {
    fn issue(&mut self, life: Duration, limit: usize) -> Result<String, Error> {
        let now = Instant::now();
        self.until.retain(|_, until| *until > now);
        if self.until.len() >= limit {
            let oldest = self.until.iter().min_by_key(|(_, until)| **until).map(|(value, _)| value.clone());
            oldest.map(|value| self.until.remove(&value));
        }
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(Error::NoRandomness)?;
        let value: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.until.insert(value.clone(), now + life);
        Ok(value)
    }

    fn contains(&self, value: &str) -> bool {
        self.until.get(value).is_some_and(|until| *until > Instant::now())
    }

    fn spend(&mut self, value: &str) -> bool {
        self.until.remove(value).is_some_and(|until| until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::{Auth, ONE_TIME_LIFE};
    use std::time::Duration;

    #[test]
    fn only_the_whole_token_is_accepted() {
        let auth = Auth::new("correct horse".to_owned());
        assert!(auth.accepts_token("correct horse"));
        for wrong in ["", "correct", "correct horsf", "correct horse "] {
            assert!(!auth.accepts_token(wrong), "{wrong:?}");
        }
        assert!(!Auth::new(String::new()).accepts_token(""));
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_works_once_and_not_for_long() -> Result<(), crate::Error> {
        let auth = Auth::new("t".to_owned());
        let link = auth.issue_one_time()?;
        let session = auth.open_session(&link)?.unwrap_or_default();
        assert!(auth.accepts_session(&session));
        assert_eq!(auth.open_session(&link)?, None);
        assert!(!auth.accepts_session(&link));
        let late = auth.issue_one_time()?;
        tokio::time::advance(ONE_TIME_LIFE + Duration::from_secs(1)).await;
        assert_eq!(auth.open_session(&late)?, None);
        assert!(auth.accepts_session(&session));
        Ok(())
    }
}
