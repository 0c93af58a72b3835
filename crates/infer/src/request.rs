//! What a caller asks for, once the wire form has been read.

use serde_json::Value;

use crate::quirks::Sampling;

/// One message of the conversation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Turn {
    /// Instructions.
    System(String),
    /// What the person says.
    User(String),
    /// What the model answered earlier.
    Assistant {
        /// Its text, possibly empty.
        text: String,
        /// The tools it called.
        calls: Vec<Call>,
    },
    /// What a tool returned.
    Tool {
        /// The call it belongs to.
        call_id: String,
        /// What it said.
        text: String,
    },
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// Names the call within the conversation.
    pub(crate) id: String,
    /// The tool.
    pub(crate) name: String,
    /// A JSON object.
    pub(crate) arguments: String,
}

/// A tool the model may call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tool {
    /// Its name.
    pub(crate) name: String,
    /// What it does, for the model.
    pub(crate) description: String,
    /// JSON Schema of its arguments.
    pub(crate) parameters: Value,
}

/// Whether tools are called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Choice {
    /// The model decides.
    #[default]
    Auto,
    /// Only text.
    None,
    /// Some tool.
    Required,
    /// This tool.
    Named(String),
}

/// What shape text answers have.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Format {
    /// Free text.
    #[default]
    Text,
    /// A JSON value that satisfies this schema.
    Json(Value),
}

/// A request for one answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Request {
    /// The conversation so far.
    pub(crate) turns: Vec<Turn>,
    /// Tools on offer.
    pub(crate) tools: Vec<Tool>,
    /// Whether to use them.
    pub(crate) choice: Choice,
    /// Shape of text answers.
    pub(crate) format: Format,
    /// How to choose tokens.
    pub(crate) sampling: Sampling,
    /// Seed of the choices; `None`: a fixed one.
    pub(crate) seed: Option<u64>,
    /// Most tokens of the answer; `None`: what the context leaves.
    pub(crate) max_tokens: Option<usize>,
    /// Texts that end the answer and are not part of it.
    pub(crate) stop: Vec<String>,
}
