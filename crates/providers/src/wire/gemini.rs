//! Google's Gemini `generateContent` format.

use super::{parse, schema};
use crate::draft::{Draft, Stop};
use crate::failure::{Complaint, Trouble};
use crate::history::{Asked, CallResult, Part, Said, Step, prepare};
use crate::setup::{Reasoning, Setup};
use hearth_core::model::{ModelRequest, Thinking};
use hearth_http::SseEvent;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Stands for the signature of a call that another model made: Gemini refuses a call without one since its third generation.
const FOREIGN_SIGNATURE: &str = "skip_thought_signature_validator";

/// Returns the id as the address wants it.
pub(super) fn model_path(id: &str) -> &str {
    id.strip_prefix("models/").unwrap_or(id)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Turn<'a>>,
    contents: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolsForm<'a>>,
    generation_config: Config,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolsForm<'a> {
    function_declarations: Vec<Declaration<'a>>,
}

#[derive(Serialize)]
struct Declaration<'a> {
    name: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    max_output_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingForm>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingForm {
    include_thoughts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<u32>,
}

#[derive(Serialize)]
struct Turn<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<PartForm<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartForm<'a> {
    #[serde(flatten)]
    kind: Kind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Kind<'a> {
    Text(Cow<'a, str>),
    #[serde(rename_all = "camelCase")]
    InlineData {
        mime_type: &'a str,
        data: &'a str,
    },
    FunctionCall {
        name: &'a str,
        args: &'a Map<String, Value>,
    },
    FunctionResponse {
        name: &'a str,
        response: ResponseForm,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum ResponseForm {
    Output(String),
    Error(String),
}

/// Spells a request.
pub(super) fn body<'a>(setup: &'a Setup, request: &'a ModelRequest) -> Body<'a> {
    let id = model_path(&setup.model.id);
    let demands_signatures = !["gemini-1", "gemini-2", "gemma"].iter().any(|older| id.starts_with(older));
    let mut contents: Vec<Turn<'a>> = Vec::new();
    for step in prepare(&request.messages, Asked::of(setup)) {
        let (role, parts) = turn(step, demands_signatures);
        match contents.last_mut() {
            Some(before) if before.role == Some(role) => before.parts.extend(parts),
            _ => contents.push(Turn { role: Some(role), parts }),
        }
    }
    let declarations: Vec<Declaration<'a>> = request
        .tools
        .iter()
        .map(|tool| {
            let parameters = schema::simplified(&tool.parameters);
            Declaration { name: &tool.name, description: &tool.description, parameters }
        })
        .collect();
    let system = (!request.system.trim().is_empty())
        .then(|| Turn { role: None, parts: vec![plain(Kind::Text(Cow::Borrowed(&request.system)))] });
    Body {
        system_instruction: system,
        contents,
        tools: if declarations.is_empty() {
            Vec::new()
        } else {
            vec![ToolsForm { function_declarations: declarations }]
        },
        generation_config: Config {
            max_output_tokens: request.max_output_tokens.unwrap_or(setup.model.max_output_tokens),
            thinking_config: thinking(setup.model.reasoning, request.thinking),
        },
    }
}

fn thinking(reasoning: Reasoning, thinking: Thinking) -> Option<ThinkingForm> {
    let (level, budget) = match thinking {
        // These models can't all be told to stop thinking; the least they accept is asked for.
        Thinking::Off => ("low", 512),
        Thinking::Low => ("low", 2_048),
        Thinking::Medium => ("medium", 8_192),
        Thinking::High => ("high", 24_576),
    };
    let include_thoughts = thinking != Thinking::Off;
    match reasoning {
        Reasoning::None => None,
        Reasoning::Effort => {
            Some(ThinkingForm { include_thoughts, thinking_level: Some(level), thinking_budget: None })
        }
        Reasoning::Budget => {
            Some(ThinkingForm { include_thoughts, thinking_level: None, thinking_budget: Some(budget) })
        }
    }
}

fn turn(step: Step<'_>, demands_signatures: bool) -> (&'static str, Vec<PartForm<'_>>) {
    match step {
        Step::User(parts) => ("user", parts.into_iter().map(part).collect()),
        Step::Results(results) => {
            // All results of a step stand together; what they show comes after.
            let mut pictures = Vec::new();
            let mut responses: Vec<PartForm<'_>> = Vec::with_capacity(results.len());
            for result in results {
                let (response, shown) = response(result);
                responses.push(response);
                pictures.extend(shown);
            }
            responses.extend(pictures);
            ("user", responses)
        }
        Step::Assistant(said) => {
            let mut parts: Vec<PartForm<'_>> = said.iter().filter_map(spoken).collect();
            let first_call = parts.iter_mut().find(|part| matches!(part.kind, Kind::FunctionCall { .. }));
            if let Some(call) = first_call.filter(|call| demands_signatures && call.thought_signature.is_none()) {
                call.thought_signature = Some(FOREIGN_SIGNATURE);
            }
            ("model", parts)
        }
    }
}

fn plain(kind: Kind<'_>) -> PartForm<'_> {
    PartForm { kind, thought_signature: None }
}

fn part(part: Part<'_>) -> PartForm<'_> {
    plain(match part {
        Part::Text(text) => Kind::Text(text),
        Part::Image { mime_type, data } => Kind::InlineData { mime_type, data },
    })
}

fn response(result: CallResult<'_>) -> (PartForm<'_>, Vec<PartForm<'_>>) {
    let text = result.text();
    let pictures = result.parts.into_iter().filter(|part| matches!(part, Part::Image { .. })).map(part).collect();
    let response = if result.is_error { ResponseForm::Error(text) } else { ResponseForm::Output(text) };
    (plain(Kind::FunctionResponse { name: result.name, response }), pictures)
}

fn spoken<'a>(said: &Said<'a>) -> Option<PartForm<'a>> {
    let (kind, thought_signature) = match said {
        Said::Text { text, signature } => (Kind::Text(Cow::Borrowed(*text)), *signature),
        Said::Call { name, arguments, signature, .. } => (Kind::FunctionCall { name, args: arguments }, *signature),
        // The readable reasoning is a summary for people; the service wants only the signatures back.
        Said::Thinking { .. } => return None,
    };
    Some(PartForm { kind, thought_signature })
}

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
