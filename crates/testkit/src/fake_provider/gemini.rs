//! The script in Gemini's words.

use super::WireEvent;
use super::script::{Answer, Part, pieces};
use serde_json::{Value, json};

pub(super) fn events(answer: &Answer, model: &str) -> Vec<WireEvent> {
    let mut parts = Vec::new();
    let mut signature = None;
    for part in &answer.parts {
        match part {
            Part::Text(text) => parts.extend(pieces(text).into_iter().map(|text| json!({ "text": text }))),
            Part::Thinking { text, signature: own } => {
                signature = Some(own);
                parts.extend(pieces(text).into_iter().map(|text| json!({ "text": text, "thought": true })));
            }
            Part::Call { name, arguments, .. } => parts.push(call(name, arguments, signature.take())),
        }
    }
    if let Some(signature) = signature {
        parts.push(json!({ "text": "", "thoughtSignature": signature }));
    }
    let mut chunks: Vec<Value> = parts.into_iter().map(|part| chunk(&[part], None, answer, model)).collect();
    chunks.push(chunk(&[], Some(finish_reason(answer)), answer, model));
    chunks.iter().map(WireEvent::unnamed).collect()
}

pub(super) fn whole(answer: &Answer, model: &str) -> Value {
    let mut signature = None;
    let mut parts = Vec::new();
    for part in &answer.parts {
        match part {
            Part::Text(text) => parts.push(json!({ "text": text })),
            Part::Thinking { text, signature: own } => {
                signature = Some(own);
                parts.push(json!({ "text": text, "thought": true }));
            }
            Part::Call { name, arguments, .. } => parts.push(call(name, arguments, signature.take())),
        }
    }
    chunk(&parts, Some(finish_reason(answer)), answer, model)
}

/// The first call after reasoning carries its signature.
fn call(name: &str, arguments: &str, signature: Option<&String>) -> Value {
    let args: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
    let mut part = json!({ "functionCall": { "name": name, "args": args } });
    if let Some(signature) = signature {
        part["thoughtSignature"] = json!(signature);
    }
    part
}

fn chunk(parts: &[Value], finish: Option<&str>, answer: &Answer, model: &str) -> Value {
    let prompt = answer.tokens.input + answer.tokens.cached;
    let mut candidate = json!({ "content": { "parts": parts, "role": "model" }, "index": 0 });
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    json!({
        "candidates": [candidate], "modelVersion": model, "responseId": "fake",
        "usageMetadata": {
            "promptTokenCount": prompt, "cachedContentTokenCount": answer.tokens.cached,
            "candidatesTokenCount": answer.tokens.output, "totalTokenCount": prompt + answer.tokens.output,
        },
    })
}

fn finish_reason(answer: &Answer) -> &'static str {
    if answer.cut_by_limit { "MAX_TOKENS" } else { "STOP" }
}

pub(super) fn error_event(code: &str, message: &str) -> WireEvent {
    WireEvent::unnamed(&json!({ "error": { "code": 503, "status": code, "message": message } }))
}
