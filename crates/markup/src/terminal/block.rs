//! Blocks to lines: each block is laid out in the width it is given, its container adds what stands before it.

use super::inline::{pieces, plain};
use super::table;
use super::wrap::{clean, wrap};
use super::{Line, Role, Span, Style};
use comrak::nodes::{AlertType, AstNode, ListType, NodeList, NodeValue};

/// Deeper containers than this are shown flat: they would leave no room for words, and recursion must end.
const MAX_DEPTH: usize = 24;

/// Least room that a container leaves to what it contains.
const MIN_INNER_WIDTH: usize = 6;

/// Whether a blank line stands between two blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spacing {
    Loose,
    Tight,
}

/// Lays out the blocks inside a node.
pub(super) fn children<'a>(node: &'a AstNode<'a>, width: usize, spacing: Spacing, depth: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for child in node.children() {
        let rendered = block(child, width, depth);
        if !lines.is_empty() && !rendered.is_empty() && spacing == Spacing::Loose {
            lines.push(Line::default());
        }
        lines.extend(rendered);
    }
    lines
}

fn block<'a>(node: &'a AstNode<'a>, width: usize, depth: usize) -> Vec<Line> {
    let value = &node.data().value;
    let room = width.saturating_sub(prefix_width(node, value));
    if depth > MAX_DEPTH || room < MIN_INNER_WIDTH {
        return wrap(vec![Span::new(clean(&plain(node)), Style::default())], width);
    }
    match value {
        NodeValue::Heading(heading) => heading_lines(node, heading.level, width),
        NodeValue::List(list) => list_lines(node, list, width, depth),
        NodeValue::CodeBlock(code) => code_lines(&code.literal, width),
        NodeValue::HtmlBlock(html) => wrap(vec![Span::new(clean(&html.literal), Style::default())], width),
        NodeValue::ThematicBreak => vec![rule(width)],
        NodeValue::Table(table) => table::lines(node, &table.alignments, width),
        NodeValue::BlockQuote | NodeValue::MultilineBlockQuote(_) => {
            let bar = Span::new("▏ ", Style::of(Role::Marker));
            prefixed(recoloured(nested(node, width, 2, depth), Role::Quote), &bar, &bar)
        }
        NodeValue::Alert(alert) => {
            let role = alert_role(alert.alert_type);
            let title = alert.title.clone().unwrap_or_else(|| alert.alert_type.default_title().to_owned());
            let mut lines =
                wrap(vec![Span::new(clean(&title), Style { bold: true, ..Style::of(role) })], width.saturating_sub(2));
            lines.extend(nested(node, width, 2, depth));
            let bar = Span::new("▏ ", Style::of(role));
            prefixed(lines, &bar, &bar)
        }
        NodeValue::FootnoteDefinition(_) => footnote_lines(node, width, depth),
        _ => wrap(pieces(node, Style::default()), width),
    }
}

/// Returns how many columns stand before the lines of a container; 0 for what is no container.
fn prefix_width<'a>(node: &'a AstNode<'a>, value: &NodeValue) -> usize {
    match value {
        NodeValue::List(list) => marker_width(node, list),
        NodeValue::BlockQuote | NodeValue::MultilineBlockQuote(_) | NodeValue::Alert(_) | NodeValue::CodeBlock(_) => 2,
        NodeValue::FootnoteDefinition(_) => footnote_mark(node).len(),
        _ => 0,
    }
}

/// Returns the width of a list's widest marker with the space after it.
fn marker_width<'a>(node: &'a AstNode<'a>, list: &NodeList) -> usize {
    match list.list_type {
        ListType::Ordered => (list.start + node.children().count().saturating_sub(1)).to_string().len() + 2,
        ListType::Bullet => 2,
    }
}

fn footnote_mark<'a>(node: &'a AstNode<'a>) -> String {
    let is_definition = |sibling: &&AstNode<'a>| matches!(sibling.data().value, NodeValue::FootnoteDefinition(_));
    // The node itself is the first of its preceding siblings, so the count starts at 1.
    format!("[{}] ", node.preceding_siblings().filter(is_definition).count())
}

/// Lays out a container's blocks in what its prefix leaves.
fn nested<'a>(node: &'a AstNode<'a>, width: usize, prefix_width: usize, depth: usize) -> Vec<Line> {
    children(node, inner(width, prefix_width), Spacing::Loose, depth + 1)
}

fn inner(width: usize, prefix_width: usize) -> usize {
    width.saturating_sub(prefix_width)
}

fn heading_lines<'a>(node: &'a AstNode<'a>, level: u8, width: usize) -> Vec<Line> {
    let style = Style { bold: true, ..Style::of(if level <= 2 { Role::Heading } else { Role::Text }) };
    wrap(pieces(node, style), width)
}

fn list_lines<'a>(node: &'a AstNode<'a>, list: &NodeList, width: usize, depth: usize) -> Vec<Line> {
    let ordered = list.list_type == ListType::Ordered;
    let marker_width = marker_width(node, list);
    let digits = marker_width.saturating_sub(2);
    let mut lines: Vec<Line> = Vec::new();
    for (index, item) in node.children().enumerate() {
        let marker = match &item.data().value {
            NodeValue::TaskItem(task) => if task.symbol.is_some() { "☑ " } else { "☐ " }.to_owned(),
            _ if ordered => format!("{:>digits$}. ", list.start + index),
            _ => "• ".to_owned(),
        };
        let spacing = if list.tight { Spacing::Tight } else { Spacing::Loose };
        let mut inside = children(item, inner(width, marker_width), spacing, depth + 1);
        if inside.is_empty() {
            inside.push(Line::default());
        }
        if !list.tight && index > 0 {
            lines.push(Line::default());
        }
        let first = Span::new(marker, Style::of(Role::Marker));
        let rest = Span::new(" ".repeat(marker_width), Style::default());
        lines.extend(prefixed(inside, &first, &rest));
    }
    lines
}

fn code_lines(literal: &str, width: usize) -> Vec<Line> {
    const INDENT: usize = 2;
    let style = Style::of(Role::CodeBlock);
    let indent = Span::new(" ".repeat(INDENT), style);
    let lines = literal.lines().flat_map(|line| super::wrap::chop(&clean(line), inner(width, INDENT), style)).collect();
    prefixed(lines, &indent, &indent)
}

fn footnote_lines<'a>(node: &'a AstNode<'a>, width: usize, depth: usize) -> Vec<Line> {
    let first = Span::new(footnote_mark(node), Style::of(Role::Muted));
    let rest = Span::new(" ".repeat(first.text.len()), Style::default());
    let lines = nested(node, width, first.text.len(), depth);
    prefixed(lines, &first, &rest)
}

fn rule(width: usize) -> Line {
    Line { spans: vec![Span::new("─".repeat(width), Style::of(Role::Marker))] }
}

fn alert_role(kind: AlertType) -> Role {
    match kind {
        AlertType::Note => Role::Link,
        AlertType::Tip => Role::Ok,
        AlertType::Important => Role::Heading,
        AlertType::Warning => Role::Warn,
        AlertType::Caution => Role::Err,
    }
}

fn prefixed(lines: Vec<Line>, first: &Span, rest: &Span) -> Vec<Line> {
    lines
        .into_iter()
        .enumerate()
        .map(|(index, mut line)| {
            line.spans.insert(0, if index == 0 { first.clone() } else { rest.clone() });
            line
        })
        .collect()
}

fn recoloured(mut lines: Vec<Line>, role: Role) -> Vec<Line> {
    for span in lines.iter_mut().flat_map(|line| &mut line.spans) {
        if span.style.role == Role::Text {
            span.style.role = role;
        }
    }
    lines
}
