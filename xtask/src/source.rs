//! A Rust file taken apart: code without comments and texts, comments, test modules, functions.

use std::ops::Range;
use std::path::PathBuf;

/// One Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the workspace.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// The text with comments and the inside of texts blanked out; same length, same lines.
    pub(crate) code: String,
    pub(crate) comments: Vec<Comment>,
    /// Byte ranges of `#[cfg(test)]` modules.
    tests: Vec<Range<usize>>,
}

/// One comment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Comment {
    /// From 1.
    pub(crate) line: usize,
    /// With its slashes.
    pub(crate) text: String,
}

/// One function.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// From 1.
    pub(crate) line: usize,
    /// Lines of code between its braces.
    pub(crate) lines: usize,
}

impl Source {
    pub(crate) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let (code, comments) = blank(&text);
        let tests = test_modules(&code);
        Self { path, text, code, comments, tests }
    }

    /// Returns the lines of code with their numbers from 1, test modules left out.
    pub(crate) fn shipped_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut offset = 0;
        self.code.split_inclusive('\n').enumerate().filter_map(move |(index, line)| {
            let start = offset;
            offset += line.len();
            (!self.in_tests(start)).then_some((index + 1, line.trim_end()))
        })
    }

    /// Tells whether a whole file is test code, or a byte of it lies in a test module.
    pub(crate) fn in_tests(&self, offset: usize) -> bool {
        self.is_test_file() || self.tests.iter().any(|range| range.contains(&offset))
    }

    pub(crate) fn is_test_file(&self) -> bool {
        let folders = ["tests", "benches", "examples"];
        self.path.iter().any(|part| folders.iter().any(|folder| part == *folder))
    }

    /// Returns how many lines hold code: neither blank nor only a comment.
    pub(crate) fn code_lines(&self) -> usize {
        self.code.lines().filter(|line| !line.trim().is_empty()).count()
    }

    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.code.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
    }

    /// Returns the functions outside of test modules.
    pub(crate) fn functions(&self) -> Vec<Function> {
        words(&self.code, "fn")
            .filter(|at| !self.in_tests(*at))
            .filter_map(|at| {
                let rest = self.code.get(at + 2..)?;
                let name: String = rest.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let open = body(rest)?;
                let inside = matching(&self.code, at + 2 + open)?;
                let lines = self.code.get(inside)?.lines().filter(|line| !line.trim().is_empty()).count();
                (!name.is_empty()).then_some(Function { name, line: self.line_of(at), lines })
            })
            .collect()
    }
}

/// Returns where a word stands by itself.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code.get(..*at).and_then(|text| text.chars().next_back());
        let after = code.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(letter) && !after.is_some_and(letter)
    })
}

/// Returns where a function's body opens; `None` for a declaration without one.
fn body(rest: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, letter) in rest.char_indices() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(at),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Returns the range between an opening brace and its partner.
fn matching(code: &str, open: usize) -> Option<Range<usize>> {
    let mut depth = 0_usize;
    for (at, letter) in code.get(open..)?.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.checked_sub(1)?,
            _ => continue,
        }
        if depth == 0 {
            return Some(open + 1..open + at);
        }
    }
    None
}

fn test_modules(code: &str) -> Vec<Range<usize>> {
    code.match_indices("#[cfg(test)]")
        .filter_map(|(at, attribute)| {
            let rest = code.get(at + attribute.len()..)?;
            let module = rest.trim_start().starts_with("mod ");
            let open = rest.find(['{', ';']).filter(|open| rest.get(*open..).is_some_and(|c| c.starts_with('{')))?;
            let inside = matching(code, at + attribute.len() + open)?;
            module.then_some(at..inside.end + 1)
        })
        .collect()
}

/// What the reader is inside of.
enum State {
    Code,
    LineComment,
    /// Nested this deep.
    BlockComment(usize),
    Text,
    /// Closed by a quote and this many `#`.
    RawText(usize),
}

/// Blanks comments and texts, and collects the comments.
fn blank(text: &str) -> (String, Vec<Comment>) {
    let mut code = String::with_capacity(text.len());
    let mut comments: Vec<Comment> = Vec::new();
    let mut state = State::Code;
    let mut line = 1;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (step, shown, next) = advance(&state, rest, text.get(..at).unwrap_or_default());
        let piece = rest.get(..step).unwrap_or(rest);
        let commented = |state: &State| matches!(state, State::LineComment | State::BlockComment(_));
        if commented(&next) && !commented(&state) {
            comments.push(Comment { line, text: String::new() });
        }
        if let Some(comment) = comments.last_mut().filter(|_| commented(&next) || commented(&state)) {
            comment.text.push_str(piece.trim_end_matches('\n'));
        }
        if shown {
            code.push_str(piece);
        } else {
            // Newlines stay, every other byte becomes a space: offsets and line numbers stay true.
            code.extend(piece.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        }
        line += piece.matches('\n').count();
        at += step;
        state = next;
    }
    (code, comments)
}

/// Takes one step: how many bytes, whether they stay in the code, and what follows.
fn advance(state: &State, rest: &str, before: &str) -> (usize, bool, State) {
    let first = rest.chars().next().map_or(1, char::len_utf8);
    match state {
        State::Code => in_code(rest, before, first),
        State::LineComment if rest.starts_with('\n') => (1, true, State::Code),
        State::LineComment => (first, false, State::LineComment),
        State::BlockComment(depth) if rest.starts_with("/*") => (2, false, State::BlockComment(depth + 1)),
        State::BlockComment(1) if rest.starts_with("*/") => (2, false, State::Code),
        State::BlockComment(depth) if rest.starts_with("*/") => (2, false, State::BlockComment(depth - 1)),
        State::BlockComment(depth) => (first, false, State::BlockComment(*depth)),
        State::Text if rest.starts_with('\\') => {
            let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
            (1 + escaped, false, State::Text)
        }
        State::Text if rest.starts_with('"') => (1, true, State::Code),
        State::Text => (first, false, State::Text),
        State::RawText(hashes) => {
            let closing = rest.strip_prefix('"').is_some_and(|after| leading_hashes(after) >= *hashes);
            if closing { (1 + hashes, false, State::Code) } else { (first, false, State::RawText(*hashes)) }
        }
    }
}

fn in_code(rest: &str, before: &str, first: usize) -> (usize, bool, State) {
    if rest.starts_with("//") {
        return (2, false, State::LineComment);
    }
    if rest.starts_with("/*") {
        return (2, false, State::BlockComment(1));
    }
    if rest.starts_with('"') {
        return (1, true, State::Text);
    }
    let in_word = before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
    if let Some(after) = raw_prefix(rest).filter(|_| !in_word) {
        let hashes = leading_hashes(rest.get(after..).unwrap_or_default());
        if rest.get(after + hashes..).is_some_and(|text| text.starts_with('"')) {
            return (after + hashes + 1, false, State::RawText(hashes));
        }
    }
    match char_literal(rest) {
        Some(length) => (length, false, State::Code),
        None => (first, true, State::Code),
    }
}

fn raw_prefix(rest: &str) -> Option<usize> {
    ["r", "br", "cr"].into_iter().find(|prefix| rest.starts_with(prefix)).map(str::len)
}

fn leading_hashes(text: &str) -> usize {
    text.len() - text.trim_start_matches('#').len()
}

/// Returns the length of a character literal; `None` for a lifetime.
fn char_literal(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    if inside.starts_with('\\') {
        let escaped = inside.char_indices().nth(2)?.0;
        return Some(1 + escaped + inside.get(escaped..)?.find('\'')? + 1);
    }
    let letter = inside.chars().next()?;
    inside.get(letter.len_utf8()..)?.starts_with('\'').then_some(letter.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::{Comment, Function, Source};

    fn check(text: &str, code: &str) {
        let source = Source::new("src/x.rs", text);
        assert_eq!(source.code.split_whitespace().collect::<Vec<_>>().join(" "), code, "{text}");
        assert_eq!(source.code.len(), source.text.len());
    }

    #[test]
    fn texts_and_comments_are_blanked() {
        check("a /* b /* c */ d */ e // f\ng", "a e g");
        check(r#"let a = "x \" // y"; b"#, r#"let a = " "; b"#);
        check(r###"let a = r#"x " // y"#; b"###, "let a = ; b");
        check("let a = '\"'; let b = '\\''; fn f<'a>(x: &'a str) {}", "let a = ; let b = ; fn f<'a>(x: &'a str) {}");
        check("let r = for_r; let ä = 'ü';", "let r = for_r; let ä = ;");
    }

    #[test]
    fn comments_know_their_line() {
        let source = Source::new("src/x.rs", "//! doc\nlet a; // why\n/* one\ntwo */ b");
        let comment = |line, text: &str| Comment { line, text: text.to_owned() };
        assert_eq!(source.comments, [comment(1, "//! doc"), comment(2, "// why"), comment(3, "/* onetwo */")]);
    }

    #[test]
    fn test_modules_are_told_apart() {
        let source = Source::new("src/x.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() {}\n}\nfn c() {}\n");
        let lines: Vec<_> = source.shipped_lines().collect();
        assert_eq!(lines, [(1, "fn a() {}"), (6, "fn c() {}")]);
        assert!(Source::new("crates/a/tests/it/x.rs", "").is_test_file());
    }

    #[test]
    fn functions_are_measured() {
        let source = Source::new(
            "src/x.rs",
            "fn a(x: [u8; 2]) -> u8 {\n    // why\n    x[0];\n\n    1\n}\ntrait T { fn b(); }\nlet f: fn(u8);\n",
        );
        assert_eq!(source.functions(), [Function { name: "a".to_owned(), line: 1, lines: 2 }]);
    }
}
