//! What one client is sent when something happens in a run: chat and agent events in its protocol.

use super::client::{Client, Protocol};
use crate::hub::{Change, Event, What};
use crate::run::{Answer, Ending, Outcome, Phase, Run};
use hearth_core::error::ErrorKind;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Events as (name, payload).
type Payloads = Vec<(&'static str, Value)>;

/// Remembers what the client has of each running answer, so that it gets the rest and not the whole.
pub(super) struct Outbound {
    protocol: Protocol,
    html: bool,
    details: bool,
    sent: HashMap<String, Sent>,
}

#[derive(Clone, Copy, Default)]
struct Sent {
    generation: u32,
    bytes: usize,
}

/// What identifies an event of a run.
#[derive(Clone, Copy)]
struct Head<'a> {
    run: &'a Run,
    sequence: u64,
    at_ms: i64,
}

impl Outbound {
    pub(super) fn new(client: &Client) -> Self {
        Self { protocol: client.protocol, html: client.html, details: client.details, sent: HashMap::new() }
    }

    /// Forgets what was sent: the client missed something.
    pub(super) fn forget(&mut self) {
        self.sent.clear();
    }

    /// Returns what to send for an event.
    pub(super) fn payloads(&mut self, event: &Event) -> Payloads {
        match &event.what {
            What::Run { run, sequence, change } => {
                let head = Head { run, sequence: *sequence, at_ms: event.at_ms };
                self.changed(head, change)
            }
            What::SessionChanged { session, reason } if self.protocol >= Protocol::V4 => {
                let payload = json!({
                    "sessionKey": session, "agentId": session.agent(), "reason": reason, "ts": event.at_ms});
                vec![("sessions.changed", payload)]
            }
            What::SessionChanged { .. } => Vec::new(),
            What::Stopping => vec![("shutdown", json!({"reason": "gateway stopping"}))],
        }
    }

    fn changed(&mut self, head: Head<'_>, change: &Change) -> Payloads {
        match change {
            Change::Started => vec![self.agent(head, "lifecycle", self.started(head))],
            Change::Waiting(line) => vec![self.agent(head, "run_status", json!({"phase": "waiting", "text": line}))],
            Change::Thinking(more) => vec![self.agent(head, "thinking", json!({"delta": more}))],
            Change::Text => self.text(head),
            Change::ToolStarted { call_id, name, title, arguments } => {
                let data = json!({
                    "phase": "start", "name": name, "toolCallId": call_id, "args": arguments, "title": title});
                let mut payloads = self.text(head);
                payloads.push(self.agent(head, "tool", data));
                payloads
            }
            Change::ToolOutput { call_id, chunk } => {
                let data = json!({"phase": "update", "toolCallId": call_id, "partialResult": chunk});
                vec![self.agent(head, "tool", data)]
            }
            Change::ToolFinished { call_id, is_error, preview, elapsed_ms } => {
                let data = json!({
                    "phase": "result", "toolCallId": call_id, "isError": is_error, "result": preview,
                    "durationMs": elapsed_ms});
                vec![self.agent(head, "tool", data)]
            }
            Change::Ended => self.ended(head),
        }
    }

    /// Our own clients show what was said elsewhere in the same conversation.
    fn started(&self, head: Head<'_>) -> Value {
        let mut data = json!({"phase": "start", "startedAt": head.at_ms});
        if self.details {
            data["input"] = head.run.input.as_str().into();
        }
        data
    }

    fn text(&mut self, head: Head<'_>) -> Payloads {
        let answer = head.run.answer();
        let before = self.sent.get(&head.run.id).copied().unwrap_or_default();
        let replace = before.generation != answer.generation || before.bytes > answer.text.len();
        if !replace && before.bytes == answer.text.len() {
            return Vec::new();
        }
        let from = if replace { 0 } else { before.bytes };
        let delta = answer.text.get(from..).unwrap_or(&answer.text);
        let mut payloads = Vec::new();
        if !self.html {
            let step = answer.step_text();
            let more = if from < answer.step_start { step } else { delta };
            payloads.push(self.agent(head, "assistant", json!({"text": step, "delta": more})));
        }
        let mut chat = self.chat(head, "delta");
        if self.protocol >= Protocol::V4 {
            chat["deltaText"] = delta.into();
            if replace {
                chat["replace"] = true.into();
            }
        }
        chat["message"] = message(&answer, head.at_ms);
        self.add_html(&mut chat, head.run, &answer);
        payloads.push(("chat", chat));
        let now = Sent { generation: answer.generation, bytes: answer.text.len() };
        self.sent.insert(head.run.id.clone(), now);
        payloads
    }

    fn ended(&mut self, head: Head<'_>) -> Payloads {
        self.sent.remove(&head.run.id);
        let Phase::Ended(ending) = head.run.phase() else { return Vec::new() };
        let answer = head.run.answer();
        let (lifecycle, mut chat) = match &ending.outcome {
            Outcome::Finished { usage, stop_reason } => {
                let mut chat = self.chat(head, "final");
                chat["stopReason"] = json!(stop_reason);
                chat["usage"] = json!(usage);
                (lifecycle(&ending, json!({"phase": "end", "aborted": false, "stopReason": stop_reason})), chat)
            }
            Outcome::Aborted => {
                let mut chat = self.chat(head, "aborted");
                chat["stopReason"] = "rpc".into();
                let data = json!({"phase": "end", "status": "cancelled", "aborted": true, "stopReason": "rpc"});
                (lifecycle(&ending, data), chat)
            }
            Outcome::Failed { kind, message, hint } => {
                let mut chat = self.chat(head, "error");
                chat["errorMessage"] = message.as_str().into();
                chat["errorKind"] = error_kind(*kind).into();
                if self.details {
                    chat["kind"] = kind.to_string().into();
                    chat["hint"] = hint.as_str().into();
                }
                (lifecycle(&ending, json!({"phase": "error", "error": message})), chat)
            }
        };
        if !answer.text.is_empty() {
            chat["message"] = message(&answer, head.at_ms);
        }
        if self.details {
            chat["elapsedMs"] = (ending.ended_ms - ending.started_ms).into();
        }
        self.add_html(&mut chat, head.run, &answer);
        vec![self.agent(head, "lifecycle", lifecycle), ("chat", chat)]
    }

    fn chat(&self, head: Head<'_>, state: &str) -> Value {
        let mut payload = json!({"runId": head.run.id, "sessionKey": head.run.session});
        if self.protocol >= Protocol::V4 {
            payload["agentId"] = head.run.session.agent().into();
        }
        payload["seq"] = head.sequence.into();
        payload["state"] = state.into();
        payload
    }

    fn agent(&self, head: Head<'_>, stream: &str, data: Value) -> (&'static str, Value) {
        let mut payload = json!({"runId": head.run.id, "stream": stream});
        payload["data"] = data;
        payload["sessionKey"] = json!(head.run.session);
        if self.protocol >= Protocol::V4 {
            payload["agentId"] = head.run.session.agent().into();
        }
        payload["seq"] = head.sequence.into();
        payload["ts"] = head.at_ms.into();
        ("agent", payload)
    }

    fn add_html(&self, chat: &mut Value, run: &Run, answer: &Answer) {
        if self.html && !answer.text.is_empty() {
            chat["html"] = (*run.step_html(answer)).into();
            chat["step"] = answer.step.into();
        }
    }
}

fn message(answer: &Answer, at_ms: i64) -> Value {
    json!({"role": "assistant", "content": [{"type": "text", "text": answer.text}], "timestamp": at_ms})
}

fn lifecycle(ending: &Ending, mut data: Value) -> Value {
    data["startedAt"] = ending.started_ms.into();
    data["endedAt"] = ending.ended_ms.into();
    data
}

fn error_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ProviderLimit => "rate_limit",
        ErrorKind::Denied => "refusal",
        _ => "unknown",
    }
}
