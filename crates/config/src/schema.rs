//! The JSON Schema of the settings: made from the types, completed with the defaults.

use crate::check::nearest;
use crate::config::Config;
use crate::error::Error;
use crate::json5::{self, Kind, Node};
use crate::key::{Key, Step};
use crate::layers::Source;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use std::path::Path;

/// The built-in defaults, readable and commented.
pub(crate) const DEFAULTS: &str = include_str!("defaults.json5");

/// Returns the JSON Schema (draft 2020-12) of `hearth.json5`, with each setting's default and meaning.
#[must_use]
pub fn schema() -> Value {
    let mut schema = types();
    if let Some(defaults) = defaults() {
        complete(&mut schema, &defaults.to_json());
    }
    if let Value::Object(fields) = &mut schema {
        fields.insert("title".to_owned(), Value::from("hearth.json5"));
    }
    schema
}

/// Returns the built-in defaults as a tree; `None` only when the compiled-in file is not JSON5, which a test excludes.
pub(crate) fn defaults() -> Option<Node> {
    let document = json5::parse(DEFAULTS, &Path::new("defaults.json5").into()).ok()?;
    Some(Node::from_json(&document.root.to_json(), &Source::Default))
}

/// The schema of the types alone.
pub(crate) fn types() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.into_generator().into_root_schema_for::<Config>().to_value()
}

/// Adds defaults, and frees what has one from being required.
fn complete(schema: &mut Value, defaults: &Value) {
    let Value::Object(values) = defaults else { return };
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| name.as_str().is_none_or(|name| !values.contains_key(name)));
    }
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for (name, value) in values {
        let Some(property) = properties.get_mut(name) else { continue };
        complete(property, value);
        if let (Value::Object(property), false) = (property, value.is_object()) {
            property.insert("default".to_owned(), value.clone());
        }
    }
}

/// Returns the alternatives of a schema: the branches of `anyOf`/`oneOf`, else itself.
pub(crate) fn branches(schema: &Value) -> Vec<&Value> {
    let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
    match alternatives {
        Some(alternatives) => alternatives.iter().flat_map(branches).collect(),
        None => vec![schema],
    }
}

/// Returns the JSON types a branch accepts.
pub(crate) fn types_of(branch: &Value) -> Vec<&str> {
    match branch.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => branch.get("const").map(json_type).into_iter().collect(),
    }
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Tells whether a value is of one of the types a branch accepts; its limits are not looked at.
pub(crate) fn admits(branch: &Value, node: &Node) -> bool {
    types_of(branch).iter().any(|name| match (&node.kind, *name) {
        (Kind::Null, "null")
        | (Kind::Boolean(_), "boolean")
        | (Kind::Text(_), "string")
        | (Kind::List(_), "array")
        | (Kind::Object(_), "object")
        | (Kind::Number(_), "number") => true,
        (Kind::Number(number), "integer") => {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|value| value.fract() == 0.0)
        }
        _ => false,
    })
}

/// Returns the words a schema allows, when it allows only certain ones.
pub(crate) fn words(schema: &Value) -> Vec<&str> {
    branches(schema)
        .into_iter()
        .flat_map(|branch| {
            let listed = branch.get("enum").and_then(Value::as_array).into_iter().flatten();
            listed.chain(branch.get("const")).filter_map(Value::as_str)
        })
        .collect()
}

/// Returns the named fields of an object schema.
pub(crate) fn fields(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let properties = |branch: &'_ Value| branch.get("properties").and_then(Value::as_object).is_some();
    branches(schema)
        .into_iter()
        .filter(move |branch| properties(branch))
        .filter_map(|branch| branch.get("properties").and_then(Value::as_object))
        .flat_map(Map::iter)
}

/// Returns the schema of a named field: a known one, or the one for names a person chooses.
pub(crate) fn field<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    let known = fields(schema).find(|(known, _)| *known == name).map(|(_, schema)| schema);
    known.or_else(|| branches(schema).into_iter().find_map(|branch| branch.get("additionalProperties")))
}

/// Returns the schema of a list's entries.
pub(crate) fn entries(schema: &Value) -> Option<&Value> {
    branches(schema).into_iter().find_map(|branch| branch.get("items"))
}

/// Follows a key; numbers become list entries where the schema has a list. The error is how far the key made sense.
pub(crate) fn follow<'a>(schema: &'a Value, key: &Key) -> Result<(&'a Value, Key), Key> {
    let mut here = schema;
    let mut known = Key::default();
    for step in key.steps() {
        let next = match (entries(here), step.as_entry()) {
            (Some(inner), Some(index)) => Some((inner, Step::Entry(index))),
            _ => field(here, &step.as_name()).map(|inner| (inner, Step::Name(step.as_name()))),
        };
        let Some((inner, step)) = next else { return Err(known) };
        here = inner;
        known = Key::from(known.steps().iter().cloned().chain([step]).collect::<Vec<_>>());
    }
    Ok((here, known))
}

/// Returns the key of an existing setting, with list entries as numbers.
pub(crate) fn known_setting(schema: &Value, key: &Key) -> Result<Key, Error> {
    follow(schema, key).map(|(_, key)| key).map_err(|known| {
        let depth = known.steps().len();
        let wrong = key.steps().get(depth).map(Step::as_name).unwrap_or_default();
        let parent = follow(schema, &known).map_or(schema, |(parent, _)| parent);
        let names = fields(parent).map(|(name, _)| name.as_str());
        let meant = nearest(&wrong, names);
        Error::UnknownKey { key: key.to_string(), nearest: meant.map(|name| known.child(name).to_string()) }
    })
}

/// Says what a schema accepts, in a reader's words: `a whole number from 1 to 65535`.
pub(crate) fn expectation(schema: &Value) -> String {
    let words = words(schema);
    let mut parts: Vec<String> = Vec::new();
    if !words.is_empty() {
        let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
        parts.push(format!("one of {}", quoted.join(", ")));
    }
    for branch in branches(schema) {
        for name in types_of(branch) {
            let part = match name {
                "string" if words.is_empty() => text_expectation(branch),
                "integer" => format!("a whole number{}", range(branch)),
                "number" => format!("a number{}", range(branch)),
                "boolean" => "true or false".to_owned(),
                "array" => "a list".to_owned(),
                "object" => object_expectation(branch),
                // That an optional setting may be null goes without saying.
                _ => continue,
            };
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
    }
    match parts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
        None => "anything".to_owned(),
    }
}

fn text_expectation(branch: &Value) -> String {
    match branch.get("format").and_then(Value::as_str) {
        Some("http-url") => "an address that begins with http:// or https://",
        Some("agent-id") => "a name of a-z, 0-9, - and _",
        Some("time-zone") => "a time zone such as \"Europe/Berlin\"",
        _ => "text",
    }
    .to_owned()
}

fn object_expectation(branch: &Value) -> String {
    let required: Vec<_> =
        branch.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    match required.as_slice() {
        [] => "an object".to_owned(),
        names => format!("{{ {}: … }}", names.join(": …, ")),
    }
}

fn range(branch: &Value) -> String {
    match (branch.get("minimum"), branch.get("maximum")) {
        (Some(least), Some(most)) => format!(" from {} to {}", plain(least), plain(most)),
        (Some(least), None) => format!(" from {}", plain(least)),
        (None, Some(most)) => format!(" up to {}", plain(most)),
        (None, None) => String::new(),
    }
}

/// Limits of decimal settings are written `0.0` in the schema; a reader expects `0`.
fn plain(limit: &Value) -> String {
    let text = limit.to_string();
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{DEFAULTS, defaults, expectation, follow, schema, types};
    use crate::check::check;
    use crate::config::Config;
    use crate::json5;
    use crate::key::Key;
    use serde_json::Value;
    use std::path::Path;

    #[test]
    fn the_defaults_fit_the_types_and_leave_nothing_out() {
        let document = json5::parse(DEFAULTS, &Path::new("defaults.json5").into()).unwrap();
        assert_eq!(document.repeated, []);
        // Against the bare types every setting without a default is reported as missing.
        assert_eq!(check(&document.root, &types()), []);
        let config: Config = serde_json::from_value(defaults().unwrap().to_json()).unwrap();
        assert_eq!(serde_json::to_value(config).unwrap(), document.root.to_json());
    }

    /// Adds the settings without a description.
    fn silent(schema: &Value, key: &Key, found: &mut Vec<String>) {
        for (name, field) in super::fields(schema) {
            let key = key.child(name);
            if field.get("description").is_none() {
                found.push(key.to_string());
            }
            silent(field, &key, found);
        }
        if let Some(inner) = super::entries(schema) {
            silent(inner, &key.entry(0), found);
        }
    }

    #[test]
    fn every_setting_says_what_it_means() {
        let mut found = Vec::new();
        silent(&schema(), &Key::default(), &mut found);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn expectations_are_said_in_words() {
        let schema = schema();
        let said = |key: &str| expectation(follow(&schema, &Key::parse(key).unwrap()).unwrap().0);
        assert_eq!(said("gateway.port"), "a whole number from 1 to 65535");
        assert_eq!(said("agents.defaults.maxCostUsd"), "a number from 0");
        assert_eq!(said("agents.defaults.thinkingDefault"), r#"one of "off", "low", "medium", "high""#);
        assert_eq!(said("agents.defaults.model"), "text or an object");
        assert_eq!(said("models.providers.x.apiKey"), "text, { env: … } or { file: … }");
        assert_eq!(said("agents.list[0]"), "{ id: … }");
        assert_eq!(said("tools.grants.0.access"), r#"one of "read", "readWrite""#);
    }
}
