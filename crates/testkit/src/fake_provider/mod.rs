//! Loopback servers that speak like the model services, from a script of answers and faults.
//!
//! What they send was checked against the services' own client libraries: see `examples/fake_provider.rs`.
//!
//! - `script`: what to answer, and what to do wrong
//! - `server`: a small HTTP server that can break off at any byte
//! - `anthropic`, `responses`, `completions`, `gemini`: one spelling each of the same script

mod anthropic;
mod completions;
mod gemini;
mod responses;
mod script;
mod server;

pub use script::{Answer, Fault, Part, Reply, Tokens};
pub use server::{FakeProvider, Recorded};

/// Which service is imitated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Anthropic's Messages.
    AnthropicMessages,
    /// OpenAI's Responses.
    OpenAiResponses,
    /// OpenAI's Chat Completions.
    OpenAiCompletions,
    /// Google's Gemini `generateContent`.
    GoogleGenerativeAi,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] =
        [Self::AnthropicMessages, Self::OpenAiResponses, Self::OpenAiCompletions, Self::GoogleGenerativeAi];

    fn events(self, answer: &Answer, model: &str) -> Vec<WireEvent> {
        match self {
            Self::AnthropicMessages => anthropic::events(answer, model),
            Self::OpenAiResponses => responses::events(answer, model),
            Self::OpenAiCompletions => completions::events(answer, model),
            Self::GoogleGenerativeAi => gemini::events(answer, model),
        }
    }

    fn whole(self, answer: &Answer, model: &str) -> serde_json::Value {
        match self {
            Self::AnthropicMessages => anthropic::whole(answer, model),
            Self::OpenAiResponses => responses::whole(answer, model),
            Self::OpenAiCompletions => completions::whole(answer, model),
            Self::GoogleGenerativeAi => gemini::whole(answer, model),
        }
    }

    /// How the service reports a failure inside a stream.
    fn error_event(self, code: &str, message: &str) -> WireEvent {
        match self {
            Self::AnthropicMessages => anthropic::error_event(code, message),
            Self::OpenAiResponses => responses::error_event(code, message),
            Self::OpenAiCompletions => completions::error_event(code, message),
            Self::GoogleGenerativeAi => gemini::error_event(code, message),
        }
    }
}

/// One event of a stream.
#[derive(Clone, Debug)]
struct WireEvent {
    name: Option<String>,
    data: String,
}

impl WireEvent {
    fn named(data: &serde_json::Value) -> Self {
        let name = data.get("type").and_then(serde_json::Value::as_str).map(str::to_owned);
        Self { name, data: data.to_string() }
    }

    fn unnamed(data: &serde_json::Value) -> Self {
        Self { name: None, data: data.to_string() }
    }

    fn bytes(&self) -> Vec<u8> {
        let name = self.name.as_ref().map_or_else(String::new, |name| format!("event: {name}\n"));
        format!("{name}data: {}\n\n", self.data).into_bytes()
    }
}
