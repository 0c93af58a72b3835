//! Breaking styled text into lines by display width.

use super::{Line, Span, Style};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

const TAB: &str = "    ";

/// Removes what could steer a terminal: control characters and direction overrides; tabs become spaces.
pub(super) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => cleaned.push_str(TAB),
            '\n' | '\r' => cleaned.push(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {}
            other if other.is_control() => {}
            other => cleaned.push(other),
        }
    }
    cleaned
}

/// Breaks pieces at spaces (and inside words that are too long) into lines of at most `width` columns.
pub(super) fn wrap(pieces: Vec<Span>, width: usize) -> Vec<Line> {
    let mut breaker = Breaker::new(width);
    for piece in pieces {
        if piece.text == "\n" {
            breaker.end_word();
            breaker.end_line();
            continue;
        }
        for token in piece.text.split_word_bounds() {
            if token.chars().all(|character| character == ' ') {
                breaker.end_word();
                breaker.space(token, piece.style);
            } else {
                breaker.add(token, piece.style);
            }
        }
    }
    breaker.finish()
}

/// Cuts one line of code at the width, wherever that is.
pub(super) fn chop(text: &str, width: usize, style: Style) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut current = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let columns = grapheme.width();
        if used + columns > width && used > 0 {
            lines.push(Line { spans: vec![Span::new(std::mem::take(&mut current), style)] });
            used = 0;
        }
        current.push_str(grapheme);
        used += columns;
    }
    lines.push(Line { spans: vec![Span::new(current, style)] });
    lines
}

/// Collects graphemes into words and words into lines.
struct Breaker {
    width: usize,
    lines: Vec<Line>,
    line: Line,
    line_width: usize,
    /// The space after the last word; dropped where the line breaks.
    space: Option<Span>,
    /// The word so far, which may change style in the middle.
    word: Vec<Span>,
    word_width: usize,
}

impl Breaker {
    fn new(width: usize) -> Self {
        Self {
            width: width.max(1),
            lines: Vec::new(),
            line: Line::default(),
            line_width: 0,
            space: None,
            word: Vec::new(),
            word_width: 0,
        }
    }

    fn add(&mut self, token: &str, style: Style) {
        for grapheme in token.graphemes(true) {
            let columns = grapheme.width();
            // Wide scripts have no spaces: a line may break between any two of their characters.
            if columns > 1 || self.word_width + columns > self.width {
                self.end_word();
            }
            push(&mut self.word, grapheme, style);
            self.word_width += columns;
        }
    }

    fn space(&mut self, text: &str, style: Style) {
        if self.line_width > 0 {
            self.space = Some(Span::new(text, style));
        }
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let space_width = self.space.as_ref().map_or(0, |space| space.text.width());
        if self.line_width > 0 && self.line_width + space_width + self.word_width > self.width {
            self.end_line();
        } else if let Some(space) = self.space.take() {
            push(&mut self.line.spans, &space.text, space.style);
            self.line_width += space_width;
        }
        for span in std::mem::take(&mut self.word) {
            push(&mut self.line.spans, &span.text, span.style);
        }
        self.line_width += std::mem::take(&mut self.word_width);
    }

    fn end_line(&mut self) {
        self.lines.push(std::mem::take(&mut self.line));
        self.line_width = 0;
        self.space = None;
    }

    fn finish(mut self) -> Vec<Line> {
        self.end_word();
        if self.line_width > 0 {
            self.end_line();
        }
        self.lines
    }
}

/// Appends text, to the last span where the style is the same.
fn push(spans: &mut Vec<Span>, text: &str, style: Style) {
    match spans.last_mut() {
        Some(last) if last.style == style => last.text.push_str(text),
        _ => spans.push(Span::new(text, style)),
    }
}
