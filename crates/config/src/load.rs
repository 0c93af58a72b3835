//! The layers: defaults, the file, the environment, flags. What is wrong falls back, and is reported.

use crate::advice::{diagnostic, fallback_words, mismatch_diagnostic, repeated_diagnostic};
use crate::check::{Finding, What, check_at};
use crate::config::Config;
use crate::diagnostic::{Diagnostic, Severity};
use crate::environment::Environment;
use crate::error::Error;
use crate::file;
use crate::home::Home;
use crate::json5::{self, Document, Field, Kind, Node};
use crate::key::Key;
use crate::layers::{Source, Sources, Variable, lay_over, tree_of};
use crate::schema::{defaults, follow, schema};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// What the command line sets; the uppermost layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--port`: TCP port on 127.0.0.1.
    pub port: Option<u16>,
    /// `--model`: the model that is asked first, as `provider/model`.
    pub model: Option<String>,
}

/// The settings as they are in force.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// What is wrong with them, in the order of the layers.
    pub diagnostics: Vec<Diagnostic>,
    /// Where each value came from.
    pub sources: Sources,
    pub(crate) tree: Node,
    /// What the file says, without places; `None` when the file has errors and must not be remembered.
    clean_file: Option<Value>,
}

/// Reads all layers. Never fails because of what a person wrote: a section with an error is replaced by what it was when
/// it was last right (see [`Loaded::remember`]), else by its defaults, and a diagnostic says so.
///
/// # Errors
/// [`Error::Io`] or [`Error::TooLarge`] when the file is there but can't be read.
pub fn load(home: &Home, environment: &Environment, overrides: &Overrides) -> Result<Loaded, Error> {
    let schema = schema();
    let mut diagnostics = Vec::new();
    let mut tree = defaults().ok_or_else(|| Error::Defaults { problem: "not JSON5".to_owned() })?;

    let from_file = read_file(home, &schema, &mut diagnostics)?;
    let clean = !diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let clean_file = clean.then(|| from_file.to_json());
    lay_over(&mut tree, from_file);
    for layer in environment_layer(environment, &schema, &mut diagnostics).into_iter().chain(flag_layer(overrides)?) {
        lay_over(&mut tree, layer);
    }

    let config = match serde_json::from_value(tree.to_json()) {
        Ok(config) => config,
        // The check above and the types disagree: a mistake of ours, which must not keep anybody from their assistant.
        Err(mismatch) => {
            diagnostics.push(mismatch_diagnostic(home, &mismatch));
            tree = defaults().ok_or_else(|| Error::Defaults { problem: "not JSON5".to_owned() })?;
            serde_json::from_value(tree.to_json()).map_err(|error| Error::Defaults { problem: error.to_string() })?
        }
    };
    Ok(Loaded { config, diagnostics, sources: Sources::collect(&tree), tree, clean_file })
}

/// Returns everything that is wrong with the settings; empty when all is well.
///
/// # Errors
/// As [`load`].
pub fn validate(home: &Home, environment: &Environment) -> Result<Vec<Diagnostic>, Error> {
    Ok(load(home, environment, &Overrides::default())?.diagnostics)
}

impl Loaded {
    /// Keeps what the file says as the last good state, unless it has errors. The gateway calls this after it started
    /// with these settings; nothing is written when nothing changed.
    ///
    /// # Errors
    /// [`Error::Io`] when the state can't be written.
    pub fn remember(&self, home: &Home) -> Result<(), Error> {
        let Some(value) = &self.clean_file else { return Ok(()) };
        let text = format!("{value:#}\n");
        let path = home.last_good_file();
        if file::read(&path)?.as_deref() == Some(text.as_str()) {
            return Ok(());
        }
        file::write(&path, &text)
    }
}

/// The file's layer, with sections that have errors replaced.
fn read_file(home: &Home, schema: &Value, diagnostics: &mut Vec<Diagnostic>) -> Result<Node, Error> {
    let path: Arc<Path> = home.config_file().into();
    let empty = Node { kind: Kind::Object(Vec::new()), source: Source::Default };
    let Some(text) = file::read(&path)? else { return Ok(empty) };
    let last_good = last_good(home, schema);
    let document = match json5::parse(&text, &path) {
        Ok(document) => document,
        Err(mut problem) => {
            problem.message = format!("{}; {}", problem.message, fallback_words(last_good.is_some(), "settings"));
            diagnostics.push(*problem);
            return Ok(last_good.unwrap_or(empty));
        }
    };
    diagnostics.extend(document.repeated.iter().map(repeated_diagnostic));
    Ok(check_sections(document, last_good.as_ref(), schema, diagnostics))
}

fn check_sections(
    document: Document,
    last_good: Option<&Node>,
    schema: &Value,
    diagnostics: &mut Vec<Diagnostic>,
) -> Node {
    let source = document.root.source.clone();
    let Kind::Object(sections) = document.root.kind else {
        let found = document.root.described();
        diagnostics.push(Diagnostic {
            severity: Severity::Error,
            at: source.clone(),
            key: String::new(),
            message: format!(
                "the file must hold an object, not {found}; {}",
                fallback_words(last_good.is_some(), "settings")
            ),
            hint: None,
        });
        return last_good.cloned().unwrap_or(Node { kind: Kind::Object(Vec::new()), source });
    };
    let mut kept = Vec::new();
    for section in sections {
        let remembered = last_good.and_then(|tree| section_of(tree, &section.name));
        let mut findings = Vec::new();
        let whole = section.node.clone().wrapped(&section.name);
        let whole = relocated(whole, &section);
        check_at(&Key::default(), &whole, schema, &mut findings);
        let wrong = findings.iter().any(|finding| !matches!(finding.what, What::Unknown { .. }));
        diagnostics.extend(findings.into_iter().map(|finding| diagnostic(finding, schema, remembered.is_some())));
        match (wrong, remembered) {
            (false, _) => kept.push(section),
            (true, Some(remembered)) => kept.push(remembered.clone()),
            (true, None) => {}
        }
    }
    Node { kind: Kind::Object(kept), source }
}

/// Puts the section's own place back, which wrapping took from its value.
fn relocated(mut whole: Node, section: &Field) -> Node {
    if let Kind::Object(fields) = &mut whole.kind {
        for field in fields {
            field.source = section.source.clone();
        }
    }
    whole
}

fn section_of<'a>(tree: &'a Node, name: &str) -> Option<&'a Field> {
    let Kind::Object(sections) = &tree.kind else { return None };
    sections.iter().find(|section| section.name == name)
}

/// What the file said when it was last right. A damaged or outdated memory counts as none.
fn last_good(home: &Home, schema: &Value) -> Option<Node> {
    let text = file::read(&home.last_good_file()).ok()??;
    let value: Value = serde_json::from_str(&text).ok()?;
    let tree = Node::from_json(&value, &Source::LastGood);
    let mut findings = Vec::new();
    check_at(&Key::default(), &tree, schema, &mut findings);
    findings.iter().all(|finding| matches!(finding.what, What::Unknown { .. })).then_some(tree)
}

fn environment_layer(environment: &Environment, schema: &Value, diagnostics: &mut Vec<Diagnostic>) -> Vec<Node> {
    for (name, nearest) in environment.misspelt() {
        diagnostics.push(Diagnostic {
            severity: Severity::Warning,
            at: Source::Environment(name.clone()),
            key: String::new(),
            message: format!("{name} means nothing to Hearth; did you mean {nearest}?"),
            hint: Some(format!("unset {name}")),
        });
    }
    let mut layers = Vec::new();
    for variable in Variable::ALL {
        let (Some(name), Some(text)) = (variable.key, environment.get(variable.name)) else { continue };
        let Ok(key) = Key::parse(name) else { continue };
        let Ok((expected, key)) = follow(schema, &key) else { continue };
        let source = Source::Environment(variable.name.to_owned());
        match fitting_value(text, &key, expected, &source) {
            Ok(value) => layers.push(tree_of(&key, value)),
            Err(finding) => {
                let mut found = diagnostic(*finding, schema, false);
                found.message = format!("{}; it is ignored", found.message);
                found.hint = Some(format!("unset {}", variable.name));
                diagnostics.push(found);
            }
        }
    }
    layers
}

fn flag_layer(overrides: &Overrides) -> Result<Vec<Node>, Error> {
    let port = overrides.port.map(|port| ("gateway.port", "--port", Value::from(port)));
    let model = overrides.model.as_deref().map(|model| ("agents.defaults.model.primary", "--model", model.into()));
    let set = port.into_iter().chain(model);
    set.map(|(key, flag, value)| Ok(tree_of(&Key::parse(key)?, Node::from_json(&value, &Source::Flag(flag))))).collect()
}

/// Reads a typed value: as JSON5 where that fits the setting, else as bare text.
pub(crate) fn fitting_value(text: &str, key: &Key, expected: &Value, source: &Source) -> Result<Node, Box<Finding>> {
    let bare = Node { kind: Kind::Text(text.to_owned()), source: source.clone() };
    let candidates = json5::parse_value(text, source).into_iter().chain([bare]);
    let mut first = None;
    for candidate in candidates {
        let mut findings = Vec::new();
        check_at(key, &candidate, expected, &mut findings);
        match findings.into_iter().next() {
            None => return Ok(candidate),
            Some(finding) => first = first.or(Some(finding)),
        }
    }
    let nothing = || Finding { key: key.clone(), at: source.clone(), what: What::Wrong("has no value".to_owned()) };
    Err(Box::new(first.unwrap_or_else(nothing)))
}
