//! Changes one value in JSON5 text and leaves every other byte, comments included, where it is.

use crate::error::Error;
use crate::json5::{options, render_name};
use crate::key::{Key, Step};
use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::{Range, Ranged};
use jsonc_parser::{CollectOptions, parse_to_ast};

/// Returns the text with the value of `key` replaced or added. `value` is JSON5. The text must be readable.
pub(crate) fn set(text: &str, key: &Key, value: &str) -> Result<String, Error> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options());
    match parsed.ok().and_then(|parsed| parsed.value) {
        Some(root) => set_in(text, &root, key, value),
        None => {
            let before = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            Ok(format!("{text}{before}{{\n  {},\n}}\n", nested(key, 0, value)?))
        }
    }
}

/// Returns the text without the value of `key`; `None` when it is not there.
pub(crate) fn unset(text: &str, key: &Key) -> Option<String> {
    let root = parse_to_ast(text, &CollectOptions::default(), &options()).ok()?.value?;
    let (last, parents) = key.steps().split_last()?;
    let mut here = &root;
    for step in parents {
        here = part(here, step)?.1;
    }
    Some(remove(text, part(here, last)?.0))
}

fn set_in(text: &str, root: &Value<'_>, key: &Key, value: &str) -> Result<String, Error> {
    let mut here = root;
    for (depth, step) in key.steps().iter().enumerate() {
        if let Some((_, inner)) = part(here, step) {
            here = inner;
            continue;
        }
        let so_far = key.prefix(depth);
        return match here {
            Value::Object(object) => {
                let items: Vec<_> = object.properties.iter().map(Ranged::range).collect();
                let new = Item { body: nested(key, depth, value)?, name: Some(step.as_name()) };
                Ok(insert(text, object.range, &items, &new))
            }
            Value::Array(array) => {
                let len = array.elements.len();
                let index = step.as_entry().unwrap_or(usize::MAX);
                if index != len {
                    return Err(Error::NoSuchEntry { key: so_far.to_string(), index, len });
                }
                let items: Vec<_> = array.elements.iter().map(Ranged::range).collect();
                let body = braced(key, depth + 1, value)?;
                Ok(insert(text, array.range, &items, &Item { body, name: None }))
            }
            Value::NullKeyword(null) => Ok(replaced(text, null.range, &braced(key, depth, value)?)),
            scalar => Err(Error::NotAContainer { key: so_far.to_string(), found: kind_of(scalar) }),
        };
    }
    Ok(replaced(text, here.range(), value))
}

/// Returns a named field or an entry: its whole range, and its value. Of a repeated name the last one counts.
fn part<'a, 'text>(value: &'a Value<'text>, step: &Step) -> Option<(Range, &'a Value<'text>)> {
    match value {
        Value::Object(object) => {
            let wanted = step.as_name();
            let named = |property: &&ObjectProp<'_>| property.name.as_str() == wanted;
            object.properties.iter().rev().find(named).map(|property| (property.range, &property.value))
        }
        Value::Array(array) => array.elements.get(step.as_entry()?).map(|entry| (entry.range(), entry)),
        _ => None,
    }
}

/// Writes a key from `depth` on, and a value, as a field: `a: { b: value }`.
fn nested(key: &Key, depth: usize, value: &str) -> Result<String, Error> {
    let inner = braced(key, depth + 1, value)?;
    let name = key.steps().get(depth).map(Step::as_name).unwrap_or_default();
    Ok(format!("{}: {inner}", render_name(&name)))
}

/// Writes the value together with the containers that the rest of a key needs: `{ b: value }`, `[value]`.
fn braced(key: &Key, depth: usize, value: &str) -> Result<String, Error> {
    match key.steps().get(depth) {
        None => Ok(value.to_owned()),
        Some(Step::Name(_)) => Ok(format!("{{ {} }}", nested(key, depth, value)?)),
        Some(Step::Entry(0)) => Ok(format!("[{}]", braced(key, depth + 1, value)?)),
        Some(Step::Entry(index)) => {
            Err(Error::NoSuchEntry { key: key.prefix(depth).to_string(), index: *index, len: 0 })
        }
    }
}

/// What is added to an object or a list.
struct Item {
    body: String,
    /// The field's name: a commented-out line of that name shows where it belongs.
    name: Option<String>,
}

fn insert(text: &str, container: Range, items: &[Range], new: &Item) -> String {
    let close = container.end.saturating_sub(1);
    let (line_start, indent) = line_of(text, close);
    let closes_alone = line_start > container.start && text.get(line_start..close).is_some_and(is_blank);
    let commented = new.name.as_deref().and_then(|name| commented_line(text, container, items, name));
    match (commented, items.last()) {
        (Some((at, indent)), _) => {
            let line = format!("{indent}{},\n", new.body);
            with_comma(text, items.iter().rev().find(|item| item.end <= at), close, at, &line)
        }
        (None, last) if closes_alone => {
            let own = items.first().map(|item| line_of(text, item.start)).filter(|(start, _)| *start > container.start);
            let indent = own.map_or_else(|| format!("{indent}  "), |(_, indent)| indent.to_owned());
            with_comma(text, last, close, line_start, &format!("{indent}{},\n", new.body))
        }
        (None, Some(last)) => match comma_after(text, last.end, close) {
            Some(comma) => spliced(text, comma + 1, comma + 1, &format!(" {}", new.body)),
            None => spliced(text, last.end, last.end, &format!(", {}", new.body)),
        },
        (None, None) => {
            let object = text.get(container.start..).is_some_and(|rest| rest.starts_with('{'));
            let body = if object { format!(" {} ", new.body) } else { new.body.clone() };
            spliced(text, close, close, &body)
        }
    }
}

/// Inserts a line at `at`, and a comma after the item before it when that has none.
fn with_comma(text: &str, before: Option<&Range>, close: usize, at: usize, line: &str) -> String {
    let with_line = spliced(text, at, at, line);
    match before {
        Some(item) if comma_after(text, item.end, close).is_none() => spliced(&with_line, item.end, item.end, ","),
        _ => with_line,
    }
}

/// Finds the line `// name: …` of a container outside its items; returns where the next line starts, and its indent.
fn commented_line<'a>(text: &'a str, container: Range, items: &[Range], name: &str) -> Option<(usize, &'a str)> {
    let mut at = text.get(container.start..container.end)?.find('\n')? + container.start + 1;
    while at < container.end {
        let line = text.get(at..container.end)?.split_inclusive('\n').next()?;
        let outside = !items.iter().any(|item| item.start < at + line.len() && at < item.end);
        let setting = line.trim_start().strip_prefix("//").map(str::trim_start);
        let named = setting.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.starts_with(':'));
        if outside && named && line.ends_with('\n') {
            let indent = line.len() - line.trim_start().len();
            return Some((at + line.len(), line.get(..indent)?));
        }
        at += line.len();
    }
    None
}

fn remove(text: &str, item: Range) -> String {
    // A comment between the item and its comma is about the item and goes with it.
    let comma = comma_after(text, item.end, text.len());
    let end = comma.map_or(item.end, |comma| comma + 1);
    let (line_start, _) = line_of(text, item.start);
    let before = text.get(line_start..item.start).unwrap_or_default();
    let after = text.get(end..).unwrap_or_default();
    let line_rest = after.split_inclusive('\n').next().unwrap_or_default();
    if is_blank(before) && is_blank(line_rest) && line_rest.ends_with('\n') {
        return spliced(text, line_start, end + line_rest.len(), "");
    }
    let start = match (comma, before.trim_end().strip_suffix(',')) {
        // The last of several on one line: the comma before it goes with it.
        (None, Some(kept)) => line_start + kept.len(),
        _ => item.start,
    };
    let blank = after.len() - after.trim_start_matches(' ').len();
    spliced(text, start, if start == item.start { end + blank } else { end }, "")
}

/// Returns where the comma after an item stands; comments are stepped over.
fn comma_after(text: &str, mut at: usize, limit: usize) -> Option<usize> {
    while at < limit {
        let rest = text.get(at..limit)?;
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with(',') {
            return Some(at);
        } else {
            rest.chars().next().filter(|next| next.is_whitespace())?.len_utf8()
        };
        at += skipped;
    }
    None
}

/// Returns where the line of an offset starts, and its indent.
fn line_of(text: &str, offset: usize) -> (usize, &str) {
    let start = text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let line = text.get(start..offset).unwrap_or_default();
    let indent = line.len() - line.trim_start().len();
    (start, line.get(..indent).unwrap_or_default())
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn replaced(text: &str, range: Range, with: &str) -> String {
    spliced(text, range.start, range.end, with)
}

fn spliced(text: &str, start: usize, end: usize, with: &str) -> String {
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(end..).unwrap_or_default();
    format!("{before}{with}{after}")
}

fn kind_of(value: &Value<'_>) -> &'static str {
    match value {
        Value::StringLit(_) => "text",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(_) => "true or false",
        Value::Object(_) => "an object",
        Value::Array(_) => "a list",
        Value::NullKeyword(_) => "null",
    }
}

#[cfg(test)]
mod tests {
    use super::{set, unset};
    use crate::key::Key;

    fn check(before: &str, key: &str, value: &str, after: &str) {
        let key = Key::parse(key).unwrap();
        assert_eq!(set(before, &key, value).unwrap(), after);
    }

    fn check_unset(before: &str, key: &str, after: Option<&str>) {
        assert_eq!(unset(before, &Key::parse(key).unwrap()).as_deref(), after);
    }

    #[test]
    fn a_value_is_replaced_where_it_stands() {
        check("{ a: 1, /* why */ b: 2 } // end\n", "b", "3", "{ a: 1, /* why */ b: 3 } // end\n");
        check("{ a: { 'x y': [1, 2] } }", "a.\"x y\"[1]", "5", "{ a: { 'x y': [1, 5] } }");
        check("{ a: 1, a: 2 }", "a", "3", "{ a: 1, a: 3 }");
    }

    #[test]
    fn a_new_value_gets_its_own_place() {
        check("", "a.b", "1", "{\n  a: { b: 1 },\n}\n");
        check("// mine\n", "a", "1", "// mine\n{\n  a: 1,\n}\n");
        check("{}", "a.b", "1", "{ a: { b: 1 } }");
        check("{ a: 1 }", "b", "2", "{ a: 1, b: 2 }");
        check("{ a: 1, }", "b", "2", "{ a: 1, b: 2 }");
        check("{\n  a: 1 // one\n}\n", "b", "2", "{\n  a: 1, // one\n  b: 2,\n}\n");
        check("{\n    a: 1, // one\n}\n", "b", "2", "{\n    a: 1, // one\n    b: 2,\n}\n");
        check("{\n  a: {\n  },\n}\n", "a.b", "2", "{\n  a: {\n    b: 2,\n  },\n}\n");
        check("{ a: null }", "a.b", "2", "{ a: { b: 2 } }");
        check("{ a: [] }", "a[0]", "2", "{ a: [2] }");
        check("{ a: [1] }", "a.1", "2", "{ a: [1, 2] }");
        check("{\n  a: [\n    1\n  ]\n}", "a[1]", "2", "{\n  a: [\n    1,\n    2,\n  ]\n}");
        check("{}", "a[0].b", "2", "{ a: [{ b: 2 }] }");
    }

    #[test]
    fn a_commented_default_shows_where_the_value_belongs() {
        check(
            "{\n  g: {\n    // The port.\n    // port: 1,\n    // host: 2,\n  },\n}\n",
            "g.port",
            "5",
            "{\n  g: {\n    // The port.\n    // port: 1,\n    port: 5,\n    // host: 2,\n  },\n}\n",
        );
        check("{\n  a: 1\n  // b: 0\n  // c: 0\n}\n", "b", "2", "{\n  a: 1,\n  // b: 0\n  b: 2,\n  // c: 0\n}\n");
    }

    #[test]
    fn what_has_no_parts_is_left_alone() {
        let refused = |text: &str, key: &str| set(text, &Key::parse(key).unwrap(), "1").unwrap_err().to_string();
        assert_eq!(refused("{ a: 'x' }", "a.b"), "`a` is text in the file, so nothing can be set inside it");
        assert_eq!(refused("{ a: [1] }", "a[4]"), "`a` has 1 entries: there is no entry 4");
    }

    #[test]
    fn removing_leaves_no_trace() {
        check_unset("{\n  a: 1, // one\n  b: 2,\n}\n", "b", Some("{\n  a: 1, // one\n}\n"));
        check_unset("{ a: 1, b: 2 }", "a", Some("{ b: 2 }"));
        check_unset("{ a: 1, b: 2 }", "b", Some("{ a: 1 }"));
        check_unset("{ a: 1 /* x */, b: 2 }", "a", Some("{ b: 2 }"));
        check_unset("{\n  a: 1, // one\n  b: 2\n}\n", "b", Some("{\n  a: 1, // one\n}\n"));
        check_unset("{ a: [1, 2] }", "a[0]", Some("{ a: [2] }"));
        check_unset("{ a: { b: 1 } }", "a.b", Some("{ a: { } }"));
        check_unset("{ a: 1 }", "b", None);
    }
}
