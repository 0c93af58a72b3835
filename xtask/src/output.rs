//! Lines on standard output and standard error; a closed pipe ends nothing.

use std::fmt::Display;
use std::io::Write;

/// Prints one line. A reader that went away is no failure of the task.
pub(crate) fn say(text: impl Display) {
    drop(writeln!(std::io::stdout(), "{text}"));
}

/// Prints one line to standard error.
pub(crate) fn complain(text: impl Display) {
    drop(writeln!(std::io::stderr(), "{text}"));
}
