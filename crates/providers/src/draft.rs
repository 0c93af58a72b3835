//! Collects the pieces of an answer into the message the transcript keeps.

use crate::failure::Trouble;
use crate::setup::Setup;
use hearth_core::message::{AssistantMessage, Content, Cost, StopReason, ToolCall, Usage};
use hearth_core::model::ModelEvent;
use serde_json::{Map, Value};
use std::collections::{HashSet, VecDeque};

/// An answer while it is written. Wire formats append; the reader takes the events out.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    blocks: Vec<Block>,
    events: VecDeque<ModelEvent>,
    /// What it took, as far as known.
    pub(crate) usage: Usage,
    /// What the service itself says it cost.
    pub(crate) billed_usd: Option<f64>,
    /// Why it ended; the answer is usable from then on.
    pub(crate) stop: Option<Stop>,
    /// Nothing more will come.
    pub(crate) complete: bool,
    bytes: usize,
}

/// Why a service says the answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Done, or waiting for results: the calls tell.
    Done,
    /// The output limit was reached.
    Length,
}

/// A place in the draft that later pieces are appended to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(usize);

#[derive(Debug)]
enum Block {
    Text { text: String, signature: Option<String> },
    Thinking { text: String, signature: Option<String>, redacted: bool },
    Call(CallDraft),
}

#[derive(Debug, Default)]
struct CallDraft {
    id: String,
    name: String,
    /// JSON as far as it has come.
    arguments: String,
    signature: Option<String>,
    announced: bool,
    /// False while more of it must come; formats that don't mark the end of a call leave it true.
    closed: bool,
}

/// More than any model writes; a service that sends more is broken.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

impl Draft {
    /// Returns the next event to pass on.
    pub(crate) fn next_event(&mut self) -> Option<ModelEvent> {
        self.events.pop_front()
    }

    /// Passes an event on that leaves no trace in the answer.
    pub(crate) fn report(&mut self, event: ModelEvent) {
        self.events.push_back(event);
    }

    /// True as long as nothing has come.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Begins a text block.
    pub(crate) fn open_text(&mut self) -> Slot {
        self.push(Block::Text { text: String::new(), signature: None })
    }

    /// Begins a reasoning block.
    pub(crate) fn open_thinking(&mut self) -> Slot {
        self.push(Block::Thinking { text: String::new(), signature: None, redacted: false })
    }

    /// Adds reasoning that only its author can read.
    pub(crate) fn add_redacted(&mut self, data: String) {
        self.grow(data.len());
        self.push(Block::Thinking { text: String::new(), signature: Some(data), redacted: true });
    }

    /// Begins a call. `closed` tells whether the format does without marking its end.
    pub(crate) fn open_call(&mut self, id: &str, name: &str, closed: bool) -> Slot {
        let slot = self.push(Block::Call(CallDraft { id: id.to_owned(), closed, ..CallDraft::default() }));
        self.name_call(slot, name);
        slot
    }

    /// Appends to the last block if it is text, else begins one.
    pub(crate) fn text(&mut self, delta: &str) {
        let slot = match self.blocks.last() {
            _ if delta.is_empty() => return,
            Some(Block::Text { signature: None, .. }) => Slot(self.blocks.len() - 1),
            _ => self.open_text(),
        };
        self.append(slot, delta);
    }

    /// Appends to the last block if it is reasoning, else begins one.
    pub(crate) fn thinking(&mut self, delta: &str) -> Option<Slot> {
        let slot = match self.blocks.last() {
            _ if delta.is_empty() => return None,
            Some(Block::Thinking { redacted: false, .. }) => Slot(self.blocks.len() - 1),
            _ => self.open_thinking(),
        };
        self.append(slot, delta);
        Some(slot)
    }

    /// Appends text, reasoning or arguments, as the slot's block is.
    pub(crate) fn append(&mut self, slot: Slot, delta: &str) {
        if delta.is_empty() {
            return;
        }
        self.grow(delta.len());
        match self.blocks.get_mut(slot.0) {
            Some(Block::Text { text, .. }) => {
                text.push_str(delta);
                self.events.push_back(ModelEvent::Text(delta.to_owned()));
            }
            Some(Block::Thinking { text, .. }) => {
                text.push_str(delta);
                self.events.push_back(ModelEvent::Thinking(delta.to_owned()));
            }
            Some(Block::Call(call)) => call.arguments.push_str(delta),
            None => {}
        }
    }

    /// Replaces what came in pieces by the whole, which services repeat at a block's end.
    pub(crate) fn settle(&mut self, slot: Slot, whole: &str) {
        match self.blocks.get_mut(slot.0) {
            Some(Block::Text { text, .. } | Block::Thinking { text, .. }) if text.is_empty() => {
                self.append(slot, whole);
            }
            Some(Block::Call(call)) if !whole.is_empty() => whole.clone_into(&mut call.arguments),
            _ => {}
        }
    }

    /// Appends to the replay data of a block.
    pub(crate) fn sign(&mut self, slot: Slot, more: &str) {
        self.grow(more.len());
        if let Some(Block::Text { signature, .. } | Block::Thinking { signature, .. }) = self.blocks.get_mut(slot.0) {
            signature.get_or_insert_default().push_str(more);
        }
        if let Some(Block::Call(call)) = self.blocks.get_mut(slot.0) {
            call.signature.get_or_insert_default().push_str(more);
        }
    }

    /// Gives a call its name once it is known, and tells observers.
    pub(crate) fn name_call(&mut self, slot: Slot, name: &str) {
        if let Some(Block::Call(call)) = self.blocks.get_mut(slot.0)
            && !name.is_empty()
            && !call.announced
        {
            call.announced = true;
            name.clone_into(&mut call.name);
            self.events.push_back(ModelEvent::ToolCallStarted(name.to_owned()));
        }
    }

    /// Gives a call its id, unless it has one.
    pub(crate) fn identify_call(&mut self, slot: Slot, id: &str) {
        if let Some(Block::Call(call)) = self.blocks.get_mut(slot.0)
            && call.id.is_empty()
        {
            id.clone_into(&mut call.id);
        }
    }

    /// Marks a call as whole.
    pub(crate) fn close(&mut self, slot: Slot) {
        if let Some(Block::Call(call)) = self.blocks.get_mut(slot.0) {
            call.closed = true;
        }
    }

    /// True when the slot's call has had no arguments yet.
    pub(crate) fn lacks_arguments(&self, slot: Slot) -> bool {
        matches!(self.blocks.get(slot.0), Some(Block::Call(call)) if call.arguments.is_empty())
    }

    /// Fails when more came than any answer has.
    pub(crate) fn check_size(&self) -> Result<(), Trouble> {
        if self.bytes > MAX_ANSWER_BYTES {
            return Err(Trouble::Malformed { what: format!("an answer of more than {MAX_ANSWER_BYTES} bytes") });
        }
        Ok(())
    }

    /// Makes the message. `used_ids` are the transcript's call ids, which new ones must differ from.
    pub(crate) fn finish(mut self, setup: &Setup, used_ids: &mut HashSet<String>) -> Result<AssistantMessage, Trouble> {
        let length = self.stop == Some(Stop::Length);
        let mut content = Vec::with_capacity(self.blocks.len());
        let mut cut_call = None;
        for block in std::mem::take(&mut self.blocks) {
            match block {
                Block::Text { text, signature } if !text.is_empty() || signature.is_some() => {
                    content.push(Content::Text { text, text_signature: signature });
                }
                Block::Thinking { text, signature, redacted } if !text.is_empty() || signature.is_some() => {
                    content.push(Content::Thinking { thinking: text, thinking_signature: signature, redacted });
                }
                Block::Text { .. } | Block::Thinking { .. } => {}
                Block::Call(call) if length && !call.is_whole() => cut_call = Some(call.name),
                Block::Call(call) => content.push(Content::ToolCall(call.finish(used_ids)?)),
            }
        }
        let calls = content.iter().any(|block| matches!(block, Content::ToolCall(_)));
        let stop_reason = match (length, calls) {
            (true, _) => StopReason::Length,
            (false, true) => StopReason::ToolUse,
            (false, false) => StopReason::Stop,
        };
        Ok(AssistantMessage {
            content,
            api: setup.api.name().to_owned(),
            provider: setup.provider.clone(),
            model: setup.model.id.clone(),
            usage: self.total_usage(setup),
            stop_reason,
            error_message: cut_call.map(|name| format!("the output limit cut off a call of `{name}`; it was not kept")),
            timestamp: setup.clock.now().as_millisecond(),
        })
    }

    fn total_usage(&self, setup: &Setup) -> Usage {
        let Usage { input, output, cache_read, cache_write, .. } = self.usage;
        let priced = || setup.model.price.map_or_else(Cost::default, |price| price.cost(&self.usage));
        let cost = self.billed_usd.map_or_else(priced, |total_usd| Cost { total_usd });
        Usage { total_tokens: input + output + cache_read + cache_write, cost, ..self.usage }
    }

    fn push(&mut self, block: Block) -> Slot {
        self.blocks.push(block);
        Slot(self.blocks.len() - 1)
    }

    fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
    }
}

impl CallDraft {
    /// True when nothing of it can be missing.
    fn is_whole(&self) -> bool {
        self.closed && !self.name.is_empty() && serde_json::from_str::<Map<String, Value>>(&self.arguments).is_ok()
    }

    fn finish(self, used_ids: &mut HashSet<String>) -> Result<ToolCall, Trouble> {
        if self.name.is_empty() {
            return Err(Trouble::Malformed { what: "a tool call without a name".to_owned() });
        }
        if !self.closed {
            return Err(Trouble::Malformed { what: format!("half a call of `{}`", self.name) });
        }
        let arguments = parse_arguments(&self.arguments);
        let id = unique_id(self.id, used_ids);
        Ok(ToolCall { id, name: self.name, arguments, thought_signature: self.signature })
    }
}

/// Nothing means no arguments; what is no object is kept so that the model sees what it wrote.
fn parse_arguments(text: &str) -> Map<String, Value> {
    if text.trim().is_empty() {
        return Map::new();
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(arguments)) => arguments,
        Ok(Value::Null) => Map::new(),
        // Some services encode the object twice.
        Ok(Value::String(inner)) if inner.trim_start().starts_with('{') => parse_arguments(&inner),
        _ => [(ToolCall::UNPARSED.to_owned(), Value::String(text.to_owned()))].into_iter().collect(),
    }
}

/// Some services number their calls from zero in every answer, or give no ids at all.
fn unique_id(id: String, used: &mut HashSet<String>) -> String {
    let id = if id.is_empty() || used.contains(&id) { format!("call_{:016x}", fastrand::u64(..)) } else { id };
    used.insert(id.clone());
    id
}

#[cfg(test)]
mod tests {
    use super::parse_arguments;
    use serde_json::json;

    #[test]
    fn arguments_are_an_object_or_kept_as_written() {
        for (text, expected) in [
            ("", json!({})),
            ("{\"a\":1}", json!({"a": 1})),
            ("\"{\\\"a\\\":1}\"", json!({"a": 1})),
            ("[1]", json!({"__unparsed": "[1]"})),
            ("{\"a\":", json!({"__unparsed": "{\"a\":"})),
            ("null", json!({})),
        ] {
            assert_eq!(serde_json::Value::Object(parse_arguments(text)), expected, "{text}");
        }
    }
}
