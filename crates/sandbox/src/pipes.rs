//! What a program reads and prints, and this side of it.

use crate::{Error, Output, Program, Stdin};
use process_wrap::tokio::ChildWrapper;
use std::fmt;
use std::fs::OpenOptions;
use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::{ChildStdin, Command};

/// How many bytes one chunk holds at most.
const CHUNK_BYTES: usize = 16 * 1024;

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

/// This side of a program's pipes.
#[derive(Debug)]
pub(crate) struct Pipes {
    input: Option<Input>,
    stdout: Source,
    stderr: Source,
}

/// The reading end of the one pipe that takes both outputs, where that was asked for.
pub(crate) type OnePipe = Option<pipe::Receiver>;

/// Gives a command its standard descriptors.
pub(crate) fn connect(program: &Program, command: &mut Command) -> Result<OnePipe, Error> {
    command.stdin(if program.stdin == Stdin::Null { Stdio::null() } else { Stdio::piped() });
    let (stdout, stderr, one_pipe) = match &program.stdout_to {
        Output::Pipe => (Stdio::piped(), Stdio::piped(), None),
        Output::OnePipe => one_pipe().map_err(|source| Error::Start { program: program.program.clone(), source })?,
        Output::File(path) => {
            let open = || {
                let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
                Ok((Stdio::from(file.try_clone()?), Stdio::from(file), None))
            };
            open().map_err(|source| Error::OutputFile { path: path.clone(), source })?
        }
    };
    command.stdout(stdout).stderr(stderr);
    Ok(one_pipe)
}

fn one_pipe() -> io::Result<(Stdio, Stdio, OnePipe)> {
    let (reader, writer) = io::pipe()?;
    let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    Ok((Stdio::from(writer.try_clone()?), Stdio::from(writer), Some(reader)))
}

impl Pipes {
    /// Takes this side of a started program's pipes.
    pub(crate) fn of(child: &mut dyn ChildWrapper, stdin: Stdin, one_pipe: OnePipe) -> Self {
        let input = match stdin {
            Stdin::Null => None,
            Stdin::Bytes(bytes) => child.stdin().take().map(|pipe| Input { pipe, bytes, written: 0 }),
        };
        let stdout = match one_pipe {
            Some(reader) => Source::new(reader),
            None => child.stdout().take().map_or_else(Source::closed, Source::new),
        };
        Self { input, stdout, stderr: child.stderr().take().map_or_else(Source::closed, Source::new) }
    }

    /// Tells whether output may still come.
    pub(crate) fn are_open(&self) -> bool {
        self.stdout.reader.is_some() || self.stderr.reader.is_some()
    }

    /// Moves on: reads a piece of output, or writes the last of the input. Never returns once everything is closed.
    pub(crate) async fn next(&mut self) -> Moved {
        let moved = tokio::select! {
            bytes = self.stdout.read() => Moved::Read(Chunk { stream: Stream::Stdout, bytes }),
            bytes = self.stderr.read() => Moved::Read(Chunk { stream: Stream::Stderr, bytes }),
            () = feed(self.input.as_mut()) => Moved::Closed,
        };
        match moved {
            Moved::Read(Chunk { stream, bytes }) if bytes.is_empty() => {
                match stream {
                    Stream::Stdout => self.stdout.reader = None,
                    Stream::Stderr => self.stderr.reader = None,
                }
                Moved::Closed
            }
            Moved::Closed => {
                self.input = None;
                Moved::Closed
            }
            read @ Moved::Read(_) => read,
        }
    }
}

/// What moved in a program's pipes.
pub(crate) enum Moved {
    /// Output came.
    Read(Chunk),
    /// One of the three will not be used any more.
    Closed,
}

#[derive(Debug)]
struct Input {
    pipe: ChildStdin,
    bytes: Vec<u8>,
    written: usize,
}

/// Writes the input as the program takes it; a program that reads no further is no failure.
async fn feed(input: Option<&mut Input>) {
    let Some(input) = input else { return pending().await };
    while input.written < input.bytes.len() {
        match input.pipe.write(&input.bytes[input.written..]).await {
            Ok(0) | Err(_) => return,
            Ok(written) => input.written += written,
        }
    }
}

struct Source {
    reader: Option<Box<dyn AsyncRead + Send + Sync + Unpin>>,
    buffer: Vec<u8>,
}

impl Source {
    fn new(reader: impl AsyncRead + Send + Sync + Unpin + 'static) -> Self {
        Self { reader: Some(Box::new(reader)), buffer: vec![0; CHUNK_BYTES] }
    }

    fn closed() -> Self {
        Self { reader: None, buffer: Vec::new() }
    }

    /// Reads a piece; empty at the end and on errors, never returning when it is closed.
    async fn read(&mut self) -> Vec<u8> {
        let Some(reader) = &mut self.reader else { return pending().await };
        let read = reader.read(&mut self.buffer).await.unwrap_or(0);
        self.buffer[..read].to_vec()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Source").field("open", &self.reader.is_some()).finish_non_exhaustive()
    }
}
