//! Reads Gemini's `generateContent` answer.

use super::parse;
use crate::draft::{Draft, Stop};
use crate::failure::{Complaint, Trouble};
use hearth_http::SseEvent;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<Feedback>,
    usage_metadata: Option<UsageForm>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<AnswerPart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerPart {
    text: Option<String>,
    #[serde(default)]
    thought: bool,
    thought_signature: Option<String>,
    function_call: Option<FunctionCall>,
}

#[derive(Deserialize)]
struct FunctionCall {
    #[serde(default)]
    id: String,
    name: String,
    #[serde(default)]
    args: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct UsageForm {
    prompt_token_count: u64,
    candidates_token_count: u64,
    thoughts_token_count: u64,
    cached_content_token_count: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Whole {
    Many(Vec<Chunk>),
    One(Box<Chunk>),
}

/// Reads one event of an answer; each is a whole chunk, so there is nothing to remember.
pub(super) fn event(event: &SseEvent, draft: &mut Draft) -> Result<(), Trouble> {
    chunk(parse(&event.event, &event.data)?, draft)
}

/// Reads an answer that came in one piece.
pub(super) fn whole(body: &str, draft: &mut Draft) -> Result<(), Trouble> {
    match parse("response", body)? {
        Whole::One(one) => chunk(*one, draft)?,
        Whole::Many(many) => many.into_iter().try_for_each(|one| chunk(one, draft))?,
    }
    if draft.stop.is_none() {
        return Err(Trouble::Cut);
    }
    Ok(())
}

fn chunk(chunk: Chunk, draft: &mut Draft) -> Result<(), Trouble> {
    if let Some(error) = chunk.error {
        let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let body = serde_json::json!({ "error": error }).to_string();
        return Err(Trouble::Service { complaint: Complaint::parse(status, &body) });
    }
    if let Some(usage) = chunk.usage_metadata {
        let cached = usage.cached_content_token_count;
        draft.usage.input = usage.prompt_token_count.saturating_sub(cached);
        draft.usage.cache_read = cached;
        draft.usage.output = usage.candidates_token_count + usage.thoughts_token_count;
    }
    if let Some(reason) = chunk.prompt_feedback.and_then(|feedback| feedback.block_reason) {
        return Err(Trouble::Declined { reason: format!("prompt blocked: {reason}") });
    }
    let Some(candidate) = chunk.candidates.into_iter().next() else { return Ok(()) };
    for part in candidate.content.into_iter().flat_map(|content| content.parts) {
        answer_part(part, draft);
    }
    if let Some(reason) = candidate.finish_reason {
        draft.stop = Some(stop(&reason)?);
    }
    Ok(())
}

fn answer_part(part: AnswerPart, draft: &mut Draft) {
    let signature = part.thought_signature.unwrap_or_default();
    if let Some(call) = part.function_call {
        let slot = draft.open_call(&call.id, &call.name, true);
        if !call.args.is_null() {
            draft.append(slot, &call.args.to_string());
        }
        if !signature.is_empty() {
            draft.sign(slot, &signature);
        }
        return;
    }
    let text = part.text.unwrap_or_default();
    if part.thought {
        draft.thinking(&text);
    } else if signature.is_empty() {
        draft.text(&text);
    } else {
        // A signed part must go back as it came, so it is not joined with its neighbours.
        let slot = draft.open_text();
        draft.append(slot, &text);
        draft.sign(slot, &signature);
    }
}

fn stop(reason: &str) -> Result<Stop, Trouble> {
    match reason {
        "MAX_TOKENS" => Ok(Stop::Length),
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE" | "IMAGE_SAFETY" => {
            Err(Trouble::Declined { reason: format!("finish reason {reason}") })
        }
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "MALFORMED_RESPONSE" | "MISSING_THOUGHT_SIGNATURE" => {
            Err(Trouble::Malformed { what: format!("finish reason {reason}") })
        }
        _ => Ok(Stop::Done),
    }
}
