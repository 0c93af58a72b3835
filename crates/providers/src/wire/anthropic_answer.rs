//! Reads Anthropic's Messages answer.

use super::parse;
use crate::draft::{Draft, Slot, Stop};
use crate::failure::{Complaint, Trouble};
use hearth_http::SseEvent;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

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
