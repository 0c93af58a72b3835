//! Takes credentials out of text that leaves: logs, transcripts, tool results, error messages.

use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::borrow::Cow;
use std::fmt;
use zeroize::Zeroizing;

/// Finds known credentials in text, also in their JSON-escaped, percent-encoded and base64 forms.
///
/// A credential that was cut in two, or encoded together with other bytes, is not found.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a credential that contains another goes as a whole.
    forms: Vec<Zeroizing<String>>,
}

/// Shorter credentials are left alone: taking every `test` out of a text would destroy it.
const MIN_BYTES: usize = 6;

/// What stands where a credential was.
const MARK: &str = "[redacted]";

impl Redactor {
    /// Prepares the forms of these credentials; those shorter than six bytes are ignored.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let mut forms: Vec<Zeroizing<String>> = secrets
            .into_iter()
            .filter(|secret| secret.expose().len() >= MIN_BYTES)
            .flat_map(|secret| forms_of(&secret))
            .collect();
        forms.sort_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
        forms.dedup();
        Self { forms }
    }

    /// Returns the text with `[redacted]` for each credential; borrowed when there was none.
    #[must_use]
    pub fn redact<'text>(&self, text: &'text str) -> Cow<'text, str> {
        let mut redacted = Cow::Borrowed(text);
        for form in &self.forms {
            if redacted.contains(form.as_str()) {
                redacted = Cow::Owned(redacted.replace(form.as_str(), MARK));
            }
        }
        redacted
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redactor").field("forms", &self.forms.len()).finish()
    }
}

fn forms_of(secret: &Secret) -> Vec<Zeroizing<String>> {
    let value = secret.expose();
    [
        value.to_owned(),
        json_escaped(value),
        percent_encoded(value),
        // Without padding both are a prefix of the padded form, whose `=` may stay.
        STANDARD_NO_PAD.encode(value),
        URL_SAFE_NO_PAD.encode(value),
    ]
    .into_iter()
    .map(Zeroizing::new)
    .collect()
}

fn json_escaped(value: &str) -> String {
    value.chars().flat_map(|letter| matches!(letter, '"' | '\\').then_some('\\').into_iter().chain([letter])).collect()
}

fn percent_encoded(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::Redactor;
    use crate::secret::Secret;
    use std::borrow::Cow;

    #[test]
    fn every_form_of_a_secret_is_taken_out() {
        let redactor =
            Redactor::new(vec![Secret::new("pa\"ss/wörd+1"), Secret::new("sk-abc"), Secret::new("sk-abc-long")]);
        for (text, clean) in [
            ("key pa\"ss/wörd+1.", "key [redacted]."),
            (r#"{"k":"pa\"ss/wörd+1"}"#, r#"{"k":"[redacted]"}"#),
            ("?k=pa%22ss%2Fw%C3%B6rd%2B1&x", "?k=[redacted]&x"),
            ("Basic cGEic3Mvd8O2cmQrMQ==", "Basic [redacted]=="),
            ("sk-abc-long sk-abc", "[redacted] [redacted]"),
        ] {
            assert_eq!(redactor.redact(text), clean);
        }
    }

    #[test]
    fn clean_text_is_borrowed_and_short_secrets_are_ignored() {
        let redactor = Redactor::new(vec![Secret::new("abc")]);
        assert!(matches!(redactor.redact("abc stays"), Cow::Borrowed("abc stays")));
    }
}
