//! The thread that owns an engine, and its queue: one conversation is answered at a time, others wait their turn.

use std::ops::ControlFlow;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Engine, EngineError, Event};
use crate::request::Request;

/// Requests that may wait; more are refused.
const QUEUE: usize = 32;
/// How long a reader of events may stay away before it counts as gone.
const PATIENCE: Duration = Duration::from_secs(60);
const NAP: Duration = Duration::from_millis(5);

/// A request in the queue.
#[derive(Debug)]
pub(crate) struct Job {
    /// What is asked.
    pub(crate) request: Request,
    /// Who hears of it.
    pub(crate) events: mpsc::Sender<Result<Event, EngineError>>,
    /// Ends the work between two tokens.
    pub(crate) cancel: CancellationToken,
}

/// Handle of the thread. Dropping it lets the thread end after the job it is at.
#[derive(Debug)]
pub(crate) struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread, which first builds its engine with `load`. The receiver tells the context's size, or why
    /// there is no engine.
    ///
    /// # Errors
    /// `Thread`.
    pub(crate) fn start(
        load: impl FnOnce() -> Result<Engine, EngineError> + Send + 'static,
    ) -> Result<(Self, oneshot::Receiver<Result<usize, EngineError>>), EngineError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (tell_loaded, loaded) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("model".to_owned())
            .spawn(move || match load() {
                Ok(engine) => {
                    // Nobody listening means the server is already closing; the queue is closed then, too.
                    let _told = tell_loaded.send(Ok(engine.context()));
                    work(engine, queue);
                }
                Err(error) => {
                    let _told = tell_loaded.send(Err(error));
                }
            })
            .map_err(EngineError::Thread)?;
        Ok((Self { jobs: Some(jobs), thread: Some(thread) }, loaded))
    }

    /// The queue's entrance.
    pub(crate) fn jobs(&self) -> Option<mpsc::Sender<Job>> {
        self.jobs.clone()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the thread itself and must not become a second one here.
            let _ended = thread.join();
        }
    }
}

fn work(mut engine: Engine, mut queue: mpsc::Receiver<Job>) {
    while let Some(job) = queue.blocking_recv() {
        let mut sink = |event: Event| {
            if job.cancel.is_cancelled() { ControlFlow::Break(()) } else { send(&job, Ok(event)) }
        };
        if let Err(error) = engine.answer(&job.request, &mut sink) {
            // Who asked may be gone; there is nobody else to tell.
            let _told = send(&job, Err(error));
        }
    }
}

/// Waits for a slow reader, but not for ever.
fn send(job: &Job, event: Result<Event, EngineError>) -> ControlFlow<()> {
    let mut event = event;
    let mut waited = Duration::ZERO;
    loop {
        match job.events.try_send(event) {
            Ok(()) => return ControlFlow::Continue(()),
            Err(mpsc::error::TrySendError::Full(returned)) if waited < PATIENCE && !job.cancel.is_cancelled() => {
                event = returned;
            }
            Err(_gone) => return ControlFlow::Break(()),
        }
        std::thread::park_timeout(NAP);
        waited += NAP;
    }
}
