//! Failures as the person sees them: one line what, one line where, one line what to do; and the exit code.

use crate::out;
use hearth_core::error::ErrorKind;
use hearth_core::model::ModelError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A failure with its kind, its place and what helps.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: ErrorKind,
    message: String,
    place: Option<Place>,
    hint: String,
}

/// Where in a file something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: PathBuf,
    /// Its line, from 1.
    pub(crate) line: Option<usize>,
    /// The column in that line, from 1.
    pub(crate) column: Option<usize>,
}

impl Failure {
    /// Makes a failure of a kind.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: None, hint: String::new() }
    }

    /// Makes the failure of a file operation; `verb` is what was tried (`read`, `write`, `create`).
    pub(crate) fn of_io(error: &std::io::Error, verb: &str, path: &Path) -> Self {
        let kind = ErrorKind::of_io(error);
        let failure = Self::new(kind, format!("cannot {verb} {}: {error}", path.display()));
        match kind {
            ErrorKind::DiskFull => failure.hint("free some space on that disk, then run the same command again"),
            _ => failure,
        }
    }

    /// Adds where it is.
    pub(crate) fn at(mut self, file: &Path, line: Option<usize>, column: Option<usize>) -> Self {
        self.place = Some(Place { file: file.to_owned(), line, column });
        self
    }

    /// Adds what the person can do: something that works when typed.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Returns the kind.
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns where it is.
    #[cfg(test)]
    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Returns what helps; may be empty.
    pub(crate) fn hint_text(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<&ModelError> for Failure {
    fn from(error: &ModelError) -> Self {
        Self::new(error.kind, error.message.clone()).hint(error.hint.clone())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
            if let Some(column) = self.column {
                write!(formatter, ":{column}")?;
            }
        }
        Ok(())
    }
}

/// Prints a failure on stderr and returns its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let failure = describe(error);
    // The reader of stdout went away (`hearth … | head`): that is no failure worth a word.
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        return ExitCode::SUCCESS;
    }
    print(&failure);
    ExitCode::from(failure.kind.exit_code())
}

/// Prints the lines of a failure on stderr.
pub(crate) fn print(failure: &Failure) {
    let paint = out::Paint::stderr();
    out::note(format!("{} {}", paint.error("error:"), one_line(&failure.message)));
    if let Some(place) = &failure.place {
        out::note(format!("  in {place}"));
    }
    if !failure.hint.is_empty() {
        out::note(format!("  {} {}", paint.dim("hint:"), one_line(&failure.hint)));
    }
}

/// Finds kind, place and hint of any error of the libraries.
pub(crate) fn describe(error: &anyhow::Error) -> Failure {
    let mut failure = error.chain().find_map(known).unwrap_or_else(|| Failure::new(ErrorKind::Internal, String::new()));
    failure.message = joined(error);
    failure
}

fn known(cause: &(dyn std::error::Error + 'static)) -> Option<Failure> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some(failure.clone());
    }
    if let Some(error) = cause.downcast_ref::<ModelError>() {
        return Some(Failure::from(error));
    }
    of_library(cause).or_else(|| {
        cause.downcast_ref::<std::io::Error>().map(|error| Failure::new(ErrorKind::of_io(error), String::new()))
    })
}

/// The libraries' errors know their kind, and some of them what helps.
fn of_library(cause: &(dyn std::error::Error + 'static)) -> Option<Failure> {
    let made = |kind: ErrorKind, hint: String| Some(Failure::new(kind, String::new()).hint(hint));
    if let Some(error) = cause.downcast_ref::<hearth_config::Error>() {
        return made(error.kind(), error.hint().unwrap_or_default());
    }
    if let Some(error) = cause.downcast_ref::<hearth_secrets::Error>() {
        return made(error.kind(), error.hint());
    }
    if let Some(error) = cause.downcast_ref::<hearth_agent::Error>() {
        return made(error.kind(), error.hint().to_owned());
    }
    if let Some(error) = cause.downcast_ref::<hearth_http::Error>() {
        return made(error.kind(), String::new());
    }
    if cause.is::<hearth_infer::GgufError>() {
        return made(ErrorKind::ModelFile, String::new());
    }
    match cause.downcast_ref::<hearth_infer::ServeError>() {
        Some(hearth_infer::ServeError::Engine(error)) => made(of_engine(error), String::new()),
        _ => None,
    }
}

/// What keeps a model from being loaded is mostly its file.
fn of_engine(error: &hearth_infer::EngineError) -> ErrorKind {
    use hearth_infer::{EngineError, ModelError};
    match error {
        EngineError::Model(ModelError::Memory { .. }) => ErrorKind::User,
        EngineError::Model(_) | EngineError::File(_) | EngineError::Tokenizer(_) | EngineError::Template(_) => {
            ErrorKind::ModelFile
        }
        _ => ErrorKind::Internal,
    }
}

/// Joins a chain of causes with `: `, leaving out a cause whose text the line already ends with.
fn joined(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if line.is_empty() {
            line = text;
        } else if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}

/// Other programs' words may be part of it: they must not move the person's cursor.
fn one_line(text: &str) -> String {
    out::printable(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Makes a panic one line that says where the log is, instead of a stack trace.
pub(crate) fn install_panic_hook(log_file: Option<PathBuf>) {
    std::panic::set_hook(Box::new(move |info| {
        crate::tui::leave_raw_mode();
        let place = info.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
        let what = text.unwrap_or("no message");
        out::note(format!("error: hearth met a fault of its own{place}: {}", one_line(what)));
        match &log_file {
            Some(log_file) => out::note(format!("  hint: what led to it is in {}", log_file.display())),
            None => out::note("  hint: run the same command again; `hearth doctor` checks the home"),
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::{Failure, describe, one_line};
    use anyhow::Context as _;
    use hearth_core::error::ErrorKind;
    use std::path::Path;

    #[test]
    fn the_kind_and_the_hint_survive_added_context() {
        let result: Result<(), Failure> = Err(Failure::new(ErrorKind::DiskFull, "no space on /x").hint("free some"));
        let error = result.context("cannot fetch the model").unwrap_err();
        let failure = describe(&error);
        assert_eq!(
            (failure.kind(), failure.to_string().as_str(), failure.hint_text()),
            (ErrorKind::DiskFull, "cannot fetch the model: no space on /x", "free some")
        );
    }

    #[test]
    fn every_exit_code_is_documented() {
        let manual = include_str!("../../../docs/reference/exit-codes.md");
        for kind in ErrorKind::ALL {
            let row = format!("| {} | `{kind}` |", kind.exit_code());
            assert!(manual.contains(&row), "docs/reference/exit-codes.md has no row `{row}`");
        }
        let rows = manual.lines().filter(|line| line.starts_with("| ") && line.contains('`')).count();
        assert_eq!(rows, ErrorKind::ALL.len(), "a row of the manual names no kind");
    }

    #[test]
    fn a_provider_s_words_can_not_steer_the_terminal() {
        assert_eq!(one_line("refused:\u{1b}[2J\u{1b}]0;x\u{7}\n gone \u{202e}"), "refused:[2J]0;x gone");
    }

    #[test]
    fn a_place_is_a_file_a_line_and_a_column() {
        let failure = Failure::new(ErrorKind::Config, "x").at(Path::new("hearth.json5"), Some(14), Some(16));
        assert_eq!(failure.place().map(ToString::to_string), Some("hearth.json5:14:16".to_owned()));
    }
}
