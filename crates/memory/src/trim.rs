//! What of a file a model is shown: comments are left out, and long texts are cut with a mark the model can see.

/// How much of a file was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Characters left out.
    pub left_out_chars: usize,
    /// Characters the text had.
    pub total_chars: usize,
}

/// Which end of a long text matters more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Favour {
    /// The beginning: rules and facts.
    Head,
    /// The end: a diary, where the latest comes last.
    Tail,
}

/// Removes Markdown comments (`<!-- … -->`) that begin a line and end one; they are notes for the person who edits the
/// file. A comment that is never closed is kept.
pub(crate) fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = comment_start(rest) {
        let Some(length) = rest[start..].find("-->") else { break };
        let after = start + length + "-->".len();
        let line_end = rest[after..].find('\n').map_or(rest.len(), |at| after + at);
        if !rest[after..line_end].trim().is_empty() {
            kept.push_str(&rest[..after]);
            rest = &rest[after..];
            continue;
        }
        kept.push_str(rest[..start].trim_end_matches(' '));
        rest = rest[line_end..].trim_start_matches(['\n', '\r']);
    }
    kept.push_str(rest);
    kept
}

fn comment_start(text: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].find("<!--").map(|at| from + at) {
        let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        if text[line_start..at].trim().is_empty() {
            return Some(at);
        }
        from = at + "<!--".len();
    }
    None
}

/// True when a text has nothing but headings and blank lines.
pub(crate) fn says_nothing(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
}

/// A text to cut.
pub(crate) struct Source<'a> {
    /// The file's name, for the mark.
    pub(crate) name: &'a str,
    /// Its text.
    pub(crate) text: &'a str,
    /// Characters of the file's middle that are not in `text`.
    pub(crate) unread: usize,
}

/// Cuts a text to about `limit` characters (the mark comes on top), at character boundaries, keeping both ends.
pub(crate) fn cut(source: &Source<'_>, limit: usize, favour: Favour) -> (String, Option<Cut>) {
    let read_chars = source.text.chars().count();
    if read_chars <= limit {
        return (source.text.to_owned(), None);
    }
    let head = match favour {
        Favour::Head => limit - limit / 4,
        Favour::Tail => limit / 4,
    };
    let total_chars = read_chars.saturating_add(source.unread);
    let cut = Cut { left_out_chars: total_chars - limit, total_chars };
    let head = &source.text[..byte_of_char(source.text, head)];
    let tail = &source.text[byte_of_char(source.text, read_chars - (limit - head.chars().count()))..];
    (format!("{head}\n{}\n{tail}", mark(source.name, cut)), Some(cut))
}

/// Shows the text when it fits, else nothing but the mark.
pub(crate) fn mark_only(source: &Source<'_>, limit: usize) -> (String, Option<Cut>) {
    let total_chars = source.text.chars().count().saturating_add(source.unread);
    if total_chars <= limit {
        return (source.text.to_owned(), None);
    }
    let cut = Cut { left_out_chars: total_chars, total_chars };
    (mark(source.name, cut), Some(cut))
}

/// The line that stands where text was left out.
fn mark(name: &str, cut: Cut) -> String {
    format!(
        "[cut: {} of {} characters of {name} left out; read the file for the rest]",
        grouped(cut.left_out_chars),
        grouped(cut.total_chars)
    )
}

fn byte_of_char(text: &str, nth: usize) -> usize {
    text.char_indices().nth(nth).map_or(text.len(), |(at, _)| at)
}

/// Writes a number with a comma between groups of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut written = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::{Favour, Source, cut, grouped, says_nothing, without_comments};

    #[test]
    fn comments_on_their_own_lines_are_for_people() {
        for (text, shown) in [
            ("# A\n\n<!-- note -->\n\n- b\n", "# A\n\n- b\n"),
            ("<!--\nlong\nnote\n-->\nb", "b"),
            ("a <!-- inline --> b\n", "a <!-- inline --> b\n"),
            ("<!-- kept --> b\n<!-- gone -->", "<!-- kept --> b\n"),
            ("<!-- never closed\nb", "<!-- never closed\nb"),
            ("no comment", "no comment"),
        ] {
            assert_eq!(without_comments(text), shown, "{text:?}");
        }
    }

    #[test]
    fn headings_alone_say_nothing() {
        assert!(says_nothing("# Memory\n\n## Facts\n"));
        assert!(!says_nothing("# Memory\n- tea\n"));
    }

    #[test]
    fn a_cut_keeps_both_ends_and_whole_characters() {
        let text = "ä".repeat(100);
        let (shown, how_much) = cut(&Source { name: "A.md", text: &text, unread: 0 }, 40, Favour::Head);
        assert_eq!(
            shown,
            format!(
                "{}\n[cut: 60 of 100 characters of A.md left out; read the file for the rest]\n{}",
                "ä".repeat(30),
                "ä".repeat(10)
            )
        );
        assert_eq!(how_much.map(|cut| cut.left_out_chars), Some(60));
    }

    #[test]
    fn a_diary_keeps_its_end() {
        let text = format!("{}{}", "a".repeat(80), "b".repeat(20));
        let (shown, _) = cut(&Source { name: "d.md", text: &text, unread: 0 }, 20, Favour::Tail);
        assert!(shown.starts_with("aaaaa\n[cut: 80 of 100"), "{shown}");
        assert!(shown.ends_with(&"b".repeat(15)), "{shown}");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 12_345, 1_000_000].map(grouped), ["0", "999", "12,345", "1,000,000"]);
    }
}
