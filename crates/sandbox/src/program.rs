//! What to run.

use std::ffi::OsString;
use std::path::PathBuf;

/// A program to start, complete: nothing is taken from this process but its user and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The executable; a name without `/` is looked for in the `PATH` of [`Self::env`].
    pub program: PathBuf,
    /// Its arguments, without the program's own name.
    pub args: Vec<OsString>,
    /// The folder it starts in.
    pub cwd: PathBuf,
    /// Its whole environment; this process's own is never inherited.
    pub env: Vec<(OsString, OsString)>,
    /// What it can read.
    pub stdin: Stdin,
    /// Where both its standard output and its standard error go.
    pub stdout_to: Output,
}

impl Program {
    /// Makes a program without arguments or environment, that reads nothing and whose output is piped.
    pub fn new(program: impl Into<PathBuf>, cwd: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            cwd: cwd.into(),
            env: Vec::new(),
            stdin: Stdin::Null,
            stdout_to: Output::Pipe,
        }
    }
}

/// What a program can read from its standard input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stdin {
    /// Nothing: end of file at once.
    #[default]
    Null,
    /// These bytes, then end of file. They are written while output is read or the end is awaited.
    Bytes(Vec<u8>),
}

/// Where a program's output goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Two pipes: each chunk says which of the two it came from, their order among each other is lost.
    #[default]
    Pipe,
    /// One pipe for both, in the order they were written; every chunk counts as standard output.
    OnePipe,
    /// Appended to this file, which is created (mode 0600) when it is missing. No chunk is ever seen.
    File(PathBuf),
}
