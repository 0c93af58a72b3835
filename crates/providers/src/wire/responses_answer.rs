//! Reads OpenAI's Responses answer.

use super::parse;
use super::responses::ReasoningItem;
use crate::draft::{Draft, Slot, Stop};
use crate::failure::{Complaint, Trouble};
use hearth_http::SseEvent;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

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
