//! Formulas in TeX to MathML Core, which browsers set without a script.

use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};
use std::borrow::Cow;

/// Commands that the converter does not know, in words that it does.
const MACROS: &[(&str, &str)] = &[("smash", "#1"), ("boxed", "#1"), ("textcolor", "{\\color{#1}#2}")];

/// Commands with an argument, and what stands around it instead: what no macro can say.
const AROUND: &[(&str, &str, &str)] =
    &[("\\substack{", "{\\begin{matrix}", "\\end{matrix}}"), ("\\tag{", "\\qquad\\text{(", ")}")];

/// Converts formulas; one for a whole article.
#[derive(Debug)]
pub(crate) struct Maths {
    converter: LatexToMathML,
}

/// Why a formula can't be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Lines after the formula's first.
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Maths {
    pub(crate) fn new() -> Self {
        let macros = MACROS.iter().map(|(name, meaning)| ((*name).to_owned(), (*meaning).to_owned())).collect();
        let settings = |macros| MathCoreConfig { macros, annotation: true, ..MathCoreConfig::default() };
        // Should a macro not be understood, formulas without macros are still better than none.
        let converter = LatexToMathML::new(settings(macros)).or_else(|_| LatexToMathML::new(settings(Vec::new())));
        Self { converter: converter.unwrap_or_default() }
    }

    /// Returns the formula as a `<math>` element.
    pub(crate) fn convert(&self, tex: &str, block: bool) -> Result<String, Problem> {
        let display = if block { MathDisplay::Block } else { MathDisplay::Inline };
        let rewritten = rewritten(tex.trim());
        let converted = self.converter.convert_with_local_state(&rewritten, display);
        converted.map(|result| result.mathml).map_err(|error| {
            let before = rewritten.get(..error.0.start).unwrap_or_default();
            let leading = tex.len() - tex.trim_start().len();
            let skipped = tex.get(..leading).unwrap_or_default();
            Problem { line: (skipped.matches('\n').count()) + before.matches('\n').count(), message: error.to_string() }
        })
    }
}

/// Puts the commands of [`AROUND`] into words that the converter knows.
fn rewritten(tex: &str) -> Cow<'_, str> {
    let mut tex = Cow::Borrowed(tex);
    for (command, opening, closing) in AROUND {
        let mut from = 0;
        while let Some(start) = tex.get(from..).and_then(|rest| rest.find(command)).map(|at| from + at) {
            let inside = start + command.len();
            let Some(end) = tex.get(inside..).and_then(group_end).map(|at| inside + at) else { break };
            let argument = tex.get(inside..end).unwrap_or_default();
            let (before, after) = (tex.get(..start).unwrap_or_default(), tex.get(end + 1..).unwrap_or_default());
            from = start + opening.len();
            tex = Cow::Owned(format!("{before}{opening}{argument}{closing}{after}"));
        }
    }
    tex
}

/// Returns where the group ends that is open at the start of the text.
fn group_end(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' if !escaped => depth += 1,
            '}' if !escaped && depth == 0 => return Some(at),
            '}' if !escaped => depth -= 1,
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Maths, rewritten};

    #[test]
    fn what_the_converter_does_not_know_is_said_otherwise() {
        assert_eq!(
            rewritten("\\sum_{\\substack{a{b}\\\\c}} x \\tag{1} \\substack{"),
            "\\sum_{{\\begin{matrix}a{b}\\\\c\\end{matrix}}} x \\qquad\\text{(1)} \\substack{"
        );
        assert_eq!(rewritten("x^2"), "x^2");
    }

    #[test]
    fn the_formulas_of_papers_are_set() {
        let maths = Maths::new();
        for tex in [
            "\\sum_{\\substack{i<n\\\\j<m}} x",
            "x = y \\tag{1}",
            "\\boxed{x^2} + \\textcolor{red}{y} + \\smash{z}",
            "\\operatorname*{argmax}_x \\mathbb{E}_{x\\sim\\mathcal{D}}[\\mathbf{F}]",
            "\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}",
            "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix} \\left\\lVert x \\right\\rVert_2 \\underbrace{a+b}_{n}",
        ] {
            let set = maths.convert(tex, true).unwrap_or_else(|problem| panic!("{tex}: {problem:?}"));
            assert!(set.starts_with("<math display=\"block\">") && set.ends_with("</math>"), "{set}");
        }
    }
}
