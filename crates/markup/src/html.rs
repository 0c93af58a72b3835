//! Markdown to HTML that is safe to put into a page as it is.

use crate::dialect::{Target, is_inline_image, options, target};
use comrak::html::{ChildRendering, Context, format_document_with_formatter, format_node_default};
use comrak::nodes::{Ast, AstNode, NodeCode, NodeTaskItem, NodeValue};
use comrak::options::Plugins;
use comrak::{Arena, parse_document};
use std::cell::RefCell;
use std::fmt::{self, Write};

type NodeArena<'a> = Arena<'a>;

/// Renders Markdown as HTML without raw HTML, without scripts and without anything that loads by itself.
///
/// Links keep only the schemes `http`, `https`, `mailto` and `tel`; a relative path stays readable as text. Images
/// become links unless they carry their own bytes. Footnote ids are made unique to the text, so that several answers
/// can share a page. Headings get no ids.
#[must_use]
pub fn html(markdown: &str) -> String {
    let options = options();
    let arena = Arena::new();
    let document = parse_document(&arena, markdown, &options);
    let prefix = fingerprint(markdown);
    let nodes: Vec<_> = document.descendants().collect();
    for node in nodes {
        make_safe(&arena, node, &prefix);
    }
    let mut output = String::with_capacity(markdown.len() + markdown.len() / 2);
    // Writing to a string cannot fail; an error of the formatter itself leaves the text readable, escaped.
    match format_document_with_formatter(document, &options, &mut output, &Plugins::default(), format_node, ()) {
        Ok(()) => output,
        Err(fmt::Error) => escaped(markdown),
    }
}

fn escaped(markdown: &str) -> String {
    let mut output = String::from("<pre>");
    for character in markdown.chars() {
        match character {
            '<' => output.push_str("&lt;"),
            '&' => output.push_str("&amp;"),
            other => output.push(other),
        }
    }
    output.push_str("</pre>");
    output
}

/// FNV-1a: short, the same on every machine, and only there to keep the ids of two answers apart.
fn fingerprint(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:08x}", hash >> 32)
}

/// Changes one node in place so that the formatter has nothing dangerous left to write.
fn make_safe<'a>(arena: &'a NodeArena<'a>, node: &'a AstNode<'a>, prefix: &str) {
    let mut ast = node.data_mut();
    let mut path_shown = None;
    let replacement = match &mut ast.value {
        NodeValue::HtmlInline(tag) if is_line_break(tag) => Some(NodeValue::LineBreak),
        NodeValue::FootnoteDefinition(definition) => {
            definition.name = format!("{prefix}-{}", definition.name);
            None
        }
        NodeValue::FootnoteReference(reference) => {
            reference.name = format!("{prefix}-{}", reference.name);
            None
        }
        NodeValue::Image(link) if is_inline_image(&link.url) => None,
        NodeValue::Image(link) if target(&link.url) == Target::External => Some(NodeValue::Link(link.clone())),
        NodeValue::Image(link) | NodeValue::Link(link) => match target(&link.url) {
            Target::External => None,
            Target::Refused => Some(NodeValue::Underline),
            Target::Relative => {
                path_shown = Some(link.url.clone());
                Some(NodeValue::Underline)
            }
        },
        _ => None,
    };
    if let Some(value) = replacement {
        ast.value = value;
    }
    drop(ast);
    if let Some(path) = path_shown.filter(|path| !path.is_empty() && node.collect_text() != *path) {
        append_path(arena, node, path);
    }
}

/// Shows where a link that can't be followed would have led: `todo (notes/todo.md)`.
fn append_path<'a>(arena: &'a NodeArena<'a>, node: &'a AstNode<'a>, path: String) {
    let start = node.data().sourcepos.start;
    let values = [
        NodeValue::Text(" (".into()),
        NodeValue::Code(NodeCode { num_backticks: 1, literal: path }),
        NodeValue::Text(")".into()),
    ];
    for value in values {
        node.append(arena.alloc(AstNode::new(RefCell::new(Ast::new(value, start)))));
    }
}

fn is_line_break(tag: &str) -> bool {
    matches!(tag.to_ascii_lowercase().as_str(), "<br>" | "<br/>" | "<br />")
}

fn format_node<'a>(
    context: &mut Context<'_, '_, ()>,
    node: &'a AstNode<'a>,
    entering: bool,
) -> Result<ChildRendering, fmt::Error> {
    match &node.data().value {
        NodeValue::Link(link) if entering => {
            context.write_str("<a href=\"")?;
            context.escape_href(&link.url)?;
            context.write_str("\" rel=\"noopener noreferrer\"")?;
            if !link.title.is_empty() {
                context.write_str(" title=\"")?;
                context.escape(&link.title)?;
                context.write_str("\"")?;
            }
            context.write_str(">")?;
            return Ok(ChildRendering::HTML);
        }
        NodeValue::Link(_) => {
            context.write_str("</a>")?;
            return Ok(ChildRendering::HTML);
        }
        // A link that was refused: its text stays.
        NodeValue::Underline => return Ok(ChildRendering::HTML),
        NodeValue::TaskItem(item) => return format_task(context, item, entering),
        NodeValue::Table(_) if entering => context.write_str("<div class=\"table-scroll\">\n")?,
        _ => {}
    }
    let children = format_node_default(context, node, entering)?;
    if !entering && matches!(node.data().value, NodeValue::Table(_)) {
        context.write_str("</div>\n")?;
    }
    Ok(children)
}

/// As GitHub writes it, with a name for the box: a screen reader would else say "checkbox" and nothing more.
fn format_task(
    context: &mut Context<'_, '_, ()>,
    item: &NodeTaskItem,
    entering: bool,
) -> Result<ChildRendering, fmt::Error> {
    if entering {
        let (name, checked) = if item.symbol.is_some() { ("done", " checked") } else { ("to do", "") };
        write!(context, "<li class=\"task\"><input type=\"checkbox\" aria-label=\"{name}\"{checked} disabled> ")?;
    } else {
        context.write_str("</li>\n")?;
    }
    Ok(ChildRendering::HTML)
}

#[cfg(test)]
mod tests {
    use super::html;

    fn check(markdown: &str, expected: &str) {
        assert_eq!(html(markdown).trim_end(), expected, "{markdown}");
    }

    #[test]
    fn the_dialect() {
        check("a **b** ~~c~~ `d`", "<p>a <strong>b</strong> <del>c</del> <code>d</code></p>");
        check("# T", "<h1>T</h1>");
        check(
            "- [ ] a\n- [x] b",
            "<ul>\n<li class=\"task\"><input type=\"checkbox\" aria-label=\"to do\" disabled> a</li>\n\
             <li class=\"task\"><input type=\"checkbox\" aria-label=\"done\" checked disabled> b</li>\n</ul>",
        );
        check(
            "|a|b|\n|-|-:|\n|1|2|",
            "<div class=\"table-scroll\">\n<table>\n<thead>\n<tr>\n<th>a</th>\n<th align=\"right\">b</th>\n</tr>\n\
             </thead>\n<tbody>\n<tr>\n<td>1</td>\n<td align=\"right\">2</td>\n</tr>\n</tbody>\n</table>\n</div>",
        );
        check(
            "```rust\nlet a = \"<b>\";\n```",
            "<pre><code class=\"language-rust\">let a = &quot;&lt;b&gt;&quot;;\n</code></pre>",
        );
        check(
            "> [!WARNING]\n> hot",
            "<div class=\"markdown-alert markdown-alert-warning\">\n\
             <p class=\"markdown-alert-title\">Warning</p>\n<p>hot</p>\n</div>",
        );
        check("a<br>b", "<p>a<br />\nb</p>");
    }

    #[test]
    fn maths_stays_readable_and_prices_stay_prices() {
        check("$a*b*c$", "<p><span data-math-style=\"inline\">a*b*c</span></p>");
        check("from $5 to $10", "<p>from $5 to $10</p>");
    }

    #[test]
    fn links_are_safe() {
        check(
            "[a](https://example.org \"t\")",
            "<p><a href=\"https://example.org\" rel=\"noopener noreferrer\" title=\"t\">a</a></p>",
        );
        check(
            "www.example.org",
            "<p><a href=\"http://www.example.org\" rel=\"noopener noreferrer\">www.example.org</a></p>",
        );
        for refused in
            ["[a](javascript:alert(1))", "[a](<java\tscript:x>)", "[a](JaVaScRiPt:x)", "[a](data:text/html,x)"]
        {
            check(refused, "<p>a</p>");
        }
        check("[todo](notes/todo.md)", "<p>todo (<code>notes/todo.md</code>)</p>");
        check("[notes/todo.md](notes/todo.md)", "<p>notes/todo.md</p>");
    }

    #[test]
    fn nothing_loads_by_itself() {
        check(
            "![x](https://example.org/t.png)",
            "<p><a href=\"https://example.org/t.png\" rel=\"noopener noreferrer\">x</a></p>",
        );
        check("![x](data:image/png;base64,AA==)", "<p><img src=\"data:image/png;base64,AA==\" alt=\"x\" /></p>");
        check("![x](data:image/svg+xml;base64,AA==)", "<p>x</p>");
    }

    #[test]
    fn raw_html_is_text() {
        check("<script>a</script>", "&lt;script&gt;a&lt;/script&gt;");
        check("a <img src=x onerror=y>", "<p>a &lt;img src=x onerror=y&gt;</p>");
        check("`` ` `` <b", "<p><code>`</code> &lt;b</p>");
    }

    #[test]
    fn footnotes_of_two_answers_do_not_meet() {
        let (one, two) = (html("a[^1]\n\n[^1]: b"), html("c[^1]\n\n[^1]: d"));
        let id =
            |page: &str| page.split("href=\"#fn-").nth(1).and_then(|rest| rest.split('"').next().map(str::to_owned));
        assert!(one.contains(&format!("<li id=\"fn-{}\">", id(&one).unwrap_or_default())), "{one}");
        assert_ne!(id(&one), id(&two));
    }

    #[test]
    fn every_attribute_comes_from_us() {
        let page =
            html("[a](https://e.org/\"onclick=\"x) ![\" onload=\"](data:image/png;base64,\"onerror=x)\n```a\"b>\n```");
        for hostile in ["\"onclick", "\" onload", "\"onerror", "a\"b"] {
            assert!(!page.contains(hostile), "{page}");
        }
    }
}
