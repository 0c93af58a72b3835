//! Anthropic's Messages request. The answer is read in [`super::anthropic_answer`].

use crate::history::{Asked, CallResult, Part, Said, Step, prepare};
use crate::setup::{Reasoning, Setup};
use hearth_core::model::{ModelRequest, Thinking};
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

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
    Adaptive {
        display: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        block_binding: Option<BlockBinding>,
    },
    Enabled {
        budget_tokens: u32,
    },
}

#[derive(Serialize)]
struct BlockBinding {
    prefix_mismatch_behavior: &'static str,
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
        Thinking::Off => ("low", 0),
        Thinking::Low => ("low", 2_048),
        Thinking::Medium => ("medium", 8_192),
        Thinking::High => ("high", 16_384),
    };
    match setup.model.reasoning {
        Reasoning::None => (None, None),
        // Some of these models refuse to be told not to think, so `Off` asks for the least of it and does not show it.
        Reasoning::Effort => {
            let display = if thinking == Thinking::Off { "omitted" } else { "summarized" };
            let block_binding =
                binds_thinking(&setup.model.id).then_some(BlockBinding { prefix_mismatch_behavior: "drop_block" });
            (Some(ThinkingForm::Adaptive { display, block_binding }), Some(OutputConfig { effort }))
        }
        Reasoning::Budget => {
            let budget_tokens = budget_tokens.min(max_tokens / 2);
            let possible = budget_tokens >= MIN_BUDGET_TOKENS && !resumes_without_thinking(steps);
            (possible.then_some(ThinkingForm::Enabled { budget_tokens }), None)
        }
    }
}

/// True for models that refuse their reasoning when anything before it has changed since. Ours does change: the diary
/// and the memory are part of the instructions. The service is asked to drop such reasoning instead.
fn binds_thinking(model: &str) -> bool {
    let mut words = model.strip_prefix("claude-").unwrap_or_default().split('-').skip(1);
    let major = words.next().and_then(|word| word.parse::<u32>().ok()).unwrap_or(0);
    // A date is no minor version.
    let minor = words.next().filter(|word| word.len() < 3).and_then(|word| word.parse::<u32>().ok()).unwrap_or(0);
    (major, minor) >= (5, 1)
}

/// Returns the beta features a model's requests need.
pub(super) fn beta(model: &str) -> Option<&'static str> {
    binds_thinking(model).then_some("thinking-binding-controls-2026-08-01")
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
