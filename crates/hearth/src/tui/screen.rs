//! The terminal: finished lines scroll into its own history, a few live lines stay at the bottom.
//!
//! Nothing takes over the whole screen, so that what was said can be scrolled, searched and copied with the terminal's
//! own means, and stays there after leaving.

use super::paint::{Painter, width};
use crossterm::{cursor, event, execute, queue, terminal};
use hearth_markup::Line;
use std::io::{Stdout, Write as _, stdout};

/// The person's terminal in raw mode; given back as it was when dropped.
#[derive(Debug)]
pub(crate) struct Screen {
    out: Stdout,
    painter: Painter,
    /// The widths of the live lines as they were drawn: after a resize they tell how many rows these now take.
    live: Vec<usize>,
    /// The live row the cursor was left in.
    cursor_row: usize,
}

/// Where the cursor is shown: a live line and a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Index of the live line.
    pub(crate) row: usize,
    /// Column, from 0.
    pub(crate) column: usize,
}

impl Screen {
    /// Takes the terminal.
    pub(crate) fn open() -> std::io::Result<Self> {
        terminal::enable_raw_mode()?;
        let mut out = stdout();
        let flags = event::KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES;
        // Terminals that know neither ignore both; with the second, Shift+Enter can be told from Enter.
        execute!(out, event::EnableBracketedPaste, event::PushKeyboardEnhancementFlags(flags))?;
        Ok(Self { out, painter: Painter::of_terminal(), live: Vec::new(), cursor_row: 0 })
    }

    /// Returns how many columns and rows there are.
    pub(crate) fn size() -> (usize, usize) {
        terminal::size().map_or((80, 24), |(columns, rows)| (usize::from(columns).max(10), usize::from(rows).max(4)))
    }

    /// Prints finished lines above, then the live lines again.
    pub(crate) fn draw(&mut self, finished: &[Line], live: &[Line], cursor: Cursor) -> std::io::Result<()> {
        let (columns, _) = Self::size();
        queue!(self.out, terminal::BeginSynchronizedUpdate, cursor::Hide)?;
        self.erase(columns)?;
        for line in finished {
            write!(self.out, "{}\r\n", self.painter.line(line))?;
        }
        for (index, line) in live.iter().enumerate() {
            let end = if index + 1 < live.len() { "\r\n" } else { "" };
            write!(self.out, "{}{end}", self.painter.line(line))?;
        }
        let up = live.len().saturating_sub(1).saturating_sub(cursor.row);
        self.up(up)?;
        queue!(self.out, cursor::MoveToColumn(clamp(cursor.column)), cursor::Show, terminal::EndSynchronizedUpdate)?;
        self.live = live.iter().map(width).collect();
        self.cursor_row = cursor.row;
        self.out.flush()
    }

    /// Removes the live lines.
    pub(crate) fn clear(&mut self) -> std::io::Result<()> {
        let (columns, _) = Self::size();
        self.erase(columns)?;
        self.live.clear();
        self.cursor_row = 0;
        self.out.flush()
    }

    fn erase(&mut self, columns: usize) -> std::io::Result<()> {
        // Rows above the cursor's own: a line that no longer fits has been wrapped by the terminal.
        let above: usize = self.live.iter().take(self.cursor_row).map(|width| width.div_ceil(columns).max(1)).sum();
        self.up(above)?;
        queue!(self.out, cursor::MoveToColumn(0), terminal::Clear(terminal::ClearType::FromCursorDown))
    }

    fn up(&mut self, rows: usize) -> std::io::Result<()> {
        if rows == 0 { Ok(()) } else { queue!(self.out, cursor::MoveUp(clamp(rows))) }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave_raw_mode();
    }
}

/// Gives the terminal back as it was; does nothing when it was not taken.
pub(crate) fn leave_raw_mode() {
    if terminal::is_raw_mode_enabled().unwrap_or(false) {
        // A terminal that is gone can't be given back.
        execute!(stdout(), event::PopKeyboardEnhancementFlags, event::DisableBracketedPaste, cursor::Show).ok();
        terminal::disable_raw_mode().ok();
    }
}

fn clamp(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
