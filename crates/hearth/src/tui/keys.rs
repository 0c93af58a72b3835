//! What a key means.

use super::editor::{Editor, Motion};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What the person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Only the line being typed changed.
    Redraw,
    /// Send the line.
    Send,
    /// Stop the running turn.
    Stop,
    /// Ctrl-C: empty the line, stop the turn, or leave when pressed twice.
    Interrupt,
    /// Leave.
    Leave,
    /// Show what tools printed, or hide it again.
    Unfold,
    /// Nothing.
    None,
}

/// Applies an event to the line being typed and says what else the person wants.
pub(crate) fn apply(event: &Event, editor: &mut Editor, width: usize) -> Wish {
    match event {
        Event::Paste(text) => {
            editor.insert(text);
            Wish::Redraw
        }
        Event::Resize(..) => Wish::Redraw,
        Event::Key(key) if key.kind != KeyEventKind::Release => press(key, editor, width),
        Event::Key(_) | Event::FocusGained | Event::FocusLost | Event::Mouse(_) => Wish::None,
    }
}

fn press(key: &KeyEvent, editor: &mut Editor, width: usize) -> Wish {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let other = key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SHIFT);
    match key.code {
        KeyCode::Enter if other || control => editor.insert("\n"),
        KeyCode::Enter => return Wish::Send,
        KeyCode::Esc => return Wish::Stop,
        KeyCode::Char(char) if control => return chord(char, editor),
        KeyCode::Char(char) if key.modifiers.contains(KeyModifiers::ALT) => match char {
            'b' => editor.go(Motion::WordLeft),
            'f' => editor.go(Motion::WordRight),
            _ => return Wish::None,
        },
        KeyCode::Char(char) => editor.insert(char.encode_utf8(&mut [0; 4])),
        KeyCode::Backspace if control || other => editor.delete(Motion::WordLeft),
        KeyCode::Backspace => editor.delete(Motion::Left),
        KeyCode::Delete => editor.delete(Motion::Right),
        KeyCode::Left if control || other => editor.go(Motion::WordLeft),
        KeyCode::Right if control || other => editor.go(Motion::WordRight),
        KeyCode::Left => editor.go(Motion::Left),
        KeyCode::Right => editor.go(Motion::Right),
        KeyCode::Home => editor.go(Motion::Home),
        KeyCode::End => editor.go(Motion::End),
        KeyCode::Up if editor.up(width) => {}
        KeyCode::Down if editor.down(width) => {}
        _ => return Wish::None,
    }
    Wish::Redraw
}

fn chord(char: char, editor: &mut Editor) -> Wish {
    match char {
        'c' => return Wish::Interrupt,
        'd' if editor.text().is_empty() => return Wish::Leave,
        'd' => editor.delete(Motion::Right),
        'o' => return Wish::Unfold,
        'a' => editor.go(Motion::Home),
        'e' => editor.go(Motion::End),
        'b' => editor.go(Motion::Left),
        'f' => editor.go(Motion::Right),
        'h' => editor.delete(Motion::Left),
        'j' => editor.insert("\n"),
        'k' => editor.delete(Motion::End),
        'u' => editor.delete(Motion::Home),
        'w' => editor.delete(Motion::WordLeft),
        _ => return Wish::None,
    }
    Wish::Redraw
}

#[cfg(test)]
mod tests {
    use super::{Wish, apply};
    use crate::tui::editor::Editor;
    use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

    #[test]
    fn enter_sends_and_with_a_modifier_breaks_the_line() {
        let mut editor = Editor::default();
        let mut press = |code, modifiers| apply(&Event::Key(KeyEvent::new(code, modifiers)), &mut editor, 80);
        assert_eq!(press(KeyCode::Char('a'), KeyModifiers::NONE), Wish::Redraw);
        for modifier in [KeyModifiers::ALT, KeyModifiers::SHIFT] {
            assert_eq!(press(KeyCode::Enter, modifier), Wish::Redraw);
        }
        assert_eq!(press(KeyCode::Enter, KeyModifiers::NONE), Wish::Send);
        assert_eq!(press(KeyCode::Esc, KeyModifiers::NONE), Wish::Stop);
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Wish::Interrupt);
        assert_eq!(editor.text(), "a\n\n");
        editor.clear();
        let leave = Event::Key(KeyEvent::new(KeyCode::Char('d'), KeyModifiers::CONTROL));
        assert_eq!(apply(&leave, &mut editor, 80), Wish::Leave);
    }
}
