//! The bash tool: commands, in the foreground and in the background.

use crate::ToolsConfig;
use crate::jobs::{Await, Jobs, Report, in_words};
use crate::output::{Capture, End, follow};
use crate::roots::{Roots, Use};
use hearth_core::BoxFuture;
use hearth_core::tool::{Tool, ToolContext, ToolError, ToolOutput, ToolSpec};
use hearth_sandbox::{Exit, Output, Program, Running, Stdin};
use serde_json::{Map, Value, json};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest command, in bytes: Linux takes no argument of more than 128 KiB.
const COMMAND_BYTES: usize = 100_000;

/// How long a background command may run when its call does not say.
const BACKGROUND_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the first output of a background command is awaited: most that fail do so at once.
const FIRST_OUTPUT: Duration = Duration::from_millis(500);

/// How long new output of a background command is awaited when the call does not say.
const NEW_OUTPUT: Duration = Duration::from_secs(2);

/// What models that fill in every argument write for an id that they do not mean.
const NO_ID: [&str; 4] = ["false", "none", "None", "null"];

/// The bash tool.
pub(crate) struct Bash {
    spec: ToolSpec,
    config: Arc<ToolsConfig>,
    roots: Arc<Roots>,
    jobs: Arc<Jobs>,
    shell: PathBuf,
}

impl Bash {
    /// What the model calls it.
    pub(crate) const NAME: &str = "bash";

    pub(crate) fn new(config: Arc<ToolsConfig>, roots: Arc<Roots>, jobs: Arc<Jobs>) -> Self {
        let spec = ToolSpec {
            name: Self::NAME.to_owned(),
            description: "Run a shell command and get its output. With background true it returns an id at once; \
                          later poll or kill that id."
                .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "command": {"type": "string"},
                    "timeout": {"type": "integer", "description": "seconds"},
                    "workdir": {"type": "string"},
                    "background": {"type": "boolean"},
                    "poll": {"type": "string"},
                    "kill": {"type": "string"}
                }
            }),
        };
        let shell = shell(&config);
        Self { spec, config, roots, jobs, shell }
    }

    async fn run(&self, request: Request, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        match request {
            Request::Command { command, time, workdir, background } => {
                let folder = self.folder(workdir.as_deref())?;
                let program = self.program(&command, folder);
                if background {
                    self.run_in_background(&command, program, time).await
                } else {
                    self.run_here(program, time, context).await
                }
            }
            Request::Poll { id, .. } if id.is_empty() || id == "list" || id == "all" => {
                Ok(ToolOutput::text(self.jobs.list(), "background commands"))
            }
            Request::Poll { id, time } => {
                let wanted = if time.is_some() { Await::End } else { Await::Output };
                let patience = time.unwrap_or(NEW_OUTPUT).min(self.config.bash_timeout_max);
                tokio::select! {
                    biased;
                    () = context.cancel.cancelled() => Err(ToolError::Cancelled),
                    report = self.jobs.poll(&id, wanted, patience) => report.map(|report| reported(&report)),
                }
            }
            Request::Kill { id } => self.jobs.kill(&id).await.map(|report| reported(&report)),
        }
    }

    async fn run_here(
        &self,
        program: Program,
        time: Option<Duration>,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let time = time.unwrap_or(self.config.bash_timeout).min(self.config.bash_timeout_max);
        let started = Instant::now();
        let mut running = start(program)?;
        let mut capture = Capture::new(self.config.output_cap_bytes);
        let end = follow(&mut running, started + time, &context.cancel, |text| {
            capture.push(text);
            // Observers that can't keep up miss something; the command is not held back for them.
            drop(context.progress.try_send(text.replace("\r\n", "\n").replace('\r', "\n")));
        });
        let end = end.await;
        self.result(&end, &capture.text(), time, started.elapsed())
    }

    fn result(&self, end: &End, output: &str, time: Duration, took: Duration) -> Result<ToolOutput, ToolError> {
        let seconds = format!("{:.1} s", took.as_secs_f64());
        match end {
            End::Exited { exit: Exit { code: Some(0), .. }, .. } => {
                let text = with_note(output, &format!("{}, {seconds}", in_words(end)));
                Ok(ToolOutput::text(text, format!("exit 0 · {seconds}")))
            }
            End::Exited { .. } | End::Lost(_) => {
                Err(ToolError::Failed(with_note(output, &format!("{}, {seconds}", in_words(end)))))
            }
            End::TimedOut => Err(ToolError::Failed(with_note(
                output,
                &format!(
                    "stopped after {} s, its time limit; set timeout (at most {} s) or background true",
                    time.as_secs_f64(),
                    self.config.bash_timeout_max.as_secs()
                ),
            ))),
            End::Stopped if output.is_empty() => Err(ToolError::Cancelled),
            End::Stopped => Err(ToolError::Failed(with_note(output, &format!("stopped from outside after {seconds}")))),
        }
    }

    async fn run_in_background(
        &self,
        command: &str,
        program: Program,
        time: Option<Duration>,
    ) -> Result<ToolOutput, ToolError> {
        let deadline = Instant::now() + time.unwrap_or(BACKGROUND_TIME).min(BACKGROUND_TIME);
        let id = self.jobs.adopt(command, || start(program), deadline, self.config.output_cap_bytes)?;
        let report = self.jobs.poll(&id, Await::Output, FIRST_OUTPUT).await?;
        Ok(reported(&report))
    }

    fn program(&self, command: &str, folder: PathBuf) -> Program {
        Program {
            program: self.shell.clone(),
            args: vec![OsString::from("-c"), OsString::from(command)],
            cwd: folder,
            env: self.config.env.clone(),
            stdin: Stdin::Null,
            stdout_to: Output::OnePipe,
        }
    }

    fn folder(&self, workdir: Option<&str>) -> Result<PathBuf, ToolError> {
        let Some(workdir) = workdir else { return Ok(self.roots.workspace().to_owned()) };
        let place = self.roots.place(workdir, Use::Read)?;
        if !place.root.is_dir(&place.relative) {
            return Err(ToolError::Failed(format!(
                "workdir {} is no folder; leave it out to use the workspace",
                place.shown
            )));
        }
        Ok(place.absolute)
    }
}

impl Tool for Bash {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call<'a>(
        &'a self,
        arguments: &'a Map<String, Value>,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async move { self.run(request(arguments)?, context).await })
    }
}

enum Request {
    Command { command: String, time: Option<Duration>, workdir: Option<String>, background: bool },
    Poll { id: String, time: Option<Duration> },
    Kill { id: String },
}

fn request(arguments: &Map<String, Value>) -> Result<Request, ToolError> {
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let id = |name: &str| text(name).filter(|id| !NO_ID.contains(&id.trim()));
    let seconds = arguments.get("timeout").and_then(Value::as_u64).filter(|seconds| *seconds > 0);
    let time = seconds.map(Duration::from_secs);
    match (text("command"), id("poll"), id("kill")) {
        (Some(command), _, _) if command.contains('\0') => {
            Err(ToolError::Arguments("command contains a NUL character, which no command can".to_owned()))
        }
        (Some(command), _, _) if command.len() > COMMAND_BYTES => Err(ToolError::Arguments(format!(
            "command has {} bytes, at most {COMMAND_BYTES} can be run; write it to a file and run that",
            command.len()
        ))),
        (Some(command), None, None) => Ok(Request::Command {
            command: command.to_owned(),
            time,
            workdir: text("workdir").map(str::to_owned),
            background: arguments.get("background").and_then(Value::as_bool).unwrap_or(false),
        }),
        (None, Some(id), None) => Ok(Request::Poll { id: id.trim().to_owned(), time }),
        (None, None, Some(id)) => Ok(Request::Kill { id: id.trim().to_owned() }),
        (None, None, None) => {
            Err(ToolError::Arguments("give a command, for example {\"command\": \"ls -l\"}".to_owned()))
        }
        _ => Err(ToolError::Arguments("give only one of command, poll and kill".to_owned())),
    }
}

fn start(program: Program) -> Result<Running, ToolError> {
    hearth_sandbox::start(program).map_err(|error| ToolError::Failed(error.to_string()))
}

fn reported(report: &Report) -> ToolOutput {
    let Report { id, output, end, seconds } = report;
    let state = match end {
        Some(end) => format!("{id} ended: {end}"),
        None => {
            format!("{id} runs since {seconds} s; {{\"poll\": \"{id}\"}} shows more, {{\"kill\": \"{id}\"}} ends it")
        }
    };
    let text = if output.is_empty() { format!("(no new output)\n[{state}]") } else { with_note(output, &state) };
    ToolOutput::text(text, end.as_ref().map_or_else(|| format!("{id} runs"), |end| format!("{id}: {end}")))
}

fn with_note(output: &str, note: &str) -> String {
    match output {
        "" => format!("(no output)\n[{note}]"),
        output if output.ends_with('\n') => format!("{output}[{note}]"),
        output => format!("{output}\n[{note}]"),
    }
}

/// Finds the configured shell; where it is a name that is nowhere on the `PATH`, the one every system has.
fn shell(config: &ToolsConfig) -> PathBuf {
    if config.shell.components().count() > 1 {
        return config.shell.clone();
    }
    let path = config.env.iter().find(|(name, _)| name == OsStr::new("PATH"));
    let path = path.map_or(OsStr::new("/usr/local/bin:/usr/bin:/bin"), |(_, path)| path);
    let found = std::env::split_paths(path).map(|folder| folder.join(&config.shell)).find(|shell| shell.is_file());
    found.unwrap_or_else(|| Path::new("/bin/sh").to_owned())
}
