//! The history on disk: one JSON object a line, session format version 3, appended and never rewritten.
//!
//! A line that can't be read (cut off by a crash, damaged by a disk, written by a newer program) stays where it is and is
//! passed over. The first line is the session's header; every other is an entry with an id and its parent's id, so that
//! the lines form a tree whose newest leaf is the conversation.
//!
//! - `lines`: the JSON of each line
//! - `tree`: lines of a file, put back into one conversation
//! - `recent`: transcripts of the latest turns, which need not be read again
//! - `pairs`: every tool call followed by its result, whatever happened in between

mod lines;
mod pairs;
mod recent;
mod tree;

pub(crate) use pairs::paired;
pub(crate) use recent::Recent;
pub use tree::Fault;

use crate::error::{Error, blocking};
use hearth_core::message::{Message, ToolResultMessage};
use hearth_core::session::SessionKey;
use jiff::Timestamp;
use lines::{Header, NewEntry};
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tree::Tree;

/// One message of a conversation, and the id of its line.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Eight hexadecimal digits, unique within the transcript.
    pub id: String,
    /// The message.
    pub message: Message,
}

/// What the header of a new transcript says.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The session's id, a UUID.
    pub session_id: String,
    /// The conversation it belongs to.
    pub key: SessionKey,
    /// The agent's workspace.
    pub workspace: PathBuf,
}

/// A transcript that is open for appending.
///
/// Each append is one write to a file opened for appending, so that a second process that does the same garbles nothing.
#[derive(Debug)]
pub struct Transcript {
    path: PathBuf,
    file: Arc<File>,
    tree: Tree,
    /// Size of the file as far as it was read and written through this.
    bytes: u64,
}

impl Transcript {
    /// Opens a transcript, or begins it when there is none.
    ///
    /// Tool calls at its end that have no result get one that says so, on disk too: after a crash nobody else will
    /// answer them.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be made, read or written. Damaged content is no error; see [`Self::faults`].
    pub fn open(path: &Path, session: &NewSession, now: Timestamp) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            make_private_folder(folder).map_err(|source| Error::io("create", folder, source))?;
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|source| Error::io("open", path, source))?;
        let tree = Tree::load(path)?;
        let bytes = tree.bytes;
        let mut transcript = Self { path: path.to_owned(), file: Arc::new(file), tree, bytes };
        if !transcript.tree.has_header {
            transcript.write_line(&Header::new(session, now))?;
            transcript.tree.has_header = true;
        }
        transcript.answer_interrupted_calls(now)?;
        Ok(transcript)
    }

    /// Goes on with a transcript that an earlier turn left, as [`Self::open`] would with its file.
    pub(crate) fn resume(mut self, now: Timestamp) -> Result<Self, Error> {
        self.answer_interrupted_calls(now)?;
        Ok(self)
    }

    /// Appends a message to the conversation and returns its line's id. The line is with the operating system when this
    /// returns, so that killing this process loses nothing; [`Self::sync`] makes it survive a power cut.
    ///
    /// # Errors
    /// [`Error::Io`]; what was written of the line is passed over on the next load.
    pub fn append(&mut self, message: Message, now: Timestamp) -> Result<String, Error> {
        let id = self.new_id();
        let parent = self.tree.leaf_id().map(str::to_owned);
        self.write_line(&NewEntry::message(&id, parent.as_deref(), now, &message))?;
        self.tree.push_message(id.clone(), message);
        Ok(id)
    }

    /// Notes which model answers from here on, unless it is the one that did before.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn note_model(&mut self, provider: &str, model: &str, now: Timestamp) -> Result<(), Error> {
        if self.tree.model() == Some((provider, model)) {
            return Ok(());
        }
        let id = self.new_id();
        let parent = self.tree.leaf_id().map(str::to_owned);
        self.write_line(&NewEntry::model_change(&id, parent.as_deref(), now, (provider, model)))?;
        self.tree.push_model_change(id, provider, model);
        Ok(())
    }

    /// Waits until what was appended is on the disk itself.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::ShuttingDown`].
    pub async fn sync(&self) -> Result<(), Error> {
        let (file, path) = (Arc::clone(&self.file), self.path.clone());
        blocking(move || file.sync_data().map_err(|source| Error::io("write", &path, source))).await
    }

    /// Returns the conversation's messages, oldest first.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.tree.conversation().map(|(_, message)| message)
    }

    /// Returns the lines that could not be read.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.tree.faults
    }

    /// Returns the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn answer_interrupted_calls(&mut self, now: Timestamp) -> Result<(), Error> {
        let unanswered = pairs::unanswered(self.messages());
        for call in unanswered {
            let result = pairs::interrupted(&call, now.as_millisecond());
            self.append(Message::ToolResult(result), now)?;
        }
        Ok(())
    }

    fn new_id(&self) -> String {
        loop {
            let mut id = uuid::Uuid::new_v4().simple().to_string();
            id.truncate(8);
            if !self.tree.has_id(&id) {
                return id;
            }
        }
    }

    fn write_line(&mut self, line: &impl serde::Serialize) -> Result<(), Error> {
        let failed = |source| Error::io("write", &self.path, source);
        let mut bytes = Vec::new();
        if !self.tree.ends_with_newline {
            bytes.push(b'\n');
        }
        serde_json::to_writer(&mut bytes, line).map_err(|error| failed(io::Error::other(error)))?;
        bytes.push(b'\n');
        let written = (&*self.file).write_all(&bytes).map_err(failed);
        // Part of the line may have gone out (a full disk): the next one then begins on a line of its own.
        self.tree.ends_with_newline = written.is_ok();
        if written.is_ok() {
            self.bytes += bytes.len() as u64;
        }
        written
    }
}

/// Reads the conversation of a transcript that another owner may be appending to; nothing is mended on disk. A missing
/// file has no messages.
///
/// # Errors
/// [`Error::Io`] when the file exists and can't be read.
pub fn read(path: &Path) -> Result<Vec<Entry>, Error> {
    Ok(Tree::load(path)?
        .conversation()
        .map(|(id, message)| Entry { id: id.to_owned(), message: message.clone() })
        .collect())
}

/// What a transcript's header and last entry say, for the list of sessions.
pub(crate) fn describe(path: &Path) -> Result<Description, Error> {
    let tree = Tree::load(path)?;
    let updated_at_ms = tree.conversation().map(|(_, message)| sent_at(message)).last();
    let title = tree.conversation().find_map(|(_, message)| title_of(message));
    Ok(Description { session_id: tree.session_id, key: tree.session_key, updated_at_ms, title })
}

/// What a transcript says about itself.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) session_id: Option<String>,
    pub(crate) key: Option<SessionKey>,
    /// When its last message was sent; `None` for a transcript without one.
    pub(crate) updated_at_ms: Option<i64>,
    pub(crate) title: Option<String>,
}

/// The beginning of a person's message, for lists.
pub(crate) fn title_of(message: &Message) -> Option<String> {
    const TITLE_MAX_CHARS: usize = 60;
    let Message::User(_) = message else { return None };
    let text = message.text();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let title: String = line.chars().take(TITLE_MAX_CHARS).collect();
    Some(if line.chars().nth(TITLE_MAX_CHARS).is_some() { format!("{title}…") } else { title })
}

fn sent_at(message: &Message) -> i64 {
    match message {
        Message::User(message) => message.timestamp,
        Message::Assistant(message) => message.timestamp,
        Message::ToolResult(ToolResultMessage { timestamp, .. }) => *timestamp,
    }
}

/// Makes a folder that only this person may enter.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Returns the ids of all tool calls of a conversation.
pub(crate) fn call_ids<'a>(messages: impl Iterator<Item = &'a Message>) -> HashSet<String> {
    messages
        .filter_map(|message| match message {
            Message::Assistant(message) => Some(message),
            Message::User(_) | Message::ToolResult(_) => None,
        })
        .flat_map(|message| message.tool_calls().map(|call| call.id.clone()))
        .collect()
}
