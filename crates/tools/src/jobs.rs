//! Commands that outlive the call that started them.

use crate::output::{Capture, End, follow};
use hearth_core::CancellationToken;
use hearth_core::tool::ToolError;
use hearth_sandbox::Running;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

/// How many ended jobs are remembered, so that their last output can still be asked for.
const ENDED_JOBS: usize = 16;

/// How long a kill, or all of them at the end, may take; a little longer than the sandbox needs at worst.
const KILL_TIME: Duration = Duration::from_secs(10);

/// The background commands of one agent.
#[derive(Debug)]
pub(crate) struct Jobs {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u32,
    jobs: BTreeMap<u32, Arc<Job>>,
    tasks: JoinSet<()>,
    closed: bool,
}

#[derive(Debug)]
struct Job {
    command: String,
    started: Instant,
    stop: CancellationToken,
    /// What it printed since it was last asked.
    output: Mutex<Capture>,
    /// Changes with every piece of output, and at the end.
    end: watch::Sender<Option<String>>,
}

/// How a background command stands, and what it printed since the last question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) id: String,
    pub(crate) output: String,
    /// How it ended, in words; `None` while it runs.
    pub(crate) end: Option<String>,
    pub(crate) seconds: u64,
}

/// What a question waits for before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Await {
    Output,
    End,
}

impl Jobs {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// Takes over a running command and returns its id.
    pub(crate) fn adopt(
        &self,
        command: &str,
        start: impl FnOnce() -> Result<Running, ToolError>,
        deadline: Instant,
        cap_bytes: usize,
    ) -> Result<String, ToolError> {
        let mut state = self.state();
        while state.tasks.try_join_next().is_some() {}
        let running: Vec<String> =
            state.jobs.iter().filter(|(_, job)| job.runs()).map(|(id, job)| job.line(*id)).collect();
        if state.closed || running.len() >= self.limit {
            let jobs = running.join("\n");
            let message = format!("{} background commands run already; kill one first:\n{jobs}", running.len());
            return Err(ToolError::Failed(message));
        }
        let mut running = start()?;
        let job = Arc::new(Job {
            command: command.to_owned(),
            started: Instant::now(),
            stop: CancellationToken::new(),
            output: Mutex::new(Capture::new(cap_bytes)),
            end: watch::Sender::new(None),
        });
        state.last += 1;
        let id = state.last;
        state.jobs.insert(id, Arc::clone(&job));
        state.forget_old();
        state.tasks.spawn(async move {
            let end = follow(&mut running, deadline, &job.stop, |text| job.print(text)).await;
            // Whatever is left of it goes before anyone hears that it has ended.
            drop(running);
            job.end.send_replace(Some(in_words(&end)));
        });
        Ok(name(id))
    }

    /// Waits up to `patience` for output or the end, and reports what is new.
    pub(crate) async fn poll(&self, id: &str, wanted: Await, patience: Duration) -> Result<Report, ToolError> {
        let (number, job) = self.find(id)?;
        let until = Instant::now() + patience;
        let mut end = job.end.subscribe();
        loop {
            let ended = end.borrow_and_update().is_some();
            let enough = wanted == Await::Output && !job.output().is_empty();
            if ended || enough || !matches!(timeout_at(until, end.changed()).await, Ok(Ok(()))) {
                return Ok(job.report(number));
            }
        }
    }

    /// Ends a command and everything it started, and reports its last output.
    pub(crate) async fn kill(&self, id: &str) -> Result<Report, ToolError> {
        self.find(id)?.1.stop.cancel();
        self.poll(id, Await::End, KILL_TIME).await
    }

    /// Lists all commands, one a line.
    pub(crate) fn list(&self) -> String {
        let state = self.state();
        let lines: Vec<String> = state.jobs.iter().map(|(id, job)| job.line(*id)).collect();
        if lines.is_empty() { "no background commands".to_owned() } else { lines.join("\n") }
    }

    /// Ends all commands and takes no more.
    pub(crate) async fn shutdown(&self) {
        let mut tasks = {
            let mut state = self.state();
            state.closed = true;
            state.jobs.values().for_each(|job| job.stop.cancel());
            std::mem::take(&mut state.tasks)
        };
        let all_ended = async { while tasks.join_next().await.is_some() {} };
        // Dropping the tasks that are left kills their programs without asking.
        if timeout(KILL_TIME, all_ended).await.is_err() {
            tasks.shutdown().await;
        }
    }

    fn find(&self, id: &str) -> Result<(u32, Arc<Job>), ToolError> {
        let number = id.trim().trim_start_matches('b').parse::<u32>().ok();
        let found = number.and_then(|number| Some((number, Arc::clone(self.state().jobs.get(&number)?))));
        found.ok_or_else(|| {
            ToolError::Failed(format!("there is no background command `{id}`; there is:\n{}", self.list()))
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_old(&mut self) {
        let ended: Vec<u32> = self.jobs.iter().filter(|(_, job)| !job.runs()).map(|(id, _)| *id).collect();
        for id in ended.iter().take(ended.len().saturating_sub(ENDED_JOBS)) {
            self.jobs.remove(id);
        }
    }
}

impl Job {
    fn runs(&self) -> bool {
        self.end.borrow().is_none()
    }

    fn print(&self, text: &str) {
        self.output().push(text);
        self.end.send_modify(|_| ());
    }

    fn line(&self, id: u32) -> String {
        let state = self.end.borrow().clone().unwrap_or_else(|| "running".to_owned());
        let command: String = self.command.lines().next().unwrap_or_default().chars().take(80).collect();
        format!("{} ({state}): {command}", name(id))
    }

    fn report(&self, id: u32) -> Report {
        // The end first: what was printed before it is then surely in the output.
        let end = self.end.borrow().clone();
        let mut output = self.output();
        let empty = Capture::new(output.cap_bytes());
        let output = std::mem::replace(&mut *output, empty).text();
        Report { id: name(id), output, end, seconds: self.started.elapsed().as_secs() }
    }

    fn output(&self) -> MutexGuard<'_, Capture> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(id: u32) -> String {
    format!("b{id}")
}

/// Says how a command ended.
pub(crate) fn in_words(end: &End) -> String {
    match end {
        End::Exited { exit, left_running } => {
            let left = if *left_running {
                "; what it left running was stopped: start servers with background true"
            } else {
                ""
            };
            match (exit.code, exit.signal) {
                (Some(code), _) => format!("exit code {code}{left}"),
                (None, Some(signal)) => format!("killed by signal {signal}{}{left}", signal_name(signal)),
                (None, None) => format!("ended{left}"),
            }
        }
        End::TimedOut => "stopped: its time was over".to_owned(),
        End::Stopped => "stopped".to_owned(),
        End::Lost(error) => error.to_string(),
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        2 => " (interrupted)",
        6 => " (aborted)",
        9 => " (killed, out of memory perhaps)",
        11 => " (segmentation fault)",
        13 => " (broken pipe)",
        15 => " (terminated)",
        _ => "",
    }
}
