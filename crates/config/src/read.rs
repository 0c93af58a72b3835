//! Shows settings as they are in force, with their sources; keys stay hidden.

use crate::error::Error;
use crate::json5::{Kind, Node};
use crate::key::{Key, Step};
use crate::layers::Source;
use crate::load::Loaded;
use crate::schema::{known_setting, schema};
use serde_json::{Map, Value};

/// One setting as it is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Its dotted name.
    pub key: String,
    /// Its value; keys and headers are replaced by `(hidden)`.
    pub value: Value,
    /// Where the value came from.
    pub source: Source,
}

/// What is shown in place of a secret.
const HIDDEN: &str = "(hidden)";

/// Returns the value of a dotted key as it is in force; an empty key means everything. Keys and headers of providers
/// are replaced by `(hidden)`.
///
/// # Errors
/// [`Error::MalformedKey`] or [`Error::UnknownKey`]; [`Error::NoSuchEntry`] when a list is shorter.
pub fn get(loaded: &Loaded, key: &str) -> Result<Value, Error> {
    let (key, node) = find(loaded, key)?;
    Ok(visible(&key, node))
}

/// Returns every single setting at and below a dotted key, with its source; lists count as one setting.
///
/// # Errors
/// As [`get`].
pub fn settings(loaded: &Loaded, key: &str) -> Result<Vec<Setting>, Error> {
    let (key, node) = find(loaded, key)?;
    let mut found = Vec::new();
    collect(&key, node, &mut found);
    Ok(found)
}

/// A key that exists but has no value is null: an absent optional setting.
static NOTHING: Node = Node { kind: Kind::Null, source: Source::Default };

fn find<'a>(loaded: &'a Loaded, key: &str) -> Result<(Key, &'a Node), Error> {
    if key.trim().is_empty() {
        return Ok((Key::default(), &loaded.tree));
    }
    let key = known_setting(&schema(), &Key::parse(key)?)?;
    let mut here = &loaded.tree;
    let mut so_far = Key::default();
    for step in key.steps() {
        here = match (&here.kind, step) {
            (Kind::Object(fields), Step::Name(name)) => {
                fields.iter().find(|field| field.name == *name).map_or(&NOTHING, |field| &field.node)
            }
            (Kind::List(list), Step::Entry(index)) => list.get(*index).ok_or_else(|| Error::NoSuchEntry {
                key: so_far.to_string(),
                index: *index,
                len: list.len(),
            })?,
            _ => &NOTHING,
        };
        so_far = match step {
            Step::Name(name) => so_far.child(name),
            Step::Entry(index) => so_far.entry(*index),
        };
    }
    Ok((key, here))
}

fn collect(key: &Key, node: &Node, found: &mut Vec<Setting>) {
    match &node.kind {
        Kind::Object(fields) if !fields.is_empty() => {
            for field in fields {
                collect(&key.child(&field.name), &field.node, found);
            }
        }
        _ => found.push(Setting { key: key.to_string(), value: visible(key, node), source: node.source.clone() }),
    }
}

fn visible(key: &Key, node: &Node) -> Value {
    if key.is_secret() && !matches!(node.kind, Kind::Null | Kind::Object(_)) {
        return Value::from(HIDDEN);
    }
    match &node.kind {
        Kind::Object(fields) => {
            let shown = fields.iter().map(|field| (field.name.clone(), visible(&key.child(&field.name), &field.node)));
            Value::Object(shown.collect::<Map<_, _>>())
        }
        _ => node.to_json(),
    }
}
