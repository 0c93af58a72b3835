//! What a finding is called, what is used instead, and the command that mends it.

use crate::check::{Finding, What};
use crate::diagnostic::{Diagnostic, Severity};
use crate::home::Home;
use crate::json5::{self, Field, render};
use crate::key::{Key, Step};
use crate::layers::Source;
use crate::schema::follow;
use serde_json::Value;

/// Says what a finding is, what is used instead, and what mends it.
pub(crate) fn diagnostic(finding: Finding, schema: &Value, remembered: bool) -> Diagnostic {
    let key = finding.key.to_string();
    let from_file = matches!(finding.at, Source::File { .. });
    let (severity, message, hint) = match finding.what {
        What::Unknown { nearest, value } => {
            let meant = nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            let hint = unknown_hint(&finding.key, nearest.as_deref(), value.as_ref());
            (Severity::Warning, format!("there is no setting `{key}`{meant}"), hint)
        }
        What::Wrong(problem) => {
            (Severity::Error, format!("`{key}` {problem}"), Some(default_hint(&finding.key, schema)))
        }
        What::Missing(name) => (Severity::Error, format!("`{key}` lacks `{name}`"), None),
    };
    let section = finding.key.steps().first().map(Step::as_name).unwrap_or_default();
    let message = match severity {
        Severity::Error if from_file => format!("{message}; {}", fallback_words(remembered, &section)),
        _ => message,
    };
    Diagnostic { severity, at: finding.at, key, message, hint }
}

pub(crate) fn fallback_words(remembered: bool, what: &str) -> String {
    let which = if remembered { "last good" } else { "default" };
    match what {
        "settings" => format!("the {which} settings are used"),
        section => format!("the {which} settings of `{section}` are used"),
    }
}

/// Moves the value to the name that was meant, or removes it; a secret is not repeated, so it has no such command.
fn unknown_hint(key: &Key, nearest: Option<&str>, value: Option<&Value>) -> Option<String> {
    let unset = format!("hearth config unset {}", shell_word(&key.to_string()));
    let (Some(nearest), Some(value)) = (nearest, value) else { return Some(unset) };
    let right = key.prefix(key.steps().len().saturating_sub(1)).child(nearest);
    if right.is_secret() || right.child("any").is_secret() {
        return None;
    }
    Some(format!("hearth config set {} {} && {unset}", shell_word(&right.to_string()), typed(value)))
}

/// A command that gives a setting a value that works: its default, or none.
fn default_hint(key: &Key, schema: &Value) -> String {
    let name = shell_word(&key.to_string());
    let default = follow(schema, key).ok().and_then(|(setting, _)| setting.get("default"));
    match default {
        Some(value) if !value.is_null() => format!("hearth config set {name} {}", typed(value)),
        _ => format!("hearth config unset {name}"),
    }
}

/// Writes a value as a person would type it: text without quotes where `hearth config set` understands it.
fn typed(value: &Value) -> String {
    let bare = value.as_str().filter(|text| json5::parse_value(text, &Source::Default).is_none());
    shell_word(&bare.map_or_else(|| render(value), str::to_owned))
}

/// Quotes a word for a shell where it needs that.
fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@%+=,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

pub(crate) fn repeated_diagnostic(field: &Field) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        at: field.source.clone(),
        key: field.name.clone(),
        message: format!("`{}` is set again further down; the later value counts", field.name),
        hint: None,
    }
}

pub(crate) fn mismatch_diagnostic(home: &Home, mismatch: &serde_json::Error) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        at: Source::file(home.config_file(), 1, 1),
        key: String::new(),
        message: format!(
            "the settings passed the check and yet do not fit ({mismatch}); the default settings are used"
        ),
        hint: None,
    }
}
