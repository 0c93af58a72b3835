//! What observers (terminal, browser, logs) see while a turn runs.

use crate::error::ErrorKind;
use crate::message::{StopReason, Usage};
use crate::session::SessionKey;
use tokio::sync::mpsc;

/// Where a turn reports to; bounded, so a slow observer slows the turn's reporting and never its memory.
pub type EventSender = mpsc::Sender<TurnEvent>;

/// One observation of a running turn.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnEvent {
    /// The turn.
    pub run_id: String,
    /// The conversation it belongs to.
    pub session: SessionKey,
    /// What happened.
    pub what: TurnEventKind,
}

/// What happened in a turn.
#[derive(Clone, Debug, PartialEq)]
pub enum TurnEventKind {
    /// The turn left the queue.
    Started,
    /// What is being waited for, as a line for the person (`reading 1,420 tokens`).
    Waiting(String),
    /// What the current model step has said so far is void; a line for the person says why.
    Restarted(String),
    /// More text of the answer.
    Text(String),
    /// More of the readable reasoning.
    Thinking(String),
    /// A tool call begins.
    ToolStarted {
        /// Pairs the three tool events.
        call_id: String,
        /// The tool.
        name: String,
        /// One line: `df -h /`, `notes/todo.md`.
        title: String,
        /// The arguments as the model wrote them.
        arguments: serde_json::Map<String, serde_json::Value>,
    },
    /// Output of a running call.
    ToolOutput {
        /// Pairs the three tool events.
        call_id: String,
        /// More output, not the whole.
        chunk: String,
    },
    /// A tool call ended.
    ToolFinished {
        /// Pairs the three tool events.
        call_id: String,
        /// True when it failed.
        is_error: bool,
        /// The result's text, cut for display.
        preview: String,
        /// How long it took.
        elapsed_ms: u64,
    },
    /// The turn is over and its transcript on disk.
    Finished {
        /// The last answer's text.
        text: String,
        /// What all steps took together.
        usage: Usage,
        /// Why the last answer ended.
        stop_reason: StopReason,
    },
    /// The person stopped it; what was done is in the transcript.
    Aborted {
        /// What had been said.
        text: String,
    },
    /// It failed; what was done is in the transcript.
    Failed {
        /// The kind, for exit codes.
        kind: ErrorKind,
        /// One line: what failed, on what.
        message: String,
        /// What the person can do; may be empty.
        hint: String,
    },
}

impl TurnEventKind {
    /// True for the event that ends a turn.
    #[must_use]
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Finished { .. } | Self::Aborted { .. } | Self::Failed { .. })
    }
}
