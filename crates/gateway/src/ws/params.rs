//! A method's parameters, read field by field; all problems are collected into one answer.

use super::client::Protocol;
use super::frame::Failure;
use hearth_core::session::SessionKey;
use serde_json::{Map, Value};

/// Parameters that are being read.
pub(super) struct Params<'a> {
    method: &'a str,
    protocol: Protocol,
    fields: &'a Map<String, Value>,
    problems: Vec<String>,
}

impl<'a> Params<'a> {
    pub(super) fn new(method: &'a str, protocol: Protocol, fields: &'a Map<String, Value>) -> Self {
        Self { method, protocol, fields, problems: Vec::new() }
    }

    /// Reads a text that must be there; empty when it is not, which [`Self::finish`] then reports.
    pub(super) fn text(&mut self, name: &str) -> &'a str {
        let found = self.optional_text(name);
        if found.is_none() && !self.fields.contains_key(name) {
            self.problems.push(format!("must have required property '{name}'"));
        }
        found.unwrap_or_default()
    }

    /// Reads a text that must be there and not be empty.
    pub(super) fn filled_text(&mut self, name: &str) -> &'a str {
        let found = self.text(name);
        if found.is_empty() && self.fields.get(name).is_some_and(Value::is_string) {
            self.problems.push(format!("at /{name}: must NOT have fewer than 1 characters"));
        }
        found
    }

    /// Reads a text that may be missing.
    pub(super) fn optional_text(&mut self, name: &str) -> Option<&'a str> {
        match self.fields.get(name) {
            Some(Value::String(text)) => Some(text),
            None | Some(Value::Null) => None,
            Some(_) => {
                self.problems.push(format!("at /{name}: must be string"));
                None
            }
        }
    }

    /// Reads a whole number within bounds that may be missing.
    pub(super) fn optional_number(&mut self, name: &str, least: u64, most: u64) -> Option<u64> {
        let value = self.fields.get(name).filter(|value| !value.is_null())?;
        let number = value.as_u64().or_else(|| {
            self.problems.push(format!("at /{name}: must be integer"));
            None
        })?;
        if number < least {
            self.problems.push(format!("at /{name}: must be >= {least}"));
        } else if number > most {
            self.problems.push(format!("at /{name}: must be <= {most}"));
        }
        Some(number)
    }

    /// Reads a list that may be missing.
    pub(super) fn list(&mut self, name: &str) -> &'a [Value] {
        match self.fields.get(name) {
            Some(Value::Array(items)) => items,
            None | Some(Value::Null) => &[],
            Some(_) => {
                self.problems.push(format!("at /{name}: must be array"));
                &[]
            }
        }
    }

    /// Reads a switch that may be missing.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.fields.get(name).and_then(Value::as_bool)
    }

    /// Reads the session key in the named field, which must be there.
    pub(super) fn session(&mut self, name: &str) -> Option<SessionKey> {
        let text = self.filled_text(name);
        if text.is_empty() {
            return None;
        }
        SessionKey::parse(text).map_err(|error| self.problems.push(format!("at /{name}: {error}"))).ok()
    }

    /// Reports what was wrong, or returns what must have been there.
    pub(super) fn finish_with<T>(&self, required: Option<T>) -> Result<T, Failure> {
        self.finish()?;
        required.ok_or_else(|| Failure::invalid(format!("invalid {} params", self.method)))
    }

    /// Reports what was wrong. Protocol 3 named every problem, protocol 4 the first.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        if self.problems.is_empty() {
            return Ok(());
        }
        let shown = if self.protocol == Protocol::V3 { self.problems.len() } else { 1 };
        let problems = self.problems.get(..shown).unwrap_or(&self.problems).join("; ");
        Err(Failure::invalid(format!("invalid {} params: {problems}", self.method)))
    }
}
