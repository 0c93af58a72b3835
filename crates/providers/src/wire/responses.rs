//! OpenAI's Responses format, without anything kept at the service (`store: false`).

use super::{data_url, parse};
use crate::draft::{Draft, Slot, Stop};
use crate::failure::{Complaint, Trouble};
use crate::history::{Asked, CallResult, Part, Said, Step, prepare};
use crate::setup::{Reasoning, Setup};
use hearth_core::model::{ModelRequest, Thinking};
use hearth_http::SseEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

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
        content: Vec<PartForm<'a>>,
    },
    FunctionCall {
        call_id: String,
        name: &'a str,
        arguments: String,
    },
    FunctionCallOutput {
        call_id: String,
        output: Output<'a>,
    },
    /// A reasoning item as the service sent it.
    #[serde(untagged)]
    Reasoning(ReasoningItem),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Output<'a> {
    Text(String),
    Parts(Vec<PartForm<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PartForm<'a> {
    InputText { text: Cow<'a, str> },
    OutputText { text: &'a str },
    InputImage { image_url: String, detail: &'static str },
}

/// What is kept of a reasoning item. Its id is left out: the service refuses ids of items it has not stored.
#[derive(Serialize, Deserialize)]
struct ReasoningItem {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    summary: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    content: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encrypted_content: Option<String>,
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

/// Returns the effort word; the first GPT-5 models and the o-series know no `none`.
pub(super) fn effort(model: &str, thinking: Thinking) -> &'static str {
    match thinking {
        Thinking::Off if model.starts_with("gpt-5.") || model.starts_with("gpt-6") => "none",
        Thinking::Off if model.starts_with("gpt-5") => "minimal",
        Thinking::Off | Thinking::Low => "low",
        Thinking::Medium => "medium",
        Thinking::High => "high",
    }
}

fn items(step: Step<'_>) -> Vec<Item<'_>> {
    match step {
        Step::User(parts) => vec![Item::Message { role: "user", content: parts.into_iter().map(part).collect() }],
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
    let output = if has_image {
        Output::Parts(result.parts.into_iter().map(part).collect())
    } else {
        Output::Text(result.text())
    };
    Item::FunctionCallOutput { call_id: result.id, output }
}

fn spoken(said: Said<'_>) -> Option<Item<'_>> {
    match said {
        Said::Text { text, .. } if text.trim().is_empty() => None,
        Said::Text { text, .. } => {
            Some(Item::Message { role: "assistant", content: vec![PartForm::OutputText { text }] })
        }
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

/// Reads an answer.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The service's item numbers.
    slots: BTreeMap<u32, Slot>,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Event {
    #[serde(rename = "response.output_item.added")]
    ItemAdded { output_index: u32, item: ItemForm },
    #[serde(rename = "response.output_item.done")]
    ItemDone { output_index: u32, item: Value },
    #[serde(
        rename = "response.output_text.delta",
        alias = "response.refusal.delta",
        alias = "response.reasoning_summary_text.delta",
        alias = "response.reasoning_text.delta",
        alias = "response.function_call_arguments.delta"
    )]
    Delta { output_index: u32, delta: String },
    #[serde(rename = "response.reasoning_summary_part.added")]
    SummaryPart { output_index: u32, summary_index: u32 },
    #[serde(
        rename = "response.completed",
        alias = "response.incomplete",
        alias = "response.failed",
        alias = "response.done"
    )]
    Ended { response: WholeResponse },
    #[serde(rename = "error")]
    Error(ErrorForm),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ItemForm {
    Message {
        #[serde(default)]
        content: Vec<TextForm>,
    },
    Reasoning {
        #[serde(default)]
        summary: Vec<TextForm>,
    },
    FunctionCall {
        call_id: String,
        name: String,
        #[serde(default)]
        arguments: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct TextForm {
    #[serde(default, alias = "refusal")]
    text: String,
}

#[derive(Deserialize)]
struct WholeResponse {
    #[serde(default)]
    status: String,
    #[serde(default)]
    output: Vec<Value>,
    error: Option<ErrorForm>,
    incomplete_details: Option<Incomplete>,
    usage: Option<UsageForm>,
}

#[derive(Deserialize)]
struct Incomplete {
    #[serde(default)]
    reason: String,
}

/// The stream's own `error` event carries its words directly or one level down.
#[derive(Deserialize)]
struct ErrorForm {
    code: Option<String>,
    message: Option<String>,
    error: Option<Box<Self>>,
}

#[derive(Deserialize)]
struct UsageForm {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    input_tokens_details: Option<InputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: u64,
}

impl Decoder {
    pub(super) fn event(&mut self, event: &SseEvent, draft: &mut Draft) -> Result<(), Trouble> {
        if event.data == "[DONE]" {
            return Ok(());
        }
        match parse::<Event>(&event.event, &event.data)? {
            Event::ItemAdded { output_index, item } => self.open(output_index, &item, draft),
            Event::ItemDone { output_index, item } => self.settle(output_index, &item, draft)?,
            Event::Delta { output_index, delta } => {
                if let Some(slot) = self.slots.get(&output_index) {
                    draft.append(*slot, &delta);
                }
            }
            Event::SummaryPart { output_index, summary_index } => {
                if let Some(slot) = self.slots.get(&output_index).filter(|_| summary_index > 0) {
                    draft.append(*slot, "\n\n");
                }
            }
            Event::Ended { response } => {
                self.end(response, draft)?;
                draft.complete = true;
            }
            Event::Error(error) => return Err(service_error(error)),
            Event::Other => {}
        }
        Ok(())
    }

    pub(super) fn whole(&mut self, body: &str, draft: &mut Draft) -> Result<(), Trouble> {
        self.end(parse("response", body)?, draft)
    }

    fn open(&mut self, index: u32, item: &ItemForm, draft: &mut Draft) {
        let slot = match item {
            ItemForm::Message { .. } => draft.open_text(),
            ItemForm::Reasoning { .. } => draft.open_thinking(),
            ItemForm::FunctionCall { call_id, name, .. } => draft.open_call(call_id, name, false),
            ItemForm::Other => return,
        };
        self.slots.insert(index, slot);
    }

    /// Takes a whole item, of which pieces may or may not have come.
    fn settle(&mut self, index: u32, whole: &Value, draft: &mut Draft) -> Result<(), Trouble> {
        let malformed = |error: serde_json::Error| Trouble::event("response.output_item.done", &error);
        let item = ItemForm::deserialize(whole).map_err(malformed)?;
        if !self.slots.contains_key(&index) {
            self.open(index, &item, draft);
        }
        let Some(slot) = self.slots.get(&index).copied() else { return Ok(()) };
        match item {
            ItemForm::Message { content } => draft.settle(slot, &joined(&content, "")),
            ItemForm::Reasoning { summary } => {
                draft.settle(slot, &joined(&summary, "\n\n"));
                let kept = ReasoningItem::deserialize(whole).map_err(malformed)?;
                // Without the encrypted part the service can't read its own item back.
                if kept.encrypted_content.is_some() {
                    draft.sign(slot, &serde_json::to_string(&kept).map_err(malformed)?);
                }
            }
            ItemForm::FunctionCall { arguments, .. } => {
                draft.settle(slot, &arguments);
                draft.close(slot);
            }
            ItemForm::Other => {}
        }
        Ok(())
    }

    fn end(&mut self, response: WholeResponse, draft: &mut Draft) -> Result<(), Trouble> {
        if let Some(error) = response.error {
            return Err(service_error(error));
        }
        if response.status == "failed" {
            return Err(Trouble::Service { complaint: Complaint::default() });
        }
        if draft.is_empty() {
            for (index, item) in (0..).zip(&response.output) {
                self.settle(index, item, draft)?;
            }
        }
        if let Some(usage) = response.usage {
            let cached = usage.input_tokens_details.map_or(0, |details| details.cached_tokens);
            draft.usage.input = usage.input_tokens.saturating_sub(cached);
            draft.usage.cache_read = cached;
            draft.usage.output = usage.output_tokens;
        }
        let reason = response.incomplete_details.map(|details| details.reason).unwrap_or_default();
        if reason == "content_filter" {
            return Err(Trouble::Declined { reason: "content filter".to_owned() });
        }
        draft.stop = Some(if response.status == "incomplete" { Stop::Length } else { Stop::Done });
        Ok(())
    }
}

fn joined(texts: &[TextForm], separator: &str) -> String {
    texts.iter().map(|text| text.text.as_str()).collect::<Vec<_>>().join(separator)
}

fn service_error(error: ErrorForm) -> Trouble {
    let error = match error {
        ErrorForm { error: Some(inner), .. } => *inner,
        outer => outer,
    };
    let codes = error.code.unwrap_or_default().to_ascii_lowercase();
    Trouble::Service { complaint: Complaint { status: None, codes, message: error.message.unwrap_or_default() } }
}
