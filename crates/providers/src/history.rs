//! Makes any transcript acceptable to any service.
//!
//! A transcript may hold calls without results, ids of another service's form, reasoning that only its author can read,
//! images for a model that sees none, and ends in places no service accepts. Here all of that is put right once, for all
//! wire formats, so that each format only has to spell it.

use crate::setup::Setup;
use crate::wire;
use hearth_core::message::{AssistantMessage, Content, Message, StopReason, ToolCall, ToolResultMessage};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashSet;

/// One step of a conversation, put right.
#[derive(Debug, PartialEq)]
pub(crate) enum Step<'a> {
    /// What a person said; never empty.
    User(Vec<Part<'a>>),
    /// What a model said; never empty.
    Assistant(Vec<Said<'a>>),
    /// One result for each call of the assistant step before, in the calls' order; never empty.
    Results(Vec<CallResult<'a>>),
}

/// Text or an image.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part<'a> {
    Text(Cow<'a, str>),
    Image { mime_type: &'a str, data: &'a str },
}

/// One block of a model's answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Said<'a> {
    /// The signature is there only when the same model is asked again.
    Text {
        text: &'a str,
        signature: Option<&'a str>,
    },
    /// Only there when the same model is asked again.
    Thinking {
        text: &'a str,
        signature: Option<&'a str>,
        redacted: bool,
    },
    Call {
        id: String,
        name: &'a str,
        arguments: &'a Map<String, Value>,
        signature: Option<&'a str>,
    },
}

/// What a tool returned.
#[derive(Debug, PartialEq)]
pub(crate) struct CallResult<'a> {
    pub(crate) id: String,
    pub(crate) name: &'a str,
    /// Never empty.
    pub(crate) parts: Vec<Part<'a>>,
    pub(crate) is_error: bool,
}

impl CallResult<'_> {
    /// The text parts as one text.
    pub(crate) fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_ref()),
            Part::Image { .. } => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }
}

/// Who is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) api: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) model: &'a str,
    pub(crate) sees_images: bool,
    pub(crate) ids: IdRule,
}

impl<'a> Asked<'a> {
    /// The model of a setup.
    pub(crate) fn of(setup: &'a Setup) -> Self {
        Self {
            api: setup.api.name(),
            provider: &setup.provider,
            model: &setup.model.id,
            sees_images: setup.model.images,
            ids: wire::id_rule(setup),
        }
    }
}

/// Which call ids a service accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdRule {
    /// Letters, digits, `_` and `-`, at most this many.
    Plain { max: usize },
    /// Exactly nine letters and digits (Mistral).
    NineAlphanumeric,
}

impl IdRule {
    fn accepts(self, id: &str) -> bool {
        match self {
            Self::Plain { max } => {
                !id.is_empty()
                    && id.len() <= max
                    && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            }
            Self::NineAlphanumeric => id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        }
    }

    /// An accepted id that is the same in every request for the same original, so that prompt caches keep matching.
    fn rewrite(self, id: &str, occurrence: usize) -> String {
        let hash = fnv(id, occurrence);
        match self {
            Self::Plain { .. } => format!("call_{hash:016x}"),
            Self::NineAlphanumeric => format!("{:09x}", hash % 0xF_FFFF_FFFF),
        }
    }
}

/// FNV-1a: small, and the same on every machine and in every version.
fn fnv(text: &str, salt: usize) -> u64 {
    let salt = salt.to_le_bytes();
    text.bytes()
        .chain(salt)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

const NO_RESULT: &str = "No result: the turn ended before this call was run.";
const NO_OUTPUT: &str = "(no output)";
const UNSEEN_IMAGE: &str = "[an image, which this model can't see]";
const CUT_BEGINNING: &str = "(earlier messages are not shown)";
const GO_ON: &str = "Go on.";

/// Puts a conversation right for the model that is asked. The first and the last step are never the assistant's.
pub(crate) fn prepare<'a>(messages: &'a [Message], asked: Asked<'_>) -> Vec<Step<'a>> {
    let mut steps = Vec::with_capacity(messages.len());
    let mut used_ids = HashSet::new();
    for (index, message) in messages.iter().enumerate() {
        match message {
            Message::User(user) => push_user(&mut steps, parts(&user.content, asked.sees_images)),
            Message::Assistant(assistant) => {
                let rest = messages.get(index + 1..).unwrap_or_default();
                push_assistant(&mut steps, assistant, rest, &mut used_ids, asked);
            }
            // Taken up by the assistant message it answers.
            Message::ToolResult(_) => {}
        }
    }
    if matches!(steps.first(), Some(Step::Assistant(_))) {
        steps.insert(0, Step::User(vec![Part::Text(Cow::Borrowed(CUT_BEGINNING))]));
    }
    if matches!(steps.last(), Some(Step::Assistant(_)) | None) {
        steps.push(Step::User(vec![Part::Text(Cow::Borrowed(GO_ON))]));
    }
    steps
}

fn push_user<'a>(steps: &mut Vec<Step<'a>>, parts: Vec<Part<'a>>) {
    match steps.last_mut() {
        _ if parts.is_empty() => {}
        Some(Step::User(before)) => before.extend(parts),
        _ => steps.push(Step::User(parts)),
    }
}

fn push_assistant<'a>(
    steps: &mut Vec<Step<'a>>,
    assistant: &'a AssistantMessage,
    rest: &'a [Message],
    used_ids: &mut HashSet<String>,
    asked: Asked<'_>,
) {
    let same_model =
        assistant.api == asked.api && assistant.provider == asked.provider && assistant.model == asked.model;
    let kept = match (same_model, assistant.stop_reason) {
        (false, _) => Kept::Words,
        // What was cut off has no valid reasoning.
        (true, StopReason::Error | StopReason::Aborted) => Kept::Signatures,
        (true, StopReason::Stop | StopReason::Length | StopReason::ToolUse) => Kept::Reasoning,
    };
    let mut said = Vec::new();
    let mut results = Vec::new();
    for block in &assistant.content {
        match block {
            Content::ToolCall(call) => {
                let id = accepted_id(&call.id, used_ids, asked.ids);
                results.push(result_of(call, id.clone(), rest, asked.sees_images));
                let signature = call.thought_signature.as_deref().filter(|_| same_model);
                said.push(Said::Call { id, name: &call.name, arguments: &call.arguments, signature });
            }
            other => said.extend(own_words(other, kept)),
        }
    }
    if said.iter().all(|block| matches!(block, Said::Thinking { .. })) {
        return;
    }
    match steps.last_mut() {
        Some(Step::Assistant(before)) => before.extend(said),
        _ => steps.push(Step::Assistant(said)),
    }
    if !results.is_empty() {
        steps.push(Step::Results(results));
    }
}

/// How much of an earlier answer the asked model gets back; each includes those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    Words,
    Signatures,
    Reasoning,
}

fn own_words(block: &Content, kept: Kept) -> Option<Said<'_>> {
    match block {
        Content::Text { text, text_signature } => {
            let signature = text_signature.as_deref().filter(|_| kept >= Kept::Signatures);
            (signature.is_some() || !text.trim().is_empty()).then_some(Said::Text { text, signature })
        }
        Content::Thinking { thinking, thinking_signature, redacted } => {
            let signature = thinking_signature.as_deref();
            (kept == Kept::Reasoning).then_some(Said::Thinking { text: thinking, signature, redacted: *redacted })
        }
        Content::Image { .. } | Content::ToolCall(_) => None,
    }
}

fn accepted_id(id: &str, used: &mut HashSet<String>, rule: IdRule) -> String {
    let mut candidate = id.to_owned();
    let mut occurrence = 0;
    while !rule.accepts(&candidate) || used.contains(&candidate) {
        candidate = rule.rewrite(id, occurrence);
        occurrence += 1;
    }
    used.insert(candidate.clone());
    candidate
}

/// The result of a call stands somewhere before the next answer; a person's words may have come between.
fn result_of<'a>(call: &'a ToolCall, id: String, rest: &'a [Message], sees_images: bool) -> CallResult<'a> {
    let found =
        rest.iter().take_while(|message| !matches!(message, Message::Assistant(_))).find_map(|message| match message {
            Message::ToolResult(result) if result.tool_call_id == call.id => Some(result),
            Message::ToolResult(_) | Message::User(_) | Message::Assistant(_) => None,
        });
    match found {
        Some(result) => known_result(&call.name, id, result, sees_images),
        None => {
            let parts = vec![Part::Text(Cow::Borrowed(NO_RESULT))];
            CallResult { id, name: &call.name, parts, is_error: true }
        }
    }
}

fn known_result<'a>(name: &'a str, id: String, result: &'a ToolResultMessage, sees_images: bool) -> CallResult<'a> {
    let mut parts = parts(&result.content, sees_images);
    if parts.is_empty() {
        parts.push(Part::Text(Cow::Borrowed(NO_OUTPUT)));
    }
    CallResult { id, name, parts, is_error: result.is_error }
}

/// Text and images; blank text, which services refuse, is left out.
fn parts(content: &[Content], sees_images: bool) -> Vec<Part<'_>> {
    content.iter().filter_map(|block| part(block, sees_images)).collect()
}

fn part(block: &Content, sees_images: bool) -> Option<Part<'_>> {
    match block {
        Content::Text { text, .. } if text.trim().is_empty() => None,
        Content::Text { text, .. } => Some(Part::Text(Cow::Borrowed(text))),
        Content::Image { data, mime_type } if sees_images => Some(Part::Image { mime_type, data }),
        Content::Image { .. } => Some(Part::Text(Cow::Borrowed(UNSEEN_IMAGE))),
        Content::Thinking { .. } | Content::ToolCall(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, IdRule, Said, Step, prepare};
    use hearth_core::message::{AssistantMessage, Content, Message, StopReason, ToolCall, ToolResultMessage, Usage};

    const ASKED: Asked<'static> =
        Asked { api: "a", provider: "p", model: "m", sees_images: false, ids: IdRule::Plain { max: 40 } };

    fn user(text: &str) -> Message {
        Message::user(text, jiff::Timestamp::UNIX_EPOCH)
    }

    fn call(id: &str) -> Content {
        let arguments = serde_json::Map::new();
        Content::ToolCall(ToolCall { id: id.to_owned(), name: "bash".to_owned(), arguments, thought_signature: None })
    }

    fn thinking(text: &str) -> Content {
        Content::Thinking { thinking: text.to_owned(), thinking_signature: Some("sig".to_owned()), redacted: false }
    }

    fn assistant(model: &str, content: Vec<Content>) -> Message {
        Message::Assistant(AssistantMessage {
            content,
            api: "a".to_owned(),
            provider: "p".to_owned(),
            model: model.to_owned(),
            usage: Usage::default(),
            stop_reason: StopReason::ToolUse,
            error_message: None,
            timestamp: 0,
        })
    }

    fn result(id: &str, text: &str) -> Message {
        Message::ToolResult(ToolResultMessage {
            tool_call_id: id.to_owned(),
            tool_name: "bash".to_owned(),
            content: vec![Content::text(text)],
            is_error: false,
            timestamp: 0,
        })
    }

    /// One line a step: `user: …`, `assistant: … call(id)`, `results: id=text`.
    fn sketch(messages: &[Message], asked: Asked<'_>) -> String {
        let lines = prepare(messages, asked).into_iter().map(|step| match step {
            Step::User(parts) => format!("user: {parts:?}"),
            Step::Assistant(said) => said.iter().fold("assistant:".to_owned(), |line, said| match said {
                Said::Text { text, .. } => format!("{line} {text}"),
                Said::Thinking { text, .. } => format!("{line} thinks({text})"),
                Said::Call { id, .. } => format!("{line} call({id})"),
            }),
            Step::Results(results) => results.iter().fold("results:".to_owned(), |line, result| {
                format!("{line} {}={}{}", result.id, result.text(), if result.is_error { "!" } else { "" })
            }),
        });
        lines.collect::<Vec<_>>().join("\n").replace("Text(\"", "").replace("\")", "")
    }

    #[test]
    fn results_follow_their_calls_and_missing_ones_are_said_to_be_missing() {
        let messages = [
            user("go"),
            assistant("m", vec![call("c1"), call("c2")]),
            user("wait"),
            result("c2", "two"),
            result("unknown", "dropped"),
        ];
        insta::assert_snapshot!(sketch(&messages, ASKED), @r"
        user: [go]
        assistant: call(c1) call(c2)
        results: c1=No result: the turn ended before this call was run.! c2=two
        user: [wait]
        ");
    }

    #[test]
    fn ids_are_made_acceptable_and_unique_alike_for_call_and_result() {
        let long = "x".repeat(60);
        let messages = [
            user("go"),
            assistant("m", vec![call("call|fc_1"), call("same")]),
            result("call|fc_1", "one"),
            result("same", "two"),
            assistant("m", vec![call("same"), call(&long)]),
            result("same", "three"),
            result(&long, "four"),
        ];
        insta::assert_snapshot!(sketch(&messages, ASKED), @r##"
        user: [go]
        assistant: call(call_c33498f8f8dd289c) call(same)
        results: call_c33498f8f8dd289c=one same=two
        assistant: call(call_d6d2123a793728bb) call(call_1d38d45b1be2b435)
        results: call_d6d2123a793728bb=three call_1d38d45b1be2b435=four
        "##);
        let mistral = Asked { ids: IdRule::NineAlphanumeric, ..ASKED };
        insta::assert_snapshot!(sketch(&messages, mistral), @r##"
        user: [go]
        assistant: call(90510722b) call(a86a449de)
        results: 90510722b=one a86a449de=two
        assistant: call(179c5534d) call(b1db6417a)
        results: 179c5534d=three b1db6417a=four
        "##);
    }

    #[test]
    fn foreign_reasoning_is_dropped_and_own_reasoning_is_kept() {
        let messages = [
            user("go"),
            assistant("other", vec![thinking("hidden"), Content::text("hello")]),
            user("more"),
            assistant("m", vec![thinking("mine"), Content::text("yes")]),
            user("and"),
            assistant("m", vec![thinking("nothing came of it")]),
            user("?"),
        ];
        insta::assert_snapshot!(sketch(&messages, ASKED), @r##"
        user: [go]
        assistant: hello
        user: [more]
        assistant: thinks(mine) yes
        user: [and, ?]
        "##);
    }

    #[test]
    fn beginnings_ends_blanks_and_images_are_put_right() {
        let image = Content::Image { data: "AA==".to_owned(), mime_type: "image/png".to_owned() };
        let picture = Message::User(hearth_core::message::UserMessage { content: vec![image], timestamp: 0 });
        let messages = [
            assistant("m", vec![Content::text("hi")]),
            user(" \n"),
            picture,
            assistant("m", vec![Content::text("bye")]),
        ];
        insta::assert_snapshot!(sketch(&messages, ASKED), @r##"
        user: [(earlier messages are not shown)]
        assistant: hi
        user: [[an image, which this model can't see]]
        assistant: bye
        user: [Go on.]
        "##);
        insta::assert_snapshot!(sketch(&[], ASKED), @r##"user: [Go on.]"##);
    }
}
