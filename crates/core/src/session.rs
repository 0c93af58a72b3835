//! Names of agents, sessions and turns.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The agent that exists in every home.
pub const DEFAULT_AGENT: &str = "main";

/// Names one conversation history: `agent:<agent>:<scope>`, for example `agent:main:main`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionKey(String);

impl SessionKey {
    /// Longest accepted key, in bytes (the limit of OpenClaw's `chat.send`).
    pub const MAX_BYTES: usize = 512;

    /// Returns the key of an agent's main conversation.
    #[must_use]
    pub fn main(agent: &str) -> Self {
        Self(format!("agent:{agent}:main"))
    }

    /// Reads a key; the short form `main` means the default agent's main conversation.
    ///
    /// # Errors
    /// [`InvalidSessionKey`] when the key is not of the form `agent:<agent>:<scope>`, is longer than
    /// [`Self::MAX_BYTES`], or its agent is not made of `a-z 0-9 - _`.
    pub fn parse(text: &str) -> Result<Self, InvalidSessionKey> {
        if text == "main" {
            return Ok(Self::main(DEFAULT_AGENT));
        }
        let mut parts = text.splitn(3, ':');
        let valid = text.len() <= Self::MAX_BYTES
            && !text.chars().any(char::is_control)
            && parts.next() == Some("agent")
            && parts.next().is_some_and(is_agent_id)
            && parts.next().is_some_and(|scope| !scope.is_empty());
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidSessionKey { key: text.chars().take(80).collect() }) }
    }

    /// Returns the agent this session belongs to.
    #[must_use]
    pub fn agent(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or(DEFAULT_AGENT)
    }

    /// Returns the whole key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A text that names no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("session key `{key}` is not of the form agent:<agent>:<scope>")]
pub struct InvalidSessionKey {
    /// The refused text, cut at 80 characters.
    pub key: String,
}

fn is_agent_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::SessionKey;

    #[test]
    fn keys_name_their_agent_and_refuse_paths() {
        assert_eq!(SessionKey::parse("main").map(|key| key.to_string()), Ok("agent:main:main".to_owned()));
        assert_eq!(
            SessionKey::parse("agent:work:telegram:group:-1").map(|key| key.agent().to_owned()),
            Ok("work".to_owned())
        );
        for refused in
            ["", "agent:", "agent:main", "agent:main:", "agent:../x:main", "cron:1", "agent:A:main", "agent:a:\n"]
        {
            assert!(SessionKey::parse(refused).is_err(), "{refused:?} was accepted");
        }
    }
}
