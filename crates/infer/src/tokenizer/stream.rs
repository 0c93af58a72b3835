//! Turns the bytes of tokens into text as they arrive, holding back letters that are not complete yet.

/// Text under construction.
#[derive(Debug, Default)]
pub(crate) struct Utf8Stream {
    pending: Vec<u8>,
}

impl Utf8Stream {
    /// Appends to `out` what can be shown after `bytes`; broken sequences become U+FFFD.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut String) {
        self.pending.extend_from_slice(bytes);
        let mut from = 0;
        let incomplete = loop {
            let Err(error) = std::str::from_utf8(&self.pending[from..]) else { break self.pending.len() };
            let valid = from + error.valid_up_to();
            let Some(broken) = error.error_len() else { break valid };
            from = valid + broken;
        };
        out.push_str(&String::from_utf8_lossy(&self.pending[..incomplete]));
        self.pending.drain(..incomplete);
    }

    /// Appends what was held back, when the text ends in the middle of a letter.
    pub(crate) fn finish(&mut self, out: &mut String) {
        if !self.pending.is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
            self.pending.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Utf8Stream;

    #[test]
    fn letters_split_between_tokens_arrive_whole() {
        let mut stream = Utf8Stream::default();
        let mut seen = Vec::new();
        for bytes in [&b"a\xF0"[..], b"\x9F", b"\x98\x80b", b"\xC3", b"x", b"\xE2\x82"] {
            let mut out = String::new();
            stream.push(bytes, &mut out);
            seen.push(out);
        }
        let mut rest = String::new();
        stream.finish(&mut rest);
        seen.push(rest);
        assert_eq!(seen, ["a", "", "\u{1F600}b", "", "\u{FFFD}x", "", "\u{FFFD}"]);
    }
}
