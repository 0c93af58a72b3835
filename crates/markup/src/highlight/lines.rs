//! Texts whose lines have a meaning of their own: diffs, terminal sessions and Markdown.

use super::{Kind, Page, scanner, table};

pub(crate) fn diff(code: &str, page: &mut Page) {
    for line in code.split_inclusive('\n') {
        let kind = match line.chars().next() {
            Some('+') => Kind::Inserted,
            Some('-') => Kind::Deleted,
            Some('@') => Kind::Comment,
            _ => Kind::Plain,
        };
        put_line(kind, line, page);
    }
}

/// What follows a prompt is a command, the rest is what it answered.
pub(crate) fn console(code: &str, page: &mut Page) {
    for line in code.split_inclusive('\n') {
        let prompt = ["$ ", "# ", "> "].iter().find(|prompt| line.starts_with(*prompt));
        let shell = table::find("bash");
        match (prompt, shell) {
            (Some(prompt), Some(shell)) => {
                let (prompt, command) = line.split_at(prompt.len());
                page.put(Kind::Comment, prompt);
                scanner::scan(shell, command, page);
            }
            _ => put_line(Kind::Plain, line, page),
        }
    }
}

pub(crate) fn markdown(code: &str, page: &mut Page) {
    let mut fenced = false;
    let mut head = code.starts_with("---\n");
    for (index, line) in code.split_inclusive('\n').enumerate() {
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        let rule = line.trim_end() == "---";
        let kind = match () {
            () if fence || rule => Kind::Comment,
            () if fenced || head => Kind::Plain,
            () if line.starts_with('#') => Kind::Keyword,
            () if line.starts_with('>') => Kind::String,
            () => Kind::Plain,
        };
        if head && !rule {
            match table::find("yaml") {
                Some(yaml) => scanner::scan(yaml, line, page),
                None => put_line(kind, line, page),
            }
        } else {
            put_line(kind, line, page);
        }
        fenced ^= fence;
        head = head && (index == 0 || !rule);
    }
}

/// The end of the line stays outside of the span.
fn put_line(kind: Kind, line: &str, page: &mut Page) {
    let text = line.trim_end_matches('\n');
    page.put(kind, text);
    page.put(Kind::Plain, line.get(text.len()..).unwrap_or_default());
}
