//! A credential in memory: never printed, wiped when the last handle goes.

use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A credential. Clones share the bytes, which are overwritten when the last clone is dropped.
///
/// `Debug` and `Display` never show it, and it has no serialised form.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes a credential as it is, without trimming.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(value.into())))
    }

    /// Returns the credential; only for the line that sends or stores it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares without telling by its duration where the first difference is; the length is not hidden.
    #[must_use]
    pub fn matches(&self, candidate: &str) -> bool {
        let own = self.expose().as_bytes();
        let other = candidate.as_bytes();
        let difference = own.iter().zip(other).fold(0_u8, |difference, (left, right)| difference | (left ^ right));
        own.len() == other.len() && std::hint::black_box(difference) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(redacted)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn it_is_never_printed_and_compares_whole() {
        let secret = Secret::new("hunter2-hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "[redacted] Secret(redacted)");
        assert!(secret.matches("hunter2-hunter2"));
        for wrong in ["hunter2-hunter3", "hunter2-hunter", "hunter2-hunter22", ""] {
            assert!(!secret.matches(wrong), "{wrong}");
        }
    }
}
