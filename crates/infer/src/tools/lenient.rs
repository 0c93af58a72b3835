//! Reads calls in the forms that models make up: `<tool_call>` tags, fenced JSON, bare JSON.

use serde_json::Value;

use super::Piece;

const TAG: &str = "<tool_call>";
const TAG_END: &str = "</tool_call>";
const FENCE: &str = "```";
/// Where a name may stand.
const NAME_KEYS: [&str; 4] = ["name", "tool", "function", "action"];
/// Where arguments may stand.
const ARGUMENT_KEYS: [&str; 4] = ["arguments", "parameters", "args", "input"];

/// Passes text on until something begins that may be a call, then waits for the end.
#[derive(Debug)]
pub(crate) struct LenientReader {
    tools: Vec<String>,
    held: String,
    holding: bool,
    started: bool,
}

impl LenientReader {
    /// A reader that knows the names of the tools on offer.
    pub(crate) fn new(tools: Vec<String>) -> Self {
        Self { tools, held: String::new(), holding: false, started: false }
    }

    /// Takes the next text of the answer and returns what can be passed on.
    pub(crate) fn push(&mut self, text: &str) -> Option<Piece> {
        self.held.push_str(text);
        if self.holding {
            return None;
        }
        if !self.started {
            let begin = self.held.trim_start();
            if begin.is_empty() {
                return None;
            }
            self.started = true;
            if begin.starts_with('{') || begin.starts_with('[') {
                self.holding = true;
                return None;
            }
        }
        let open = [TAG, FENCE].iter().filter_map(|mark| self.held.find(mark)).min();
        self.holding = open.is_some();
        let end = open.unwrap_or_else(|| self.held.len() - partial_mark(&self.held));
        let rest = self.held.split_off(end);
        let ready = std::mem::replace(&mut self.held, rest);
        (!ready.is_empty()).then_some(Piece::Text(ready))
    }

    /// What is left when the answer ends: the calls found in what was held back, or that text.
    pub(crate) fn finish(self) -> Vec<Piece> {
        let calls: Vec<Piece> =
            candidates(&self.held).into_iter().flat_map(|json| read_calls(json, &self.tools)).collect();
        if calls.is_empty() && !self.held.is_empty() { vec![Piece::Text(self.held)] } else { calls }
    }
}

/// How many bytes at the end of `text` may be the beginning of a mark.
fn partial_mark(text: &str) -> usize {
    [TAG, FENCE]
        .iter()
        .flat_map(|mark| (1..mark.len()).filter(move |&length| text.ends_with(&mark[..length])))
        .max()
        .unwrap_or(0)
}

/// The parts of `text` that may be JSON.
fn candidates(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(TAG) {
        let after = &rest[at + TAG.len()..];
        let end = after.find(TAG_END).unwrap_or(after.len());
        found.push(after[..end].trim());
        rest = &after[end..];
    }
    if found.is_empty() {
        found.extend(text.split(FENCE).skip(1).step_by(2).map(|block| {
            block.trim_start_matches(|letter: char| letter.is_ascii_alphabetic() || letter == '_').trim()
        }));
    }
    if found.is_empty() {
        found.push(text.trim());
    }
    found
}

fn read_calls(json: &str, tools: &[String]) -> Vec<Piece> {
    serde_json::Deserializer::from_str(json)
        .into_iter::<Value>()
        .map_while(Result::ok)
        .flat_map(|value| match value {
            Value::Array(items) => items,
            other => vec![other],
        })
        .filter_map(|value| read_call(&value, tools))
        .collect()
}

/// `{"name": …, "arguments": {…}}` under any of the usual keys, or `{"tool": …, argument: …}`.
fn read_call(value: &Value, tools: &[String]) -> Option<Piece> {
    let fields = value.as_object()?;
    let (key, name) = NAME_KEYS.iter().find_map(|key| Some((*key, fields.get(*key)?.as_str()?)))?;
    if !tools.iter().any(|tool| tool == name) {
        return None;
    }
    let arguments = match ARGUMENT_KEYS.iter().find_map(|key| fields.get(*key)) {
        Some(Value::String(text)) => text.clone(),
        Some(arguments) => arguments.to_string(),
        None => {
            let mut rest = fields.clone();
            rest.shift_remove(key);
            Value::Object(rest).to_string()
        }
    };
    Some(Piece::Call { name: name.to_owned(), arguments })
}

#[cfg(test)]
mod tests {
    use super::{LenientReader, Piece};

    fn check(chunks: &[&str], text: &str, calls: &[(&str, &str)]) {
        let mut reader = LenientReader::new(vec!["bash".to_owned(), "read".to_owned()]);
        let mut pieces: Vec<Piece> = chunks.iter().filter_map(|chunk| reader.push(chunk)).collect();
        pieces.extend(reader.finish());
        let mut said = String::new();
        let mut called = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => said.push_str(&text),
                Piece::Call { name, arguments } => called.push((name, arguments)),
            }
        }
        let called: Vec<(&str, &str)> = called.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!((said.as_str(), called.as_slice()), (text, calls), "{chunks:?}");
    }

    #[test]
    fn calls_are_found_in_tags_fences_and_bare() {
        let args = r#"{"command":"ls"}"#;
        check(
            &["I look. <tool", "_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n</tool_call>"],
            "I look. ",
            &[("bash", args)],
        );
        check(&["```json\n{\"name\": \"bash\",", " \"arguments\": {\"command\": \"ls\"}}\n```"], "", &[("bash", args)]);
        check(&["{\"tool\": \"bash\", \"command\": \"ls\"}"], "", &[("bash", args)]);
        check(
            &[
                "<tool_call>{\"name\":\"read\",\"arguments\":{}}</tool_call><tool_call>{\"name\":\"bash\",\"arguments\":{}}",
            ],
            "",
            &[("read", "{}"), ("bash", "{}")],
        );
    }

    #[test]
    fn other_text_comes_through_unchanged() {
        check(&["a < b and `", "code`"], "a < b and `code`", &[]);
        check(&["```sh\nls\n```"], "```sh\nls\n```", &[]);
        check(&["{\"name\": \"Ann\", \"age\": 3}"], "{\"name\": \"Ann\", \"age\": 3}", &[]);
    }
}
