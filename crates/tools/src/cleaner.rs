//! What a program printed, as text that is safe to show.
//!
//! Colours and cursor movements say nothing to a model, and printed again they would let a command draw on the person's
//! terminal. They are taken out wherever they occur, also when a chunk of output ends inside one, or inside a character.

/// Turns chunks of bytes into text without control sequences; tabs and line breaks stay.
#[derive(Debug, Default)]
pub(crate) struct Cleaner {
    /// The start of a character whose rest has not come yet; at most three bytes.
    incomplete: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC `[`: parameters, then one letter.
    Control,
    /// After ESC `]` and its like: a string, ended by BEL or ESC `\`.
    String,
    /// After ESC in such a string.
    StringEscape,
}

impl Cleaner {
    /// Takes the next chunk and returns its text.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.incomplete);
        all.extend_from_slice(bytes);
        let mut text = String::with_capacity(all.len());
        let mut chunks = all.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.take_all(chunk.valid(), &mut text);
            let broken = chunk.invalid();
            let may_go_on = std::str::from_utf8(broken).is_err_and(|error| error.error_len().is_none());
            if chunks.peek().is_none() && may_go_on {
                self.incomplete = broken.to_vec();
            } else if !broken.is_empty() {
                self.take(char::REPLACEMENT_CHARACTER, &mut text);
            }
        }
        text
    }

    fn take_all(&mut self, mut new: &str, text: &mut String) {
        while !new.is_empty() {
            if self.state == State::Text {
                let plain = new.bytes().position(|byte| !is_plain(byte)).unwrap_or(new.len());
                text.push_str(&new[..plain]);
                new = &new[plain..];
            }
            let mut characters = new.chars();
            if let Some(character) = characters.next() {
                self.take(character, text);
            }
            new = characters.as_str();
        }
    }

    fn take(&mut self, character: char, text: &mut String) {
        self.state = match (self.state, character) {
            (State::Text, '\u{1b}') => State::Escape,
            (State::Text, '\u{9b}') | (State::Escape, '[') => State::Control,
            (State::Escape, ']' | 'P' | '_' | '^' | 'X') => State::String,
            // One more character names the character set.
            (State::Escape, ' '..='/') => State::Escape,
            (State::String, '\u{1b}') => State::StringEscape,
            // Nobody breaks a line within a sequence: this one was never ended.
            (_, '\n' | '\r' | '\t') => {
                text.push(character);
                State::Text
            }
            (State::Text, character) => {
                if !character.is_control() {
                    text.push(character);
                }
                State::Text
            }
            (State::Control, '@'..='~') | (State::String, '\u{7}') | (State::Escape | State::StringEscape, _) => {
                State::Text
            }
            (State::Control | State::String, _) => self.state,
        };
    }
}

/// What most output is made of, and what can be copied as it is.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::Cleaner;

    fn check(chunks: &[&[u8]], expected: &str) {
        let mut cleaner = Cleaner::default();
        let text: String = chunks.iter().map(|chunk| cleaner.push(chunk)).collect();
        assert_eq!(text, expected);
        let mut cleaner = Cleaner::default();
        let bytewise: String = chunks.concat().iter().map(|byte| cleaner.push(&[*byte])).collect();
        assert_eq!(bytewise, expected, "byte by byte");
    }

    #[test]
    fn only_text_is_left() {
        check(&[b"plain\ttext\r\n"], "plain\ttext\r\n");
        check(&[b"\x1b[1;31mred\x1b[0m \x1b[2Jx\x1b(By\x1b[?25lz"], "red xyz");
        check(&[b"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b\x1bPq\x1b\\c"], "abc");
        check(&[b"gr\xc3", b"\xb6\xc3\x9fe"], "größe");
        check(&[b"\xff\xfe!\xe2\x82", b"?"], "\u{fffd}\u{fffd}!\u{fffd}?");
        check(&[b"\x07\x08\x00bell"], "bell");
        check(&[b"\x1b]never ended\nnext"], "\nnext");
    }
}
