//! Settings of the places answers come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where answers come from.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelsConfig {
    /// Services by name: a preset's name (`anthropic`, `openai`…) to change it, any other name to add one.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// The model that runs on this machine.
    pub local: LocalModelConfig,
}

/// One service that serves models.
#[derive(Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderConfig {
    /// Address of its interface, such as `https://api.example.com/v1`; a preset's own unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "http-url"))]
    pub base_url: Option<String>,
    /// The interface it speaks; a preset's own unless set, else `openai-completions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<ProviderApi>,
    /// The key: the text itself, `{ env: "NAME" }` or `{ file: "path" }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKey>,
    /// Further HTTP headers of every request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What is known of its models; needed only for models Hearth does not know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelConfig>,
}

// Neither a literal key nor the values of headers may reach a log.
impl fmt::Debug for ProviderConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProviderConfig")
            .field("base_url", &self.base_url)
            .field("api", &self.api)
            .field("api_key", &self.api_key)
            .field("headers", &self.headers.keys())
            .field("models", &self.models)
            .finish()
    }
}

/// The interface a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderApi {
    /// Anthropic Messages.
    AnthropicMessages,
    /// OpenAI Responses.
    OpenaiResponses,
    /// OpenAI Chat Completions, and everything compatible with it.
    OpenaiCompletions,
    /// Google Gemini.
    GoogleGenerativeAi,
}

impl ProviderApi {
    /// Returns the name as it is written in the file, for example `anthropic-messages`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AnthropicMessages => "anthropic-messages",
            Self::OpenaiResponses => "openai-responses",
            Self::OpenaiCompletions => "openai-completions",
            Self::GoogleGenerativeAi => "google-generative-ai",
        }
    }
}

/// Where a key is found. Its `Debug` form never shows a literal key.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ApiKey {
    /// The key itself, in the file.
    Literal(String),
    /// A variable of the environment.
    Env {
        /// The variable's name.
        env: String,
    },
    /// A file whose first line is the key.
    File {
        /// The file; `~/` is the person's home folder.
        file: PathBuf,
    },
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(_) => formatter.write_str("Literal(hidden)"),
            Self::Env { env } => formatter.debug_struct("Env").field("env", env).finish(),
            Self::File { file } => formatter.debug_struct("File").field("file", file).finish(),
        }
    }
}

/// What is known of one model.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelConfig {
    /// Its name at the provider.
    #[schemars(length(min = 1))]
    pub id: String,
    /// Tokens prompt and answer may have together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 256))]
    pub context_window: Option<u32>,
    /// Tokens one answer may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u32>,
    /// What it accepts: `["text"]` or `["text", "image"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Vec<InputKind>>,
    /// True for a small model that needs shorter instructions and worked examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub small: Option<bool>,
    /// Price in US dollars for a million tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<ModelCost>,
}

/// What a model accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    /// Words.
    Text,
    /// Pictures.
    Image,
}

/// Price in US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelCost {
    /// Tokens read.
    #[schemars(range(min = 0.0))]
    pub input: f64,
    /// Tokens written.
    #[schemars(range(min = 0.0))]
    pub output: f64,
    /// Tokens read from the provider's cache.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub cache_read: f64,
    /// Tokens written to the provider's cache.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub cache_write: f64,
}

/// The model that runs on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalModelConfig {
    /// Its name in `hearth models list`, or the path of a GGUF file; null for the one Hearth chooses.
    pub model: Option<String>,
    /// Threads it computes with; null for as many as the machine has cores.
    #[schemars(range(min = 1, max = 1_024))]
    pub threads: Option<usize>,
    /// Tokens prompt and answer may have together; null for the model's own limit within the memory there is.
    #[schemars(range(min = 512, max = 1_048_576))]
    pub context_tokens: Option<u32>,
    /// Minutes without a question after which it leaves memory.
    #[schemars(range(min = 1, max = 10_080))]
    pub idle_minutes: u64,
}
