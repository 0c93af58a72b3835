//! The script in Chat Completions' words.

use super::WireEvent;
use super::script::{Answer, Part, pieces};
use serde_json::{Value, json};

pub(super) fn events(answer: &Answer, model: &str) -> Vec<WireEvent> {
    let chunk = |delta: &Value, finish: &Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish, "logprobs": null });
        json!({ "id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [choice] })
    };
    let mut deltas = vec![json!({ "role": "assistant", "content": "" })];
    let mut calls = 0;
    for part in &answer.parts {
        match part {
            Part::Text(text) => deltas.extend(pieces(text).into_iter().map(|text| json!({ "content": text }))),
            Part::Thinking { text, .. } => {
                deltas.extend(pieces(text).into_iter().map(|text| json!({ "reasoning_content": text })));
            }
            Part::Call { id, name, arguments } => {
                let function = json!({ "name": name, "arguments": "" });
                deltas.push(
                    json!({ "tool_calls": [{ "index": calls, "id": id, "type": "function", "function": function }] }),
                );
                let more = pieces(arguments)
                    .into_iter()
                    .map(|part| json!({ "index": calls, "function": { "arguments": part } }));
                deltas.extend(more.map(|call| json!({ "tool_calls": [call] })));
                calls += 1;
            }
        }
    }
    let mut events: Vec<Value> = deltas.iter().map(|delta| chunk(delta, &Value::Null)).collect();
    events.push(chunk(&json!({}), &json!(finish_reason(answer))));
    let mut last = chunk(&json!({}), &Value::Null);
    last["choices"] = json!([]);
    last["usage"] = usage(answer);
    events.push(last);
    events.iter().map(WireEvent::unnamed).chain([WireEvent { name: None, data: "[DONE]".to_owned() }]).collect()
}

pub(super) fn whole(answer: &Answer, model: &str) -> Value {
    let mut message = json!({ "role": "assistant", "content": null, "refusal": null });
    for part in &answer.parts {
        match part {
            Part::Text(text) => message["content"] = json!(text),
            Part::Thinking { text, .. } => message["reasoning_content"] = json!(text),
            Part::Call { id, name, arguments } => {
                let call =
                    json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } });
                match message["tool_calls"].as_array_mut() {
                    Some(calls) => calls.push(call),
                    None => message["tool_calls"] = json!([call]),
                }
            }
        }
    }
    let choice = json!({ "index": 0, "message": message, "finish_reason": finish_reason(answer), "logprobs": null });
    json!({
        "id": "chatcmpl-fake", "object": "chat.completion", "created": 0, "model": model, "choices": [choice],
        "usage": usage(answer),
    })
}

fn usage(answer: &Answer) -> Value {
    let prompt = answer.tokens.input + answer.tokens.cached;
    json!({
        "prompt_tokens": prompt, "completion_tokens": answer.tokens.output, "total_tokens": prompt + answer.tokens.output,
        "prompt_tokens_details": { "cached_tokens": answer.tokens.cached },
    })
}

fn finish_reason(answer: &Answer) -> &'static str {
    match (answer.cut_by_limit, answer.has_calls()) {
        (true, _) => "length",
        (false, true) => "tool_calls",
        (false, false) => "stop",
    }
}

pub(super) fn error_event(code: &str, message: &str) -> WireEvent {
    WireEvent::unnamed(&json!({ "error": { "type": code, "code": code, "message": message } }))
}
