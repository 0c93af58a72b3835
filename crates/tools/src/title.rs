//! A call in one line, for the person who watches.

use hearth_core::message::ToolCall;
use serde_json::Value;

/// How many characters a title has at most.
const CHARACTERS: usize = 100;

/// Returns what a call is about in one line, without the tool's name: `df -h /`, `notes/todo.md`. Empty when the call says
/// nothing.
#[must_use]
pub fn title(call: &ToolCall) -> String {
    let text = |names: &[&str]| names.iter().find_map(|name| call.arguments.get(*name)).map(plain).unwrap_or_default();
    let path = text(&["path", "file_path", "file"]);
    let title = match call.name.trim().to_ascii_lowercase().as_str() {
        "bash" => match (call.arguments.get("poll"), call.arguments.get("kill")) {
            (Some(id), _) => format!("output of {}", plain(id)),
            (_, Some(id)) => format!("stop {}", plain(id)),
            _ => text(&["command", "cmd"]),
        },
        "read" => match call.arguments.get("offset") {
            Some(offset) => format!("{path} from line {}", plain(offset)),
            None => path,
        },
        "edit" => match call.arguments.get("edits").and_then(Value::as_array).map_or(1, Vec::len) {
            0 | 1 => path,
            edits => format!("{path} ({edits} edits)"),
        },
        _ if path.is_empty() => call.arguments.values().next().map(plain).unwrap_or_default(),
        _ => path,
    };
    one_line(&title)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn one_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let visible: String = first.chars().filter(|character| !character.is_control()).take(CHARACTERS).collect();
    if lines.next().is_some() || visible.len() < first.len() { format!("{visible} …") } else { visible }
}

#[cfg(test)]
mod tests {
    use super::title;
    use hearth_core::message::ToolCall;
    use serde_json::json;

    fn check(name: &str, arguments: &serde_json::Value, expected: &str) {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        let call = ToolCall { id: "1".to_owned(), name: name.to_owned(), arguments, thought_signature: None };
        assert_eq!(title(&call), expected);
    }

    #[test]
    fn a_title_is_one_line() {
        check("bash", &json!({"command": "df -h /"}), "df -h /");
        check("bash", &json!({"command": "\ncd x\nmake\n"}), "cd x …");
        check("bash", &json!({"command": "printf '\u{1b}[2J'"}), "printf '[2J' …");
        check("bash", &json!({"poll": "b1"}), "output of b1");
        check("Bash", &json!({"kill": "b1"}), "stop b1");
        check("read", &json!({"path": "notes/todo.md", "offset": 20}), "notes/todo.md from line 20");
        check("edit", &json!({"path": "a", "edits": [{}, {}]}), "a (2 edits)");
        check("write", &json!({"file_path": "a"}), "a");
        check("else", &json!({"query": "x"}), "x");
        check("else", &json!({}), "");
        check("bash", &json!({"command": "y".repeat(500)}), &format!("{} …", "y".repeat(100)));
    }
}
