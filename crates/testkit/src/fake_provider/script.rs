//! What a fake provider answers, and what it does wrong.

use std::time::Duration;

/// What is done with one request.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The answer, streamed if the request asks for a stream.
    Answer(Answer),
    /// The answer in one piece, whatever the request asks for.
    Whole(Answer),
    /// Something goes wrong.
    Fault(Fault),
    /// The reply comes late.
    Late(Duration, Box<Self>),
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A status with headers and a body.
    Status {
        /// The status code.
        status: u16,
        /// Further headers, for example `Retry-After`.
        headers: Vec<(String, String)>,
        /// The body, sent as JSON.
        body: String,
    },
    /// The connection breaks after this many bytes of the stream.
    CutAfterBytes(Answer, usize),
    /// The stream ends in order, but after this many events.
    EndAfterEvents(Answer, usize),
    /// The event of this number (from zero) is not JSON.
    MalformedEvent(Answer, usize),
    /// After this many events the service reports a failure of this code.
    ErrorEvent(Answer, usize, String),
    /// The connection is closed without an answer.
    HangUp,
}

impl Fault {
    /// A status with a body as OpenAI and Anthropic both spell it.
    #[must_use]
    pub fn status(status: u16, code: &str, message: &str) -> Self {
        let error = serde_json::json!({ "type": code, "code": code, "message": message });
        let body = serde_json::json!({ "type": "error", "error": error }).to_string();
        Self::Status { status, headers: Vec::new(), body }
    }

    /// A full house: 429 with a `Retry-After` in seconds.
    #[must_use]
    pub fn rate_limited(retry_after_seconds: u32) -> Self {
        match Self::status(429, "rate_limit_error", "too many requests") {
            Self::Status { status, body, .. } => {
                let headers = vec![("retry-after".to_owned(), retry_after_seconds.to_string())];
                Self::Status { status, headers, body }
            }
            other => other,
        }
    }
}

/// An answer, in no format's words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The blocks in order.
    pub parts: Vec<Part>,
    /// True when the output limit cut it off.
    pub cut_by_limit: bool,
    /// What it took.
    pub tokens: Tokens,
}

impl Answer {
    /// An answer of one text, streamed word by word.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self { parts: vec![Part::text(text)], ..Self::default() }
    }

    /// The same answer with one more block.
    #[must_use]
    pub fn and(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// The same answer, cut off by the output limit.
    #[must_use]
    pub fn cut_by_limit(self) -> Self {
        Self { cut_by_limit: true, ..self }
    }

    pub(super) fn has_calls(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Call { .. }))
    }
}

/// One block of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Readable reasoning and its replay data.
    Thinking {
        /// The text.
        text: String,
        /// What must come back unchanged.
        signature: String,
    },
    /// Text.
    Text(String),
    /// A tool call.
    Call {
        /// The call's id; formats without ids leave it out.
        id: String,
        /// The tool.
        name: String,
        /// The arguments as the model writes them; need not be JSON.
        arguments: String,
    },
}

impl Part {
    /// A text block.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A reasoning block.
    #[must_use]
    pub fn thinking(text: &str, signature: &str) -> Self {
        Self::Thinking { text: text.to_owned(), signature: signature.to_owned() }
    }

    /// A tool call.
    #[must_use]
    pub fn call(id: &str, name: &str, arguments: &str) -> Self {
        Self::Call { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
    }
}

/// What an answer took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Prompt tokens that were not cached.
    pub input: u64,
    /// Prompt tokens from the cache.
    pub cached: u64,
    /// Written tokens.
    pub output: u64,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { input: 100, cached: 20, output: 10 }
    }
}

/// Cuts a text into the pieces it is streamed in, never inside a character.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    text.split_inclusive([' ', ',', '\n']).collect()
}
