//! Small programs run to their end, and our own program started again.

use crate::app::App;
use crate::error::Failure;
use hearth_core::error::ErrorKind;
use hearth_sandbox::{Exit, Output, Program};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// Of a program's output only the end is kept: that is where it says what went wrong.
const TAIL_BYTES: usize = 16 * 1024;

/// How a program ended and the end of what it printed.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    exit: Exit,
    tail: String,
}

impl Ended {
    /// True when it ended by itself with code 0.
    pub(crate) fn success(&self) -> bool {
        self.exit.code == Some(0)
    }

    /// Returns its last line that is not empty, or how it ended.
    pub(crate) fn last_line(&self) -> String {
        let line = self.tail.lines().rev().map(str::trim).find(|line| !line.is_empty());
        match (line, self.exit.code, self.exit.signal) {
            (Some(line), ..) => line.chars().take(300).collect(),
            (None, Some(code), _) => format!("exit code {code}"),
            (None, None, signal) => format!("signal {}", signal.unwrap_or_default()),
        }
    }
}

/// Runs a program to its end.
pub(crate) async fn run(mut program: Program, limit: Duration) -> Result<Ended, Failure> {
    let name = program.program.display().to_string();
    program.stdout_to = Output::OnePipe;
    let running = hearth_sandbox::start(program)
        .map_err(|error| Failure::new(ErrorKind::User, format!("cannot start {name}: {error}")))?;
    match tokio::time::timeout(limit, finish(running)).await {
        Ok(ended) => ended,
        Err(_elapsed) => {
            Err(Failure::new(ErrorKind::Remote, format!("{name} did not end within {} s", limit.as_secs())))
        }
    }
}

/// Waits for a running program's end; dropping the future kills it.
pub(crate) async fn finish(mut running: hearth_sandbox::Running) -> Result<Ended, Failure> {
    let mut tail: Vec<u8> = Vec::new();
    while let Some(chunk) = running.next_chunk().await {
        tail.extend_from_slice(&chunk.bytes);
        let surplus = tail.len().saturating_sub(TAIL_BYTES);
        tail.drain(..surplus);
    }
    let exit = running.wait().await.map_err(|error| Failure::new(ErrorKind::Internal, error.to_string()))?;
    Ok(Ended { exit, tail: String::from_utf8_lossy(&tail).into_owned() })
}

/// Describes our own program, to be started again with other arguments and the environment we were given.
pub(crate) fn ourselves(app: &App, args: &[&str], output_file: &Path) -> Result<Program, Failure> {
    let executable = std::env::current_exe()
        .map_err(|error| Failure::new(ErrorKind::Internal, format!("cannot find our own program: {error}")))?;
    let mut program = Program::new(executable, app.home.root());
    program.args = args.iter().map(OsString::from).collect();
    program.env = app.environment.complete();
    program.stdout_to = Output::File(output_file.to_owned());
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::run;
    use hearth_sandbox::Program;
    use std::time::Duration;

    fn shell(script: &str) -> Program {
        let mut program = Program::new("/bin/sh", "/");
        program.args = ["-c", script].map(Into::into).to_vec();
        program
    }

    #[tokio::test]
    async fn the_last_line_says_why_it_failed() {
        let ended = run(shell("echo one; echo ERROR: two >&2; exit 3"), Duration::from_secs(20)).await.unwrap();
        assert_eq!((ended.success(), ended.last_line().as_str()), (false, "ERROR: two"));
        let ended = run(shell("kill -9 $$"), Duration::from_secs(20)).await.unwrap();
        assert_eq!((ended.success(), ended.last_line().as_str()), (false, "signal 9"));
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_given_up() {
        let failure = run(shell("sleep 60"), Duration::from_millis(50)).await.unwrap_err();
        assert!(failure.to_string().contains("did not end"), "{failure}");
    }
}
