//! The JSON of each line of a transcript.

use super::NewSession;
use hearth_core::message::Message;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the format that is written.
pub(super) const VERSION: u32 = 3;

/// The first line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Header<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    version: u32,
    id: &'a str,
    timestamp: String,
    cwd: &'a std::path::Path,
    /// Not part of the format, and allowed by it: lets the list of sessions be rebuilt from the transcripts.
    session_key: &'a str,
}

impl<'a> Header<'a> {
    pub(super) fn new(session: &'a NewSession, now: Timestamp) -> Self {
        Self {
            kind: "session",
            version: VERSION,
            id: &session.session_id,
            timestamp: written(now),
            cwd: &session.workspace,
            session_key: session.key.as_str(),
        }
    }
}

/// A line that is being appended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewEntry<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    parent_id: Option<&'a str>,
    timestamp: String,
    #[serde(flatten)]
    body: Body<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Message {
        message: &'a Message,
    },
    #[serde(rename_all = "camelCase")]
    ModelChange {
        provider: &'a str,
        model_id: &'a str,
    },
}

impl<'a> NewEntry<'a> {
    pub(super) fn message(id: &'a str, parent_id: Option<&'a str>, now: Timestamp, message: &'a Message) -> Self {
        Self { kind: "message", id, parent_id, timestamp: written(now), body: Body::Message { message } }
    }

    pub(super) fn model_change(
        id: &'a str,
        parent_id: Option<&'a str>,
        now: Timestamp,
        (provider, model_id): (&'a str, &'a str),
    ) -> Self {
        let body = Body::ModelChange { provider, model_id };
        Self { kind: "model_change", id, parent_id, timestamp: written(now), body }
    }
}

/// What every line has; the rest is looked at when the kind is known.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: Option<String>,
    pub(super) parent_id: Option<String>,
    pub(super) session_key: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) model_id: Option<String>,
}

/// The rest of a `message` line.
#[derive(Debug, Deserialize)]
pub(super) struct MessageBody {
    pub(super) message: Message,
}

/// Writes an instant as the format does: UTC, milliseconds.
fn written(at: Timestamp) -> String {
    format!("{at:.3}")
}
