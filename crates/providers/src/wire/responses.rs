//! OpenAI's Responses request, without anything kept at the service (`store: false`). The answer is read in
//! [`super::responses_answer`].

use super::data_url;
use crate::history::{Asked, CallResult, Part, Said, Step, prepare};
use crate::setup::{Reasoning, Setup};
use hearth_core::model::{ModelRequest, Thinking};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// The service's limit for `prompt_cache_key`.
const MAX_CACHE_KEY_CHARS: usize = 64;

#[derive(Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    instructions: &'a str,
    input: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolForm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningForm>,
    include: &'static [&'static str],
    #[serde(skip_serializing_if = "String::is_empty")]
    prompt_cache_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    store: bool,
    stream: bool,
}

#[derive(Serialize)]
struct ToolForm<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
    strict: bool,
}

#[derive(Serialize)]
struct ReasoningForm {
    effort: &'static str,
    summary: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item<'a> {
    Message {
        role: &'static str,
        content: Words<'a>,
    },
    FunctionCall {
        call_id: String,
        name: &'a str,
        arguments: String,
    },
    FunctionCallOutput {
        call_id: String,
        output: Words<'a>,
    },
    /// A reasoning item as the service sent it.
    #[serde(untagged)]
    Reasoning(ReasoningItem),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Words<'a> {
    Text(String),
    Parts(Vec<PartForm<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PartForm<'a> {
    InputText { text: Cow<'a, str> },
    InputImage { image_url: String, detail: &'static str },
}

/// What is kept of a reasoning item. Its id is left out, as those of all items: with ids the service looks for items it
/// has stored, and for pairs that a transcript with several models can't keep together.
#[derive(Serialize, Deserialize)]
pub(super) struct ReasoningItem {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    summary: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    content: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) encrypted_content: Option<String>,
}

/// Spells a request.
pub(super) fn body<'a>(setup: &'a Setup, request: &'a ModelRequest) -> Body<'a> {
    let tools: Vec<ToolForm<'a>> = request
        .tools
        .iter()
        .map(|tool| ToolForm {
            kind: "function",
            name: &tool.name,
            description: &tool.description,
            parameters: &tool.parameters,
            strict: false,
        })
        .collect();
    let reasons = setup.model.reasoning != Reasoning::None;
    Body {
        model: &setup.model.id,
        instructions: &request.system,
        input: prepare(&request.messages, Asked::of(setup)).into_iter().flat_map(items).collect(),
        parallel_tool_calls: (!tools.is_empty()).then_some(true),
        tools,
        reasoning: reasons
            .then(|| ReasoningForm { effort: effort(&setup.model.id, request.thinking), summary: "auto" }),
        include: if reasons { &["reasoning.encrypted_content"] } else { &[] },
        prompt_cache_key: request.cache_key.chars().take(MAX_CACHE_KEY_CHARS).collect(),
        max_output_tokens: request.max_output_tokens,
        store: false,
        stream: true,
    }
}

/// Returns the effort word. Which models can be told not to think differs within a generation.
pub(super) fn effort(model: &str, thinking: Thinking) -> &'static str {
    let can_stop = model.starts_with("gpt-5.") || model.contains("-luna") || model.contains("-terra");
    match thinking {
        Thinking::Off if can_stop => "none",
        Thinking::Off if model.starts_with("gpt-5") => "minimal",
        Thinking::Off | Thinking::Low => "low",
        Thinking::Medium => "medium",
        Thinking::High => "high",
    }
}

fn items(step: Step<'_>) -> Vec<Item<'_>> {
    match step {
        Step::User(parts) => {
            vec![Item::Message { role: "user", content: Words::Parts(parts.into_iter().map(part).collect()) }]
        }
        Step::Results(results) => results.into_iter().map(output).collect(),
        Step::Assistant(said) => {
            // Reasoning that nothing followed is refused.
            let last = said.iter().rposition(|said| !matches!(said, Said::Thinking { .. })).map_or(0, |last| last + 1);
            said.into_iter().take(last).filter_map(spoken).collect()
        }
    }
}

fn part(part: Part<'_>) -> PartForm<'_> {
    match part {
        Part::Text(text) => PartForm::InputText { text },
        Part::Image { mime_type, data } => {
            PartForm::InputImage { image_url: data_url(mime_type, data), detail: "auto" }
        }
    }
}

fn output(result: CallResult<'_>) -> Item<'_> {
    let has_image = result.parts.iter().any(|part| matches!(part, Part::Image { .. }));
    let output =
        if has_image { Words::Parts(result.parts.into_iter().map(part).collect()) } else { Words::Text(result.text()) };
    Item::FunctionCallOutput { call_id: result.id, output }
}

fn spoken(said: Said<'_>) -> Option<Item<'_>> {
    match said {
        Said::Text { text, .. } if text.trim().is_empty() => None,
        Said::Text { text, .. } => Some(Item::Message { role: "assistant", content: Words::Text(text.to_owned()) }),
        Said::Thinking { signature, .. } => {
            let item: ReasoningItem = serde_json::from_str(signature?).ok()?;
            Some(Item::Reasoning(item))
        }
        Said::Call { id, name, arguments, .. } => {
            let arguments = serde_json::to_string(arguments).unwrap_or_else(|_| "{}".to_owned());
            Some(Item::FunctionCall { call_id: id, name, arguments })
        }
    }
}
