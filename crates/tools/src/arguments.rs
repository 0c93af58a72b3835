//! What a model wrote, made to fit a tool's schema.
//!
//! Small models write `"5"` for 5, `file_path` for `path`, and one edit without the list around it. Where the meaning is
//! plain it is taken; where it is not, the error shows what the tool takes.

use crate::clip::clip;
use hearth_core::message::ToolCall;
use hearth_core::tool::{ToolError, ToolSpec};
use serde_json::{Map, Value, json};

/// Other names under which models send an argument, by the name the schemas use.
const ALIASES: [(&str, &[&str]); 13] = [
    ("path", &["file_path", "filePath", "filepath", "file", "filename", "file_name", "absolute_path"]),
    ("content", &["contents", "file_text", "text", "data", "body"]),
    ("oldText", &["old_text", "old_string", "oldString", "old_str", "old", "search", "find"]),
    ("newText", &["new_text", "new_string", "newString", "new_str", "new", "replace", "replacement"]),
    ("replaceAll", &["replace_all", "all"]),
    ("edits", &["changes", "replacements"]),
    ("command", &["cmd", "script", "code"]),
    ("workdir", &["cwd", "dir", "directory", "working_directory", "workDir"]),
    ("timeout", &["timeout_seconds", "timeoutSeconds", "timeout_s"]),
    ("background", &["run_in_background", "is_background", "runInBackground"]),
    ("offset", &["start_line", "startLine", "start", "line"]),
    ("limit", &["max_lines", "maxLines", "lines", "count"]),
    ("kill", &["stop", "kill_id"]),
];

/// Keys under which some models send all arguments once more.
const WRAPPERS: [&str; 5] = ["arguments", "parameters", "params", "args", "input"];

/// Arguments whose text may have come as JSON, because the file being written is JSON.
const MAY_BE_JSON: [&str; 2] = ["content", "newText"];

/// How many bytes of a wrong value an error repeats.
const SHOWN_BYTES: usize = 200;

/// Arguments that fit a schema.
#[derive(Debug, PartialEq)]
pub(crate) struct Fitted {
    /// What the tool is given.
    pub(crate) arguments: Map<String, Value>,
    /// The names of arguments that no property of the schema takes.
    pub(crate) ignored: Vec<String>,
}

/// What keeps an argument from fitting.
#[derive(Debug, thiserror::Error)]
enum Misfit {
    #[error("the arguments must be one JSON object, not `{written}`")]
    NoObject { written: String },
    #[error("`{name}` is missing")]
    Missing { name: String },
    #[error("`{name}` must be {kind}, not `{written}`")]
    WrongType { name: String, kind: String, written: String },
    #[error("in `{name}`, {misfit}")]
    Inside { name: String, misfit: Box<Self> },
}

/// Makes arguments fit a tool's schema.
pub(crate) fn fit(spec: &ToolSpec, given: &Map<String, Value>) -> Result<Fitted, ToolError> {
    let refuse = |misfit: Misfit| {
        ToolError::Arguments(format!("{}: {misfit}. Its arguments are {}", spec.name, usage(&spec.parameters)))
    };
    if let Some(written) = given.get(ToolCall::UNPARSED) {
        let written = written.as_str().map_or_else(|| written.to_string(), str::to_owned);
        return Err(refuse(Misfit::NoObject { written: cut(&written) }));
    }
    fit_object(&spec.parameters, unwrapped(&spec.parameters, given)).map_err(refuse)
}

fn fit_object(schema: &Value, mut given: Map<String, Value>) -> Result<Fitted, Misfit> {
    rename_aliases(schema, &mut given);
    fold_single_item(schema, &mut given);
    let mut fitted = Fitted { arguments: Map::new(), ignored: Vec::new() };
    for (name, value) in given {
        match &schema["properties"][&name] {
            Value::Null => fitted.ignored.push(name),
            _ if value.is_null() => {}
            property => {
                let value = fit_value(&name, property, value)?;
                fitted.arguments.insert(name, value);
            }
        }
    }
    match required(schema).find(|name| !fitted.arguments.contains_key(*name)) {
        Some(missing) => Err(Misfit::Missing { name: missing.to_owned() }),
        None => Ok(fitted),
    }
}

fn fit_value(name: &str, schema: &Value, value: Value) -> Result<Value, Misfit> {
    let kind = schema["type"].as_str().unwrap_or_default();
    let wrong = |value: &Value| Misfit::WrongType {
        name: name.to_owned(),
        kind: article(kind),
        written: cut(&value.to_string()),
    };
    match kind {
        "string" => text(name, value).map_err(|value| wrong(&value)),
        "integer" => integer(&value).map(Value::from).ok_or_else(|| wrong(&value)),
        "boolean" => boolean(&value).map(Value::from).ok_or_else(|| wrong(&value)),
        "array" => {
            let items = list(value).map_err(|value| wrong(&value))?;
            items.into_iter().map(|item| fit_value(name, &schema["items"], item)).collect()
        }
        "object" => match parsed(value) {
            Value::Object(object) => {
                let fitted = fit_object(schema, object).map_err(|misfit| inside(name, misfit))?;
                Ok(Value::Object(fitted.arguments))
            }
            other => Err(wrong(&other)),
        },
        _ => Ok(value),
    }
}

fn inside(name: &str, misfit: Misfit) -> Misfit {
    Misfit::Inside { name: name.to_owned(), misfit: Box::new(misfit) }
}

fn text(name: &str, value: Value) -> Result<Value, Value> {
    match value {
        Value::String(_) => Ok(value),
        Value::Number(_) | Value::Bool(_) => Ok(Value::String(value.to_string())),
        Value::Array(_) | Value::Object(_) if MAY_BE_JSON.contains(&name) => Ok(Value::String(format!("{value:#}\n"))),
        Value::Array(_) | Value::Object(_) | Value::Null => Err(value),
    }
}

fn integer(value: &Value) -> Option<i64> {
    let exact = |text: &str| text.trim().parse::<i64>().ok();
    match value {
        // 5.0 is written `5.0`: its whole part is the number.
        Value::Number(number) => number.as_i64().or_else(|| exact(number.to_string().strip_suffix(".0")?)),
        Value::String(text) => exact(text.trim().strip_suffix(".0").unwrap_or(text)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => {
            [(0, false), (1, true)].iter().find(|(n, _)| number.as_i64() == Some(*n)).map(|(_, b)| *b)
        }
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" | "" => Some(false),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn list(value: Value) -> Result<Vec<Value>, Value> {
    match parsed(value) {
        Value::Array(items) => Ok(items),
        object @ Value::Object(_) => Ok(vec![object]),
        other => Err(other),
    }
}

/// A list or an object that came as text.
fn parsed(value: Value) -> Value {
    match value.as_str().map(str::trim_start) {
        Some(text) if text.starts_with(['{', '[']) => serde_json::from_str(text).unwrap_or(value),
        _ => value,
    }
}

fn unwrapped(schema: &Value, given: &Map<String, Value>) -> Map<String, Value> {
    let mut entries = given.iter();
    if let (Some((name, value)), None) = (entries.next(), entries.next())
        && WRAPPERS.contains(&name.as_str())
        && schema["properties"][name].is_null()
        && let Value::Object(inner) = parsed(value.clone())
    {
        return inner;
    }
    given.clone()
}

fn rename_aliases(schema: &Value, given: &mut Map<String, Value>) {
    for (name, aliases) in ALIASES {
        if schema["properties"][name].is_null() || given.contains_key(name) {
            continue;
        }
        let alias = aliases.iter().find(|alias| given.contains_key(**alias) && schema["properties"][alias].is_null());
        if let Some(value) = alias.and_then(|alias| given.shift_remove(*alias)) {
            given.insert(name.to_owned(), value);
        }
    }
}

/// One item of a required list, written without the list around it.
fn fold_single_item(schema: &Value, given: &mut Map<String, Value>) {
    let list = required(schema).find(|name| schema["properties"][name]["items"]["type"] == "object");
    let Some(list) = list.filter(|list| !given.contains_key(*list)) else { return };
    let item_schema = &schema["properties"][list]["items"];
    let mut item = given.clone();
    rename_aliases(item_schema, &mut item);
    item.retain(|name, _| !item_schema["properties"][name].is_null());
    if required(item_schema).all(|name| item.contains_key(name)) {
        let is_part = |name: &str| {
            let aliases = ALIASES.iter().filter(|(canonical, _)| item.contains_key(*canonical));
            item.contains_key(name) || aliases.into_iter().any(|(_, aliases)| aliases.contains(&name))
        };
        given.retain(|name, _| !is_part(name));
        given.insert(list.to_owned(), json!([item]));
    }
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Writes what an object takes in a form that models read as an example: `{"path": string, "limit"?: integer}`.
fn usage(schema: &Value) -> String {
    let properties = schema["properties"].as_object();
    let written = properties.into_iter().flatten().map(|(name, property)| {
        let optional = if required(schema).any(|required| required == name) { "" } else { "?" };
        let kind = match property["type"].as_str() {
            Some("array") => format!("[{}, …]", usage(&property["items"])),
            Some("object") => usage(property),
            kind => kind.unwrap_or("any").to_owned(),
        };
        format!("\"{name}\"{optional}: {kind}")
    });
    format!("{{{}}}", written.collect::<Vec<_>>().join(", "))
}

fn article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}

fn cut(text: &str) -> String {
    let shown = clip(text, SHOWN_BYTES);
    if shown.len() < text.len() { format!("{shown}…") } else { text.to_owned() }
}
