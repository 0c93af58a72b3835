//! The gateway's events as the events of a turn.

use super::Incoming;
use hearth_core::error::ErrorKind;
use hearth_core::event::TurnEventKind;
use hearth_core::message::{StopReason, Usage};
use serde_json::Value;
use std::collections::HashMap;

/// Something that happened in a turn of one session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Observation {
    /// The turn.
    pub(crate) run_id: String,
    /// What happened.
    pub(crate) what: TurnEventKind,
}

/// Follows one session's events; text arrives whole each time, and only what is new is passed on.
#[derive(Debug)]
pub(crate) struct Decoder {
    session: String,
    said: HashMap<String, Said>,
}

/// What a turn has said so far.
#[derive(Debug, Default)]
struct Said {
    text: String,
    /// Where the current step begins; what came before a tool call is never voided.
    step_start: usize,
}

impl Decoder {
    /// Follows this session.
    pub(crate) fn new(session: &str) -> Self {
        Self { session: session.to_owned(), said: HashMap::new() }
    }

    /// Returns the session that is followed.
    pub(crate) fn session(&self) -> &str {
        &self.session
    }

    /// Reads an event; nothing for those of other sessions and other matters.
    pub(crate) fn read(&mut self, incoming: &Incoming) -> Vec<Observation> {
        let Incoming::Event { name, payload } = incoming else { return Vec::new() };
        let run_id = text(payload, "runId");
        if text(payload, "sessionKey") != self.session || run_id.is_empty() {
            return Vec::new();
        }
        let happened = match name.as_str() {
            "chat" => self.chat(&run_id, payload),
            "agent" => agent(payload).into_iter().collect(),
            _ => Vec::new(),
        };
        for what in &happened {
            match what {
                TurnEventKind::ToolStarted { .. } => {
                    let said = self.said.entry(run_id.clone()).or_default();
                    said.step_start = said.text.len();
                }
                what if what.is_last() => drop(self.said.remove(&run_id)),
                _ => {}
            }
        }
        happened.into_iter().map(|what| Observation { run_id: run_id.clone(), what }).collect()
    }

    fn chat(&mut self, run_id: &str, payload: &Value) -> Vec<TurnEventKind> {
        let said = self.said.entry(run_id.to_owned()).or_default();
        let last = match payload.get("state").and_then(Value::as_str).unwrap_or_default() {
            "delta" => return said.grow(message_text(payload)),
            "final" => TurnEventKind::Finished {
                text: said.last_step(payload),
                usage: usage(payload),
                stop_reason: stop_reason(payload),
            },
            "aborted" => TurnEventKind::Aborted { text: said.last_step(payload) },
            "error" => TurnEventKind::Failed {
                kind: kind(payload),
                message: text(payload, "errorMessage"),
                hint: text(payload, "hint"),
            },
            _ => return Vec::new(),
        };
        // The end carries all text; its last piece may not have been sent before.
        let mut happened = match message_text(payload) {
            whole if whole.is_empty() => Vec::new(),
            whole => said.grow(whole),
        };
        happened.push(last);
        happened
    }
}

impl Said {
    fn grow(&mut self, whole: String) -> Vec<TurnEventKind> {
        let mut happened = Vec::new();
        let new = match whole.strip_prefix(self.text.as_str()) {
            Some(new) => new.to_owned(),
            None => {
                happened.push(TurnEventKind::Restarted(String::new()));
                let kept = self.text.get(..self.step_start).unwrap_or_default();
                whole.strip_prefix(kept).unwrap_or(&whole).to_owned()
            }
        };
        self.text = whole;
        if !new.is_empty() {
            happened.push(TurnEventKind::Text(new));
        }
        happened
    }

    /// Returns the text of the last step, of which the payload holds all.
    fn last_step(&self, payload: &Value) -> String {
        let whole = message_text(payload);
        let before = self.text.get(..self.step_start).unwrap_or_default();
        whole.strip_prefix(before).unwrap_or(&whole).trim_start_matches('\n').to_owned()
    }
}

fn agent(payload: &Value) -> Option<TurnEventKind> {
    let data = payload.get("data")?;
    let phase = text(data, "phase");
    Some(match (payload.get("stream")?.as_str()?, phase.as_str()) {
        ("lifecycle", "start") => TurnEventKind::Started,
        ("run_status", "waiting") => TurnEventKind::Waiting(text(data, "text")),
        ("thinking", _) => TurnEventKind::Thinking(text(data, "delta")),
        ("tool", "start") => TurnEventKind::ToolStarted {
            call_id: text(data, "toolCallId"),
            name: text(data, "name"),
            title: text(data, "title"),
            arguments: data.get("args").and_then(Value::as_object).cloned().unwrap_or_default(),
        },
        ("tool", "update") => {
            TurnEventKind::ToolOutput { call_id: text(data, "toolCallId"), chunk: text(data, "partialResult") }
        }
        ("tool", "result") => TurnEventKind::ToolFinished {
            call_id: text(data, "toolCallId"),
            is_error: data.get("isError").and_then(Value::as_bool).unwrap_or(false),
            preview: text(data, "result"),
            elapsed_ms: data.get("durationMs").and_then(Value::as_u64).unwrap_or(0),
        },
        _ => return None,
    })
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The text blocks of the payload's message.
fn message_text(payload: &Value) -> String {
    let content = payload.pointer("/message/content").and_then(Value::as_array);
    content.into_iter().flatten().filter_map(|block| block.get("text").and_then(Value::as_str)).collect()
}

fn usage(payload: &Value) -> Usage {
    let usage = payload.get("usage").or_else(|| payload.pointer("/message/usage"));
    usage.and_then(|usage| serde_json::from_value(usage.clone()).ok()).unwrap_or_default()
}

fn stop_reason(payload: &Value) -> StopReason {
    payload.get("stopReason").and_then(|reason| serde_json::from_value(reason.clone()).ok()).unwrap_or_default()
}

/// Reads the kind our gateway names; of others only the rough class is known.
fn kind(payload: &Value) -> ErrorKind {
    let named = text(payload, "kind");
    let rough = match text(payload, "errorKind").as_str() {
        "rate_limit" => ErrorKind::ProviderLimit,
        "refusal" => ErrorKind::Denied,
        _ => ErrorKind::Remote,
    };
    ErrorKind::ALL.into_iter().find(|kind| kind.to_string() == named).unwrap_or(rough)
}

#[cfg(test)]
mod tests {
    use super::Decoder;
    use crate::client::Incoming;
    use hearth_core::event::TurnEventKind;
    use serde_json::{Value, json};

    fn delta(text: &str) -> Value {
        json!({"state": "delta", "message": {"content": [{"type": "text", "text": text}]}})
    }

    fn read(decoder: &mut Decoder, name: &str, mut payload: Value) -> Vec<TurnEventKind> {
        payload["runId"] = "r".into();
        payload["sessionKey"] = "agent:main:main".into();
        let event = Incoming::Event { name: name.to_owned(), payload };
        decoder.read(&event).into_iter().map(|observation| observation.what).collect()
    }

    #[test]
    fn whole_texts_become_what_is_new_and_a_shorter_one_begins_the_step_anew() {
        let mut decoder = Decoder::new("agent:main:main");
        let said = |text: &str| TurnEventKind::Text(text.to_owned());
        assert_eq!(read(&mut decoder, "chat", delta("Let me")), [said("Let me")]);
        assert_eq!(read(&mut decoder, "chat", delta("Let me see.")), [said(" see.")]);
        let tool = json!({"stream": "tool", "data": {"phase": "start", "toolCallId": "1", "name": "bash"}});
        assert_eq!(read(&mut decoder, "agent", tool).len(), 1);
        assert_eq!(read(&mut decoder, "chat", delta("Let me see.\n\n42 GC")), [said("\n\n42 GC")]);
        assert_eq!(
            read(&mut decoder, "chat", delta("Let me see.\n\n42 GB")),
            [TurnEventKind::Restarted(String::new()), said("\n\n42 GB")]
        );
        let end = json!({"state": "final", "message": {"content": [{"type": "text", "text": "Let me see.\n\n42 GB"}]}});
        assert!(
            matches!(&read(&mut decoder, "chat", end)[..], [TurnEventKind::Finished { text, .. }] if text == "42 GB")
        );
    }

    #[test]
    fn other_sessions_are_not_ours() {
        let mut decoder = Decoder::new("agent:main:other");
        assert_eq!(read(&mut decoder, "chat", delta("x")), []);
    }
}
