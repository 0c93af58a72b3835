//! Where a value came from, and how the layers are laid over each other.

use crate::json5::{Kind, Node};
use crate::key::{Key, Step};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a value came from, or where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Built in.
    Default,
    /// A place in a file.
    File {
        /// The file.
        path: Arc<Path>,
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// What the file said when it was last free of errors.
    LastGood,
    /// An environment variable.
    Environment(String),
    /// An option of the command line.
    Flag(&'static str),
}

impl Source {
    /// Names a place in a file.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>, line: u32, column: u32) -> Self {
        Self::File { path: path.into().into(), line, column }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line, column } => write!(formatter, "{}:{line}:{column}", path.display()),
            Self::LastGood => formatter.write_str("last good settings"),
            Self::Environment(name) => write!(formatter, "environment {name}"),
            Self::Flag(name) => write!(formatter, "flag {name}"),
        }
    }
}

/// Where every value of the configuration came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(BTreeMap<String, Source>);

impl Sources {
    /// Returns where the value of a dotted key came from; lists count as one value.
    #[must_use]
    pub fn of(&self, key: &str) -> Option<&Source> {
        self.0.get(key)
    }

    /// Returns every value's key and source, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.0.iter().map(|(key, source)| (key.as_str(), source))
    }

    pub(crate) fn collect(tree: &Node) -> Self {
        let mut sources = Self::default();
        sources.add(tree, &Key::default());
        sources
    }

    fn add(&mut self, node: &Node, key: &Key) {
        match &node.kind {
            Kind::Object(fields) if !fields.is_empty() => {
                for field in fields {
                    self.add(&field.node, &key.child(&field.name));
                }
            }
            _ => {
                self.0.insert(key.to_string(), node.source.clone());
            }
        }
    }
}

/// An environment variable that sets something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    /// The setting it overrides; `None` for those that are not settings.
    pub(crate) key: Option<&'static str>,
    pub(crate) meaning: &'static str,
}

impl Variable {
    pub(crate) const ALL: &'static [Self] = &[
        Self { name: "HEARTH_HOME", key: None, meaning: "The folder that holds everything; `~/.hearth` unless set." },
        Self { name: "HEARTH_PORT", key: Some("gateway.port"), meaning: "TCP port on 127.0.0.1." },
        Self {
            name: "HEARTH_MODEL",
            key: Some("agents.defaults.model.primary"),
            meaning: "The model that is asked first, as `provider/model`.",
        },
    ];
}

/// Lays one tree over another: objects are merged, everything else is replaced as a whole.
pub(crate) fn lay_over(below: &mut Node, above: Node) {
    let Kind::Object(fields) = above.kind else {
        *below = above;
        return;
    };
    let Kind::Object(existing) = &mut below.kind else {
        *below = Node { kind: Kind::Object(fields), ..above };
        return;
    };
    for field in fields {
        match existing.iter_mut().find(|known| known.name == field.name) {
            Some(known) => lay_over(&mut known.node, field.node),
            None => existing.push(field),
        }
    }
}

/// Makes the tree that sets one key to one value.
pub(crate) fn tree_of(key: &Key, leaf: Node) -> Node {
    key.steps().iter().rev().fold(leaf, |inner, step| match step {
        Step::Name(name) => inner.wrapped(name),
        // No layer but the file addresses list entries, and the file is a tree already.
        Step::Entry(_) => inner,
    })
}
