//! Cuts a JSON Schema down to what Gemini accepts: the subset of OpenAPI 3.0 that its documentation lists.

use serde_json::{Map, Value};

/// Deeper schemas, and schemas that refer to themselves, are cut off here.
const MAX_DEPTH: usize = 16;

/// Keywords that mean the same in both.
const KEPT: &[&str] = &[
    "title",
    "description",
    "nullable",
    "required",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "pattern",
];

/// Returns the accepted part of a schema; `None` when nothing of an object with properties is left.
pub(super) fn simplified(schema: &Value) -> Option<Value> {
    let simple = simplify(schema, schema, 0);
    let is_empty = simple.get("properties").and_then(Value::as_object).is_none_or(Map::is_empty);
    // An object without properties is refused; a function without arguments leaves its schema out.
    (!is_empty).then_some(Value::Object(simple))
}

fn simplify(schema: &Value, root: &Value, depth: usize) -> Map<String, Value> {
    let Some(schema) = schema.as_object().filter(|_| depth < MAX_DEPTH) else { return Map::new() };
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|path| refer(path, root)) {
        return simplify(target, root, depth + 1);
    }
    let mut simple: Map<String, Value> = schema
        .iter()
        .filter(|(key, _)| KEPT.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    set_type(schema, &mut simple);
    set_enum(schema, &mut simple);
    if let Some(format) = schema.get("format").filter(|format| is_known_format(format)) {
        simple.insert("format".to_owned(), format.clone());
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let properties = properties.iter().map(|(name, inner)| (name.clone(), inner_schema(inner, root, depth)));
        simple.insert("properties".to_owned(), Value::Object(properties.collect()));
    }
    if let Some(items) = schema.get("items") {
        simple.insert("items".to_owned(), inner_schema(items, root, depth));
    }
    let choices = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)).and_then(Value::as_array);
    if let Some(choices) = choices {
        let choices = choices.iter().map(|choice| inner_schema(choice, root, depth)).collect();
        simple.insert("anyOf".to_owned(), Value::Array(choices));
    }
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        merge(&mut simple, simplify(part, root, depth + 1));
    }
    simple
}

fn inner_schema(schema: &Value, root: &Value, depth: usize) -> Value {
    Value::Object(simplify(schema, root, depth + 1))
}

/// `["string", "null"]` becomes a nullable string.
fn set_type(schema: &Map<String, Value>, simple: &mut Map<String, Value>) {
    let kind = match schema.get("type") {
        Some(Value::String(kind)) => Some(kind.as_str()),
        Some(Value::Array(kinds)) => {
            if kinds.iter().any(|kind| kind == "null") {
                simple.insert("nullable".to_owned(), Value::Bool(true));
            }
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null")
        }
        _ => None,
    };
    if let Some(kind) = kind {
        simple.insert("type".to_owned(), Value::String(kind.to_owned()));
    }
}

/// Only texts can be enumerated; a constant is an enumeration of one.
fn set_enum(schema: &Map<String, Value>, simple: &mut Map<String, Value>) {
    let values: Vec<&Value> = match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(values)), _) => values.iter().collect(),
        (None, Some(value)) => vec![value],
        _ => return,
    };
    if !values.is_empty() && values.iter().all(|value| value.is_string()) {
        simple.insert("type".to_owned(), Value::String("string".to_owned()));
        simple.insert("enum".to_owned(), values.into_iter().cloned().collect());
    }
}

fn is_known_format(format: &Value) -> bool {
    matches!(format.as_str(), Some("date-time" | "enum" | "int32" | "int64" | "float" | "double"))
}

fn refer<'a>(path: &str, root: &'a Value) -> Option<&'a Value> {
    root.pointer(path.strip_prefix('#')?)
}

fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
            (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
            (Some(_), _) => {}
            (None, value) => {
                into.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::simplified;
    use serde_json::{Value, json};

    fn check(schema: &Value, expected: Option<&Value>) {
        assert_eq!(simplified(schema).as_ref(), expected);
    }

    #[test]
    fn what_gemini_does_not_know_is_left_out_or_said_otherwise() {
        check(
            &json!({
                "$schema": "x", "type": "object", "additionalProperties": false, "required": ["a"],
                "properties": {
                    "a": {"type": ["string", "null"], "default": "x", "minLength": 1},
                    "b": {"const": "only"},
                    "c": {"$ref": "#/$defs/pair"},
                    "d": {"oneOf": [{"type": "integer", "exclusiveMinimum": 0}, {"enum": [1, 2]}]},
                    "e": {"allOf": [{"type": "object", "properties": {"x": {"type": "number", "format": "double"}}},
                                     {"properties": {"y": {"type": "string", "format": "uri"}}}]}
                },
                "$defs": {"pair": {"type": "array", "items": {"type": "integer"}, "maxItems": 2}}
            }),
            Some(&json!({
                "required": ["a"], "type": "object",
                "properties": {
                    "a": {"minLength": 1, "nullable": true, "type": "string"},
                    "b": {"type": "string", "enum": ["only"]},
                    "c": {"maxItems": 2, "type": "array", "items": {"type": "integer"}},
                    "d": {"anyOf": [{"type": "integer"}, {}]},
                    "e": {"type": "object", "properties": {"x": {"type": "number", "format": "double"}, "y": {"type": "string"}}}
                }
            })),
        );
    }

    #[test]
    fn functions_without_arguments_have_no_schema_and_loops_end() {
        check(&json!({"type": "object", "properties": {}}), None);
        let endless = json!({"type": "object", "properties": {"child": {"$ref": "#"}}});
        assert!(simplified(&endless).is_some_and(|schema| schema.to_string().len() < 2_000));
    }
}
