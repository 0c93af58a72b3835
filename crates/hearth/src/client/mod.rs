//! The gateway as a client sees it: one WebSocket, requests, answers and events.

mod events;
mod locate;

pub(crate) use events::{Decoder, Observation};
pub(crate) use locate::{Gateway, find_gateway, one_time_address, token};

use crate::error::Failure;
use futures_util::{SinkExt as _, StreamExt as _};
use hearth_core::error::ErrorKind;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// How long the gateway may take to greet and to answer a request: it only looks things up.
const ANSWER: Duration = Duration::from_secs(20);
/// The gateway says something at least every 30 s; twice that and more without a word means it is gone.
const SILENCE: Duration = Duration::from_secs(75);
/// Larger frames are refused.
const MAX_FRAME_BYTES: usize = 25 << 20;
/// Events that arrive while an answer is awaited; more than this many and the oldest are of no use any more.
const MAX_HELD: usize = 10_000;

/// A connection to a gateway.
#[derive(Debug)]
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    held: std::collections::VecDeque<Incoming>,
    next_id: u64,
}

/// What the gateway sends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Incoming {
    /// The answer to a request.
    Answer {
        /// The request's id.
        id: String,
        /// What it asked for, or why not.
        result: Result<Value, Refusal>,
    },
    /// Something happened.
    Event {
        /// Its name.
        name: String,
        /// The rest.
        payload: Value,
    },
}

/// Why the gateway refused a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What went wrong, in words.
    pub(crate) message: String,
}

impl Client {
    /// Connects and introduces itself.
    pub(crate) async fn connect(gateway: &Gateway) -> Result<Self, Failure> {
        let connecting = tokio::time::timeout(ANSWER, Self::open(gateway));
        connecting.await.unwrap_or_else(|_elapsed| Err(lost("did not answer in time")))
    }

    async fn open(gateway: &Gateway) -> Result<Self, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", gateway.port)).await.map_err(|error| lost(&error.to_string()))?;
        let config =
            WebSocketConfig::default().max_message_size(Some(MAX_FRAME_BYTES)).max_frame_size(Some(MAX_FRAME_BYTES));
        let address = format!("ws://127.0.0.1:{}/", gateway.port);
        let (socket, _response) = tokio_tungstenite::client_async_with_config(address, stream, Some(config))
            .await
            .map_err(|error| lost(&error.to_string()))?;
        let mut client = Self { socket, held: std::collections::VecDeque::new(), next_id: 0 };
        client.request("connect", introduction(gateway)).await?;
        Ok(client)
    }

    /// Sends a request without waiting; returns its id.
    pub(crate) async fn send(&mut self, method: &str, params: Value) -> Result<String, Failure> {
        self.next_id += 1;
        let id = format!("h{}", self.next_id);
        let frame = json!({ "type": "req", "id": id, "method": method, "params": params });
        let sent = self.socket.send(Message::text(frame.to_string())).await;
        sent.map_err(|error| lost(&error.to_string()))?;
        Ok(id)
    }

    /// Sends a request and waits for its answer; events meanwhile are kept for [`Self::next`].
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        let wanted = self.send(method, params).await?;
        let answer = async {
            loop {
                match self.receive().await? {
                    Incoming::Answer { id, result } if id == wanted => return Ok(result),
                    other => self.hold(other),
                }
            }
        };
        let answered: Result<_, Failure> =
            tokio::time::timeout(ANSWER, answer).await.unwrap_or_else(|_elapsed| Err(lost("did not answer in time")));
        answered?.map_err(|refusal| Failure::new(ErrorKind::Remote, format!("gateway: {}", refusal.message)))
    }

    fn hold(&mut self, incoming: Incoming) {
        if self.held.len() == MAX_HELD {
            self.held.pop_front();
        }
        self.held.push_back(incoming);
    }

    /// Waits for what the gateway sends next. May be cancelled without losing anything.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Failure> {
        if let Some(held) = self.held.pop_front() {
            return Ok(held);
        }
        self.receive().await
    }

    async fn receive(&mut self) -> Result<Incoming, Failure> {
        loop {
            let message = tokio::time::timeout(SILENCE, self.socket.next()).await;
            let text = match message {
                Err(_elapsed) => return Err(lost("has been silent for too long")),
                Ok(None | Some(Ok(Message::Close(_)))) => return Err(lost("closed the connection")),
                Ok(Some(Err(error))) => return Err(lost(&error.to_string())),
                Ok(Some(Ok(Message::Text(text)))) => text,
                Ok(Some(Ok(_))) => continue,
            };
            if let Some(incoming) = parse(&text) {
                return Ok(incoming);
            }
        }
    }
}

fn parse(text: &str) -> Option<Incoming> {
    let mut frame: Value = serde_json::from_str(text).ok()?;
    let word = |frame: &Value, name: &str| frame.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    match frame.get("type")?.as_str()? {
        "res" => {
            let id = word(&frame, "id");
            let result = if frame.get("ok").and_then(Value::as_bool) == Some(true) {
                Ok(frame.get_mut("payload").map(Value::take).unwrap_or_default())
            } else {
                let error = frame.get("error").cloned().unwrap_or_default();
                Err(Refusal { message: word(&error, "message") })
            };
            Some(Incoming::Answer { id, result })
        }
        "event" => {
            let name = word(&frame, "event");
            Some(Incoming::Event { name, payload: frame.get_mut("payload").map(Value::take).unwrap_or_default() })
        }
        _ => None,
    }
}

fn introduction(gateway: &Gateway) -> Value {
    json!({
        "minProtocol": 3,
        "maxProtocol": 4,
        "client": {
            "id": "cli",
            "version": env!("CARGO_PKG_VERSION"),
            "platform": std::env::consts::OS,
            "mode": "cli",
        },
        "role": "operator",
        "scopes": ["operator.admin", "operator.read", "operator.write"],
        "caps": ["tool-events", "hearth-details"],
        "auth": { "token": gateway.token.expose() },
    })
}

fn lost(why: &str) -> Failure {
    Failure::new(ErrorKind::Remote, format!("the gateway {why}")).hint("hearth gateway status")
}

#[cfg(test)]
mod tests {
    use super::{Incoming, Refusal, parse};
    use serde_json::json;

    #[test]
    fn frames_are_answers_or_events_and_all_else_is_skipped() {
        assert_eq!(
            parse(r#"{"type":"res","id":"h1","ok":true,"payload":{"a":1}}"#),
            Some(Incoming::Answer { id: "h1".to_owned(), result: Ok(json!({"a": 1})) })
        );
        assert_eq!(
            parse(r#"{"type":"res","id":"h1","ok":false,"error":{"code":"X","message":"no"}}"#),
            Some(Incoming::Answer { id: "h1".to_owned(), result: Err(Refusal { message: "no".to_owned() }) })
        );
        assert_eq!(
            parse(r#"{"type":"event","event":"tick","payload":{"ts":1}}"#),
            Some(Incoming::Event { name: "tick".to_owned(), payload: json!({"ts": 1}) })
        );
        assert_eq!([parse("{"), parse("[]"), parse(r#"{"type":"future"}"#)], [None, None, None]);
    }
}
