//! Markdown as lines of styled spans: wrapped by display width, safe to print, coloured by whoever draws them.

mod block;
mod inline;
mod table;
mod wrap;

use crate::dialect::options;
use crate::tokens::{Palette, Rgb};
use comrak::{Arena, parse_document};

/// Narrower than this nothing can be laid out; smaller widths count as this one.
const MIN_WIDTH: usize = 8;

/// One line on the screen, without its line break.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The pieces, from the line's start to its end.
    pub spans: Vec<Span>,
}

impl Line {
    /// Returns the line without its styles.
    #[must_use]
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }
}

/// A piece of a line in one style. Its text holds no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What is printed.
    pub text: String,
    /// How it looks.
    pub style: Style,
}

impl Span {
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

/// How a span looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// What it is, which decides the colour.
    pub role: Role,
    /// Heavier.
    pub bold: bool,
    /// Slanted.
    pub italic: bool,
    /// Struck through.
    pub strike: bool,
}

impl Style {
    pub(crate) fn of(role: Role) -> Self {
        Self { role, ..Self::default() }
    }

    /// Returns the style of something inside: plain text takes the role of what surrounds it.
    pub(crate) fn with_role(self, role: Role) -> Self {
        Self { role, ..self }
    }
}

/// What a span is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Running text.
    #[default]
    Text,
    /// Text of the second rank: quotes.
    Quote,
    /// Addresses, captions, footnote numbers.
    Muted,
    /// Bullets, bars, rules: decoration.
    Marker,
    /// A heading.
    Heading,
    /// Code within a line.
    Code,
    /// A line of a code block.
    CodeBlock,
    /// A link's text.
    Link,
    /// The title of a tip; something that worked.
    Ok,
    /// The title of a warning.
    Warn,
    /// The title of a caution; something that failed.
    Err,
}

impl Role {
    /// Returns the role's colour in a mode.
    #[must_use]
    pub fn colour(self, palette: &Palette) -> Rgb {
        match self {
            Self::Text | Self::CodeBlock => palette.ink,
            Self::Quote => palette.ink_2,
            Self::Muted => palette.muted,
            Self::Marker => palette.edge,
            Self::Heading => palette.ember,
            Self::Code => palette.code.number,
            Self::Link => palette.link,
            Self::Ok => palette.ok,
            Self::Warn => palette.warn,
            Self::Err => palette.err,
        }
    }
}

/// Renders Markdown as lines no wider than `width` columns of a terminal (at least 8).
///
/// Width is counted as terminals draw it: two columns for wide characters, none for combining ones. Control characters
/// are dropped, so that no text can move the cursor or change the terminal's state. Raw HTML is shown as text.
#[must_use]
pub fn terminal(markdown: &str, width: usize) -> Vec<Line> {
    let arena = Arena::new();
    let document = parse_document(&arena, markdown, &options());
    block::children(document, width.max(MIN_WIDTH), block::Spacing::Loose, 0)
}

#[cfg(test)]
mod tests {
    use super::{Role, terminal};
    use unicode_width::UnicodeWidthStr;

    fn check(markdown: &str, width: usize, expected: &str) {
        let lines: Vec<String> =
            terminal(markdown, width).iter().map(|line| line.text().trim_end().to_owned()).collect();
        assert_eq!(lines.join("\n"), expected, "{markdown}");
    }

    #[test]
    fn paragraphs_wrap_by_display_width() {
        check("one two three four", 9, "one two\nthree\nfour");
        check("日本語のテキスト", 8, "日本語の\nテキスト");
        check("unbreakableword", 8, "unbreaka\nbleword");
        check("a\n\nb", 20, "a\n\nb");
        check(
            "e\u{301}e\u{301}e\u{301}e\u{301} e\u{301}e\u{301}e\u{301}e\u{301}",
            8,
            "e\u{301}e\u{301}e\u{301}e\u{301}\ne\u{301}e\u{301}e\u{301}e\u{301}",
        );
        check("a  \nb", 20, "a\nb");
    }

    #[test]
    fn lists_quotes_and_code_keep_their_shape() {
        check("- one two three\n- b\n  - c", 11, "• one two\n  three\n• b\n  • c");
        check("9. a\n10. b", 20, " 9. a\n10. b");
        check("- [ ] a\n- [x] b", 20, "☐ a\n☑ b");
        check("> quoted words here", 12, "▏ quoted\n▏ words here");
        check("```sh\ndf -h /\n  x\n```", 20, "  df -h /\n    x");
        check("# Title\n\ntext\n\n---", 10, "Title\n\ntext\n\n──────────");
        check("> [!TIP]\n> warm", 20, "▏ Tip\n▏ warm");
    }

    #[test]
    fn tables_are_aligned_and_narrow_ones_wrap() {
        check("|name|n|\n|-|-:|\n|a|1|\n|bb|22|", 40, "name   n\n────  ──\na      1\nbb    22");
        check("|k|v|\n|-|-|\n|key|a long value here|", 16, "k    v\n───  ───────────\nkey  a long\n     value here");
        check("|名|n|\n|-|-|\n|日本|1|", 20, "名    n\n────  ─\n日本  1");
    }

    #[test]
    fn a_table_too_narrow_for_columns_becomes_a_list() {
        check("|a|b|c|\n|-|-|-|\n|one|two|three|", 8, "a: one\nb: two\nc: three");
    }

    #[test]
    fn links_show_where_they_lead() {
        check("[site](https://e.org)", 40, "site (https://e.org)");
        check("<https://e.org>", 40, "https://e.org");
        check("[x](javascript:y)", 40, "x");
        check("![alt](https://e.org/a.png)", 60, "[image: alt] (https://e.org/a.png)");
        check("a[^1]\n\n[^1]: note", 40, "a[1]\n\n[1] note");
    }

    #[test]
    fn nothing_reaches_the_terminal_that_could_steer_it() {
        for hostile in [
            "a\u{1b}]0;x\u{7}b",
            "`\u{1b}[2J`",
            "```\n\u{1b}[31m\u{9b}1m\n```",
            "<\u{1b}[0m>",
            "[\u{1b}](https://e.org/\u{1b})",
            "a\u{202e}b",
        ] {
            for line in terminal(hostile, 40) {
                assert!(!line.text().chars().any(|c| c.is_control() || c == '\u{202e}'), "{hostile:?} -> {line:?}");
            }
        }
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        let nested = format!("{}deep words in many quotes", "> ".repeat(60));
        let samples = [
            nested.as_str(),
            "- - - - - - a long line in a deep list",
            "|a|b|c|d|e|f|g|h|\n|-|-|-|-|-|-|-|-|\n|1|2|3|4|5|6|7|8|",
            "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦",
            "# a heading that is much longer than the line",
        ];
        for (markdown, width) in samples.into_iter().flat_map(|markdown| [8, 13, 40].map(|width| (markdown, width))) {
            for line in terminal(markdown, width) {
                assert!(line.text().width() <= width, "{width}: {:?} of {markdown:?}", line.text());
            }
        }
    }

    #[test]
    fn deep_nesting_ends() {
        let lines = terminal(&"> ".repeat(20_000), 80);
        assert!(lines.len() < 10, "{}", lines.len());
        let lines = terminal(&format!("{}x", "> ".repeat(20_000)), 80);
        assert!(lines.iter().any(|line| line.text().contains('x')));
    }

    #[test]
    fn styles_follow_the_meaning() {
        let lines = terminal("a **b** *c* ~~d~~ `e`", 40);
        let styles: Vec<_> = lines[0].spans.iter().map(|span| (span.text.trim(), span.style)).collect();
        let of =
            |text: &str| styles.iter().find(|(found, _)| *found == text).map(|(_, style)| *style).unwrap_or_default();
        assert!(of("b").bold && of("c").italic && of("d").strike && !of("a").bold);
        assert_eq!(of("e").role, Role::Code);
    }
}
