//! Renders a conversation with the chat template the model was trained on (the file's own Jinja).
//!
//! Templates come from files of strangers: they run with a fuel limit and can reach nothing but the conversation.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Error as JinjaError, ErrorKind, UndefinedBehavior, Value};
use serde::Serialize;

/// Steps a template may take; a conversation of a thousand messages needs about a twentieth.
const FUEL: u64 = 2_000_000;
const NAME: &str = "chat";
/// Marks where the part of the prompt ends that every conversation shares. A noncharacter: no text contains it.
pub(crate) const FIXED_END: char = '\u{FDD1}';
/// What nearly all small open models without a template of their own understand.
const FALLBACK: &str = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// Why a conversation could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The template itself is broken.
    #[error("the model's chat template cannot be read: {0}")]
    Broken(#[source] JinjaError),
    /// The template refused this conversation.
    #[error("the model's chat template refuses this conversation: {0}")]
    Refused(#[source] JinjaError),
}

/// One message as templates see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Line {
    /// `system`, `user`, `assistant` or `tool`.
    pub(crate) role: &'static str,
    /// What was said.
    pub(crate) content: String,
    /// Calls in the form templates expect, for models that use their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_calls: Vec<serde_json::Value>,
}

impl Line {
    /// A message without calls.
    pub(crate) fn new(role: &'static str, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), tool_calls: Vec::new() }
    }
}

/// A model's chat template.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
    bos: String,
    eos: String,
    flags: BTreeMap<String, bool>,
}

impl Template {
    /// Compiles `source`, or the common ChatML form when the file has none.
    ///
    /// # Errors
    /// `Broken` when it is no valid Jinja.
    pub(crate) fn new(
        source: Option<&str>,
        bos: &str,
        eos: &str,
        flags: &BTreeMap<String, bool>,
    ) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(TemplateError::Broken)?);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", refuse);
        environment.add_function("strftime_now", undated);
        environment.add_filter("tojson", to_json);
        environment.add_template_owned(NAME, source.unwrap_or(FALLBACK).to_owned()).map_err(TemplateError::Broken)?;
        Ok(Self { environment, bos: bos.to_owned(), eos: eos.to_owned(), flags: flags.clone() })
    }

    /// Renders `lines` up to where the model begins to answer.
    ///
    /// # Errors
    /// `Refused`, for example when roles do not alternate and the template insists.
    pub(crate) fn render(&self, lines: &[Line], tools: &[serde_json::Value]) -> Result<String, TemplateError> {
        let mut context: BTreeMap<&str, Value> =
            self.flags.iter().map(|(name, flag)| (name.as_str(), Value::from(*flag))).collect();
        context.insert("messages", Value::from(Serde(lines)));
        context.insert("add_generation_prompt", Value::from(true));
        context.insert("bos_token", Value::from(self.bos.as_str()));
        context.insert("eos_token", Value::from(self.eos.as_str()));
        if !tools.is_empty() {
            context.insert("tools", Value::from(Serde(tools)));
        }
        let template = self.environment.get_template(NAME).map_err(TemplateError::Broken)?;
        template.render(Value::from_pairs(context)).map_err(TemplateError::Refused)
    }
}

fn refuse(message: String) -> Result<Value, JinjaError> {
    Err(JinjaError::new(ErrorKind::InvalidOperation, message))
}

/// Templates that print today's date would make every day's prompt a new one; the agent says the date itself.
fn undated(_format: String) -> String {
    String::new()
}

/// Python's `json.dumps`, which templates were written against: a space after `:` and `,`, nothing escaped for HTML.
#[expect(clippy::needless_pass_by_value, reason = "the template engine hands keyword arguments over by value")]
fn to_json(value: &Value, options: Kwargs) -> Result<Value, JinjaError> {
    let indent: Option<usize> = options.get("indent")?;
    let _: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    let failed = |error: serde_json::Error| JinjaError::new(ErrorKind::BadSerialization, error.to_string());
    let text = match indent {
        Some(_) => serde_json::to_string_pretty(value).map_err(failed)?,
        None => spaced(value).map_err(failed)?,
    };
    Ok(Value::from_safe_string(text))
}

/// JSON on one line with a space after `:` and `,`: what people write, and so what models were shown most.
pub(crate) fn spaced<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    struct Spaced;
    impl serde_json::ser::Formatter for Spaced {
        fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W, first: bool) -> std::io::Result<()> {
            if first { Ok(()) } else { out.write_all(b", ") }
        }
        fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, out: &mut W, first: bool) -> std::io::Result<()> {
            if first { Ok(()) } else { out.write_all(b", ") }
        }
        fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
            out.write_all(b": ")
        }
    }
    let mut bytes = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Spaced))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Line, Template};

    fn render(source: &str, lines: &[Line], tools: &[serde_json::Value]) -> Result<String, String> {
        Template::new(Some(source), "<s>", "</s>", &BTreeMap::new())
            .and_then(|template| template.render(lines, tools))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn python_habits_of_templates_work() {
        let source = "{{ bos_token }}{%- for m in messages %}\n  {%- if m['role'] == 'user' %}[{{ m.content.strip() }}]\
                      {%- endif %}\n{%- endfor %}{%- if tools %}{{ tools[0] | tojson }}{% endif %}";
        let lines = [Line::new("user", "  hi & <b>  ")];
        let tool = serde_json::json!({"name": "t", "list": [1, 2]});
        assert_eq!(render(source, &lines, &[tool]).unwrap(), r#"<s>[hi & <b>]{"name": "t", "list": [1, 2]}"#);
    }

    #[test]
    fn refusals_and_endless_templates_are_errors() {
        let refused = render("{{ raise_exception('roles must alternate') }}", &[], &[]).unwrap_err();
        assert!(refused.contains("roles must alternate"), "{refused}");
        let endless =
            render("{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}", &[], &[]);
        assert!(endless.unwrap_err().contains("fuel"), "the template must run out of fuel");
    }
}
