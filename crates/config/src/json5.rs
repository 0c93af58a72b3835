//! JSON5 text to a tree in which every key and value knows its line and column, and values back to text.

use crate::diagnostic::{Diagnostic, Severity};
use crate::layers::Source;
use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, ParseStringErrorKind, parse_to_ast};
use serde_json::{Map, Number, Value};
use std::path::Path;
use std::sync::Arc;

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) source: Source,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Boolean(bool),
    Number(Number),
    /// `Infinity`, `NaN` and numbers beyond what a float holds: legal JSON5, and no setting's value.
    NotFinite,
    Text(String),
    List(Vec<Node>),
    Object(Vec<Field>),
}

/// A named part of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) source: Source,
    pub(crate) node: Node,
}

/// What was read from a text.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) root: Node,
    /// Names that occur twice in one object; the last one counts.
    pub(crate) repeated: Vec<Field>,
}

impl Node {
    /// Makes an object with this node as its only field, of the same source.
    pub(crate) fn wrapped(self, name: &str) -> Self {
        let source = self.source.clone();
        let field = Field { name: name.to_owned(), source: source.clone(), node: self };
        Self { kind: Kind::Object(vec![field]), source }
    }

    /// Makes a tree of a JSON value; every part gets the same source.
    pub(crate) fn from_json(value: &Value, source: &Source) -> Self {
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(value) => Kind::Boolean(*value),
            Value::Number(number) => Kind::Number(number.clone()),
            Value::String(text) => Kind::Text(text.clone()),
            Value::Array(entries) => Kind::List(entries.iter().map(|entry| Self::from_json(entry, source)).collect()),
            Value::Object(fields) => Kind::Object(
                fields
                    .iter()
                    .map(|(name, value)| Field {
                        name: name.clone(),
                        source: source.clone(),
                        node: Self::from_json(value, source),
                    })
                    .collect(),
            ),
        };
        Self { kind, source: source.clone() }
    }

    /// Returns the value without places. What is not finite becomes null; the check has reported it.
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null | Kind::NotFinite => Value::Null,
            Kind::Boolean(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(entries) => Value::Array(entries.iter().map(Self::to_json).collect()),
            Kind::Object(fields) => Value::Object(
                fields.iter().map(|field| (field.name.clone(), field.node.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// Returns what this value is, in words: for messages.
    pub(crate) fn described(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Boolean(_) => "true or false",
            Kind::Number(_) => "a number",
            Kind::NotFinite => "Infinity",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Object(_) => "an object",
        }
    }
}

/// What Hearth accepts: JSON5. A forgotten comma is an error, because it is more often a slip than a style.
pub(crate) fn options() -> ParseOptions {
    ParseOptions { allow_missing_commas: false, ..ParseOptions::default() }
}

/// Reads a text. An empty one, or one of comments only, is an empty object.
///
/// # Errors
/// A diagnostic with the place of the first mistake and what was expected there. (Boxed, because it is rare and large.)
pub(crate) fn parse(text: &str, path: &Arc<Path>) -> Result<Document, Box<Diagnostic>> {
    // Editors of another system put a byte order mark first; it counts as nothing.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { places: Places::new(text), path: Arc::clone(path), repeated: Vec::new() };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options())
        .map_err(|error| Box::new(reader.diagnostic(text, &error)))?;
    let root = match &parsed.value {
        Some(value) => reader.node(value),
        None => Node { kind: Kind::Object(Vec::new()), source: reader.source(0) },
    };
    Ok(Document { root, repeated: reader.repeated })
}

/// Reads one value, as typed on a command line; `None` when it is not JSON5.
pub(crate) fn parse_value(text: &str, source: &Source) -> Option<Node> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options()).ok()?;
    let mut reader = Reader { places: Places::new(text), path: Path::new("").into(), repeated: Vec::new() };
    let value = reader.node(&parsed.value?).to_json();
    Some(Node::from_json(&value, source))
}

/// Writes a value as one line of JSON5: names without quotes where they need none.
pub(crate) fn render(value: &Value) -> String {
    match value {
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| format!("{}: {}", render_name(name), render(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(entries) => {
            let entries: Vec<_> = entries.iter().map(render).collect();
            format!("[{}]", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// Writes a field's name: in quotes when it is not an identifier.
pub(crate) fn render_name(name: &str) -> String {
    let mut letters = name.chars();
    let identifier = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, '_' | '$'))
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '$'));
    if identifier { name.to_owned() } else { Value::String(name.to_owned()).to_string() }
}

/// Turns byte offsets into lines and columns.
struct Places<'a> {
    text: &'a str,
    /// Offset of each line's first byte.
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        let lines = [0].into_iter().chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, lines }
    }

    /// Returns line and column, both from 1; the column counts characters.
    fn of(&self, offset: usize) -> (u32, u32) {
        let line = self.lines.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.lines.get(line).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        (count(line + 1), count(column + 1))
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

struct Reader<'a> {
    places: Places<'a>,
    path: Arc<Path>,
    repeated: Vec<Field>,
}

impl Reader<'_> {
    fn source(&self, offset: usize) -> Source {
        let (line, column) = self.places.of(offset);
        Source::File { path: Arc::clone(&self.path), line, column }
    }

    fn node(&mut self, value: &ast::Value<'_>) -> Node {
        let kind = match value {
            ast::Value::NullKeyword(_) => Kind::Null,
            ast::Value::BooleanLit(literal) => Kind::Boolean(literal.value),
            ast::Value::NumberLit(literal) => number(literal.value).map_or(Kind::NotFinite, Kind::Number),
            ast::Value::StringLit(literal) => Kind::Text(literal.value.clone().into_owned()),
            ast::Value::Array(array) => Kind::List(array.elements.iter().map(|entry| self.node(entry)).collect()),
            ast::Value::Object(object) => Kind::Object(self.fields(object)),
        };
        Node { kind, source: self.source(value.start()) }
    }

    fn fields(&mut self, object: &ast::Object<'_>) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        for property in &object.properties {
            let field = Field {
                name: property.name.as_str().to_owned(),
                source: self.source(property.start()),
                node: self.node(&property.value),
            };
            match fields.iter_mut().find(|known| known.name == field.name) {
                Some(known) => self.repeated.push(std::mem::replace(known, field)),
                None => fields.push(field),
            }
        }
        fields
    }

    /// A command that opens the file where the mistake is; vi, nano and emacs understand the line.
    fn editor_command(&self, offset: usize) -> String {
        format!("${{EDITOR:-vi}} +{} '{}'", self.places.of(offset).0, self.path.display())
    }

    fn diagnostic(&self, text: &str, error: &ParseError) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            at: self.source(error.range().start),
            key: String::new(),
            message: format!("the file can't be read: {}", explanation(error.kind(), text, error.range().start)),
            hint: Some(self.editor_command(error.range().start)),
        }
    }
}

/// How much of the offending text a message repeats, in characters.
const FOUND_CHARS: usize = 20;

/// Says what was expected, in the reader's words rather than the parser's.
fn explanation(kind: &ParseErrorKind, text: &str, offset: usize) -> String {
    let found = text.get(offset..).unwrap_or_default().chars().take_while(|letter| !letter.is_whitespace());
    let found: String = found.take(FOUND_CHARS).flat_map(char::escape_debug).collect();
    match kind {
        ParseErrorKind::ExpectedComma => "a comma is missing here".to_owned(),
        ParseErrorKind::UnterminatedObject => "this `{` has no matching `}`".to_owned(),
        ParseErrorKind::UnterminatedArray => "this `[` has no matching `]`".to_owned(),
        ParseErrorKind::UnterminatedCommentBlock => "this comment has no closing `*/`".to_owned(),
        ParseErrorKind::ExpectedColonAfterObjectKey => "a colon belongs after a setting's name".to_owned(),
        ParseErrorKind::ExpectedObjectValue | ParseErrorKind::UnexpectedColon | ParseErrorKind::UnexpectedComma => {
            format!("a value was expected, not `{found}`")
        }
        ParseErrorKind::UnexpectedCloseBrace | ParseErrorKind::UnexpectedCloseBracket => {
            format!("`{found}` closes nothing that is open here")
        }
        ParseErrorKind::UnexpectedWord | ParseErrorKind::UnexpectedToken => {
            format!("text needs quotes: `{found}`")
        }
        ParseErrorKind::UnexpectedTokenInObject => format!("a setting's name was expected, not `{found}`"),
        ParseErrorKind::MultipleRootJsonValues => format!("the settings end before `{found}`"),
        ParseErrorKind::String(ParseStringErrorKind::UnterminatedStringLiteral) => {
            "this text has no closing quote on its line".to_owned()
        }
        ParseErrorKind::String(_) => "after this backslash something else was expected".to_owned(),
        ParseErrorKind::NestingDepthExceeded => "it is nested too deep".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

/// Reads a JSON5 number: hexadecimal, signs, bare decimal points. `None` when it is not finite.
fn number(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        let value = i128::from_str_radix(hex, 16).ok()?;
        return Number::from_i128(if negative { -value } else { value });
    }
    let whole = digits.parse::<i128>().ok().and_then(|value| Number::from_i128(if negative { -value } else { value }));
    if whole.is_some() {
        return whole;
    }
    let value: f64 = digits.parse().ok()?;
    Number::from_f64(if negative { -value } else { value })
}
