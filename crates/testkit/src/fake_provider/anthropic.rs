//! The script in Anthropic's words.

use super::WireEvent;
use super::script::{Answer, Part, pieces};
use serde_json::{Value, json};

pub(super) fn events(answer: &Answer, model: &str) -> Vec<WireEvent> {
    let mut events =
        vec![json!({ "type": "message_start", "message": message(answer, model, &json!([]), &Value::Null) })];
    for (index, part) in answer.parts.iter().enumerate() {
        let is_last = index + 1 == answer.parts.len();
        block(&mut events, index, part, !(is_last && answer.cut_by_limit));
        events.push(json!({ "type": "ping" }));
    }
    let delta = json!({ "stop_reason": stop_reason(answer), "stop_sequence": null });
    events.push(json!({ "type": "message_delta", "delta": delta, "usage": { "output_tokens": answer.tokens.output } }));
    events.push(json!({ "type": "message_stop" }));
    events.iter().map(WireEvent::named).collect()
}

fn block(events: &mut Vec<Value>, index: usize, part: &Part, is_whole: bool) {
    let (start, deltas) = match part {
        Part::Text(text) => {
            let deltas: Vec<Value> =
                pieces(text).iter().map(|text| json!({ "type": "text_delta", "text": text })).collect();
            (json!({ "type": "text", "text": "" }), deltas)
        }
        Part::Thinking { text, signature } if text.is_empty() => {
            (json!({ "type": "redacted_thinking", "data": signature }), Vec::new())
        }
        Part::Thinking { text, signature } => {
            let texts = pieces(text).into_iter().map(|text| json!({ "type": "thinking_delta", "thinking": text }));
            let deltas = texts.chain([json!({ "type": "signature_delta", "signature": signature })]).collect();
            (json!({ "type": "thinking", "thinking": "", "signature": "" }), deltas)
        }
        Part::Call { id, name, arguments } => {
            let parts =
                pieces(arguments).into_iter().map(|part| json!({ "type": "input_json_delta", "partial_json": part }));
            (json!({ "type": "tool_use", "id": id, "name": name, "input": {} }), parts.collect())
        }
    };
    events.push(json!({ "type": "content_block_start", "index": index, "content_block": start }));
    events.extend(
        deltas.into_iter().map(|delta| json!({ "type": "content_block_delta", "index": index, "delta": delta })),
    );
    if is_whole {
        events.push(json!({ "type": "content_block_stop", "index": index }));
    }
}

pub(super) fn whole(answer: &Answer, model: &str) -> Value {
    let blocks = answer.parts.iter().map(|part| match part {
        Part::Text(text) => json!({ "type": "text", "text": text }),
        Part::Thinking { text, signature } if text.is_empty() => {
            json!({ "type": "redacted_thinking", "data": signature })
        }
        Part::Thinking { text, signature } => json!({ "type": "thinking", "thinking": text, "signature": signature }),
        Part::Call { id, name, arguments } => {
            let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
            json!({ "type": "tool_use", "id": id, "name": name, "input": input })
        }
    });
    message(answer, model, &Value::Array(blocks.collect()), &json!(stop_reason(answer)))
}

fn message(answer: &Answer, model: &str, content: &Value, stop_reason: &Value) -> Value {
    let usage = json!({
        "input_tokens": answer.tokens.input,
        "cache_read_input_tokens": answer.tokens.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": if stop_reason.is_null() { 1 } else { answer.tokens.output },
    });
    json!({
        "id": "msg_fake", "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": stop_reason, "stop_sequence": null, "usage": usage,
    })
}

fn stop_reason(answer: &Answer) -> &'static str {
    match (answer.cut_by_limit, answer.has_calls()) {
        (true, _) => "max_tokens",
        (false, true) => "tool_use",
        (false, false) => "end_turn",
    }
}

pub(super) fn error_event(code: &str, message: &str) -> WireEvent {
    WireEvent::named(&json!({ "type": "error", "error": { "type": code, "message": message } }))
}
