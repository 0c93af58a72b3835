//! Styled lines as the bytes a terminal understands.

use crate::out::terminal_has_colour;
use crossterm::style::{Attribute, Color, ResetColor, SetAttribute, SetForegroundColor};
use hearth_markup::{Line, Role, Span, Style};
use unicode_width::UnicodeWidthStr as _;

/// Turns lines into bytes, with or without colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Painter {
    colour: bool,
}

impl Painter {
    /// For this terminal.
    pub(crate) fn of_terminal() -> Self {
        Self { colour: terminal_has_colour() }
    }

    /// Without colour.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { colour: false }
    }

    /// Returns the bytes of a line, without its end.
    pub(crate) fn line(self, line: &Line) -> String {
        line.spans.iter().map(|span| self.span(span)).collect()
    }

    fn span(self, span: &Span) -> String {
        if !self.colour {
            return span.text.clone();
        }
        let Style { role, bold, italic, strike } = span.style;
        let mut codes = String::new();
        // The terminal's own sixteen colours: they fit the person's light or dark theme, exact ones would not.
        let colour = match role {
            Role::Text | Role::Quote | Role::Muted | Role::Marker | Role::CodeBlock => None,
            Role::Heading | Role::Warn => Some(Color::DarkYellow),
            Role::Code => Some(Color::DarkCyan),
            Role::Link => Some(Color::DarkBlue),
            Role::Ok => Some(Color::DarkGreen),
            Role::Err => Some(Color::DarkRed),
        };
        if let Some(colour) = colour {
            codes.push_str(&SetForegroundColor(colour).to_string());
        }
        let dim = matches!(role, Role::Muted | Role::Marker | Role::Quote);
        let attributes = [
            (bold || role == Role::Heading, Attribute::Bold),
            (dim, Attribute::Dim),
            (italic, Attribute::Italic),
            (strike, Attribute::CrossedOut),
        ];
        for (_, attribute) in attributes.iter().filter(|(wanted, _)| *wanted) {
            codes.push_str(&SetAttribute(*attribute).to_string());
        }
        if codes.is_empty() {
            return span.text.clone();
        }
        format!("{codes}{}{}{}", span.text, SetAttribute(Attribute::Reset), ResetColor)
    }
}

/// A line of one piece.
pub(crate) fn line(role: Role, text: impl Into<String>) -> Line {
    Line { spans: vec![span(role, text)] }
}

/// A piece of a line.
pub(crate) fn span(role: Role, text: impl Into<String>) -> Span {
    Span { text: text.into(), style: Style { role, ..Style::default() } }
}

/// How many columns a line takes.
pub(crate) fn width(line: &Line) -> usize {
    line.spans.iter().map(|span| span.text.width()).sum()
}

/// Cuts a line to a width, with an ellipsis where something is missing.
pub(crate) fn cut(line: Line, columns: usize) -> Line {
    if width(&line) <= columns {
        return line;
    }
    let mut left = columns.saturating_sub(1);
    let mut spans = Vec::new();
    for piece in line.spans {
        let mut text = String::new();
        for char in piece.text.chars() {
            let wide = unicode_width::UnicodeWidthChar::width(char).unwrap_or(0);
            if wide > left {
                left = 0;
                break;
            }
            left -= wide;
            text.push(char);
        }
        spans.push(Span { text, style: piece.style });
        if left == 0 {
            break;
        }
    }
    spans.push(span(Role::Muted, "…"));
    Line { spans }
}

#[cfg(test)]
mod tests {
    use super::{Painter, cut, line, width};
    use hearth_markup::Role;

    #[test]
    fn cut_lines_fit_and_say_so() {
        let short = cut(line(Role::Text, "漢字漢字"), 6);
        assert_eq!((short.text().as_str(), width(&short)), ("漢字…", 5));
        assert_eq!(cut(line(Role::Text, "abc"), 3).text(), "abc");
    }

    #[test]
    fn without_colour_only_the_text_is_written() {
        assert_eq!(Painter::plain().line(&line(Role::Err, "no")), "no");
    }
}
