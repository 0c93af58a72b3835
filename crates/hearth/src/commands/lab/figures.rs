//! Figures for people: `70B`, `1.4T`, `5.76e23`, and the same read back.

/// Writes a count with three digits and a letter: `70B` for seventy billion.
pub(super) fn short(value: f64) -> String {
    const LETTERS: [(&str, f64); 4] = [("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)];
    let found = LETTERS.iter().find(|(_, size)| value >= *size * 0.9995);
    let (letter, size) = found.copied().unwrap_or(("", 1.0));
    let scaled = value / size;
    let digits = if scaled >= 99.95 {
        0
    } else if scaled >= 9.995 {
        1
    } else {
        2
    };
    let text = format!("{scaled:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{letter}")
}

/// Writes a duration given in hours: `12 min`, `240 h`, `36 days`.
pub(super) fn duration(hours: f64) -> String {
    match hours {
        minutes if minutes < 1.0 / 60.0 => format!("{:.0} s", minutes * 3_600.0),
        minutes if minutes < 2.0 => format!("{:.0} min", minutes * 60.0),
        hours if hours < 240.0 => format!("{hours:.1} h"),
        hours if hours < 24.0 * 730.0 => format!("{:.1} days", hours / 24.0),
        hours => format!("{:.1} years", hours / 24.0 / 365.25),
    }
}

/// Reads `70B`, `1.4T`, `300e9` or `5.76e23`.
///
/// # Errors
/// The text is no positive number, with a word on the accepted forms (for clap).
pub(super) fn parse(text: &str) -> Result<f64, figure::NotAFigure> {
    let trimmed = text.trim();
    let factor = match trimmed.chars().last() {
        Some('k' | 'K') => 1e3,
        Some('m' | 'M') => 1e6,
        Some('b' | 'B') => 1e9,
        Some('t' | 'T') => 1e12,
        _ => 1.0,
    };
    let digits = if factor > 1.0 { &trimmed[..trimmed.len() - 1] } else { trimmed };
    let value = digits.replace(['_', ','], "").parse::<f64>().ok().map(|number| number * factor);
    value.filter(|number| *number > 0.0 && number.is_finite()).ok_or_else(|| figure::NotAFigure(text.to_owned()))
}

/// The error of [`parse`], apart so that its fields stay its own.
mod figure {
    /// A text that is no positive number.
    #[derive(Clone, Debug, thiserror::Error)]
    #[error("`{0}` is not a positive number; write 70B, 1.4T, 300e9 or 5.76e23")]
    pub(crate) struct NotAFigure(pub(super) String);
}

#[cfg(test)]
mod tests {
    use super::{duration, parse, short};

    #[test]
    fn figures_go_both_ways() {
        for (text, value) in [("70B", 70e9), ("1.4T", 1.4e12), ("300e9", 300e9), ("5,000", 5e3), ("12k", 12e3)] {
            assert!(parse(text).is_ok_and(|found| (found / value - 1.0).abs() < 1e-12), "{text}");
        }
        for wrong in ["", "B", "-1", "0", "nan", "1e999", "x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!([70e9, 1.4e12, 999.9e9, 128e6, 42.0].map(short), ["70B", "1.4T", "1T", "128M", "42"]);
        assert_eq!([0.001, 0.5, 24.0, 2400.0].map(duration), ["4 s", "30 min", "24.0 h", "100.0 days"]);
    }
}
