//! Formulas in TeX to MathML Core, which browsers set without a script.

use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};

/// Commands that the converter does not know, in words that it does.
const MACROS: &[(&str, &str)] = &[("smash", "#1"), ("boxed", "#1"), ("textcolor", "{\\color{#1}#2}")];

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
        let converted = self.converter.convert_with_local_state(tex.trim(), display);
        converted.map(|result| result.mathml).map_err(|error| {
            let before = tex.trim().get(..error.0.start).unwrap_or_default();
            let leading = tex.len() - tex.trim_start().len();
            let skipped = tex.get(..leading).unwrap_or_default();
            Problem { line: (skipped.matches('\n').count()) + before.matches('\n').count(), message: error.to_string() }
        })
    }
}
