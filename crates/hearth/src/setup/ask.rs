//! Small questions at the terminal.

use crate::error::Failure;
use hearth_core::error::ErrorKind;
use hearth_secrets::Secret;
use rustix::termios::{LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};
use std::io::{BufRead as _, Read as _, Write as _};

/// No key is longer.
const MAX_ANSWER_BYTES: u64 = 8 * 1024;

/// The terminal with some of its habits switched off; given back as it was when dropped.
#[derive(Debug)]
pub(crate) struct Quiet {
    before: Option<Termios>,
}

impl Quiet {
    /// Stops the terminal from printing what is typed; lines are still edited by it.
    pub(crate) fn without_echo() -> Self {
        Self::without(LocalModes::ECHO)
    }

    /// Hands over single keys, unprinted. Ctrl-C still interrupts and output is still laid out in lines.
    pub(crate) fn single_keys() -> Self {
        Self::without(LocalModes::ECHO | LocalModes::ICANON)
    }

    fn without(modes: LocalModes) -> Self {
        let Ok(before) = tcgetattr(std::io::stdin()) else { return Self { before: None } };
        let mut changed = before.clone();
        changed.local_modes.remove(modes);
        let set = tcsetattr(std::io::stdin(), OptionalActions::Now, &changed);
        Self { before: set.is_ok().then_some(before) }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // What was typed for the questions is not meant for what follows; a terminal that is gone needs nothing back.
            tcflush(std::io::stdin(), QueueSelector::IFlush).ok();
            tcsetattr(std::io::stdin(), OptionalActions::Now, before).ok();
        }
    }
}

/// Asks for a key; what is typed or pasted is not shown. `None` when the answer is empty.
pub(crate) fn secret(question: &str) -> Result<Option<Secret>, Failure> {
    let _quiet = Quiet::without_echo();
    let mut stderr = std::io::stderr().lock();
    // With stderr gone the question can't be seen; the answer is still read.
    write!(stderr, "{question}").and_then(|()| stderr.flush()).ok();
    let mut answer = String::new();
    let read = std::io::stdin().lock().take(MAX_ANSWER_BYTES).read_line(&mut answer);
    writeln!(stderr).ok();
    read.map_err(|error| Failure::new(ErrorKind::User, format!("cannot read the answer: {error}")))?;
    let answer = answer.trim();
    Ok((!answer.is_empty()).then(|| Secret::new(answer)))
}

/// Asks a question whose answer is yes unless the person says no.
pub(crate) fn yes(question: &str) -> Result<bool, Failure> {
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{question} [Y/n] ").and_then(|()| stderr.flush()).ok();
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .take(MAX_ANSWER_BYTES)
        .read_line(&mut answer)
        .map_err(|error| Failure::new(ErrorKind::User, format!("cannot read the answer: {error}")))?;
    Ok(!answer.trim().to_lowercase().starts_with('n'))
}
