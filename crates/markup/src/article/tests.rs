//! What an article looks like.

use super::{Dialect, Document, Labels, Options, RawHtml, Reference, Resolved, document};

fn render(markdown: &str) -> Document {
    let options = Options {
        dialect: Dialect::Article,
        raw_html: RawHtml::Shown,
        smart_punctuation: true,
        top_level: 2,
        first_line: 11,
        labels: &Labels::default(),
        resolve: &|reference| match reference {
            Reference::Image("a.png") => Resolved { url: "/a.png".to_owned(), size: Some((3, 2)), problem: None },
            Reference::Link("gone.md") => {
                Resolved { url: "gone.md".to_owned(), size: None, problem: Some("no such page".to_owned()) }
            }
            other => Resolved::unchanged(other),
        },
    };
    document(markdown, &options)
}

fn check(markdown: &str, expected: &str) {
    assert_eq!(render(markdown).html.trim_end(), expected, "{markdown}");
}

#[test]
fn headings_have_anchors_and_ranks() {
    let page = render("# One `x`\n\n### 二\n\n# One x\n\n## [a](https://e.org)");
    let headings: Vec<_> = page.headings.iter().map(|heading| (heading.level, heading.id.as_str())).collect();
    assert_eq!(headings, [(2, "one-x"), (4, "二"), (2, "one-x-2"), (3, "a")]);
    assert!(page.html.contains("<h2 id=\"one-x\"><a class=\"anchor\" href=\"#one-x\">One <code>x</code></a></h2>"));
    assert!(page.html.contains("<h4 id=\"二\"><a class=\"anchor\" href=\"#%E4%BA%8C\">二</a></h4>"), "{}", page.html);
    assert!(page.html.contains("<h3 id=\"a\"><a href=\"https://e.org\">a</a></h3>"), "{}", page.html);
}

#[test]
fn formulas_become_mathml_and_bad_ones_are_told() {
    let page = render("a $x^2$\n\n$$\n\\frac{1}{2}\n$$\n\n\\(y\\)\n\n```math\nz\n```\n\n$\\nonsense{x}$");
    assert_eq!(page.html.matches("<math").count(), 4, "{}", page.html);
    assert_eq!(page.html.matches("<annotation encoding=\"application/x-tex\">").count(), 4);
    assert!(page.html.contains("<code class=\"tex\">\\nonsense{x}</code>"), "{}", page.html);
    assert!(page.has_maths);
    let places: Vec<_> = page.diagnostics.iter().map(|told| told.line).collect();
    assert_eq!(places, [23], "{:?}", page.diagnostics);
}

#[test]
fn raw_html_is_text_and_told() {
    let page = render("<!-- note -->\n\na <b>x</b><br>y\n\n<script>z</script>");
    assert_eq!(page.html, "<p>a &lt;b&gt;x&lt;/b&gt;<br>y</p>\n<p>&lt;script&gt;z&lt;/script&gt;</p>\n");
    let places: Vec<_> = page.diagnostics.iter().map(|told| (told.line, told.column)).collect();
    assert_eq!(places, [(13, 3), (13, 7), (15, 1)]);
}

#[test]
fn addresses_are_resolved() {
    check(
        "![A & <b>](a.png \"t\")",
        "<p><img src=\"/a.png\" alt=\"A &amp; &lt;b&gt;\" title=\"t\" width=\"3\" height=\"2\" loading=\"lazy\" decoding=\"async\"></p>",
    );
    let page = render("[x](gone.md) [y](javascript:a) [z](/z)");
    assert_eq!(page.html, "<p><a href=\"gone.md\">x</a> y <a href=\"/z\">z</a></p>\n");
    let told: Vec<_> = page.diagnostics.iter().map(|told| told.message.as_str()).collect();
    assert_eq!(told, ["no such page", "the address `javascript:a` is not a link"]);
}

#[test]
fn code_tables_tasks_and_alerts() {
    check(
        "```rust,ignore\nfn a() {}\n```",
        "<pre tabindex=\"0\" data-lang=\"rust\"><code class=\"language-rust\"><span class=\"k\">fn</span> \
         <span class=\"f\">a</span>() {}\n</code></pre>",
    );
    check(
        "```a\"b>\nx\n```",
        "<pre tabindex=\"0\" data-lang=\"a&quot;b&gt;\"><code class=\"language-a&quot;b&gt;\">x\n</code></pre>",
    );
    check(
        "- [x] a",
        "<ul>\n<li class=\"task\"><input type=\"checkbox\" aria-label=\"done\" checked disabled> a</li>\n</ul>",
    );
    check(
        "> [!TIP]\n> b",
        "<div class=\"markdown-alert markdown-alert-tip\">\n<p class=\"markdown-alert-title\">Tip</p>\n<p>b</p>\n</div>",
    );
    let table = render("|a|b|\n|-|-:|\n|1|2|").html;
    assert!(
        table.contains("<th scope=\"col\" class=\"right\">b</th>") && table.contains("<td class=\"right\">2</td>"),
        "{table}"
    );
    assert!(!table.contains("align="));
}

#[test]
fn the_words_are_there_for_searching() {
    let page = render("# Title\n\nsome *words*\nand `code`\n\n- item\n\n```\nhidden\n```\n\na[^1]\n\n[^1]: foot");
    let words: Vec<_> = page.text.split_whitespace().collect();
    assert_eq!(words, ["Title", "some", "words", "and", "code", "item", "a", "foot"]);
}

#[test]
fn emphasis_works_beside_cjk_marks() {
    check("**这是“重点”。**然后", "<p><strong>这是“重点”。</strong>然后</p>");
}

#[test]
fn footnotes_lead_there_and_back() {
    let page = render("a[^x] b[^x]\n\n[^x]: note").html;
    for part in [
        "href=\"#fn-x\" id=\"fnref-x\"",
        "id=\"fnref-x-2\"",
        "<div class=\"footnotes\" role=\"doc-endnotes\">\n<ol>",
        "href=\"#fnref-x\"",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(page.ends_with("</ol>\n</div>\n") && page.contains("aria-label=\"Back to reference 1\""), "{page}");
}

#[test]
fn quotes_and_dashes_are_set_as_in_books() {
    check("\"It's\" -- `a--b`...", "<p>“It’s” – <code>a--b</code>…</p>");
}
