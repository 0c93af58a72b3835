//! The lines of a transcript, put back into one conversation.

use super::lines::{Envelope, MessageBody};
use crate::error::Error;
use hearth_core::message::Message;
use hearth_core::session::SessionKey;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// A longer line is passed over, in bytes: the largest image a message may carry, several times over.
const LINE_MAX_BYTES: u64 = 64 << 20;

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// Why.
    pub reason: String,
}

/// Every entry of a transcript, with the way from the newest back to the first.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) has_header: bool,
    pub(super) session_id: Option<String>,
    pub(super) session_key: Option<SessionKey>,
    pub(super) ends_with_newline: bool,
    /// Bytes that were read.
    pub(super) bytes: u64,
    pub(super) faults: Vec<Fault>,
    nodes: Vec<Node>,
    /// Where the newest entry with an id is.
    by_id: HashMap<String, usize>,
    /// The entries of the conversation, oldest first.
    way: Vec<usize>,
}

/// Counts what is read through it.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.bytes += amount as u64;
        self.inner.consume(amount);
    }
}

#[derive(Debug)]
struct Node {
    id: String,
    parent: Option<usize>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Message(Message),
    ModelChange {
        provider: String,
        model: String,
    },
    /// An entry of a kind that is not part of the conversation, or not known.
    Other,
}

impl Tree {
    /// Reads a file; a missing one is an empty tree.
    pub(super) fn load(path: &Path) -> Result<Self, Error> {
        let mut tree = Self { ends_with_newline: true, ..Self::default() };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(tree),
            Err(error) => return Err(Error::io("read", path, error)),
        };
        // A device or pipe in its place might never end.
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(Error::io("read", path, io::ErrorKind::InvalidInput.into()));
        }
        let mut input = Counted { inner: BufReader::new(file), bytes: 0 };
        tree.read(&mut input).map_err(|source| Error::io("read", path, source))?;
        tree.bytes = input.bytes;
        tree.find_way();
        Ok(tree)
    }

    fn read(&mut self, mut input: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            if (&mut input).take(LINE_MAX_BYTES).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            self.ends_with_newline = line.ends_with(b"\n");
            if !self.ends_with_newline && line.len() as u64 == LINE_MAX_BYTES {
                self.ends_with_newline = skip_line(&mut input)?;
                self.fault(number, "longer than any message may be");
                continue;
            }
            self.read_line(number, &line);
        }
        Ok(())
    }

    fn read_line(&mut self, number: usize, line: &[u8]) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        match serde_json::from_slice::<Envelope>(line) {
            Ok(envelope) if envelope.kind == "session" => self.read_header(envelope),
            Ok(envelope) => self.read_entry(number, line, envelope),
            Err(error) => self.fault(number, &error.to_string()),
        }
    }

    fn read_header(&mut self, envelope: Envelope) {
        if !self.has_header {
            self.has_header = true;
            self.session_id = envelope.id;
            self.session_key = envelope.session_key.and_then(|key| SessionKey::parse(&key).ok());
        }
    }

    fn read_entry(&mut self, number: usize, line: &[u8], envelope: Envelope) {
        let body = match (envelope.kind.as_str(), envelope.provider, envelope.model_id) {
            ("message", ..) => match serde_json::from_slice::<MessageBody>(line) {
                Ok(body) => Body::Message(body.message),
                Err(error) => {
                    self.fault(number, &error.to_string());
                    Body::Other
                }
            },
            ("model_change", Some(provider), Some(model)) => Body::ModelChange { provider, model },
            _ => Body::Other,
        };
        let last = self.nodes.len().checked_sub(1);
        let parent = match &envelope.parent_id {
            // The parent is the nearest earlier entry of that id; when its line is damaged, the line before stands in.
            Some(parent_id) => self.by_id.get(parent_id).copied().or(last),
            None => None,
        };
        self.push(Node { id: envelope.id.unwrap_or_default(), parent, body });
    }

    fn push(&mut self, node: Node) {
        self.by_id.insert(node.id.clone(), self.nodes.len());
        self.nodes.push(node);
    }

    /// Goes from the newest entry back to the first; parents lie before their children, so this ends.
    fn find_way(&mut self) {
        let mut next = self.nodes.len().checked_sub(1);
        while let Some(at) = next {
            self.way.push(at);
            next = self.nodes[at].parent;
        }
        self.way.reverse();
    }

    /// The conversation's messages with their ids, oldest first.
    pub(super) fn conversation(&self) -> impl Iterator<Item = (&str, &Message)> {
        self.way.iter().filter_map(|at| match &self.nodes[*at] {
            Node { id, body: Body::Message(message), .. } => Some((id.as_str(), message)),
            Node { body: Body::ModelChange { .. } | Body::Other, .. } => None,
        })
    }

    /// The provider and model that answered last.
    pub(super) fn model(&self) -> Option<(&str, &str)> {
        self.way.iter().rev().find_map(|at| match &self.nodes[*at].body {
            Body::ModelChange { provider, model } => Some((provider.as_str(), model.as_str())),
            Body::Message(_) | Body::Other => None,
        })
    }

    pub(super) fn leaf_id(&self) -> Option<&str> {
        self.nodes.last().map(|node| node.id.as_str())
    }

    pub(super) fn has_id(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    pub(super) fn push_message(&mut self, id: String, message: Message) {
        self.push_child(id, Body::Message(message));
    }

    pub(super) fn push_model_change(&mut self, id: String, provider: &str, model: &str) {
        self.push_child(id, Body::ModelChange { provider: provider.to_owned(), model: model.to_owned() });
    }

    fn push_child(&mut self, id: String, body: Body) {
        let parent = self.nodes.len().checked_sub(1);
        self.way.push(self.nodes.len());
        self.push(Node { id, parent, body });
    }

    fn fault(&mut self, line: usize, reason: &str) {
        self.faults.push(Fault { line, reason: reason.to_owned() });
    }
}

/// Reads on to the end of a line without keeping it; true when a line end was found.
fn skip_line(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let available = input.fill_buf()?;
        if available.is_empty() {
            return Ok(false);
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(available.len(), |at| at + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}
