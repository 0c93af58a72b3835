//! Compares values with the schema and says what is wrong where.

use crate::json5::{Kind, Node, render};
use crate::key::Key;
use crate::layers::Source;
use crate::schema::{admits, branches, entries, expectation, field, fields, words};
use serde_json::Value;

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) key: Key,
    pub(crate) at: Source,
    pub(crate) what: What,
}

/// What does not fit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// No setting has this name.
    Unknown {
        /// The most similar name beside it.
        nearest: Option<String>,
        /// Set when the value would be right under the nearest name.
        value: Option<Value>,
    },
    /// The value is wrong: a sentence about it without its subject.
    Wrong(String),
    /// A part that must be there is not.
    Missing(String),
}

/// Longest value that a message repeats, in characters.
const SHOWN_CHARS: usize = 60;

/// Compares a value with a schema; everything that does not fit, in the order of the text.
pub(crate) fn check(node: &Node, schema: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    check_at(&Key::default(), node, schema, &mut findings);
    findings
}

/// The same for a part of the settings that stands at `key`.
pub(crate) fn check_at(key: &Key, node: &Node, schema: &Value, findings: &mut Vec<Finding>) {
    let mut wrong = |problem| {
        findings.push(Finding { key: key.clone(), at: node.source.clone(), what: What::Wrong(problem) });
    };
    let fitting: Vec<_> = branches(schema).into_iter().filter(|branch| admits(branch, node)).collect();
    let Some(branch) = best(&fitting, node) else {
        return wrong(format!("must be {}, not {}", expectation(schema), shown(key, node)));
    };
    match &node.kind {
        Kind::Number(number) => {
            let value = number.as_f64().unwrap_or_default();
            let limit = |name: &str| branch.get(name).and_then(Value::as_f64);
            if limit("minimum").is_some_and(|least| value < least) || limit("maximum").is_some_and(|most| value > most)
            {
                wrong(format!("must be {}, not {number}", expectation(schema)));
            }
        }
        Kind::Text(text) => {
            let words = words(schema);
            let allowed = words.is_empty() || words.contains(&text.as_str());
            if !allowed || !has_format(branch, text) {
                let meant = nearest(text, words.into_iter());
                let meant = meant.map_or_else(String::new, |word| format!(" (did you mean \"{word}\"?)"));
                wrong(format!("must be {}, not {}{meant}", expectation(schema), shown(key, node)));
            }
        }
        Kind::List(list) => {
            let Some(inner) = entries(branch) else { return };
            for (index, entry) in list.iter().enumerate() {
                check_at(&key.entry(index), entry, inner, findings);
            }
        }
        Kind::Object(_) => check_object(key, node, branch, findings),
        Kind::Null | Kind::Boolean(_) | Kind::NotFinite => {}
    }
}

fn check_object(key: &Key, node: &Node, branch: &Value, findings: &mut Vec<Finding>) {
    let Kind::Object(present) = &node.kind else { return };
    for part in present {
        let here = key.child(&part.name);
        match field(branch, &part.name) {
            Some(inner) => check_at(&here, &part.node, inner, findings),
            None => findings.push(Finding {
                key: here,
                at: part.source.clone(),
                what: unknown(part.name.as_str(), &part.node, branch),
            }),
        }
    }
    let required = branch.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| !present.iter().any(|part| part.name == *name)) {
        findings.push(Finding { key: key.clone(), at: node.source.clone(), what: What::Missing(name.to_owned()) });
    }
}

fn unknown(name: &str, node: &Node, branch: &Value) -> What {
    let nearest = nearest(name, fields(branch).map(|(name, _)| name.as_str())).map(str::to_owned);
    let fits = |right: &str| field(branch, right).is_some_and(|schema| check(node, schema).is_empty());
    let value = nearest.as_deref().filter(|right| fits(right)).map(|_| node.to_json());
    What::Unknown { nearest, value }
}

/// Returns the branch a value is meant for: for objects the one whose required parts are there.
fn best<'a>(fitting: &[&'a Value], node: &Node) -> Option<&'a Value> {
    let Kind::Object(present) = &node.kind else { return fitting.first().copied() };
    let complete = |branch: &&Value| {
        let required = branch.get("required").and_then(Value::as_array).into_iter().flatten();
        required.filter_map(Value::as_str).all(|name| present.iter().any(|part| part.name == name))
    };
    match fitting {
        [only] => Some(only),
        several => several.iter().copied().find(complete),
    }
}

/// Returns the most similar of some names, if one is similar enough to have been meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    known
        .map(|known| (strsim::jaro_winkler(&wanted, &known.to_lowercase()), known))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, known)| known)
}

/// Jaro-Winkler similarity from which one name counts as a slip of another: `prot`/`port` has 0.92, `port`/`model` 0.48.
const SIMILAR: f64 = 0.8;

fn has_format(branch: &Value, text: &str) -> bool {
    let shortest = branch.get("minLength").and_then(Value::as_u64).unwrap_or(0);
    let formatted = match branch.get("format").and_then(Value::as_str) {
        Some("http-url") => text.starts_with("http://") || text.starts_with("https://"),
        Some("agent-id") => {
            let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
            (1..=64).contains(&text.len()) && text.bytes().all(letters)
        }
        // Without a time zone database no name can be told right from wrong.
        Some("time-zone") => jiff::tz::db().is_definitively_empty() || jiff::tz::TimeZone::get(text).is_ok(),
        _ => true,
    };
    formatted && text.chars().count() as u64 >= shortest
}

fn shown(key: &Key, node: &Node) -> String {
    match &node.kind {
        _ if key.is_secret() => node.described().to_owned(),
        Kind::Text(_) | Kind::Number(_) | Kind::Boolean(_) => {
            let text = render(&node.to_json());
            if text.chars().count() <= SHOWN_CHARS {
                return text;
            }
            text.chars().take(SHOWN_CHARS).chain(['…']).collect()
        }
        Kind::Null | Kind::NotFinite | Kind::List(_) | Kind::Object(_) => node.described().to_owned(),
    }
}
