//! A model that answers from a script and remembers what it was asked.

use futures_util::{StreamExt, stream};
use hearth_core::BoxFuture;
use hearth_core::error::ErrorKind;
use hearth_core::message::{AssistantMessage, Content, Cost, StopReason, ToolCall, Usage};
use hearth_core::model::{Model, ModelError, ModelEvent, ModelInfo, ModelRequest, ModelStream, PromptProfile, Remedy};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One answer of the script.
#[derive(Clone, Debug)]
pub struct Reply {
    refusal: Option<ModelError>,
    delay: Duration,
    events: Vec<Piece>,
}

/// One thing that happens while an answer streams.
#[derive(Clone, Debug)]
enum Piece {
    Event(ModelEvent),
    Failure(ModelError),
    /// Nothing more comes, and the stream does not end either.
    Silence,
}

impl Reply {
    /// Answers with a text, streamed word by word.
    pub fn text(text: impl Into<String>) -> Self {
        Self::message(vec![Content::text(text)], StopReason::Stop)
    }

    /// Answers with one tool call. An empty `id` leaves the naming to the agent.
    pub fn call(id: &str, name: &str, arguments: Value) -> Self {
        Self::calls(vec![tool_call(id, name, arguments)])
    }

    /// Answers with several tool calls at once.
    #[must_use]
    pub fn calls(calls: Vec<ToolCall>) -> Self {
        Self::message(calls.into_iter().map(Content::ToolCall).collect(), StopReason::ToolUse)
    }

    /// Answers with these blocks; texts and thinking are streamed before the end, tool calls announced.
    #[must_use]
    pub fn message(content: Vec<Content>, stop_reason: StopReason) -> Self {
        let mut events: Vec<Piece> = content.iter().flat_map(announce).map(Piece::Event).collect();
        events.push(Piece::Event(ModelEvent::Done(Box::new(answer(content, stop_reason)))));
        Self { refusal: None, delay: Duration::ZERO, events }
    }

    /// Refuses before anything is streamed.
    #[must_use]
    pub fn refuse(error: ModelError) -> Self {
        Self { refusal: Some(error), delay: Duration::ZERO, events: Vec::new() }
    }

    /// Streams this text, then fails.
    #[must_use]
    pub fn fail_after(text: &str, error: ModelError) -> Self {
        let mut events: Vec<Piece> = announce(&Content::text(text)).into_iter().map(Piece::Event).collect();
        events.push(Piece::Failure(error));
        Self { refusal: None, delay: Duration::ZERO, events }
    }

    /// Streams this text, then falls silent for ever.
    #[must_use]
    pub fn hang_after(text: &str) -> Self {
        let mut events: Vec<Piece> = announce(&Content::text(text)).into_iter().map(Piece::Event).collect();
        events.push(Piece::Silence);
        Self { refusal: None, delay: Duration::ZERO, events }
    }

    /// Streams exactly these events.
    #[must_use]
    pub fn events(events: Vec<ModelEvent>) -> Self {
        Self { refusal: None, delay: Duration::ZERO, events: events.into_iter().map(Piece::Event).collect() }
    }

    /// Returns what the answer would stream, for scripts that put something before it; failures are left out.
    #[must_use]
    pub fn into_events(self) -> Vec<ModelEvent> {
        self.events
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Event(event) => Some(event),
                Piece::Failure(_) | Piece::Silence => None,
            })
            .collect()
    }

    /// Waits this long (by tokio's clock, which tests may pause) before it answers.
    #[must_use]
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Says what the answer took.
    #[must_use]
    pub fn costing(mut self, input: u64, output: u64, usd: f64) -> Self {
        for piece in &mut self.events {
            if let Piece::Event(ModelEvent::Done(message)) = piece {
                message.usage = Usage {
                    input,
                    output,
                    total_tokens: input + output,
                    cost: Cost { total_usd: usd },
                    ..Usage::default()
                };
            }
        }
        self
    }
}

/// Makes a tool call; arguments that are no object are kept under [`ToolCall::UNPARSED`].
pub fn tool_call(id: &str, name: &str, arguments: Value) -> ToolCall {
    let arguments = match arguments {
        Value::Object(map) => map,
        other => Map::from_iter([(ToolCall::UNPARSED.to_owned(), other)]),
    };
    ToolCall { id: id.to_owned(), name: name.to_owned(), arguments, thought_signature: None }
}

/// Makes a model error of the remote kind.
#[must_use]
pub fn model_error(message: &str, remedy: Remedy) -> ModelError {
    ModelError { kind: ErrorKind::Remote, message: message.to_owned(), hint: String::new(), remedy }
}

fn announce(block: &Content) -> Vec<ModelEvent> {
    match block {
        Content::Text { text, .. } => text.split_inclusive(' ').map(|word| ModelEvent::Text(word.to_owned())).collect(),
        Content::Thinking { thinking, .. } => vec![ModelEvent::Thinking(thinking.clone())],
        Content::ToolCall(call) => vec![ModelEvent::ToolCallStarted(call.name.clone())],
        Content::Image { .. } => Vec::new(),
    }
}

fn answer(content: Vec<Content>, stop_reason: StopReason) -> AssistantMessage {
    AssistantMessage {
        content,
        api: "scripted".to_owned(),
        provider: "scripted".to_owned(),
        model: "script-1".to_owned(),
        usage: Usage::default(),
        stop_reason,
        error_message: None,
        timestamp: 0,
    }
}

/// A model that answers from a script, in order, and keeps every request.
pub struct ScriptedModel {
    info: ModelInfo,
    replies: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<ModelRequest>>,
}

impl ScriptedModel {
    /// Makes a model with a window of 200,000 tokens and the full prompt.
    #[must_use]
    pub fn new(replies: Vec<Reply>) -> Arc<Self> {
        let info = ModelInfo {
            provider: "scripted".to_owned(),
            model: "script-1".to_owned(),
            context_tokens: 200_000,
            max_output_tokens: 8_192,
            images: true,
            profile: PromptProfile::Full,
        };
        Self::with_info(info, replies)
    }

    /// Makes a model that describes itself so.
    #[must_use]
    pub fn with_info(info: ModelInfo, replies: Vec<Reply>) -> Arc<Self> {
        Arc::new(Self { info, replies: Mutex::new(replies.into()), requests: Mutex::default() })
    }

    /// Adds a reply to the end of the script.
    pub fn push(&self, reply: Reply) {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).push_back(reply);
    }

    /// Returns every request so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<ModelRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns how many replies are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn next(&self, request: ModelRequest) -> Option<Reply> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Model for ScriptedModel {
    fn info(&self) -> ModelInfo {
        self.info.clone()
    }

    fn answer(&self, request: ModelRequest) -> BoxFuture<'_, Result<ModelStream, ModelError>> {
        Box::pin(async move {
            let Some(reply) = self.next(request) else {
                return Err(model_error("the script has no reply left", Remedy::GiveUp));
            };
            if !reply.delay.is_zero() {
                tokio::time::sleep(reply.delay).await;
            }
            if let Some(error) = reply.refusal {
                return Err(error);
            }
            let pieces = stream::iter(reply.events).then(|piece| async move {
                match piece {
                    Piece::Event(event) => Ok(event),
                    Piece::Failure(error) => Err(error),
                    Piece::Silence => std::future::pending().await,
                }
            });
            Ok(pieces.boxed())
        })
    }
}

impl fmt::Debug for ScriptedModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ScriptedModel").field("info", &self.info).field("left", &self.left()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Reply, ScriptedModel, model_error};
    use futures_util::StreamExt;
    use hearth_core::model::{Model, ModelEvent, ModelRequest, Remedy, Thinking};
    use std::sync::Arc;

    fn request() -> ModelRequest {
        ModelRequest {
            system: Arc::from("s"),
            tools: Arc::from([]),
            messages: Vec::new(),
            max_output_tokens: None,
            thinking: Thinking::Off,
            cache_key: "k".to_owned(),
        }
    }

    #[tokio::test]
    async fn replies_come_in_order_and_requests_are_kept() {
        let model = ScriptedModel::new(vec![Reply::text("a b"), Reply::refuse(model_error("busy", Remedy::NextModel))]);
        let stream = model.answer(request()).await.expect("the first reply streams");
        let events: Vec<ModelEvent> = stream.map(|event| event.expect("no failure")).collect().await;
        assert_eq!(events[..2], [ModelEvent::Text("a ".to_owned()), ModelEvent::Text("b".to_owned())]);
        assert!(matches!(&events[2], ModelEvent::Done(message) if message.model == "script-1"));
        for expected in ["busy", "the script has no reply left"] {
            let error = model.answer(request()).await.err();
            assert_eq!(error.map(|error| error.message).as_deref(), Some(expected));
        }
        assert_eq!(model.requests().len(), 3);
    }
}
