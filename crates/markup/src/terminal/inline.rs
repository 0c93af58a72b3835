//! Inlines to styled pieces; a piece that is a single line feed breaks the line.

use super::wrap::clean;
use super::{Role, Span, Style};
use crate::dialect::{Target, target};
use comrak::nodes::{AstNode, NodeLink, NodeValue};

/// Inlines nested deeper than this lose their styles; recursion must end.
const MAX_DEPTH: usize = 40;

/// Returns a block's inlines as styled pieces, in order.
pub(super) fn pieces<'a>(node: &'a AstNode<'a>, style: Style) -> Vec<Span> {
    let mut pieces = Vec::new();
    for child in node.children() {
        inline(child, style, 0, &mut pieces);
    }
    pieces
}

/// Returns all text below a node, without styles.
pub(super) fn plain<'a>(node: &'a AstNode<'a>) -> String {
    let mut text = String::new();
    for descendant in node.descendants() {
        match &descendant.data().value {
            NodeValue::Text(literal) => text.push_str(literal),
            NodeValue::Code(code) => text.push_str(&code.literal),
            NodeValue::CodeBlock(code) => text.push_str(&code.literal),
            NodeValue::HtmlInline(literal) => text.push_str(literal),
            NodeValue::SoftBreak | NodeValue::LineBreak | NodeValue::Paragraph | NodeValue::Item(_) => text.push(' '),
            _ => {}
        }
    }
    text
}

fn inline<'a>(node: &'a AstNode<'a>, style: Style, depth: usize, pieces: &mut Vec<Span>) {
    if depth > MAX_DEPTH {
        pieces.push(Span::new(clean(&plain(node)), style));
        return;
    }
    let inside = |style: Style, pieces: &mut Vec<Span>| {
        for child in node.children() {
            inline(child, style, depth + 1, pieces);
        }
    };
    match &node.data().value {
        NodeValue::Text(text) => pieces.push(Span::new(clean(text), style)),
        NodeValue::SoftBreak => pieces.push(Span::new(" ", style)),
        NodeValue::LineBreak => pieces.push(Span::new("\n", style)),
        NodeValue::Code(code) => pieces.push(Span::new(clean(&code.literal), style.with_role(Role::Code))),
        NodeValue::Math(math) => pieces.push(Span::new(clean(&math.literal), Style { italic: true, ..style })),
        NodeValue::HtmlInline(tag) if tag.to_ascii_lowercase().starts_with("<br") => {
            pieces.push(Span::new("\n", style));
        }
        NodeValue::HtmlInline(tag) => pieces.push(Span::new(clean(tag), style)),
        NodeValue::Emph => inside(Style { italic: true, ..style }, pieces),
        NodeValue::Strong => inside(Style { bold: true, ..style }, pieces),
        NodeValue::Strikethrough => inside(Style { strike: true, ..style }, pieces),
        NodeValue::FootnoteReference(reference) => {
            pieces.push(Span::new(format!("[{}]", reference.ix), style.with_role(Role::Muted)));
        }
        NodeValue::Link(link) => {
            let role = if target(&link.url) == Target::Refused { style.role } else { Role::Link };
            let before = pieces.len();
            inside(style.with_role(role), pieces);
            address(link, before, style, pieces);
        }
        NodeValue::Image(link) => {
            let before = pieces.len();
            pieces.push(Span::new(format!("[image: {}]", clean(&plain(node))), style.with_role(Role::Muted)));
            address(link, before, style, pieces);
        }
        _ => inside(style, pieces),
    }
}

/// Adds where a link leads, unless its text says so already.
fn address(link: &NodeLink, text_from: usize, style: Style, pieces: &mut Vec<Span>) {
    let text: String = pieces.iter().skip(text_from).map(|piece| piece.text.as_str()).collect();
    let url = clean(&link.url);
    let shown = url == text || url.strip_prefix("mailto:") == Some(&text) || url.strip_prefix("http://") == Some(&text);
    let embedded = link.url.starts_with("data:");
    if !shown && !embedded && !url.is_empty() && target(&link.url) != Target::Refused {
        pieces.push(Span::new(format!(" ({url})"), style.with_role(Role::Muted)));
    }
}
