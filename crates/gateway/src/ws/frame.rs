//! Frames: requests as they arrive, responses and events as they leave.

use serde_json::{Map, Value, json};

/// A client's request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) params: Map<String, Value>,
}

impl Request {
    /// Reads a frame; the error is the response to send, under the frame's id where it has one.
    pub(super) fn parse(text: &str) -> Result<Self, Value> {
        let frame: Value = serde_json::from_str(text).map_err(|error| invalid("invalid", &error.to_string()))?;
        let field = |name: &str| frame.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let id = field("id").unwrap_or("invalid");
        if field("type") != Some("req") {
            return Err(invalid(id, "a client sends frames of type \"req\""));
        }
        let (Some(_), Some(method)) = (field("id"), field("method")) else {
            return Err(invalid(id, "a request has an id and a method"));
        };
        let params = match frame.get("params") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(params)) => params.clone(),
            Some(_) => return Err(invalid(id, "params must be an object")),
        };
        Ok(Self { id: id.to_owned(), method: method.to_owned(), params })
    }
}

fn invalid(id: &str, problem: &str) -> Value {
    response(id, Err(Failure::invalid(format!("invalid request frame: {problem}"))))
}

/// Why a request failed, as the client is told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    code: &'static str,
    message: String,
    details: Option<Box<Value>>,
    retry_after_ms: Option<u64>,
}

impl Failure {
    /// The request is wrong.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self { code: "INVALID_REQUEST", message: message.into(), details: None, retry_after_ms: None }
    }

    /// The request is right, but can't be served now.
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self { code: "UNAVAILABLE", message: message.into(), details: None, retry_after_ms: Some(1000) }
    }

    /// The client did not ask for the scope that the method needs.
    pub(super) fn missing_scope(scope: &str) -> Self {
        Self {
            code: "FORBIDDEN",
            message: format!("missing scope: {scope}"),
            details: Some(Box::new(json!({"code": "MISSING_SCOPE", "missingScope": scope, "requiredScopes": [scope]}))),
            retry_after_ms: None,
        }
    }

    /// The method is not for this role.
    pub(super) fn role(role: &str) -> Self {
        Self { code: "FORBIDDEN", message: format!("unauthorized role: {role}"), details: None, retry_after_ms: None }
    }

    pub(super) fn with_details(mut self, details: Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    pub(super) fn retry_after_ms(mut self, milliseconds: u64) -> Self {
        self.retry_after_ms = Some(milliseconds);
        self
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    fn into_value(self) -> Value {
        let mut error = Map::new();
        error.insert("code".to_owned(), self.code.into());
        error.insert("message".to_owned(), self.message.into());
        if let Some(details) = self.details {
            error.insert("details".to_owned(), *details);
        }
        if let Some(milliseconds) = self.retry_after_ms {
            error.insert("retryable".to_owned(), true.into());
            error.insert("retryAfterMs".to_owned(), milliseconds.into());
        }
        Value::Object(error)
    }
}

/// Makes a response frame.
pub(super) fn response(id: &str, result: Result<Value, Failure>) -> Value {
    // Moved, not written as `json!`: a history is megabytes, and the macro would copy it.
    let mut frame = json!({"type": "res", "id": id, "ok": result.is_ok()});
    match result {
        Ok(payload) => frame["payload"] = payload,
        Err(failure) => frame["error"] = failure.into_value(),
    }
    frame
}

/// Makes an event frame; `sequence` is left out before the handshake is done.
pub(super) fn event(name: &str, payload: Value, sequence: Option<u64>) -> Value {
    let mut frame = Map::new();
    frame.insert("type".to_owned(), "event".into());
    frame.insert("event".to_owned(), name.into());
    frame.insert("payload".to_owned(), payload);
    if let Some(sequence) = sequence {
        frame.insert("seq".to_owned(), sequence.into());
    }
    Value::Object(frame)
}
