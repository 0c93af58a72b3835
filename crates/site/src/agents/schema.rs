//! A JSON Schema that says exactly what a document of ours looks like, made from the document itself.

use serde_json::{Map, Value, json};

/// The schema of a document: every field required, no other allowed.
pub(crate) fn of(value: &Value, title: &str) -> Value {
    let mut schema = shape(value);
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        fields.insert("title".to_owned(), title.into());
    }
    schema
}

fn shape(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "type": ["string", "null"] }),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(_) => json!({ "type": "integer" }),
        Value::String(_) => json!({ "type": "string" }),
        // Nothing in it to go by: what may be empty in these documents are lists of names.
        Value::Array(items) => {
            json!({ "type": "array", "items": items.first().map_or_else(|| json!({ "type": "string" }), shape) })
        }
        Value::Object(fields) => {
            let properties: Map<_, _> = fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect();
            let required: Vec<_> = fields.keys().cloned().collect();
            json!({
                "type": "object",
                "additionalProperties": false,
                "required": required,
                "properties": properties,
            })
        }
    }
}
