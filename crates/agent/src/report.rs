//! Tells observers what happens, in order, without letting a stuck one hold up the turn for ever.

use hearth_core::event::{EventSender, TurnEvent, TurnEventKind};
use hearth_core::session::SessionKey;
use std::time::Duration;
use tokio::sync::mpsc::error::SendTimeoutError;

/// How long one event may wait for room in the observer's queue.
const PATIENCE: Duration = Duration::from_secs(10);

/// The observer of one turn.
pub(crate) struct Report<'a> {
    events: &'a EventSender,
    run_id: &'a str,
    session: &'a SessionKey,
    /// True once the observer has let an event wait too long: it is then sent only what there is room for.
    stuck: bool,
}

impl<'a> Report<'a> {
    pub(crate) fn new(events: &'a EventSender, run_id: &'a str, session: &'a SessionKey) -> Self {
        Self { events, run_id, session, stuck: false }
    }

    /// Sends one event; nobody listening is no failure.
    pub(crate) async fn send(&mut self, what: TurnEventKind) {
        let patience = if self.stuck && !what.is_last() { Duration::ZERO } else { PATIENCE };
        let event = TurnEvent { run_id: self.run_id.to_owned(), session: self.session.clone(), what };
        if let Err(SendTimeoutError::Timeout(_)) = self.events.send_timeout(event, patience).await {
            self.stuck = true;
        }
    }
}
