//! Where words go: results on stdout, everything else on stderr; colour only where a person reads.

use crossterm::style::Stylize as _;
use hearth_config::Environment;
use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

/// Prints one line of a result on stdout.
///
/// # Errors
/// The reader went away; the caller ends quietly.
pub(crate) fn line(text: impl Display) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")
}

/// Prints a value as JSON on stdout.
///
/// # Errors
/// The reader went away.
pub(crate) fn json(value: &serde_json::Value) -> std::io::Result<()> {
    line(format_args!("{value:#}"))
}

/// Prints one line for the person on stderr.
pub(crate) fn note(text: impl Display) {
    // With stderr gone there is nobody left to tell.
    writeln!(std::io::stderr().lock(), "{text}").ok();
}

/// Prints what a model wrote on stdout: as it is for a program, without what would steer a terminal for a person.
///
/// # Errors
/// The reader went away; the caller ends quietly.
pub(crate) fn answer(text: &str) -> std::io::Result<()> {
    if std::io::stdout().is_terminal() { line(printable(text)) } else { line(text) }
}

/// What others write must not move the person's cursor, nor turn the direction of their text around.
pub(crate) fn printable(text: &str) -> String {
    let steers = |char: char| matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|char| matches!(char, '\n' | '\t') || !(char.is_control() || steers(*char))).collect()
}

/// Whether a person sits at the other end, able to answer.
pub(crate) fn interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Colours words, or leaves them as they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    colour: bool,
}

impl Paint {
    /// For stderr.
    pub(crate) fn stderr() -> Self {
        Self { colour: std::io::stderr().is_terminal() && terminal_has_colour() }
    }

    /// For stdout.
    pub(crate) fn stdout() -> Self {
        Self { colour: std::io::stdout().is_terminal() && terminal_has_colour() }
    }

    /// What is wrong.
    pub(crate) fn error(self, text: &str) -> String {
        if self.colour { text.red().bold().to_string() } else { text.to_owned() }
    }

    /// What matters less.
    pub(crate) fn dim(self, text: &str) -> String {
        if self.colour { text.dim().to_string() } else { text.to_owned() }
    }

    /// What matters more.
    pub(crate) fn strong(self, text: &str) -> String {
        if self.colour { text.bold().to_string() } else { text.to_owned() }
    }
}

/// Whether the terminal shows colour and the person wants it (`NO_COLOR`).
pub(crate) fn terminal_has_colour() -> bool {
    let environment = Environment::from_process();
    can_move_cursor() && environment.get("NO_COLOR").is_none_or(str::is_empty)
}

/// Whether the terminal can be drawn on, beyond printing lines.
pub(crate) fn can_move_cursor() -> bool {
    Environment::from_process().get("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// A count of bytes for people: `1.1 GB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    for (unit, size) in UNITS {
        if count >= size {
            let tenths = count.saturating_mul(10) / size;
            return if tenths >= 1000 || tenths.is_multiple_of(10) {
                format!("{} {unit}", tenths / 10)
            } else {
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            };
        }
    }
    format!("{count} B")
}

/// A count with thousands set apart: `1,420`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A span of time for people: `9 s`, `3 min`, `2 h`.
pub(crate) fn seconds(count: u64) -> String {
    match count {
        0..=90 => format!("{count} s"),
        91..=5400 => format!("{} min", count.div_ceil(60)),
        _ => format!("{} h", count.div_ceil(3600)),
    }
}

/// How long something took, for people: `140 ms`, `2.4 s`, `3 min`.
pub(crate) fn duration(elapsed_ms: u64) -> String {
    match elapsed_ms {
        0..1000 => format!("{elapsed_ms} ms"),
        1000..90_000 => format!("{}.{} s", elapsed_ms / 1000, elapsed_ms % 1000 / 100),
        _ => seconds(elapsed_ms / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, duration, seconds};

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!([bytes(12), bytes(98_362_432), bytes(1_117_320_768)], ["12 B", "98.3 MB", "1.1 GB"]);
        assert_eq!([count(7), count(1420), count(1_000_000)], ["7", "1,420", "1,000,000"]);
        assert_eq!([seconds(9), seconds(150), seconds(7200)], ["9 s", "3 min", "2 h"]);
        assert_eq!([duration(140), duration(2450), duration(200_000)], ["140 ms", "2.4 s", "4 min"]);
    }
}
