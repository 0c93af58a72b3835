//! The script in the Responses format's words.

use super::WireEvent;
use super::script::{Answer, Part, pieces};
use serde_json::{Value, json};

pub(super) fn events(answer: &Answer, model: &str) -> Vec<WireEvent> {
    let mut events = vec![
        json!({ "type": "response.created", "response": response(answer, model, "in_progress", &json!([])) }),
        json!({ "type": "response.in_progress", "response": response(answer, model, "in_progress", &json!([])) }),
    ];
    for (index, part) in answer.parts.iter().enumerate() {
        let is_last = index + 1 == answer.parts.len();
        events.extend(item_events(index, part, !(is_last && answer.cut_by_limit)));
    }
    let (name, status) = if answer.cut_by_limit { ("incomplete", "incomplete") } else { ("completed", "completed") };
    let end = response(answer, model, status, &output(answer));
    events.push(json!({ "type": format!("response.{name}"), "response": end }));
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    events.iter().map(WireEvent::named).collect()
}

fn item_events(index: usize, part: &Part, is_whole: bool) -> Vec<Value> {
    let id = item_id(index, part);
    let mut events = vec![
        json!({ "type": "response.output_item.added", "output_index": index, "item": item(index, part, Show::Start) }),
    ];
    let event = |kind: &str, more: Value| {
        let mut event = json!({ "type": format!("response.{kind}"), "item_id": id, "output_index": index });
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        event
    };
    match part {
        Part::Text(text) => {
            let empty = json!({ "type": "output_text", "text": "", "annotations": [] });
            events.push(event("content_part.added", json!({ "content_index": 0, "part": empty })));
            let deltas =
                pieces(text).into_iter().map(|delta| json!({ "content_index": 0, "delta": delta, "logprobs": [] }));
            events.extend(deltas.map(|delta| event("output_text.delta", delta)));
            events.push(event("output_text.done", json!({ "content_index": 0, "text": text, "logprobs": [] })));
        }
        Part::Thinking { text, .. } => {
            let empty = json!({ "type": "summary_text", "text": "" });
            events.push(event("reasoning_summary_part.added", json!({ "summary_index": 0, "part": empty })));
            let deltas = pieces(text).into_iter().map(|delta| json!({ "summary_index": 0, "delta": delta }));
            events.extend(deltas.map(|delta| event("reasoning_summary_text.delta", delta)));
        }
        Part::Call { arguments, .. } => {
            let deltas = pieces(arguments).into_iter().map(|delta| json!({ "delta": delta }));
            events.extend(deltas.map(|delta| event("function_call_arguments.delta", delta)));
        }
    }
    if is_whole {
        events.push(json!({ "type": "response.output_item.done", "output_index": index, "item": item(index, part, Show::Whole) }));
    }
    events
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Start,
    Whole,
}

fn item(index: usize, part: &Part, show: Show) -> Value {
    let id = item_id(index, part);
    let whole = show == Show::Whole;
    let status = if whole { "completed" } else { "in_progress" };
    match part {
        Part::Text(text) => {
            let content =
                if whole { json!([{ "type": "output_text", "text": text, "annotations": [] }]) } else { json!([]) };
            json!({ "id": id, "type": "message", "role": "assistant", "status": status, "content": content })
        }
        Part::Thinking { text, signature } => {
            let summary = if whole { json!([{ "type": "summary_text", "text": text }]) } else { json!([]) };
            json!({ "id": id, "type": "reasoning", "summary": summary, "encrypted_content": signature })
        }
        Part::Call { id: call_id, name, arguments } => {
            let arguments = if whole { arguments.as_str() } else { "" };
            json!({
                "id": id, "type": "function_call", "status": status, "call_id": call_id, "name": name, "arguments": arguments,
            })
        }
    }
}

fn item_id(index: usize, part: &Part) -> String {
    let prefix = match part {
        Part::Text(_) => "msg",
        Part::Thinking { .. } => "rs",
        Part::Call { .. } => "fc",
    };
    format!("{prefix}_{index}")
}

fn output(answer: &Answer) -> Value {
    answer.parts.iter().enumerate().map(|(index, part)| item(index, part, Show::Whole)).collect()
}

pub(super) fn whole(answer: &Answer, model: &str) -> Value {
    response(answer, model, if answer.cut_by_limit { "incomplete" } else { "completed" }, &output(answer))
}

fn response(answer: &Answer, model: &str, status: &str, output: &Value) -> Value {
    let prompt = answer.tokens.input + answer.tokens.cached;
    let usage = json!({
        "input_tokens": prompt, "input_tokens_details": { "cached_tokens": answer.tokens.cached },
        "output_tokens": answer.tokens.output, "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": prompt + answer.tokens.output,
    });
    let is_over = status != "in_progress";
    json!({
        "id": "resp_fake", "object": "response", "created_at": 0, "model": model, "status": status, "output": output,
        "error": null, "instructions": null, "metadata": {}, "parallel_tool_calls": true, "temperature": 1.0,
        "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "incomplete_details": if status == "incomplete" { json!({ "reason": "max_output_tokens" }) } else { Value::Null },
        "usage": if is_over { usage } else { Value::Null },
    })
}

pub(super) fn error_event(code: &str, message: &str) -> WireEvent {
    WireEvent::named(&json!({ "type": "error", "code": code, "message": message, "param": null, "sequence_number": 0 }))
}
