//! Reads the action form while it is written: `reply` and text, or a tool's name and its arguments.

use super::{Piece, REPLY};

/// The reader's state.
#[derive(Debug, Default)]
pub(crate) struct ActionReader {
    head: String,
    state: State,
}

#[derive(Debug, Default, PartialEq)]
enum State {
    #[default]
    Name,
    Reply,
    Arguments(String),
}

impl ActionReader {
    /// Takes the next text of the answer and returns what can be passed on.
    pub(crate) fn push(&mut self, text: &str) -> Option<Piece> {
        match &mut self.state {
            State::Reply => Some(Piece::Text(text.to_owned())),
            State::Arguments(arguments) => {
                arguments.push_str(text);
                None
            }
            State::Name => {
                self.head.push_str(text);
                let (name, rest) = self.head.split_once(' ')?;
                let rest = rest.to_owned();
                if name == REPLY {
                    self.state = State::Reply;
                    return (!rest.is_empty()).then_some(Piece::Text(rest));
                }
                self.head.truncate(name.len());
                self.state = State::Arguments(rest);
                None
            }
        }
    }

    /// What is left when the answer ends. A call whose arguments are no complete object is dropped.
    pub(crate) fn finish(self) -> Option<Piece> {
        match self.state {
            State::Arguments(arguments) if serde_json::from_str::<serde::de::IgnoredAny>(&arguments).is_ok() => {
                Some(Piece::Call { name: self.head, arguments })
            }
            State::Arguments(_) | State::Reply | State::Name => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ActionReader, Piece};

    fn check(chunks: &[&str], expect: &[Piece]) {
        let mut reader = ActionReader::default();
        let mut pieces: Vec<Piece> = chunks.iter().filter_map(|chunk| reader.push(chunk)).collect();
        pieces.extend(reader.finish());
        assert_eq!(pieces, expect, "{chunks:?}");
    }

    #[test]
    fn replies_stream_and_calls_arrive_whole() {
        let text = |text: &str| Piece::Text(text.to_owned());
        check(&["re", "ply", " Hello", " you"], &[text("Hello"), text(" you")]);
        let call = Piece::Call { name: "bash".to_owned(), arguments: r#"{"command": "df -h"}"#.to_owned() };
        check(&["bash {\"comm", "and\": \"df", " -h\"}"], &[call]);
    }

    #[test]
    fn a_call_that_was_cut_off_is_no_call() {
        check(&["bash {\"command\": \"rm -rf /tmp/x"], &[]);
        check(&["rep"], &[]);
    }
}
