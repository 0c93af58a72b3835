//! Source code to HTML with classes for its six kinds of word, at build time and without grammars to load.
//!
//! A table says what comments, strings and keywords look like in each language; one scanner reads them all. That is less
//! exact than a parser for each language and some fifty times cheaper, and it has no more kinds than the tokens have
//! colours: keyword `k`, string `s`, number `n`, comment `c`, function or key `f`, type `t`; in a diff also `i` and `d`.

mod lines;
mod markup;
mod scanner;
mod table;

use std::borrow::Cow;

/// What a word of a program is; the letter is its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Keyword,
    String,
    Number,
    Comment,
    Name,
    Type,
    Inserted,
    Deleted,
}

impl Kind {
    fn class(self) -> Option<char> {
        Some(match self {
            Self::Plain => return None,
            Self::Keyword => 'k',
            Self::String => 's',
            Self::Number => 'n',
            Self::Comment => 'c',
            Self::Name => 'f',
            Self::Type => 't',
            Self::Inserted => 'i',
            Self::Deleted => 'd',
        })
    }
}

/// Returns the code as HTML with one `<span>` for each coloured word; a language that is not known is only escaped.
#[must_use]
pub fn highlight(language: &str, code: &str) -> String {
    let language = language.to_ascii_lowercase();
    let mut page = Page::new(code.len());
    match language.as_str() {
        "html" | "xml" | "svg" | "vue" | "svelte" => markup::scan(code, &mut page),
        "diff" | "patch" => lines::diff(code, &mut page),
        "console" | "shell-session" | "terminal" => lines::console(code, &mut page),
        "markdown" | "md" => lines::markdown(code, &mut page),
        name => match table::find(name) {
            Some(found) => scanner::scan(found, code, &mut page),
            None => page.put(Kind::Plain, code),
        },
    }
    page.finish()
}

/// The HTML as it grows: neighbours of one kind share a span.
#[derive(Debug)]
pub(crate) struct Page {
    html: String,
    open: Kind,
}

impl Page {
    fn new(code_bytes: usize) -> Self {
        Self { html: String::with_capacity(code_bytes * 2), open: Kind::Plain }
    }

    pub(crate) fn put(&mut self, kind: Kind, text: &str) {
        if text.is_empty() {
            return;
        }
        // Space has no colour: it joins whatever is open.
        let kind = if text.bytes().all(|byte| byte.is_ascii_whitespace()) { self.open } else { kind };
        if kind != self.open {
            self.close();
            if let Some(class) = kind.class() {
                self.html.push_str("<span class=\"");
                self.html.push(class);
                self.html.push_str("\">");
            }
            self.open = kind;
        }
        self.html.push_str(&escape(text));
    }

    fn close(&mut self) {
        if self.open != Kind::Plain {
            // White space at the end of a span stays outside of it.
            let kept = self.html.trim_end_matches([' ', '\n', '\t']).len();
            let space = self.html.split_off(kept);
            self.html.push_str("</span>");
            self.html.push_str(&space);
            self.open = Kind::Plain;
        }
    }

    fn finish(mut self) -> String {
        self.close();
        self.html
    }
}

/// Escapes text for an element or a quoted attribute.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::highlight;

    fn check(language: &str, code: &str, expected: &str) {
        assert_eq!(highlight(language, code), expected, "{language}: {code}");
    }

    /// The text a reader sees.
    fn text(html: &str) -> String {
        let mut text = String::new();
        let mut inside = false;
        for letter in html.chars() {
            match letter {
                '<' => inside = true,
                '>' => inside = false,
                letter if !inside => text.push(letter),
                _ => {}
            }
        }
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
    }

    #[test]
    fn words_have_their_kinds() {
        check(
            "rust",
            "fn main() { let x: Vec<u8> = 1_0; } // é",
            "<span class=\"k\">fn</span> <span class=\"f\">main</span>() { <span class=\"k\">let</span> x: \
             <span class=\"t\">Vec</span>&lt;<span class=\"t\">u8</span>&gt; = <span class=\"n\">1_0</span>; } \
             <span class=\"c\">// é</span>",
        );
        check("rust", "'a' &'a str", "<span class=\"s\">'a'</span> &amp;'a <span class=\"t\">str</span>");
        check(
            "python",
            "\"\"\"a\nb\"\"\" # c",
            "<span class=\"s\">&quot;&quot;&quot;a\nb&quot;&quot;&quot;</span> <span class=\"c\"># c</span>",
        );
        check(
            "json",
            "{\"a\": \"b\", \"n\": -1.5e3}",
            "{<span class=\"f\">&quot;a&quot;</span>: <span class=\"s\">&quot;b&quot;</span>, <span class=\"f\">&quot;n&quot;</span>: -<span class=\"n\">1.5e3</span>}",
        );
        check(
            "yaml",
            "title: \"x\"\n- draft: true",
            "<span class=\"f\">title</span>: <span class=\"s\">&quot;x&quot;</span>\n- <span class=\"f\">draft</span>: <span class=\"n\">true</span>",
        );
        check(
            "toml",
            "[a.b]\nk = 1",
            "<span class=\"t\">[a.b]</span>\n<span class=\"f\">k</span> = <span class=\"n\">1</span>",
        );
        check(
            "bash",
            "echo \"$HOME\" $x # y",
            "<span class=\"f\">echo</span> <span class=\"s\">&quot;$HOME&quot;</span> <span class=\"t\">$x</span> <span class=\"c\"># y</span>",
        );
        check(
            "html",
            "<a href=\"x\">&amp;</a>",
            "&lt;<span class=\"k\">a</span> <span class=\"f\">href</span>=<span class=\"s\">&quot;x&quot;</span>&gt;<span class=\"n\">&amp;amp;</span>&lt;/<span class=\"k\">a</span>&gt;",
        );
        check("diff", "-a\n+b\n c", "<span class=\"d\">-a</span>\n<span class=\"i\">+b</span>\n c");
        check("console", "$ ls -l\nx", "<span class=\"c\">$</span> <span class=\"f\">ls</span> -l\nx");
        check("nothing-known", "a < b", "a &lt; b");
    }

    #[test]
    fn no_letter_is_lost_in_any_language() {
        let hostile = "a \"b\\\" 'c `d ${e} // # -- /* <!-- \u{1F600}漢字 한 0x1F 1.. .5 \\\n\t@x #y $z <a b='c'>\n```\n'''\n\"\"\"\n]]>";
        for name in super::table::NAMES.iter().copied().chain(["html", "diff", "console", "markdown", "?"]) {
            for end in (0..=hostile.len()).filter(|end| hostile.is_char_boundary(*end)) {
                let code = &hostile[..end];
                assert_eq!(text(&highlight(name, code)), code, "{name}");
            }
        }
    }
}
