//! A started program: its output, its end, its death.
//!
//! There is no task and no queue behind a [`Running`]: its owner drives it by asking for chunks or for its end, and
//! what is not asked for stays in the kernel's pipe (64 KiB), where it holds the program back. Memory is bounded by
//! construction.

use crate::group::is_alive;
use crate::{Error, Output, Program, Stdin};
use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::{ChildStdin, Command};
use tokio::time::{Instant, sleep_until, timeout};

/// How many bytes one chunk holds at most.
const CHUNK_BYTES: usize = 16 * 1024;

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
    let (stdout, stderr, one_pipe) = outputs(&program)?;
    let mut command = Command::new(&program.program);
    command.args(&program.args).current_dir(&program.cwd).env_clear().envs(program.env);
    command.stdin(if program.stdin == Stdin::Null { Stdio::null() } else { Stdio::piped() });
    command.stdout(stdout).stderr(stderr);
    // What this process opened is closed in children already; what it was itself started with need not be.
    close_fds::set_fds_cloexec(3, &[]);
    // The wrapper only makes the session. Its own child type waits in a blocking thread, so the plain one is used.
    let spawned = CommandWrap::from(command).wrap(ProcessSession).spawn();
    let mut child = spawned.map_err(|source| Error::Start { program: program.program, source })?.into_inner();
    let pid = child.id().unwrap_or_default();
    Ok(Running {
        pid,
        group: Pid::from_raw(pid.cast_signed()),
        input: child.stdin().take().map(|pipe| Input { pipe, bytes: bytes_of(program.stdin), written: 0 }),
        stdout: Source::new(one_pipe.or_else(|| child.stdout().take().map(boxed))),
        stderr: Source::new(child.stderr().take().map(boxed)),
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
    input: Option<Input>,
    stdout: Source,
    stderr: Source,
    exit: Option<Exit>,
    linger_until: Option<Instant>,
    left_in_pipe_bytes: usize,
    detached: bool,
}

/// A piece of output, at most 16 KiB; it may end inside a character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Which of the two it came from.
    pub stream: Stream,
    /// The bytes, never empty.
    pub bytes: Vec<u8>,
}

/// One of a program's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
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
        while self.stdout.is_open() || self.stderr.is_open() {
            if self.past_linger() && self.left_in_pipe_bytes == 0 {
                return None;
            }
            match self.step().await {
                Step::Read(chunk) if chunk.bytes.is_empty() => self.close(chunk.stream),
                Step::Read(chunk) => {
                    self.count(&chunk);
                    return Some(chunk);
                }
                Step::Ended(Ok(status)) => self.ended(status),
                Step::Fed => self.input = None,
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
                Step::Read(chunk) if chunk.bytes.is_empty() => self.close(chunk.stream),
                Step::Ended(Ok(status)) => self.ended(status),
                Step::Ended(Err(source)) => return Err(Error::Wait { pid: self.pid, source }),
                Step::Fed => self.input = None,
                Step::Read(_) | Step::Lingered => {}
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
            chunk = read_either(&mut self.stdout, &mut self.stderr) => Step::Read(chunk),
            () = feed(self.input.as_mut()) => Step::Fed,
            () = linger(linger_until) => Step::Lingered,
        }
    }

    fn count(&mut self, chunk: &Chunk) {
        if self.past_linger() {
            self.left_in_pipe_bytes = self.left_in_pipe_bytes.saturating_sub(chunk.bytes.len());
        }
    }

    fn close(&mut self, stream: Stream) {
        match stream {
            Stream::Stdout => self.stdout.reader = None,
            Stream::Stderr => self.stderr.reader = None,
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
    /// Output; empty when the stream has ended.
    Read(Chunk),
    /// The program itself has ended.
    Ended(io::Result<ExitStatus>),
    /// All input is written, or nobody reads it any more.
    Fed,
    /// The program ended a while ago and nothing came since.
    Lingered,
}

#[derive(Debug)]
struct Input {
    pipe: ChildStdin,
    bytes: Vec<u8>,
    written: usize,
}

type Reader = Box<dyn AsyncRead + Send + Sync + Unpin>;

struct Source {
    reader: Option<Reader>,
    buffer: Vec<u8>,
}

impl Source {
    fn new(reader: Option<Reader>) -> Self {
        let buffer = if reader.is_some() { vec![0; CHUNK_BYTES] } else { Vec::new() };
        Self { reader, buffer }
    }

    fn is_open(&self) -> bool {
        self.reader.is_some()
    }

    /// Reads a piece; empty at the end and on errors, never returning when there is nothing to read from.
    async fn read(&mut self) -> Vec<u8> {
        match &mut self.reader {
            Some(reader) => {
                let read = reader.read(&mut self.buffer).await.unwrap_or(0);
                self.buffer[..read].to_vec()
            }
            None => std::future::pending().await,
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Source").field("open", &self.is_open()).finish_non_exhaustive()
    }
}

async fn read_either(stdout: &mut Source, stderr: &mut Source) -> Chunk {
    tokio::select! {
        bytes = stdout.read() => Chunk { stream: Stream::Stdout, bytes },
        bytes = stderr.read() => Chunk { stream: Stream::Stderr, bytes },
    }
}

/// Writes the input as the program takes it; a program that reads no further is no failure.
async fn feed(input: Option<&mut Input>) {
    let Some(input) = input else { return std::future::pending().await };
    while input.written < input.bytes.len() {
        match input.pipe.write(&input.bytes[input.written..]).await {
            Ok(0) | Err(_) => return,
            Ok(written) => input.written += written,
        }
    }
}

async fn linger(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

fn bytes_of(stdin: Stdin) -> Vec<u8> {
    match stdin {
        Stdin::Null => Vec::new(),
        Stdin::Bytes(bytes) => bytes,
    }
}

fn boxed(reader: impl AsyncRead + Send + Sync + Unpin + 'static) -> Reader {
    Box::new(reader)
}

/// Makes the program's standard output and error, and this side of them where both are one pipe.
fn outputs(program: &Program) -> Result<(Stdio, Stdio, Option<Reader>), Error> {
    match &program.stdout_to {
        Output::Pipe => Ok((Stdio::piped(), Stdio::piped(), None)),
        Output::OnePipe => one_pipe().map_err(|source| Error::Start { program: program.program.clone(), source }),
        Output::File(path) => {
            let open = || {
                let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
                Ok((Stdio::from(file.try_clone()?), Stdio::from(file), None))
            };
            open().map_err(|source| Error::OutputFile { path: path.clone(), source })
        }
    }
}

fn one_pipe() -> io::Result<(Stdio, Stdio, Option<Reader>)> {
    let (reader, writer) = io::pipe()?;
    let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    Ok((Stdio::from(writer.try_clone()?), Stdio::from(writer), Some(boxed(reader))))
}
