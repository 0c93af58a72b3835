//! The line being typed: several lines, any script, a history.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// A pasted text is cut here; longer texts belong in a file.
const MAX_BYTES: usize = 256 * 1024;
/// Older lines are forgotten.
const MAX_HISTORY: usize = 200;

/// A text field with a cursor.
#[derive(Debug, Default)]
pub(crate) struct Editor {
    text: String,
    /// A byte offset, always between two graphemes.
    cursor: usize,
    history: Vec<String>,
    /// Which line of the history is shown; `None` is the line being typed.
    shown: Option<usize>,
    /// The line being typed, while the history is shown.
    draft: String,
}

/// Where the cursor goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Motion {
    /// One grapheme back.
    Left,
    /// One grapheme on.
    Right,
    /// To the start of the word before.
    WordLeft,
    /// To the end of the next word.
    WordRight,
    /// To the start of this line.
    Home,
    /// To the end of this line.
    End,
}

/// Text laid out in rows of the screen, and where the cursor stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The rows, at least one.
    pub(crate) rows: Vec<String>,
    /// The cursor's row.
    pub(crate) row: usize,
    /// The cursor's column.
    pub(crate) column: usize,
}

/// Where a grapheme stands.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    offset: usize,
    grapheme: &'a str,
    row: usize,
    column: usize,
}

impl Editor {
    /// Returns the text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Puts text in at the cursor; what a terminal can't show is left out.
    pub(crate) fn insert(&mut self, text: &str) {
        let clean: String = text
            .replace("\r\n", "\n")
            .replace('\r', "\n")
            .replace('\t', "    ")
            .chars()
            .filter(|char| *char == '\n' || !char.is_control())
            .collect();
        let room = MAX_BYTES.saturating_sub(self.text.len());
        let fits = clean.char_indices().map(|(offset, char)| offset + char.len_utf8()).take_while(|end| *end <= room);
        let end = fits.last().unwrap_or(0);
        self.text.insert_str(self.cursor, &clean[..end]);
        self.cursor += end;
    }

    /// Moves the cursor.
    pub(crate) fn go(&mut self, motion: Motion) {
        self.cursor = self.target(motion);
    }

    /// Deletes from the cursor to where a motion would lead.
    pub(crate) fn delete(&mut self, motion: Motion) {
        let target = self.target(motion);
        let (from, to) = (target.min(self.cursor), target.max(self.cursor));
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    /// Up: a row up in the text, or the history's line before. True when something changed.
    pub(crate) fn up(&mut self, width: usize) -> bool {
        self.row_up(width) || self.older()
    }

    /// Down: a row down in the text, or the history's next line. True when something changed.
    pub(crate) fn down(&mut self, width: usize) -> bool {
        self.row_down(width) || self.newer()
    }

    /// Takes the text out and remembers it.
    pub(crate) fn take(&mut self) -> String {
        let text = std::mem::take(&mut self.text);
        self.cursor = 0;
        self.shown = None;
        self.draft.clear();
        self.remember(&text);
        text
    }

    /// Empties the field without remembering.
    pub(crate) fn clear(&mut self) {
        self.set(String::new());
        self.shown = None;
    }

    /// Adds a line to the history.
    pub(crate) fn remember(&mut self, text: &str) {
        if text.trim().is_empty() || self.history.last().is_some_and(|last| last == text) {
            return;
        }
        if self.history.len() == MAX_HISTORY {
            self.history.remove(0);
        }
        self.history.push(text.to_owned());
    }

    /// Lays the text out in rows of at most `width` columns.
    pub(crate) fn layout(&self, width: usize) -> Layout {
        let mut layout = Layout { rows: vec![String::new()], row: 0, column: 0 };
        for place in self.places(width) {
            layout.rows.resize(place.row + 1, String::new());
            if place.offset == self.cursor {
                (layout.row, layout.column) = (place.row, place.column);
            }
            if place.grapheme != "\n"
                && let Some(row) = layout.rows.last_mut()
            {
                row.push_str(place.grapheme);
            }
        }
        layout
    }

    /// Returns where each grapheme stands, and where the cursor stands after the last one.
    fn places(&self, width: usize) -> impl Iterator<Item = Place<'_>> {
        let width = width.max(2);
        let (mut row, mut column) = (0, 0);
        let end = std::iter::once((self.text.len(), ""));
        self.text.grapheme_indices(true).chain(end).map(move |(offset, grapheme)| {
            let columns = if grapheme == "\n" { 0 } else { grapheme.width() };
            let no_room = column + columns > width || (grapheme.is_empty() && column == width);
            if no_room {
                (row, column) = (row + 1, 0);
            }
            let place = Place { offset, grapheme, row, column };
            column += columns;
            if grapheme == "\n" {
                (row, column) = (row + 1, 0);
            }
            place
        })
    }

    fn target(&self, motion: Motion) -> usize {
        let (before, after) = self.text.split_at(self.cursor);
        match motion {
            Motion::Left => before.grapheme_indices(true).next_back().map_or(0, |(offset, _)| offset),
            Motion::Right => self.cursor + after.graphemes(true).next().map_or(0, str::len),
            Motion::WordLeft => before.unicode_word_indices().next_back().map_or(0, |(offset, _)| offset),
            Motion::WordRight => after
                .unicode_word_indices()
                .next()
                .map_or(self.text.len(), |(offset, word)| self.cursor + offset + word.len()),
            Motion::Home => before.rfind('\n').map_or(0, |offset| offset + 1),
            Motion::End => after.find('\n').map_or(self.text.len(), |offset| self.cursor + offset),
        }
    }

    fn row_up(&mut self, width: usize) -> bool {
        let layout = self.layout(width);
        layout.row > 0 && self.place(width, layout.row - 1, layout.column)
    }

    fn row_down(&mut self, width: usize) -> bool {
        let layout = self.layout(width);
        layout.row + 1 < layout.rows.len() && self.place(width, layout.row + 1, layout.column)
    }

    /// Puts the cursor as near as possible to a place of the layout.
    fn place(&mut self, width: usize, row: usize, column: usize) -> bool {
        let fits = |place: &Place<'_>| place.row == row && place.column <= column;
        let Some(best) = self.places(width).filter(fits).last().map(|place| place.offset) else { return false };
        self.cursor = best;
        true
    }

    fn older(&mut self) -> bool {
        let index = match self.shown {
            None => self.history.len().checked_sub(1),
            Some(index) => index.checked_sub(1),
        };
        let Some(index) = index else { return false };
        if self.shown.is_none() {
            self.draft.clone_from(&self.text);
        }
        self.shown = Some(index);
        self.set(self.history[index].clone());
        true
    }

    fn newer(&mut self) -> bool {
        let Some(index) = self.shown else { return false };
        match self.history.get(index + 1).cloned() {
            Some(line) => {
                self.shown = Some(index + 1);
                self.set(line);
            }
            None => {
                self.shown = None;
                let draft = std::mem::take(&mut self.draft);
                self.set(draft);
            }
        }
        true
    }

    fn set(&mut self, text: String) {
        self.cursor = text.len();
        self.text = text;
    }
}

#[cfg(test)]
mod tests {
    use super::{Editor, Layout, Motion};

    fn typed(text: &str) -> Editor {
        let mut editor = Editor::default();
        editor.insert(text);
        editor
    }

    #[test]
    fn graphemes_are_never_cut() {
        let mut editor = typed("ok 👩‍👩‍👧 é");
        editor.delete(Motion::Left);
        editor.delete(Motion::Left);
        editor.delete(Motion::Left);
        assert_eq!(editor.text(), "ok ");
    }

    #[test]
    fn words_and_lines_are_deleted_whole() {
        let mut editor = typed("one two\nthree four");
        editor.delete(Motion::WordLeft);
        assert_eq!(editor.text(), "one two\nthree ");
        editor.delete(Motion::Home);
        assert_eq!(editor.text(), "one two\n");
        editor.go(Motion::Left);
        editor.go(Motion::Home);
        editor.delete(Motion::End);
        assert_eq!(editor.text(), "\n");
    }

    #[test]
    fn rows_wrap_by_width_and_the_cursor_follows() {
        let editor = typed("ab漢字");
        assert_eq!(editor.layout(4), Layout { rows: vec!["ab漢".to_owned(), "字".to_owned()], row: 1, column: 2 });
        assert_eq!(typed("abcd").layout(4), Layout { rows: vec!["abcd".to_owned(), String::new()], row: 1, column: 0 });
    }

    #[test]
    fn up_moves_in_the_text_first_then_in_the_history() {
        let mut editor = typed("first");
        assert_eq!(editor.take(), "first");
        editor.insert("a\nbc");
        assert!(editor.up(80));
        assert_eq!((editor.layout(80).row, editor.text()), (0, "a\nbc"));
        assert!(editor.up(80));
        assert_eq!(editor.text(), "first");
        assert!(!editor.up(80));
        assert!(editor.down(80));
        assert_eq!(editor.text(), "a\nbc", "the draft comes back");
    }

    #[test]
    fn what_moves_the_terminal_is_not_pasted() {
        assert_eq!(typed("a\u{1b}[2Jb\r\nc\td").text(), "a[2Jb\nc    d");
    }
}
