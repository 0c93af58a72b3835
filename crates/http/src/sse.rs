//! The event stream parser, after the WHATWG HTML standard, section 9.2.6 (interpreting an event stream).

use std::collections::VecDeque;

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The event's type; `message` when the stream names none.
    pub event: String,
    /// The data lines, joined by line feeds.
    pub data: String,
    /// The last id the stream named, empty for none. It stays in force for later events, as the standard demands.
    pub id: String,
}

/// Takes bytes in any pieces and gives whole events. Reconnection (`retry`) is the caller's matter and not reported.
#[derive(Debug)]
pub struct SseParser {
    max_event_bytes: usize,
    /// Bytes of a line whose end has not come; whole lines only are decoded, so a character may be split anywhere.
    line: Vec<u8>,
    /// A carriage return ended the last line: a line feed that follows belongs to it.
    after_carriage_return: bool,
    /// No line has been read yet: a byte order mark may stand before it.
    at_start: bool,
    event: String,
    data: String,
    has_data: bool,
    id: String,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl SseParser {
    /// Makes a parser that holds at most this much of an unfinished event.
    #[must_use]
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            line: Vec::new(),
            after_carriage_return: false,
            at_start: true,
            event: String::new(),
            data: String::new(),
            has_data: false,
            id: String::new(),
        }
    }

    /// Returns the limit it was made with.
    #[must_use]
    pub fn max_event_bytes(&self) -> usize {
        self.max_event_bytes
    }

    /// Takes more bytes and appends the events they complete; false when an event exceeds the limit, after which the
    /// parser must not be used.
    #[must_use]
    pub fn push(&mut self, mut bytes: &[u8], events: &mut VecDeque<SseEvent>) -> bool {
        if self.after_carriage_return && !bytes.is_empty() {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            self.after_carriage_return = false;
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line.extend_from_slice(&bytes[..end]);
            let carriage_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if carriage_return {
                self.after_carriage_return = bytes.is_empty();
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
            if !self.fits() {
                return false;
            }
            self.end_line(events);
        }
        self.line.extend_from_slice(bytes);
        self.fits()
    }

    fn fits(&self) -> bool {
        self.line.len() + self.data.len() + self.event.len() <= self.max_event_bytes
    }

    fn end_line(&mut self, events: &mut VecDeque<SseEvent>) {
        let line = std::mem::take(&mut self.line);
        let line = if std::mem::take(&mut self.at_start) {
            line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line)
        } else {
            &line
        };
        if line.is_empty() {
            return self.dispatch(events);
        }
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        self.field(field, value.strip_prefix(' ').unwrap_or(value));
    }

    fn field(&mut self, field: &str, value: &str) {
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            // A comment (no field name), `retry`, or a field of a later standard.
            _ => {}
        }
    }

    fn dispatch(&mut self, events: &mut VecDeque<SseEvent>) {
        let event = std::mem::take(&mut self.event);
        let data = std::mem::take(&mut self.data);
        if std::mem::take(&mut self.has_data) {
            let event = if event.is_empty() { "message".to_owned() } else { event };
            events.push_back(SseEvent { event, data, id: self.id.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SseEvent, SseParser};
    use std::collections::VecDeque;

    /// Parses in pieces of every size from one byte to all at once; all must give the same.
    fn check(stream: &str, expected: &[(&str, &str, &str)]) {
        let expected: VecDeque<SseEvent> = expected
            .iter()
            .map(|(event, data, id)| SseEvent {
                event: (*event).to_owned(),
                data: (*data).to_owned(),
                id: (*id).to_owned(),
            })
            .collect();
        for size in 1..=stream.len() {
            let mut parser = SseParser::new(1024);
            let mut events = VecDeque::new();
            for piece in stream.as_bytes().chunks(size) {
                assert!(parser.push(piece, &mut events));
            }
            assert_eq!(events, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn the_standard_is_followed_at_every_chunk_boundary() {
        check("data: a\n\n", &[("message", "a", "")]);
        check(
            "data: a\r\n\r\ndata: b\r\rdata: c\n\n",
            &[("message", "a", ""), ("message", "b", ""), ("message", "c", "")],
        );
        check("\u{feff}data: bom\n\n", &[("message", "bom", "")]);
        check("data: grüße\ndata: 🔥 x\n\n", &[("message", "grüße\n🔥 x", "")]);
        check(": comment\nevent: delta\ndata:no space\ndata:  two\n\n", &[("delta", "no space\n two", "")]);
        check("data\n\ndata\ndata\n\n", &[("message", "", ""), ("message", "\n", "")]);
        check("event: lonely\n\ndata: x\n\n", &[("message", "x", "")]);
        check(
            "id: 7\ndata: x\n\ndata: y\n\nid\ndata: z\n\n",
            &[("message", "x", "7"), ("message", "y", "7"), ("message", "z", "")],
        );
        check("id: a\0b\ndata: x\n\n", &[("message", "x", "")]);
        check("retry: 10\nother: 1\ndata: x\n\n", &[("message", "x", "")]);
        check("data: whole\n\ndata: cut off", &[("message", "whole", "")]);
    }

    #[test]
    fn broken_text_is_replaced_and_an_endless_event_is_refused() {
        let mut parser = SseParser::new(64);
        let mut events = VecDeque::new();
        assert!(parser.push(b"data: a\xFFb\n\n", &mut events));
        assert_eq!(events[0].data, "a\u{fffd}b");
        assert!(parser.push(&[b"data: ".as_slice(), &[b'x'; 40], b"\n"].concat(), &mut events));
        assert!(!parser.push(&[b"data: ".as_slice(), &[b'x'; 40], b"\n"].concat(), &mut events));
    }
}
