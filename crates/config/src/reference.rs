//! The configuration reference for people, made from the schema: it can't tell anything that is not so.

use crate::json5::render;
use crate::layers::Variable;
use crate::schema::{entries, expectation, fields, schema};
use serde_json::Value;

const OPENING: &str = "\
<!-- Made by `cargo xtask docs` from the types in crates/config; edit their doc comments instead. -->
# Configuration

Settings live in `hearth.json5` in the home folder (`~/.hearth`, or `HEARTH_HOME`). The file is JSON5: comments, trailing
commas and names without quotes are welcome. Layers, each laid over the one before: built-in defaults, `hearth.json5`,
environment variables, command line options. Objects are merged key by key; lists and single values are replaced.

| command | what it does |
|---|---|
| `hearth config get [KEY] [--json]` | shows what is in force, and where each value came from |
| `hearth config set KEY VALUE` | checks the value, then changes the file; comments stay |
| `hearth config unset KEY` | removes a setting, so that its default counts again |
| `hearth config validate [--json]` | lists everything that is wrong, with line, column and remedy |
| `hearth config schema` | prints the JSON Schema of the file, for editors |

An unknown key is a warning that names the nearest one. A wrong value makes its whole top-level section fall back to what
it was when the gateway last started with it, else to the defaults; the gateway starts either way.
";

/// Returns the reference as Markdown.
#[must_use]
pub fn reference() -> String {
    let schema = schema();
    let mut text = OPENING.to_owned();
    text.push_str("\n## Environment variables\n\n| variable | setting | meaning |\n|---|---|---|\n");
    for variable in Variable::ALL {
        let key = variable.key.map_or_else(|| "–".to_owned(), |key| format!("`{key}`"));
        text.push_str(&format!("| `{}` | {key} | {} |\n", variable.name, variable.meaning));
    }
    for (name, section) in fields(&schema) {
        text.push_str(&format!("\n## {name}\n\n{}\n\n", meaning(section)));
        text.push_str("| setting | accepts | default | meaning |\n|---|---|---|---|\n");
        rows(name, section, &mut text);
    }
    text
}

fn rows(key: &str, schema: &Value, text: &mut String) {
    for (name, field) in fields(schema) {
        row(&format!("{key}.{name}"), field, text);
    }
    let own = crate::schema::branches(schema).into_iter().find_map(|branch| branch.get("additionalProperties"));
    // A name a person chooses is worth a line only when there is something to say about what it holds.
    if let Some(inner) = own.filter(|inner| inner.get("description").is_some()) {
        row(&format!("{key}.<name>"), inner, text);
    }
    if let Some(inner) = entries(schema) {
        rows(&format!("{key}[]"), inner, text);
    }
}

fn row(key: &str, field: &Value, text: &mut String) {
    let default = field.get("default").map_or_else(|| "–".to_owned(), |value| format!("`{}`", render(value)));
    let group = field.get("properties").is_some();
    let (accepts, default) =
        if group { (String::new(), String::new()) } else { (expectation(field).replace('|', "\\|"), default) };
    text.push_str(&format!("| `{key}` | {accepts} | {default} | {} |\n", meaning(field)));
    rows(key, field, text);
}

fn meaning(field: &Value) -> String {
    field.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}
