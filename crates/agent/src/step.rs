//! One answer of the model, while it streams.

use crate::report::Report;
use futures_util::StreamExt;
use hearth_core::CancellationToken;
use hearth_core::error::ErrorKind;
use hearth_core::event::TurnEventKind;
use hearth_core::message::AssistantMessage;
use hearth_core::model::{Model, ModelError, ModelEvent, ModelRequest, Remedy};
use std::time::Duration;
use tokio::time::Instant;

/// What can end a turn from outside.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) cancel: CancellationToken,
    pub(crate) deadline: Instant,
}

/// Why a turn was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// The person stopped it.
    Person,
    /// Its time is over.
    Deadline,
}

impl Stop {
    /// Ends when the turn must.
    pub(crate) async fn came(&self) -> Interrupt {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Interrupt::Person,
            () = tokio::time::sleep_until(self.deadline) => Interrupt::Deadline,
        }
    }

    /// Tells whether the turn must end now.
    pub(crate) fn now(&self) -> Option<Interrupt> {
        if self.cancel.is_cancelled() {
            return Some(Interrupt::Person);
        }
        (Instant::now() >= self.deadline).then_some(Interrupt::Deadline)
    }

    /// Makes a turn's bounds.
    pub(crate) fn new(cancel: CancellationToken, max_seconds: u64) -> Self {
        // A limit beyond what the clock can express is none.
        const FAR: Duration = Duration::from_secs(86_400 * 365);
        let now = Instant::now();
        let deadline = now + Duration::from_secs(max_seconds).min(FAR);
        Self { cancel, deadline }
    }
}

/// How asking a model ended.
pub(crate) enum Asked {
    /// With an answer.
    Answered(Box<AssistantMessage>),
    /// From outside, after this much text.
    Interrupted(Interrupt, String),
    /// With a failure, after this much text.
    Failed(ModelError, String),
}

/// Asks a model once and reports what it says while it says it. Dropping the model's stream cancels the request.
pub(crate) async fn ask(model: &dyn Model, request: ModelRequest, stop: &Stop, report: &mut Report<'_>) -> Asked {
    let mut text = String::new();
    let started = tokio::select! {
        biased;
        why = stop.came() => return Asked::Interrupted(why, text),
        started = model.answer(request) => started,
    };
    let mut stream = match started {
        Ok(stream) => stream,
        Err(error) => return Asked::Failed(error, text),
    };
    loop {
        let event = tokio::select! {
            biased;
            why = stop.came() => return Asked::Interrupted(why, text),
            event = stream.next() => event,
        };
        match event {
            Some(Ok(ModelEvent::Done(answer))) => return Asked::Answered(answer),
            Some(Ok(event)) => relay(event, &mut text, report).await,
            Some(Err(error)) => return Asked::Failed(error, text),
            None => return Asked::Failed(cut_off(model), text),
        }
    }
}

async fn relay(event: ModelEvent, text: &mut String, report: &mut Report<'_>) {
    let what = match event {
        ModelEvent::Reading { done_tokens, total_tokens } if done_tokens < total_tokens => {
            TurnEventKind::Waiting(format!("reading {done_tokens} of {total_tokens} tokens"))
        }
        ModelEvent::Reading { .. } | ModelEvent::Done(_) => return,
        ModelEvent::Restarted { reason } => {
            text.clear();
            TurnEventKind::Restarted(reason)
        }
        ModelEvent::Text(piece) => {
            text.push_str(&piece);
            TurnEventKind::Text(piece)
        }
        ModelEvent::Thinking(piece) => TurnEventKind::Thinking(piece),
        ModelEvent::ToolCallStarted(name) => TurnEventKind::Waiting(format!("writing a {name} call")),
    };
    report.send(what).await;
}

fn cut_off(model: &dyn Model) -> ModelError {
    let info = model.info();
    ModelError {
        kind: ErrorKind::Remote,
        message: format!("{}/{} stopped in the middle of its answer", info.provider, info.model),
        hint: "send the message again".to_owned(),
        remedy: Remedy::Retry(None),
    }
}
