//! The contract of everything that answers.

use crate::BoxFuture;
use crate::error::ErrorKind;
use crate::message::{AssistantMessage, Message};
use crate::tool::ToolSpec;
use futures_util::stream::BoxStream;
use std::sync::Arc;
use std::time::Duration;

/// Something that answers a conversation: a hosted provider, a local server, a chain of them with failover, a script.
pub trait Model: Send + Sync {
    /// Describes the model that would be asked first.
    fn info(&self) -> ModelInfo;

    /// Asks for one answer.
    ///
    /// The returned stream ends after [`ModelEvent::Done`] or after its first error. Dropping the future or the stream
    /// cancels the request; nothing is billed or written after that by this side.
    ///
    /// # Errors
    /// A [`ModelError`] when no answer could be started; later failures arrive in the stream.
    fn answer(&self, request: ModelRequest) -> BoxFuture<'_, Result<ModelStream, ModelError>>;
}

/// The answer while it is written.
pub type ModelStream = BoxStream<'static, Result<ModelEvent, ModelError>>;

/// What a model is and can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// The configured provider's name.
    pub provider: String,
    /// The model's id at that provider.
    pub model: String,
    /// How many tokens prompt and answer may have together.
    pub context_tokens: u32,
    /// How many tokens one answer may have.
    pub max_output_tokens: u32,
    /// True when it accepts images.
    pub images: bool,
    /// How much guidance the prompt must give.
    pub profile: PromptProfile,
}

/// How much guidance the prompt must give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PromptProfile {
    /// Instructions suffice.
    #[default]
    Full,
    /// A model of a few billion parameters: shorter instructions, worked examples, stable prefix first.
    Small,
}

/// One question to a model. The system text and the tools are shared, because they repeat from step to step.
#[derive(Clone, Debug)]
pub struct ModelRequest {
    /// The part of the instructions that stays the same from turn to turn; providers mark it for caching.
    pub system: Arc<str>,
    /// The tools the model may call; empty for none.
    pub tools: Arc<[ToolSpec]>,
    /// The conversation, oldest first. Every tool call is followed by its result.
    pub messages: Vec<Message>,
    /// Upper bound on the answer's tokens; `None` leaves it to the model's own limit.
    pub max_output_tokens: Option<u32>,
    /// How hard to think.
    pub thinking: Thinking,
    /// Names the conversation, so that providers that cache by key can route it to the same machine.
    pub cache_key: String,
}

/// How hard a reasoning model should think; others ignore it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Thinking {
    /// Not at all.
    Off,
    /// A little.
    #[default]
    Low,
    /// Some.
    Medium,
    /// As much as it takes.
    High,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelEvent {
    /// The model reads the prompt; sent by models that take seconds for it.
    Reading {
        /// Prompt tokens read so far.
        done_tokens: u32,
        /// Prompt tokens in all.
        total_tokens: u32,
    },
    /// What came so far is void: the answer starts anew, at another provider perhaps. No tool has run yet.
    Restarted {
        /// One line for the person: who failed, how, who answers instead.
        reason: String,
    },
    /// More of the answer's text.
    Text(String),
    /// More of the readable reasoning.
    Thinking(String),
    /// The model began to write a tool call of this name.
    ToolCallStarted(String),
    /// The whole answer, in the form the transcript keeps. The last event.
    Done(Box<AssistantMessage>),
}

/// Why a model did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// What kind of failure, for the exit code.
    pub kind: ErrorKind,
    /// Who failed, with which status, on what: one line.
    pub message: String,
    /// What the person can do about it, as something that works when typed; empty when nothing.
    pub hint: String,
    /// What the caller may do about it.
    pub remedy: Remedy,
}

/// What a caller may do about a model's failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The same request may succeed later; after this time if the service named one.
    Retry(Option<Duration>),
    /// Another model may answer: this one's key, credit or service is out for a while.
    NextModel,
    /// The conversation is too long for this model.
    Shorten,
    /// Nothing: the request itself is wrong.
    GiveUp,
}
