//! A started program: its output, its end, its death.
//!
//! There is no task and no queue behind a [`Running`]: its owner drives it by asking for chunks or for its end, and
//! what is not asked for stays in the kernel's pipe (64 KiB), where it holds the program back. Memory is bounded by
//! construction.

use crate::group::is_alive;
use crate::pipes::{Chunk, Moved, Pipes, connect};
use crate::{Error, Program};
use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::{Instant, sleep_until, timeout};

/// How long output is still awaited after the program itself has ended, because something it started holds its pipes.
const LINGER: Duration = Duration::from_millis(200);

/// How much is read after [`LINGER`]: what a pipe may still hold, so that a slow reader loses nothing, and no more, so
/// that something left running can't keep the reader for ever.
const LEFT_IN_PIPE_BYTES: usize = 1024 * 1024;

/// How long the end of a killed program is awaited.
const KILLED: Duration = Duration::from_secs(5);

/// How often a group without its leader is looked at while it is given time to end.
const LOOK: Duration = Duration::from_millis(20);

/// Starts a program, as leader of a session and process group of its own and without controlling terminal, so that
/// nothing it starts can reach the person's terminal, and all of it can be signalled together.
///
/// Only the standard descriptors 0 to 2 are inherited. Must be called within a Tokio runtime with I/O and time enabled.
///
/// # Errors
/// [`Error::WorkingFolder`], [`Error::OutputFile`] or [`Error::Start`]; nothing runs then.
pub fn start(program: Program) -> Result<Running, Error> {
    if !program.cwd.is_dir() {
        return Err(Error::WorkingFolder { path: program.cwd });
    }
    let mut command = Command::new(&program.program);
    command.args(&program.args).current_dir(&program.cwd).env_clear();
    command.envs(program.env.iter().map(|(name, value)| (name, value)));
    let one_pipe = connect(&program, &mut command)?;
    // What this process opened is closed in children already; what it was itself started with need not be.
    close_fds::set_fds_cloexec(3, &[]);
    // The wrapper only makes the session. Its own child type waits in a blocking thread, so the plain one is used.
    let spawned = CommandWrap::from(command).wrap(ProcessSession).spawn();
    let mut child = spawned.map_err(|source| Error::Start { program: program.program, source })?.into_inner();
    let pid = child.id().unwrap_or_default();
    Ok(Running {
        pid,
        group: Pid::from_raw(pid.cast_signed()),
        pipes: Pipes::of(child.as_mut(), program.stdin, one_pipe),
        child,
        exit: None,
        linger_until: None,
        left_in_pipe_bytes: LEFT_IN_PIPE_BYTES,
        detached: false,
    })
}

/// A started program. Dropping it kills its whole process group at once, unless it was detached.
#[derive(Debug)]
pub struct Running {
    pid: u32,
    /// `None` once the group is known to be empty: its number may then be given to another program.
    group: Option<Pid>,
    child: Box<dyn ChildWrapper>,
    pipes: Pipes,
    exit: Option<Exit>,
    linger_until: Option<Instant>,
    left_in_pipe_bytes: usize,
    detached: bool,
}

/// How a program ended: by its own code or by a signal, exactly one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The code it ended with, 0 to 255.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

impl Running {
    /// Returns the process id, which is also the number of its group and session.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for more output. `None` means that no more will come: both outputs are closed, or the program has ended
    /// and what it left running has printed nothing for a fifth of a second.
    ///
    /// May be cancelled without losing output.
    pub async fn next_chunk(&mut self) -> Option<Chunk> {
        while self.pipes.are_open() {
            if self.past_linger() && self.left_in_pipe_bytes == 0 {
                return None;
            }
            match self.step().await {
                Step::Moved(Moved::Read(chunk)) => {
                    self.count(&chunk);
                    return Some(chunk);
                }
                Step::Ended(Ok(status)) => self.ended(status),
                Step::Moved(Moved::Closed) => {}
                // The program can't be waited for: `wait` says so.
                Step::Ended(Err(_)) | Step::Lingered => return None,
            }
        }
        None
    }

    /// Waits for the program's end, and throws away what it still prints. What it started may run on.
    ///
    /// May be cancelled and called again.
    ///
    /// # Errors
    /// [`Error::Wait`] when the system lost track of it.
    pub async fn wait(&mut self) -> Result<Exit, Error> {
        loop {
            if let Some(exit) = self.exit {
                return Ok(exit);
            }
            match self.step().await {
                Step::Ended(Ok(status)) => self.ended(status),
                Step::Ended(Err(source)) => return Err(Error::Wait { pid: self.pid, source }),
                Step::Moved(_) | Step::Lingered => {}
            }
        }
    }

    /// Tells whether something the program started still runs in its group after its end.
    #[must_use]
    pub fn left_something_running(&self) -> bool {
        self.exit.is_some() && self.group.is_some_and(is_alive)
    }

    /// Ends the program and everything in its group: asks (SIGTERM), gives it `grace`, then kills (SIGKILL).
    ///
    /// Returns as soon as all of it is gone; what it prints meanwhile is thrown away. Does nothing to what has left
    /// the group by making a session of its own.
    ///
    /// # Errors
    /// [`Error::Wait`], or [`Error::Stuck`] when it does not end within five seconds after the kill.
    pub async fn terminate(&mut self, grace: Duration) -> Result<Exit, Error> {
        let give_up_at = Instant::now() + grace;
        self.signal(Signal::TERM);
        // A stopped process acts on nothing but a kill until it is continued.
        self.signal(Signal::CONT);
        let ended = timeout(grace, self.wait()).await;
        while ended.is_ok() && self.left_something_running() && Instant::now() < give_up_at {
            sleep_until(Instant::now() + LOOK).await;
        }
        self.signal(Signal::KILL);
        let stuck = Error::Stuck { pid: self.pid, seconds: KILLED.as_secs() };
        timeout(KILLED, self.wait()).await.unwrap_or(Err(stuck))
    }

    /// Lets the program live on without this process, and returns its process id. Its output should go to a file:
    /// pipes end here.
    pub fn detach(mut self) -> u32 {
        self.detached = true;
        self.pid
    }

    async fn step(&mut self) -> Step {
        let linger_until = self.linger_until;
        tokio::select! {
            biased;
            status = self.child.wait(), if self.exit.is_none() => Step::Ended(status),
            moved = self.pipes.next() => Step::Moved(moved),
            () = linger(linger_until) => Step::Lingered,
        }
    }

    fn count(&mut self, chunk: &Chunk) {
        if self.past_linger() {
            self.left_in_pipe_bytes = self.left_in_pipe_bytes.saturating_sub(chunk.bytes.len());
        }
    }

    fn ended(&mut self, status: ExitStatus) {
        self.exit = Some(Exit { code: status.code(), signal: status.signal() });
        self.linger_until = Some(Instant::now() + LINGER);
        // The number of a group stays taken while it has a member, and may be given away right after.
        self.group = self.group.filter(|group| is_alive(*group));
    }

    fn past_linger(&self) -> bool {
        self.linger_until.is_some_and(|until| Instant::now() >= until)
    }

    fn signal(&mut self, signal: Signal) {
        self.group = self.group.filter(|group| kill_process_group(*group, signal).is_ok());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.detached {
            self.signal(Signal::KILL);
        }
    }
}

enum Step {
    /// Something was read, or a pipe was closed.
    Moved(Moved),
    /// The program itself has ended.
    Ended(io::Result<ExitStatus>),
    /// The program ended a while ago and nothing came since.
    Lingered,
}

async fn linger(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
