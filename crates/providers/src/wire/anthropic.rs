//! Anthropic's Messages format.

use super::parse;
use crate::draft::{Draft, Slot, Stop};
use crate::failure::{Complaint, Trouble};
use crate::history::{Asked, CallResult, Part, Said, Step, prepare};
use crate::setup::{Reasoning, Setup};
use hearth_core::model::{ModelRequest, Thinking};
use hearth_http::SseEvent;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The version of the format, sent with every request.
pub(super) const VERSION: &str = "2023-06-01";

/// More than this in one answer helps nobody, and the whole output limit would count against the context.
const MAX_OUTPUT_TOKENS: u32 = 32_000;

/// The smallest budget the service accepts.
const MIN_BUDGET_TOKENS: u32 = 1_024;

/// Returns the address; people write the base with and without `/v1`.
pub(super) fn url(base_url: &str) -> String {
    let base = base_url.trim_end_matches('/');
    format!("{}/v1/messages", base.strip_suffix("/v1").unwrap_or(base))
}

#[derive(Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolForm<'a>>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<ThinkingForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig>,
}

#[derive(Serialize)]
struct ToolForm<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

#[derive(Clone, Copy, Serialize)]
struct CacheControl {
    #[serde(rename = "type")]
    kind: &'static str,
}

const EPHEMERAL: CacheControl = CacheControl { kind: "ephemeral" };

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ThinkingForm {
    Adaptive { display: &'static str },
    Enabled { budget_tokens: u32 },
}

#[derive(Serialize)]
struct OutputConfig {
    effort: &'static str,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

/// A block, and the mark after which the service may cache.
#[derive(Serialize)]
struct Block<'a> {
    #[serde(flatten)]
    kind: BlockKind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BlockKind<'a> {
    Text {
        text: Cow<'a, str>,
    },
    Image {
        source: Source<'a>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: String,
        name: &'a str,
        input: &'a Map<String, Value>,
    },
    ToolResult {
        tool_use_id: String,
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

#[derive(Serialize)]
struct Source<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    media_type: &'a str,
    data: &'a str,
}

/// Spells a request.
pub(super) fn body<'a>(setup: &'a Setup, request: &'a ModelRequest) -> Body<'a> {
    let steps = prepare(&request.messages, Asked::of(setup));
    let max_tokens = request.max_output_tokens.unwrap_or_else(|| setup.model.max_output_tokens.min(MAX_OUTPUT_TOKENS));
    let (thinking, output_config) = thinking(setup, request.thinking, max_tokens, &steps);
    let mut tools: Vec<ToolForm<'a>> = request.tools.iter().map(tool).collect();
    if let Some(last) = tools.last_mut() {
        last.cache_control = Some(EPHEMERAL);
    }
    let mut messages = turns(steps, thinking.is_some());
    let last_user_block =
        messages.iter_mut().rev().find(|turn| turn.role == "user").and_then(|turn| turn.content.last_mut());
    if let Some(block) = last_user_block {
        block.cache_control = Some(EPHEMERAL);
    }
    let system = if request.system.trim().is_empty() {
        Vec::new()
    } else {
        let kind = BlockKind::Text { text: Cow::Borrowed(&request.system) };
        vec![Block { kind, cache_control: Some(EPHEMERAL) }]
    };
    Body { model: &setup.model.id, max_tokens, stream: true, system, tools, messages, thinking, output_config }
}

fn tool(spec: &hearth_core::tool::ToolSpec) -> ToolForm<'_> {
    let hearth_core::tool::ToolSpec { name, description, parameters } = spec;
    ToolForm { name, description, input_schema: parameters, cache_control: None }
}

fn thinking(
    setup: &Setup,
    thinking: Thinking,
    max_tokens: u32,
    steps: &[Step<'_>],
) -> (Option<ThinkingForm>, Option<OutputConfig>) {
    let (effort, budget_tokens) = match thinking {
        // Models that always think refuse to be told not to; leaving the field out is right for all.
        Thinking::Off => return (None, None),
        Thinking::Low => ("low", 2_048),
        Thinking::Medium => ("medium", 8_192),
        Thinking::High => ("high", 16_384),
    };
    match setup.model.reasoning {
        Reasoning::None => (None, None),
        Reasoning::Effort => (Some(ThinkingForm::Adaptive { display: "summarized" }), Some(OutputConfig { effort })),
        Reasoning::Budget => {
            let budget_tokens = budget_tokens.min(max_tokens / 2);
            let possible = budget_tokens >= MIN_BUDGET_TOKENS && !resumes_without_thinking(steps);
            (possible.then_some(ThinkingForm::Enabled { budget_tokens }), None)
        }
    }
}

/// With a budget the service demands that a tool loop under way began with thinking; one that another model began, or that
/// began without, has to go on without.
fn resumes_without_thinking(steps: &[Step<'_>]) -> bool {
    let [.., Step::Assistant(said), Step::Results(_)] = steps else { return false };
    !matches!(said.first(), Some(Said::Thinking { signature: Some(_), .. }))
}

/// The service wants user and assistant to alternate: results and the words after them are one turn.
fn turns(steps: Vec<Step<'_>>, thinks: bool) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::with_capacity(steps.len());
    for step in steps {
        let (role, content) = match step {
            Step::User(parts) => ("user", parts.into_iter().map(part).collect::<Vec<_>>()),
            Step::Results(results) => ("user", results.into_iter().map(result).collect()),
            Step::Assistant(said) => ("assistant", said.into_iter().filter_map(|said| spoken(said, thinks)).collect()),
        };
        match turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.extend(content),
            _ => turns.push(Turn { role, content }),
        }
    }
    turns
}

fn plain(kind: BlockKind<'_>) -> Block<'_> {
    Block { kind, cache_control: None }
}

fn part(part: Part<'_>) -> Block<'_> {
    plain(match part {
        Part::Text(text) => BlockKind::Text { text },
        Part::Image { mime_type, data } => {
            BlockKind::Image { source: Source { kind: "base64", media_type: mime_type, data } }
        }
    })
}

fn result(result: CallResult<'_>) -> Block<'_> {
    let CallResult { id, parts, is_error, .. } = result;
    plain(BlockKind::ToolResult { tool_use_id: id, content: parts.into_iter().map(part).collect(), is_error })
}

fn spoken(said: Said<'_>, thinks: bool) -> Option<Block<'_>> {
    let kind = match said {
        Said::Text { text, .. } if text.trim().is_empty() => return None,
        Said::Text { text, .. } => BlockKind::Text { text: Cow::Borrowed(text) },
        // Reasoning without its signature would be refused, and so would any where thinking is off.
        Said::Thinking { .. } if !thinks => return None,
        Said::Thinking { signature: Some(data), redacted: true, .. } => BlockKind::RedactedThinking { data },
        Said::Thinking { text, signature: Some(signature), .. } => BlockKind::Thinking { thinking: text, signature },
        Said::Thinking { signature: None, .. } => return None,
        Said::Call { id, name, arguments, .. } => BlockKind::ToolUse { id, name, input: arguments },
    };
    Some(plain(kind))
}

/// Reads an answer.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The service's block numbers.
    slots: BTreeMap<u32, Open>,
}

#[derive(Debug)]
struct Open {
    slot: Slot,
    /// Arguments that came with the block's start; they count only when no pieces follow.
    early: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Started,
    },
    ContentBlockStart {
        index: u32,
        content_block: WholeBlock,
    },
    ContentBlockDelta {
        index: u32,
        delta: Delta,
    },
    ContentBlockStop {
        index: u32,
    },
    MessageDelta {
        delta: Ending,
        usage: Option<UsageForm>,
    },
    MessageStop,
    Error {
        error: ErrorForm,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Started {
    usage: Option<UsageForm>,
}

#[derive(Deserialize)]
struct Ending {
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct ErrorForm {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WholeBlock {
    Text {
        #[serde(default)]
        text: String,
    },
    Thinking {
        #[serde(default)]
        thinking: String,
        #[serde(default)]
        signature: String,
    },
    RedactedThinking {
        data: String,
    },
    ToolUse {
        id: String,
        name: String,
        #[serde(default)]
        input: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "the names are the wire's")]
enum Delta {
    TextDelta {
        text: String,
    },
    ThinkingDelta {
        thinking: String,
    },
    SignatureDelta {
        signature: String,
    },
    InputJsonDelta {
        partial_json: String,
    },
    #[serde(other)]
    Other,
}

/// Every figure is a running total; a later event repeats or completes the earlier one.
#[derive(Deserialize)]
struct UsageForm {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct WholeMessage {
    content: Vec<WholeBlock>,
    stop_reason: Option<String>,
    usage: Option<UsageForm>,
}

impl Decoder {
    pub(super) fn event(&mut self, event: &SseEvent, draft: &mut Draft) -> Result<(), Trouble> {
        match parse::<Event>(&event.event, &event.data)? {
            Event::MessageStart { message } => count(message.usage, draft),
            Event::ContentBlockStart { index, content_block } => self.open(index, content_block, draft),
            Event::ContentBlockDelta { index, delta } => self.delta(index, &delta, draft),
            Event::ContentBlockStop { index } => self.close(index, draft),
            Event::MessageDelta { delta, usage } => {
                count(usage, draft);
                if let Some(reason) = delta.stop_reason {
                    draft.stop = Some(stop(&reason)?);
                }
            }
            Event::MessageStop => draft.complete = true,
            Event::Error { error } => {
                let codes = error.kind;
                return Err(Trouble::Service { complaint: Complaint { status: None, codes, message: error.message } });
            }
            Event::Other => {}
        }
        Ok(())
    }

    pub(super) fn whole(&mut self, body: &str, draft: &mut Draft) -> Result<(), Trouble> {
        let message: WholeMessage = parse("message", body)?;
        for (index, block) in (0..).zip(message.content) {
            self.open(index, block, draft);
            self.close(index, draft);
        }
        count(message.usage, draft);
        draft.stop = Some(stop(message.stop_reason.as_deref().unwrap_or_default())?);
        Ok(())
    }

    fn open(&mut self, index: u32, block: WholeBlock, draft: &mut Draft) {
        let (slot, early) = match block {
            WholeBlock::Text { text } => {
                let slot = draft.open_text();
                draft.append(slot, &text);
                (slot, None)
            }
            WholeBlock::Thinking { thinking, signature } => {
                let slot = draft.open_thinking();
                draft.append(slot, &thinking);
                draft.sign(slot, &signature);
                (slot, None)
            }
            WholeBlock::RedactedThinking { data } => return draft.add_redacted(data),
            WholeBlock::ToolUse { id, name, input } => {
                let early = (!input.is_null()).then(|| input.to_string());
                (draft.open_call(&id, &name, false), early)
            }
            WholeBlock::Other => return,
        };
        self.slots.insert(index, Open { slot, early });
    }

    fn delta(&mut self, index: u32, delta: &Delta, draft: &mut Draft) {
        let Some(open) = self.slots.get(&index) else { return };
        match delta {
            Delta::TextDelta { text: more }
            | Delta::ThinkingDelta { thinking: more }
            | Delta::InputJsonDelta { partial_json: more } => draft.append(open.slot, more),
            Delta::SignatureDelta { signature } => draft.sign(open.slot, signature),
            Delta::Other => {}
        }
    }

    fn close(&mut self, index: u32, draft: &mut Draft) {
        let Some(open) = self.slots.get(&index) else { return };
        if draft.lacks_arguments(open.slot) {
            draft.settle(open.slot, open.early.as_deref().unwrap_or("{}"));
        }
        draft.close(open.slot);
    }
}

fn count(usage: Option<UsageForm>, draft: &mut Draft) {
    let Some(usage) = usage else { return };
    let total = &mut draft.usage;
    total.input = usage.input_tokens.unwrap_or(total.input);
    total.output = usage.output_tokens.unwrap_or(total.output);
    total.cache_read = usage.cache_read_input_tokens.unwrap_or(total.cache_read);
    total.cache_write = usage.cache_creation_input_tokens.unwrap_or(total.cache_write);
}

fn stop(reason: &str) -> Result<Stop, Trouble> {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => Ok(Stop::Length),
        "refusal" => Err(Trouble::Declined { reason: "stop reason refusal".to_owned() }),
        // `end_turn`, `tool_use`, `stop_sequence`, and `pause_turn`, after which the conversation simply goes on.
        _ => Ok(Stop::Done),
    }
}
