//! Cuts text into the words that are joined separately, as each model family's regular expression would.
//!
//! Written by hand because the expressions need look-ahead and Unicode categories, and because text of any length
//! must be cut in linear time.

use std::collections::HashMap;

/// A family's way of cutting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    /// No cutting (SentencePiece-style).
    Whole,
    /// GPT-2.
    Gpt2,
    /// GPT-2 after every digit has been cut out.
    DigitsThenGpt2,
    /// Qwen 2 and 3: digits stand alone, punctuation takes line ends along.
    Qwen2,
    /// Llama 3: as Qwen 2 with up to three digits together.
    Llama3,
}

impl Split {
    /// The way called `name` in `tokenizer.ggml.pre`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "" | "default" | "gpt-2" | "gpt2" | "phi-2" | "olmo" | "jina-v2-code" | "roberta-bpe" => Self::Gpt2,
            "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" => Self::DigitsThenGpt2,
            "qwen2" | "deepseek-r1-qwen" | "stablelm2" | "hunyuan" => Self::Qwen2,
            "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "pixtral" | "dbrx" | "smaug-bpe" => Self::Llama3,
            _ => return None,
        })
    }

    /// Calls `visit` with each word of `text`, in order; together they are the text.
    pub(super) fn words(self, text: &str, classes: &Classes, mut visit: impl FnMut(&str)) {
        match self {
            Self::Whole => visit(text),
            Self::Gpt2 => cut(text, |rest| gpt2(rest, classes), visit),
            Self::DigitsThenGpt2 => cut(
                text,
                |rest| match rest.chars().next() {
                    Some(first) if first.is_numeric() => first.len_utf8(),
                    _ => rest.find(char::is_numeric).unwrap_or(rest.len()),
                },
                |fragment| cut(fragment, |rest| gpt2(rest, classes), &mut visit),
            ),
            Self::Qwen2 => cut(text, |rest| qwen(rest, classes, 1), visit),
            Self::Llama3 => cut(text, |rest| qwen(rest, classes, 3), visit),
        }
    }
}

/// Unicode's letter category, which the standard library does not offer (`is_alphabetic` also takes marks).
#[derive(Debug)]
pub(super) struct Classes {
    letters: Vec<(u32, u32)>,
}

impl Classes {
    pub(super) fn new() -> Self {
        let letters = match regex_syntax::parse(r"\p{L}").map(regex_syntax::hir::Hir::into_kind) {
            Ok(regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class))) => {
                class.ranges().iter().map(|range| (u32::from(range.start()), u32::from(range.end()))).collect()
            }
            _ => Vec::new(),
        };
        Self { letters }
    }

    fn letter(&self, letter: char) -> bool {
        if letter.is_ascii() {
            return letter.is_ascii_alphabetic();
        }
        let code = u32::from(letter);
        self.letters
            .binary_search_by(|&(from, to)| {
                if to < code {
                    std::cmp::Ordering::Less
                } else if from > code {
                    std::cmp::Ordering::Greater
                } else {
                    std::cmp::Ordering::Equal
                }
            })
            .is_ok()
    }

    fn other(&self, letter: char) -> bool {
        !letter.is_whitespace() && !self.letter(letter) && !letter.is_numeric()
    }
}

fn cut(mut rest: &str, next: impl Fn(&str) -> usize, mut visit: impl FnMut(&str)) {
    while !rest.is_empty() {
        let length = next(rest).max(rest.chars().next().map_or(1, char::len_utf8));
        let (word, after) = rest.split_at(length);
        visit(word);
        rest = after;
    }
}

/// Bytes of the longest prefix of `text` whose letters all satisfy `is`.
fn run(text: &str, is: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !is(letter)).unwrap_or(text.len())
}

fn contraction(text: &str, any_case: bool) -> Option<usize> {
    ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].iter().find_map(|ending| {
        let head = text.get(..ending.len())?;
        (head == *ending || any_case && head.eq_ignore_ascii_case(ending)).then_some(ending.len())
    })
}

/// `\s+(?!\S)|\s+`: white space leaves its last character to the word that follows.
fn blank(text: &str) -> usize {
    let length = run(text, char::is_whitespace);
    if length == text.len() {
        return length;
    }
    let last = text[..length].chars().next_back().map_or(0, char::len_utf8);
    if length > last { length - last } else { length }
}

/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
fn gpt2(text: &str, classes: &Classes) -> usize {
    if let Some(length) = contraction(text, false) {
        return length;
    }
    let skip = usize::from(text.starts_with(' '));
    let rest = &text[skip..];
    let length = [
        run(rest, |letter| classes.letter(letter)),
        run(rest, char::is_numeric),
        run(rest, |letter| classes.other(letter)),
    ]
    .into_iter()
    .find(|&length| length > 0);
    length.map_or_else(|| blank(text), |length| skip + length)
}

/// `(?i:'s|…)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
fn qwen(text: &str, classes: &Classes, digits: usize) -> usize {
    if let Some(length) = contraction(text, true) {
        return length;
    }
    let Some(first) = text.chars().next() else { return 0 };
    let lead =
        if matches!(first, '\r' | '\n') || classes.letter(first) || first.is_numeric() { 0 } else { first.len_utf8() };
    let letters = run(&text[lead..], |letter| classes.letter(letter));
    if letters > 0 {
        return lead + letters;
    }
    if first.is_numeric() {
        return text.chars().take(digits).take_while(|letter| letter.is_numeric()).map(char::len_utf8).sum();
    }
    let skip = usize::from(first == ' ');
    let others = run(&text[skip..], |letter| classes.other(letter));
    if others > 0 {
        let after = skip + others;
        return after + run(&text[after..], |letter| matches!(letter, '\r' | '\n'));
    }
    let spaces = &text[..run(text, char::is_whitespace)];
    spaces.rfind(['\r', '\n']).map_or_else(|| blank(text), |at| at + 1)
}

/// The letters GPT-2's vocabulary writes for the 256 bytes: printable ones stand for themselves, the rest follow U+0100.
pub(super) fn byte_alphabet() -> HashMap<char, u8> {
    let mut alphabet = HashMap::with_capacity(256);
    let mut next = 0x100;
    for byte in 0..=u8::MAX {
        let printable = matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
        let letter = if printable { Some(char::from(byte)) } else { char::from_u32(next) };
        next += u32::from(!printable);
        alphabet.extend(letter.map(|letter| (letter, byte)));
    }
    alphabet
}

#[cfg(test)]
mod tests {
    use super::{Classes, Split};

    fn check(split: Split, text: &str, expect: &[&str]) {
        let mut words = Vec::new();
        split.words(text, &Classes::new(), |word| words.push(word.to_owned()));
        assert_eq!(words, expect, "{split:?} on {text:?}");
    }

    #[test]
    fn gpt2_cuts_as_its_expression_does() {
        check(Split::Gpt2, "Hello, world's  end 123!", &["Hello", ",", " world", "'s", " ", " end", " 123", "!"]);
        check(Split::Gpt2, "a \n\n b  ", &["a", " \n\n", " b", "  "]);
        check(Split::Gpt2, "it'S", &["it", "'", "S"]);
    }

    #[test]
    fn digits_are_cut_out_first() {
        check(Split::DigitsThenGpt2, "a 12 b", &["a", " ", "1", "2", " b"]);
        check(Split::DigitsThenGpt2, "x\n  7", &["x", "\n  ", "7"]);
    }

    #[test]
    fn qwen2_keeps_line_ends_with_punctuation() {
        check(
            Split::Qwen2,
            "fn main() {\n    1\n}\n\n",
            &["fn", " main", "()", " {\n", "   ", " ", "1", "\n", "}\n\n"],
        );
        check(Split::Qwen2, "I'LL go\tup 42", &["I", "'LL", " go", "\tup", " ", "4", "2"]);
        check(Split::Qwen2, "naïve\u{0301}x  \n y", &["naïve", "\u{0301}x", "  \n", " y"]);
    }

    #[test]
    fn llama3_takes_three_digits_together() {
        check(Split::Llama3, "12345", &["123", "45"]);
    }
}
