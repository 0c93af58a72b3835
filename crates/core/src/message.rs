//! What people, models and tools say to each other.
//!
//! The serialised form is the `message` object of the session transcript, format version 3 (camelCase keys, blocks tagged by
//! `type`, messages by `role`), so that what is on disk and what a model is sent are the same values.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One block of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Content {
    /// Text, Markdown as a rule.
    Text {
        /// The text itself.
        text: String,
        /// Opaque replay data of the API that wrote the block (for example Gemini's thought signature).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text_signature: Option<String>,
    },
    /// A model's reasoning, kept so that it can be replayed as the API that wrote it demands.
    Thinking {
        /// The readable part; empty when the provider encrypts it.
        thinking: String,
        /// Opaque replay data (Anthropic's signature, a Responses reasoning item as JSON).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thinking_signature: Option<String>,
        /// True when only the encrypted form exists (Anthropic's `redacted_thinking`).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        redacted: bool,
    },
    /// An image.
    Image {
        /// The file's bytes in base64.
        data: String,
        /// `image/png`, `image/jpeg`, `image/gif` or `image/webp`.
        mime_type: String,
    },
    /// A model's wish to call a tool.
    ToolCall(ToolCall),
}

impl Content {
    /// Makes a plain text block.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), text_signature: None }
    }
}

/// A model's wish to call a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolCall {
    /// Unique within the transcript; pairs the call with its result.
    pub id: String,
    /// The tool's name as the model wrote it; it may name no tool that exists.
    pub name: String,
    /// The arguments. Arguments that were no JSON object are kept under the key [`ToolCall::UNPARSED`].
    pub arguments: Map<String, Value>,
    /// Opaque replay data (Gemini's thought signature).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thought_signature: Option<String>,
}

impl ToolCall {
    /// The key under which arguments that were no JSON object are kept, so that the model sees what it wrote.
    pub const UNPARSED: &str = "__unparsed";
}

/// Why a model stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StopReason {
    /// The answer is complete.
    #[default]
    Stop,
    /// The output limit was reached.
    Length,
    /// It waits for tool results.
    ToolUse,
    /// The provider failed; `error_message` says how.
    Error,
    /// The person stopped it.
    Aborted,
}

/// Tokens and money that one model answer took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Prompt tokens that were processed and not read from a cache.
    pub input: u64,
    /// Tokens written, reasoning included.
    pub output: u64,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: u64,
    /// Prompt tokens written to the provider's cache.
    pub cache_write: u64,
    /// All of the above.
    pub total_tokens: u64,
    /// What it cost; zero where no price is known.
    pub cost: Cost,
}

impl Usage {
    /// Adds another answer's figures to these.
    pub fn add(&mut self, other: &Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.total_tokens += other.total_tokens;
        self.cost.total_usd += other.cost.total_usd;
    }
}

/// Money, in US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cost {
    /// The sum over input, output and cache.
    #[serde(rename = "total")]
    pub total_usd: f64,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "camelCase")]
pub enum Message {
    /// What a person said.
    User(UserMessage),
    /// What a model answered.
    Assistant(AssistantMessage),
    /// What a tool returned.
    ToolResult(ToolResultMessage),
}

impl Message {
    /// Makes a person's plain text message.
    pub fn user(text: impl Into<String>, at: Timestamp) -> Self {
        Self::User(UserMessage { content: vec![Content::text(text)], timestamp: at.as_millisecond() })
    }

    /// Returns the blocks.
    #[must_use]
    pub fn content(&self) -> &[Content] {
        match self {
            Self::User(message) => &message.content,
            Self::Assistant(message) => &message.content,
            Self::ToolResult(message) => &message.content,
        }
    }

    /// Returns the text blocks, joined without separator.
    #[must_use]
    pub fn text(&self) -> String {
        text_of(self.content())
    }
}

/// Returns the text blocks, joined without separator.
#[must_use]
pub fn text_of(content: &[Content]) -> String {
    content
        .iter()
        .filter_map(|block| match block {
            Content::Text { text, .. } => Some(text.as_str()),
            Content::Thinking { .. } | Content::Image { .. } | Content::ToolCall(_) => None,
        })
        .collect()
}

/// What a person said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserMessage {
    /// Text and images.
    #[serde(deserialize_with = "blocks_or_text")]
    pub content: Vec<Content>,
    /// Milliseconds since 1970.
    pub timestamp: i64,
}

/// What a model answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssistantMessage {
    /// Text, thinking and tool calls in the order the model wrote them.
    pub content: Vec<Content>,
    /// The wire format that carried the answer (`anthropic-messages`, `openai-responses`, …); replay data of one
    /// format means nothing to another.
    pub api: String,
    /// The configured provider's name.
    pub provider: String,
    /// The model's id at that provider.
    pub model: String,
    /// What it took.
    pub usage: Usage,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// The failure, when `stop_reason` is [`StopReason::Error`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Milliseconds since 1970.
    pub timestamp: i64,
}

impl AssistantMessage {
    /// Returns the tool calls, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.content.iter().filter_map(|block| match block {
            Content::ToolCall(call) => Some(call),
            Content::Text { .. } | Content::Thinking { .. } | Content::Image { .. } => None,
        })
    }
}

/// What a tool returned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolResultMessage {
    /// The call this answers.
    pub tool_call_id: String,
    /// The tool's name.
    pub tool_name: String,
    /// Text and images.
    pub content: Vec<Content>,
    /// True when the tool failed; the text then says how to do better.
    pub is_error: bool,
    /// Milliseconds since 1970.
    pub timestamp: i64,
}

/// Older transcripts keep a person's text as a plain string.
fn blocks_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Content>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Blocks(Vec<Content>),
        Text(String),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Blocks(blocks) => blocks,
        Either::Text(text) => vec![Content::text(text)],
    })
}

#[cfg(test)]
mod tests {
    use super::{AssistantMessage, Content, Message, StopReason, ToolCall, ToolResultMessage, Usage};
    use serde_json::json;

    fn check(message: &Message, wire: &serde_json::Value) {
        assert_eq!(serde_json::to_value(message).ok().as_ref(), Some(wire));
        assert_eq!(serde_json::from_value::<Message>(wire.clone()).ok().as_ref(), Some(message));
    }

    #[test]
    fn messages_have_the_transcript_form() {
        check(
            &Message::user("hi", jiff::Timestamp::UNIX_EPOCH),
            &json!({"role": "user", "content": [{"type": "text", "text": "hi"}], "timestamp": 0}),
        );
        let call = ToolCall {
            id: "c1".to_owned(),
            name: "bash".to_owned(),
            arguments: [("command".to_owned(), json!("df -h"))].into_iter().collect(),
            thought_signature: None,
        };
        check(
            &Message::Assistant(AssistantMessage {
                content: vec![
                    Content::Thinking {
                        thinking: "disk".to_owned(),
                        thinking_signature: Some("s".to_owned()),
                        redacted: false,
                    },
                    Content::ToolCall(call),
                ],
                api: "anthropic-messages".to_owned(),
                provider: "anthropic".to_owned(),
                model: "m".to_owned(),
                usage: Usage::default(),
                stop_reason: StopReason::ToolUse,
                error_message: None,
                timestamp: 1,
            }),
            &json!({"role": "assistant", "content": [
                {"type": "thinking", "thinking": "disk", "thinkingSignature": "s"},
                {"type": "toolCall", "id": "c1", "name": "bash", "arguments": {"command": "df -h"}}],
                "api": "anthropic-messages", "provider": "anthropic", "model": "m",
                "usage": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 0, "cost": {"total": 0.0}},
                "stopReason": "toolUse", "timestamp": 1}),
        );
        check(
            &Message::ToolResult(ToolResultMessage {
                tool_call_id: "c1".to_owned(),
                tool_name: "bash".to_owned(),
                content: vec![Content::text("42G")],
                is_error: false,
                timestamp: 2,
            }),
            &json!({"role": "toolResult", "toolCallId": "c1", "toolName": "bash",
                "content": [{"type": "text", "text": "42G"}], "isError": false, "timestamp": 2}),
        );
    }

    #[test]
    fn plain_string_content_of_older_transcripts_is_read() {
        let message: Result<Message, _> =
            serde_json::from_value(json!({"role": "user", "content": "hi", "timestamp": 0}));
        assert_eq!(message.ok(), Some(Message::user("hi", jiff::Timestamp::UNIX_EPOCH)));
    }
}
