//! One scanner for all languages that the table describes.

use super::table::{Keys, Language, Quote};
use super::{Kind, Page};

/// Reads the code once from left to right and puts every piece of it on the page.
pub(crate) fn scan(language: &Language, code: &str, page: &mut Page) {
    let mut rest = code;
    let mut line_start = true;
    while let Some(letter) = rest.chars().next() {
        let (kind, length) = if line_start { key(language, rest) } else { None }
            .or_else(|| comment(language, rest))
            .or_else(|| string(language, rest))
            .or_else(|| word(language, rest))
            .or_else(|| number(rest))
            .or_else(|| marked(language, rest))
            .unwrap_or((Kind::Plain, letter.len_utf8()));
        let (piece, after) = rest.split_at(length);
        page.put(kind, piece);
        line_start = match letter {
            '\n' => true,
            ' ' | '\t' | '-' | '{' => line_start,
            _ => false,
        };
        rest = after;
    }
}

type Piece = Option<(Kind, usize)>;

/// The name before `:` or `=` at the start of a line, and the name of a section.
fn key(language: &Language, rest: &str) -> Piece {
    let mark = match language.keys {
        Keys::None | Keys::Strings => return None,
        Keys::Colon => ':',
        Keys::Equals => '=',
    };
    if mark == '=' && rest.starts_with('[') {
        let line = rest.lines().next()?;
        return line.contains(']').then(|| (Kind::Type, line.rfind(']').map_or(line.len(), |end| end + 1)));
    }
    let name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '$');
    let end = rest.find(|letter| !name(letter))?;
    let after = rest.get(end..)?.trim_start_matches(' ');
    (end > 0 && after.starts_with(mark)).then_some((Kind::Name, end))
}

fn comment(language: &Language, rest: &str) -> Piece {
    if language.line_comments.iter().any(|opening| rest.starts_with(opening)) {
        return Some((Kind::Comment, rest.find('\n').unwrap_or(rest.len())));
    }
    let (opening, closing) = language.block_comment?;
    let inside = rest.strip_prefix(opening)?;
    let end = inside.find(closing).map_or(rest.len(), |at| opening.len() + at + closing.len());
    Some((Kind::Comment, end))
}

fn string(language: &Language, rest: &str) -> Piece {
    let quote = language.quotes.iter().find(|quote| rest.starts_with(quote.open))?;
    let length = string_end(quote, rest)?;
    let is_key = language.keys == Keys::Strings && rest.get(length..)?.trim_start().starts_with(':');
    Some((if is_key { Kind::Name } else { Kind::String }, length))
}

/// Returns where the string ends; `None` when a one-line string has no end on its line, as the tick of a lifetime.
fn string_end(quote: &Quote, rest: &str) -> Option<usize> {
    let start = quote.open.len();
    let mut letters = rest.get(start..)?.char_indices();
    let mut seen = 0_usize;
    while let Some((at, letter)) = letters.next() {
        if rest.get(start + at..)?.starts_with(quote.close) {
            return Some(start + at + quote.close.len());
        }
        if letter == '\\' && quote.escapes {
            letters.next();
        }
        seen += 1;
        let too_long = quote.longest.is_some_and(|longest| seen > longest);
        if too_long || (letter == '\n' && !quote.lines) {
            return None;
        }
    }
    quote.lines.then_some(rest.len())
}

fn word(language: &Language, rest: &str) -> Piece {
    let first = rest.chars().next()?;
    if !(first.is_alphabetic() || first == '_') {
        return None;
    }
    let inner = |letter: char| letter.is_alphanumeric() || letter == '_' || (letter == '-' && language.dashes);
    let end = rest.find(|letter| !inner(letter)).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    // r"…", b'…', f"…": the prefix belongs to the string.
    if end <= 2
        && language.prefixes.contains(&name)
        && let Some((kind, length)) = string(language, after)
    {
        return Some((kind, end + length));
    }
    let known = |list: &[&str]| match language.any_case {
        true => list.iter().any(|word| word.eq_ignore_ascii_case(name)),
        false => list.contains(&name),
    };
    let kind = if known(language.keywords) {
        Kind::Keyword
    } else if known(language.types) {
        Kind::Type
    } else if known(&["true", "false", "null", "None", "True", "False", "nil", "undefined", "NaN"]) {
        Kind::Number
    } else if known(language.commands) || (language.calls && (after.starts_with('(') || after.starts_with("!("))) {
        Kind::Name
    } else if language.calls && name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase) {
        Kind::Type
    } else {
        Kind::Plain
    };
    Some((kind, end))
}

fn number(rest: &str) -> Piece {
    if !rest.starts_with(|letter: char| letter.is_ascii_digit()) {
        return None;
    }
    let mut end = 0;
    let bytes = rest.as_bytes();
    while let Some(byte) = bytes.get(end) {
        let decimal = *byte == b'.' && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        let sign = matches!(byte, b'+' | b'-')
            && end > 0
            && matches!(bytes.get(end - 1), Some(b'e' | b'E'))
            && !rest.starts_with("0x");
        if !(byte.is_ascii_alphanumeric() || *byte == b'_' || decimal || sign) {
            break;
        }
        end += 1;
    }
    Some((Kind::Number, end))
}

/// Words that a sign marks: `$variable`, `@decorator`, `#[attribute]`, `#include`.
fn marked(language: &Language, rest: &str) -> Piece {
    let sign = rest.chars().next().filter(|sign| language.signs.contains(*sign))?;
    let after = rest.get(1..)?;
    let inner = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '?');
    if sign == '#' && after.starts_with(['[', '!']) {
        let line = after.find('\n').unwrap_or(after.len());
        let end = after.get(..line)?.rfind(']')?;
        return Some((Kind::Comment, end + 2));
    }
    if sign == '$' && after.starts_with('{') {
        let end = after.get(..after.find('\n').unwrap_or(after.len()))?.find('}')?;
        return Some((Kind::Type, end + 2));
    }
    let end = after.find(|letter| !inner(letter)).unwrap_or(after.len());
    let kind = match sign {
        '$' => Kind::Type,
        '#' if language.any_case => Kind::Number,
        '.' => Kind::Type,
        _ => Kind::Keyword,
    };
    (end > 0).then_some((kind, end + 1))
}
