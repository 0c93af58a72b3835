//! What a person configures about one model at one provider.

use crate::catalogue;
use hearth_core::clock::Clock;
use hearth_core::message::{Cost, Usage};
use hearth_core::model::PromptProfile;
use hearth_secrets::Secret;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// The wire format a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Api {
    /// Anthropic's Messages.
    #[serde(rename = "anthropic-messages")]
    AnthropicMessages,
    /// OpenAI's Responses.
    #[serde(rename = "openai-responses")]
    OpenAiResponses,
    /// OpenAI's Chat Completions, which most services and local servers imitate.
    #[serde(rename = "openai-completions")]
    OpenAiCompletions,
    /// Google's Gemini `generateContent`.
    #[serde(rename = "google-generative-ai")]
    GoogleGenerativeAi,
}

impl Api {
    /// Every wire format.
    pub const ALL: [Self; 4] =
        [Self::AnthropicMessages, Self::OpenAiResponses, Self::OpenAiCompletions, Self::GoogleGenerativeAi];

    /// Returns the name used in configuration and transcripts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AnthropicMessages => "anthropic-messages",
            Self::OpenAiResponses => "openai-responses",
            Self::OpenAiCompletions => "openai-completions",
            Self::GoogleGenerativeAi => "google-generative-ai",
        }
    }

    /// Reads a name; `None` when it is none of the four.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.name() == name)
    }
}

impl fmt::Display for Api {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// One model at one provider, ready to be connected.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The configured provider's name: what messages and transcripts call it.
    pub provider: String,
    /// The wire format.
    pub api: Api,
    /// Where the service is: scheme, host and the path before the format's own (`https://api.openai.com/v1`).
    pub base_url: String,
    /// The key; `None` for servers that want none.
    pub key: Option<Secret>,
    /// Further headers, sent as they are.
    pub headers: Vec<(String, String)>,
    /// The model.
    pub model: ModelSetup,
    /// A Unix socket to connect to instead of the address's host.
    pub unix_socket: Option<PathBuf>,
    /// What tells the time of answers.
    pub clock: Clock,
}

/// What is known about a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSetup {
    /// Its id at the provider.
    pub id: String,
    /// How many tokens prompt and answer may have together.
    pub context_tokens: u32,
    /// How many tokens one answer may have.
    pub max_output_tokens: u32,
    /// True when it accepts images.
    pub images: bool,
    /// How much guidance its prompt must give.
    pub profile: PromptProfile,
    /// What it costs; `None` when not known, which is reported as zero.
    pub price: Option<Price>,
    /// How it is told to think.
    pub reasoning: Reasoning,
}

impl ModelSetup {
    /// Returns cautious values for a model nobody has described: a context that any current model has, no images.
    #[must_use]
    pub fn unknown(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            context_tokens: catalogue::UNKNOWN_CONTEXT_TOKENS,
            max_output_tokens: catalogue::UNKNOWN_OUTPUT_TOKENS,
            images: false,
            profile: PromptProfile::Full,
            price: None,
            reasoning: Reasoning::None,
        }
    }
}

/// How a model is told to think.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reasoning {
    /// It does not reason, or nothing is known: nothing about thinking is sent.
    #[default]
    None,
    /// By an effort word (`low`, `medium`, `high`), the model deciding how much.
    Effort,
    /// By a number of tokens.
    Budget,
}

/// Prices in US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// Prompt tokens that were not cached.
    pub input: f64,
    /// Written tokens, reasoning included.
    pub output: f64,
    /// Prompt tokens read from the cache.
    pub cache_read: f64,
    /// Prompt tokens written to the cache.
    pub cache_write: f64,
}

impl Price {
    /// Returns what an answer cost.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Cost {
        let parts = [
            (usage.input, self.input),
            (usage.output, self.output),
            (usage.cache_read, self.cache_read),
            (usage.cache_write, self.cache_write),
        ];
        // Token counts are far below 2^53, where the conversion would lose digits.
        #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
        let total_usd = parts.iter().map(|(tokens, per_million)| *tokens as f64 * per_million / 1e6).sum();
        Cost { total_usd }
    }
}
