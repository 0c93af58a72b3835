//! Settings of the assistants.

use hearth_core::model::Thinking;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The assistants: what all have in common, and the list of those beside `main`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentsConfig {
    /// What every agent has unless its own entry says otherwise.
    pub defaults: AgentDefaults,
    /// Agents besides `main`, or other settings for `main`.
    pub list: Vec<AgentEntry>,
}

impl AgentsConfig {
    /// Returns the entry of an agent, if the list has one.
    #[must_use]
    pub fn entry(&self, agent: &str) -> Option<&AgentEntry> {
        self.list.iter().find(|entry| entry.id == agent)
    }

    /// Returns the models an agent asks: its own choice, else the common one.
    #[must_use]
    pub fn model_of(&self, agent: &str) -> &ModelChoice {
        self.entry(agent).and_then(|entry| entry.model.as_ref()).unwrap_or(&self.defaults.model)
    }
}

/// What every agent has unless its own entry says otherwise.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentDefaults {
    /// Which model answers: `"provider/model"`, or a first choice with fallbacks.
    pub model: ModelChoice,
    /// How hard a reasoning model thinks: `off`, `low`, `medium` or `high`.
    #[serde(rename = "thinkingDefault")]
    #[schemars(with = "ThinkingLevel")]
    pub thinking: Thinking,
    /// Seconds a turn may take.
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u64,
    /// How often the model may be asked in one turn.
    #[schemars(range(min = 1, max = 1_000))]
    pub max_steps: u32,
    /// US dollars a turn may cost; null for no limit.
    #[schemars(range(min = 0.0))]
    pub max_cost_usd: Option<f64>,
    /// Characters of one workspace file that the model reads at the start of a turn.
    #[schemars(range(min = 500, max = 1_000_000))]
    pub bootstrap_max_chars: usize,
    /// Characters of all workspace files together.
    #[schemars(range(min = 1_000, max = 10_000_000))]
    pub bootstrap_total_max_chars: usize,
    /// The person's time zone (`Europe/Berlin`); null for the machine's.
    #[schemars(extend("format" = "time-zone"))]
    pub user_timezone: Option<String>,
}

/// One agent of the list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentEntry {
    /// Its name in folders and session keys: `a-z 0-9 - _`.
    #[schemars(extend("format" = "agent-id"))]
    pub id: String,
    /// The name a person sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// True for the agent that answers when none is named; without one it is `main`.
    #[serde(default)]
    pub default: bool,
    /// Its folder of text files; `workspace-<id>` in the home unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<PathBuf>,
    /// Which model answers; the common choice unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelChoice>,
}

/// Which model answers, and which ones when it can't.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(from = "ModelChoiceForm", rename_all = "camelCase")]
#[schemars(with = "ModelChoiceForm")]
pub struct ModelChoice {
    /// `provider/model`; `None` lets Hearth find one.
    pub primary: Option<String>,
    /// `provider/model` each, tried in order when the first is down, rate-limited or out of credit.
    pub fallbacks: Vec<String>,
}

/// The two ways to write a [`ModelChoice`].
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum ModelChoiceForm {
    Name(String),
    Chain(ModelChain),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ModelChain {
    /// The model that is asked first, as `provider/model`; null lets Hearth find one.
    #[serde(default)]
    primary: Option<String>,
    /// Models asked in this order when the first is down, rate-limited or out of credit.
    #[serde(default)]
    fallbacks: Vec<String>,
}

impl From<ModelChoiceForm> for ModelChoice {
    fn from(form: ModelChoiceForm) -> Self {
        match form {
            ModelChoiceForm::Name(name) => Self { primary: Some(name), fallbacks: Vec::new() },
            ModelChoiceForm::Chain(chain) => Self { primary: chain.primary, fallbacks: chain.fallbacks },
        }
    }
}

/// The words of [`Thinking`], for the schema.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used; the values are `Thinking`'s")]
enum ThinkingLevel {
    Off,
    Low,
    Medium,
    High,
}
