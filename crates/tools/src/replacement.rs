//! Edits applied to a text, all or none.
//!
//! Every edit is matched against the text as it was, so their order does not matter. Where a file breaks lines with CR LF
//! a model's LF matches too, and what it writes gets the file's own line breaks.

use crate::nearest::nearest_text;
use hearth_core::tool::ToolError;
use std::ops::Range;

/// How many places of an ambiguous text are named.
const NAMED_PLACES: usize = 10;

/// How long a new text must be for its being there already to mean something.
const TELLING_BYTES: usize = 8;

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replacement {
    pub(crate) old: String,
    pub(crate) new: String,
    /// Everywhere, instead of in the only place.
    pub(crate) everywhere: bool,
}

/// A text with all replacements made, and how many places that were.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) text: String,
    pub(crate) places: usize,
}

/// What keeps a replacement from being made.
#[derive(Debug, thiserror::Error)]
enum Misfit {
    #[error("oldText is empty; give the text to replace, or use write for a whole file")]
    Empty,
    #[error("oldText and newText are the same; nothing would change")]
    Same,
    #[error(
        "oldText occurs {places} times (lines {lines}); add neighbouring lines until it is unique, \
         or set replaceAll to true"
    )]
    Ambiguous { places: usize, lines: String },
    #[error("oldText was not found: it has \\n, \\t or \\\" as two characters where the file has the real ones")]
    Escaped,
    #[error("oldText was not found, but newText is already at line {line}")]
    Done { line: usize },
    #[error("oldText was not found. {nearest}")]
    Near { nearest: String },
    #[error("oldText was not found, nor anything like it; read the file first")]
    Absent,
}

/// Makes all replacements, or says of the first that can't be made what is wrong with it.
pub(crate) fn replace_all(shown_path: &str, text: &str, replacements: &[Replacement]) -> Result<Replaced, ToolError> {
    let folded = Folded::new(text);
    let mut changes: Vec<(Range<usize>, usize)> = Vec::new();
    for (index, replacement) in replacements.iter().enumerate() {
        let problem = |misfit: Misfit| {
            let which = if replacements.len() > 1 {
                format!("edit {} of {}: ", index + 1, replacements.len())
            } else {
                String::new()
            };
            let nothing_done = if replacements.len() > 1 { "\nNo edit was made." } else { "" };
            ToolError::Failed(format!("{shown_path}: {which}{misfit}{nothing_done}"))
        };
        let places = find(&folded.text, replacement).map_err(problem)?;
        changes.extend(places.into_iter().map(|place| (folded.original(&place), index)));
    }
    changes.sort_by_key(|(place, _)| place.start);
    if let Some(pair) = changes.windows(2).find(|pair| pair[0].0.end > pair[1].0.start) {
        let (first, second) = (pair[0].1.min(pair[1].1) + 1, pair[0].1.max(pair[1].1) + 1);
        let message = format!("{shown_path}: edits {first} and {second} change the same text; make them one edit");
        return Err(ToolError::Failed(message));
    }
    let mut result = String::with_capacity(text.len());
    let mut done = 0;
    for (place, index) in &changes {
        result.push_str(&text[done..place.start]);
        result.push_str(&folded.line_breaks(&replacements[*index].new));
        done = place.end;
    }
    result.push_str(&text[done..]);
    Ok(Replaced { text: result, places: changes.len() })
}

fn find(text: &str, replacement: &Replacement) -> Result<Vec<Range<usize>>, Misfit> {
    let old = replacement.old.replace("\r\n", "\n");
    if old.is_empty() {
        return Err(Misfit::Empty);
    }
    if old == replacement.new.replace("\r\n", "\n") {
        return Err(Misfit::Same);
    }
    let places: Vec<Range<usize>> = text.match_indices(&old).map(|(start, old)| start..start + old.len()).collect();
    match places.len() {
        0 => Err(absent(text, &old, &replacement.new)),
        1 => Ok(places),
        _ if replacement.everywhere => Ok(places),
        count => {
            let lines: Vec<String> =
                places.iter().take(NAMED_PLACES).map(|place| line_of(text, place.start).to_string()).collect();
            let more = if count > NAMED_PLACES { ", …" } else { "" };
            Err(Misfit::Ambiguous { places: count, lines: lines.join(", ") + more })
        }
    }
}

fn absent(text: &str, old: &str, new: &str) -> Misfit {
    let unescaped = old.replace("\\n", "\n").replace("\\t", "\t").replace("\\\"", "\"");
    if unescaped != old && text.contains(&unescaped) {
        return Misfit::Escaped;
    }
    if new.trim().len() >= TELLING_BYTES
        && let Some(start) = text.find(&new.replace("\r\n", "\n"))
    {
        return Misfit::Done { line: line_of(text, start) };
    }
    nearest_text(text, old).map_or(Misfit::Absent, |nearest| Misfit::Near { nearest })
}

fn line_of(text: &str, position: usize) -> usize {
    text[..position].bytes().filter(|byte| *byte == b'\n').count() + 1
}

/// A text with LF for every CR LF, that knows where the CRs were.
struct Folded {
    text: String,
    /// Positions in `text` of the LFs that had a CR before them.
    carriage_returns: Vec<usize>,
    /// True when most lines end in CR LF.
    writes_crlf: bool,
}

impl Folded {
    fn new(original: &str) -> Self {
        let mut text = String::with_capacity(original.len());
        let mut carriage_returns = Vec::new();
        let mut pieces = original.split("\r\n");
        text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            carriage_returns.push(text.len());
            text.push('\n');
            text.push_str(piece);
        }
        let line_feeds = text.bytes().filter(|byte| *byte == b'\n').count();
        let writes_crlf = carriage_returns.len() * 2 > line_feeds;
        Self { text, carriage_returns, writes_crlf }
    }

    /// Where a place of the folded text is in the original.
    fn original(&self, place: &Range<usize>) -> Range<usize> {
        let shift =
            |position: usize| position + self.carriage_returns.partition_point(|line_feed| *line_feed < position);
        shift(place.start)..shift(place.end)
    }

    fn line_breaks(&self, new: &str) -> String {
        if self.writes_crlf { new.replace("\r\n", "\n").replace('\n', "\r\n") } else { new.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::{Replaced, Replacement, replace_all};

    fn check(text: &str, replacements: &[(&str, &str)], expected: Result<&str, &str>) {
        let replacements: Vec<Replacement> = replacements
            .iter()
            .map(|(old, new)| Replacement {
                old: old.trim_start_matches('*').to_owned(),
                new: (*new).to_owned(),
                everywhere: old.starts_with('*'),
            })
            .collect();
        let replaced = replace_all("f", text, &replacements).map(|Replaced { text, .. }| text);
        assert_eq!(replaced.map_err(|error| error.to_string()), expected.map(str::to_owned).map_err(str::to_owned));
    }

    #[test]
    fn replacements_see_the_text_as_it_was() {
        check("a b c", &[("a", "b"), ("b", "c"), ("c", "a")], Ok("b c a"));
        check("a a a", &[("*a", "b")], Ok("b b b"));
        check("x\n", &[("x", "")], Ok("\n"));
        check("größe", &[("ö", "o")], Ok("große"));
    }

    #[test]
    fn line_breaks_of_the_file_are_kept() {
        check("a\r\nb\r\nc\r\n", &[("a\nb", "1\n2")], Ok("1\r\n2\r\nc\r\n"));
        check("a\r\nb\r\n", &[("\nb", "\nB")], Ok("a\r\nB\r\n"));
        check("a\r\nb\r\n", &[("a", "A"), ("b\r\n", "B\r\n")], Ok("A\r\nB\r\n"));
        check("a\nb\nc\r\nd\n", &[("c\nd", "C\nD")], Ok("a\nb\nC\nD\n"));
        check("a\nb\nc\r\nd\n", &[("a", "A")], Ok("A\nb\nc\r\nd\n"));
    }

    #[test]
    fn nothing_is_done_unless_everything_can_be() {
        check(
            "a b",
            &[("a", "x"), ("z", "y")],
            Err("f: edit 2 of 2: oldText was not found, nor anything like it; read the file first\nNo edit was made."),
        );
        check("abc", &[("ab", "x"), ("bc", "y")], Err("f: edits 1 and 2 change the same text; make them one edit"));
        check("a", &[("", "y")], Err("f: oldText is empty; give the text to replace, or use write for a whole file"));
        check("a", &[("a", "a")], Err("f: oldText and newText are the same; nothing would change"));
        check(
            "a\nb\na\n",
            &[("a", "x")],
            Err(
                "f: oldText occurs 2 times (lines 1, 3); add neighbouring lines until it is unique, or set replaceAll to true",
            ),
        );
    }

    #[test]
    fn the_nearest_text_is_shown() {
        check(
            "fn main() {\n\tlet answer = 41;\n}\n",
            &[("    let answer = 41;", "x")],
            Err(
                "f: oldText was not found. The nearest is at line 2 (it differs in indentation; tabs are shown as <TAB>):\n<TAB>let answer = 41;",
            ),
        );
        check(
            "one\nthe quick brown fox\njumps over\n",
            &[("the quick brown fax\njumps over", "x")],
            Err(
                "f: oldText was not found. The nearest is at line 2 (it differs in wording):\nthe quick brown fox\njumps over",
            ),
        );
        check(
            "now done\n",
            &[("then todo", "now done")],
            Err("f: oldText was not found, but newText is already at line 1"),
        );
        check(
            "a\nb",
            &[("a\\nb", "x")],
            Err("f: oldText was not found: it has \\n, \\t or \\\" as two characters where the file has the real ones"),
        );
    }
}
