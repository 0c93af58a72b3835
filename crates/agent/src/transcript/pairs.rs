//! Every tool call followed by its result, whatever happened in between: providers refuse a conversation without.

use hearth_core::message::{Content, Message, ToolCall, ToolResultMessage};

/// Says of a call that has no result what is known of it.
const INTERRUPTED: &str =
    "interrupted before it finished; it may have run, in part or whole: look before you repeat it";

/// The result of a call that was cut off.
pub(super) fn interrupted(call: &ToolCall, timestamp: i64) -> ToolResultMessage {
    ToolResultMessage {
        tool_call_id: call.id.clone(),
        tool_name: call.name.clone(),
        content: vec![Content::text(INTERRUPTED)],
        is_error: true,
        timestamp,
    }
}

/// The calls at the end of a conversation that still wait for a result.
pub(super) fn unanswered<'a>(messages: impl Iterator<Item = &'a Message>) -> Vec<ToolCall> {
    let mut waiting: Vec<ToolCall> = Vec::new();
    for message in messages {
        match message {
            Message::User(_) => waiting.clear(),
            Message::Assistant(message) => waiting = message.tool_calls().cloned().collect(),
            Message::ToolResult(result) => waiting.retain(|call| call.id != result.tool_call_id),
        }
    }
    waiting
}

/// Puts a result after every call, and leaves out results that answer nothing.
pub(crate) fn paired<'a>(messages: impl Iterator<Item = &'a Message>) -> Vec<Message> {
    let mut kept: Vec<Message> = Vec::new();
    let mut waiting: Vec<ToolCall> = Vec::new();
    let mut asked_at = 0;
    for message in messages {
        match message {
            Message::ToolResult(result) => {
                let Some(at) = waiting.iter().position(|call| call.id == result.tool_call_id) else { continue };
                waiting.remove(at);
            }
            Message::User(_) | Message::Assistant(_) => {
                close(&mut kept, &mut waiting, asked_at);
            }
        }
        if let Message::Assistant(answer) = message {
            waiting = answer.tool_calls().cloned().collect();
            asked_at = answer.timestamp;
        }
        kept.push(message.clone());
    }
    close(&mut kept, &mut waiting, asked_at);
    kept
}

fn close(kept: &mut Vec<Message>, waiting: &mut Vec<ToolCall>, asked_at: i64) {
    kept.extend(waiting.drain(..).map(|call| Message::ToolResult(interrupted(&call, asked_at))));
}

#[cfg(test)]
mod tests {
    use super::{paired, unanswered};
    use hearth_core::message::{AssistantMessage, Content, Message, StopReason, ToolCall, ToolResultMessage, Usage};

    /// `u` a person's message, `a12` an answer that makes calls 1 and 2, `r1` the result of call 1.
    fn conversation(spelled: &str) -> Vec<Message> {
        spelled.split_whitespace().map(one).collect()
    }

    fn one(word: &str) -> Message {
        let (kind, ids) = word.split_at(1);
        let call = |id: char| ToolCall {
            id: id.to_string(),
            name: "bash".to_owned(),
            arguments: serde_json::Map::new(),
            thought_signature: None,
        };
        match kind {
            "u" => Message::user("u", jiff::Timestamp::UNIX_EPOCH),
            "a" => Message::Assistant(AssistantMessage {
                content: ids.chars().map(|id| Content::ToolCall(call(id))).collect(),
                api: String::new(),
                provider: String::new(),
                model: String::new(),
                usage: Usage::default(),
                stop_reason: StopReason::ToolUse,
                error_message: None,
                timestamp: 0,
            }),
            _ => Message::ToolResult(ToolResultMessage {
                tool_call_id: ids.to_owned(),
                tool_name: "bash".to_owned(),
                content: Vec::new(),
                is_error: false,
                timestamp: 0,
            }),
        }
    }

    fn spelled(messages: &[Message]) -> String {
        let words: Vec<String> = messages
            .iter()
            .map(|message| match message {
                Message::User(_) => "u".to_owned(),
                Message::Assistant(answer) => {
                    format!("a{}", answer.tool_calls().map(|call| call.id.as_str()).collect::<String>())
                }
                Message::ToolResult(result) if result.is_error => format!("i{}", result.tool_call_id),
                Message::ToolResult(result) => format!("r{}", result.tool_call_id),
            })
            .collect();
        words.join(" ")
    }

    #[test]
    fn every_call_has_one_result_and_every_result_a_call() {
        for (given, sent) in [
            ("u a", "u a"),
            ("u a12 r1 r2 a", "u a12 r1 r2 a"),
            ("u a12 r2 r1", "u a12 r2 r1"),
            ("u a12 r1", "u a12 r1 i2"),
            ("u a1 u a", "u a1 i1 u a"),
            ("u a1 a2 r2", "u a1 i1 a2 r2"),
            ("u r1 a1 r1 r1 a", "u a1 r1 a"),
            ("u a1 u r1", "u a1 i1 u"),
        ] {
            assert_eq!(spelled(&paired(conversation(given).iter())), sent, "{given}");
        }
    }

    #[test]
    fn only_calls_at_the_end_still_wait() {
        for (given, waiting) in [("u a12 r1", "2"), ("u a1 u", ""), ("u a12 r1 r2", ""), ("u a1 r1 a2", "2")] {
            let ids: String = unanswered(conversation(given).iter()).into_iter().map(|call| call.id).collect();
            assert_eq!(ids, waiting, "{given}");
        }
    }
}
