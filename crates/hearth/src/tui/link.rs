//! The connection to a gateway that may go away and come back.

use crate::client::{Client, Gateway, Incoming};
use crate::error::Failure;
use std::time::Duration;
use tokio::time::Instant;

/// How often a lost gateway is looked for.
const PAUSE: Duration = Duration::from_millis(300);
/// How long a lost gateway is looked for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A connection that is made again when it breaks.
#[derive(Debug)]
pub(super) struct Link {
    gateway: Gateway,
    client: Option<Client>,
    lost_at: Instant,
}

/// What comes over the link.
#[derive(Debug)]
pub(super) enum News {
    /// The gateway said something.
    Said(Incoming),
    /// The gateway is gone; it is looked for.
    Lost(Failure),
    /// It is there again.
    Back,
}

impl Link {
    /// Connects.
    pub(super) async fn open(gateway: &Gateway) -> Result<Self, Failure> {
        let client = Client::connect(gateway).await?;
        Ok(Self { gateway: gateway.clone(), client: Some(client), lost_at: Instant::now() })
    }

    /// Returns the connection, while there is one.
    pub(super) fn client(&mut self) -> Option<&mut Client> {
        self.client.as_mut()
    }

    /// Waits for what comes next. May be cancelled without losing anything.
    ///
    /// # Errors
    /// The gateway did not come back for a long time.
    pub(super) async fn next(&mut self) -> Result<News, Failure> {
        if let Some(client) = &mut self.client {
            match client.next().await {
                Ok(incoming) => return Ok(News::Said(incoming)),
                Err(failure) => {
                    self.client = None;
                    self.lost_at = Instant::now();
                    return Ok(News::Lost(failure));
                }
            }
        }
        loop {
            tokio::time::sleep(PAUSE).await;
            match Client::connect(&self.gateway).await {
                Ok(client) => {
                    self.client = Some(client);
                    return Ok(News::Back);
                }
                Err(failure) if self.lost_at.elapsed() >= PATIENCE => return Err(failure),
                Err(_) => {}
            }
        }
    }
}
