//! A transcript as clients see it: without replay data, images and more text than a page can show.

use hearth_agent::Entry;
use hearth_core::message::{AssistantMessage, Content, Message, ToolCall, ToolResultMessage, text_of};
use serde_json::{Value, json};

/// A page's messages together, in bytes of their text; older ones are left out.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// One message's text, in characters, when the client names no limit.
const MAX_MESSAGE_CHARS: usize = 100_000;

/// A tool's result, in characters.
const MAX_RESULT_CHARS: usize = 4_000;

/// A tool call's line, in characters.
const MAX_TITLE_CHARS: usize = 160;

/// What a client asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// How many messages, the latest first.
    pub(crate) limit: usize,
    /// The longest text of one message, in characters.
    pub(crate) max_chars: Option<usize>,
    /// True for clients that want HTML beside text.
    pub(crate) html: bool,
}

/// The end of a transcript.
pub(crate) struct Page {
    /// Oldest first.
    pub(crate) messages: Vec<Value>,
    pub(crate) shown: usize,
    /// How many messages the transcript has.
    pub(crate) total: usize,
}

/// Returns the latest messages that fit.
pub(crate) fn page(entries: &[Entry], view: View) -> Page {
    let mut room = MAX_PAGE_BYTES;
    let first = entries
        .iter()
        .enumerate()
        .rev()
        .take(view.limit)
        .take_while(|(_, entry)| {
            let bytes = text_of(entry.message.content()).len();
            let fits = bytes <= room;
            room = room.saturating_sub(bytes);
            fits
        })
        .map(|(index, _)| index)
        .last()
        .unwrap_or(entries.len());
    let messages: Vec<_> = entries.iter().skip(first).map(|entry| message(entry, view)).collect();
    Page { shown: messages.len(), messages, total: entries.len() }
}

/// Returns the latest things people and models said, as (role, text).
pub(crate) fn preview(entries: &[Entry], limit: usize, max_chars: usize) -> Vec<Value> {
    let mut items: Vec<_> = entries
        .iter()
        .rev()
        .filter_map(|entry| {
            let role = match &entry.message {
                Message::User(_) => "user",
                Message::Assistant(_) => "assistant",
                Message::ToolResult(_) => return None,
            };
            let text = entry.message.text();
            (!text.is_empty()).then(|| json!({"role": role, "text": cut(&text, max_chars)}))
        })
        .take(limit)
        .collect();
    items.reverse();
    items
}

fn message(entry: &Entry, view: View) -> Value {
    let limit = view.max_chars.unwrap_or(MAX_MESSAGE_CHARS);
    let mut value = match &entry.message {
        Message::User(user) => {
            json!({"role": "user", "content": blocks(&user.content, limit), "timestamp": user.timestamp})
        }
        Message::Assistant(assistant) => assistant_value(assistant, limit, view.html),
        Message::ToolResult(result) => result_value(result, limit.min(MAX_RESULT_CHARS)),
    };
    value["id"] = entry.id.as_str().into();
    value
}

fn assistant_value(assistant: &AssistantMessage, limit: usize, html: bool) -> Value {
    let mut value = json!({
        "role": "assistant",
        "content": blocks(&assistant.content, limit),
        "api": assistant.api,
        "provider": assistant.provider,
        "model": assistant.model,
        "usage": assistant.usage,
        "stopReason": assistant.stop_reason,
        "timestamp": assistant.timestamp,
    });
    if let Some(error) = &assistant.error_message {
        value["errorMessage"] = error.as_str().into();
    }
    let text = text_of(&assistant.content);
    if html && !text.is_empty() {
        value["html"] = hearth_markup::html(&cut(&text, limit)).into();
    }
    value
}

fn result_value(result: &ToolResultMessage, limit: usize) -> Value {
    json!({
        "role": "toolResult",
        "toolCallId": result.tool_call_id,
        "toolName": result.tool_name,
        "content": blocks(&result.content, limit),
        "isError": result.is_error,
        "timestamp": result.timestamp,
    })
}

fn blocks(content: &[Content], limit: usize) -> Vec<Value> {
    content
        .iter()
        .map(|block| match block {
            Content::Text { text, .. } => json!({"type": "text", "text": cut(text, limit)}),
            Content::Thinking { thinking, .. } => json!({"type": "thinking", "thinking": cut(thinking, limit)}),
            Content::Image { mime_type, data } => {
                json!({"type": "image", "mimeType": mime_type, "omitted": true, "bytes": data.len() / 4 * 3})
            }
            Content::ToolCall(call) => json!({
                "type": "toolCall", "id": call.id, "name": call.name, "arguments": call.arguments,
                "title": title(call)}),
        })
        .collect()
}

/// What a call was about, in one line: the file, the command, or whatever comes first.
fn title(call: &ToolCall) -> String {
    let named = ["path", "command"].iter().find_map(|name| call.arguments.get(*name));
    let value = named.or_else(|| call.arguments.values().next());
    let text = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).unwrap_or_default();
    cut(text.trim().lines().next().unwrap_or_default(), MAX_TITLE_CHARS)
}

fn cut(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{View, page, preview};
    use hearth_agent::Entry;
    use hearth_core::message::{AssistantMessage, Content, Message, StopReason, ToolCall, Usage};
    use jiff::Timestamp;
    use serde_json::json;

    const VIEW: View = View { limit: 200, max_chars: None, html: true };

    fn entry(id: &str, message: Message) -> Entry {
        Entry { id: id.to_owned(), message }
    }

    fn assistant(content: Vec<Content>) -> Message {
        Message::Assistant(AssistantMessage {
            content,
            api: "a".to_owned(),
            provider: "p".to_owned(),
            model: "m".to_owned(),
            usage: Usage::default(),
            stop_reason: StopReason::Stop,
            error_message: None,
            timestamp: 1,
        })
    }

    #[test]
    fn replay_data_and_image_bytes_stay_home() {
        let call = ToolCall {
            id: "c".to_owned(),
            name: "bash".to_owned(),
            arguments: [("command".to_owned(), json!("df -h /\nls"))].into_iter().collect(),
            thought_signature: Some("secret".to_owned()),
        };
        let content = vec![
            Content::Thinking {
                thinking: "hm".to_owned(),
                thinking_signature: Some("secret".to_owned()),
                redacted: false,
            },
            Content::text("**hi**"),
            Content::ToolCall(call),
            Content::Image { data: "AAAAAAAA".to_owned(), mime_type: "image/png".to_owned() },
        ];
        let page = page(&[entry("e1", assistant(content))], VIEW);
        let message = &page.messages[0];
        assert!(!message.to_string().contains("secret") && !message.to_string().contains("AAAA"), "{message}");
        assert_eq!(message["html"], "<p><strong>hi</strong></p>\n");
        assert_eq!(message["content"][2]["title"], "df -h /");
        assert_eq!(message["content"][3]["bytes"], 6);
        assert_eq!(message["id"], "e1");
    }

    #[test]
    fn the_latest_that_fit_are_shown() {
        let long = "x".repeat(3 * 1024 * 1024);
        let entries: Vec<_> = [long.as_str(), long.as_str(), "short"]
            .iter()
            .enumerate()
            .map(|(index, text)| entry(&index.to_string(), Message::user(*text, Timestamp::UNIX_EPOCH)))
            .collect();
        let ids = |view: View| {
            page(&entries, view).messages.iter().map(|message| message["id"].to_string()).collect::<String>()
        };
        assert_eq!(ids(VIEW), "\"1\"\"2\"");
        assert_eq!(ids(View { limit: 1, ..VIEW }), "\"2\"");
        let cut = page(&entries, View { max_chars: Some(3), ..VIEW });
        assert_eq!(cut.messages[0]["content"][0]["text"], "xxx…");
        assert_eq!(cut.total, 3);
    }

    #[test]
    fn previews_hold_what_was_said() {
        let entries = [
            entry("1", Message::user("one", Timestamp::UNIX_EPOCH)),
            entry("2", assistant(vec![Content::text("two")])),
        ];
        assert_eq!(preview(&entries, 1, 2), vec![json!({"role": "assistant", "text": "tw…"})]);
    }
}
