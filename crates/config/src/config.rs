//! The whole configuration, and the sections that fit in a few lines.

use crate::agents::AgentsConfig;
use crate::models::ModelsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything a person can set. Keys are camelCase and follow OpenClaw's where the idea is the same.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// The long-running process and its web page.
    pub gateway: GatewayConfig,
    /// The assistants: what all have in common, and the list of those beside `main`.
    pub agents: AgentsConfig,
    /// Where answers come from.
    pub models: ModelsConfig,
    /// What the model may call, and within which limits.
    pub tools: ToolsSection,
    /// Folders with instructions the assistant may follow.
    pub skills: SkillsConfig,
}

/// The long-running process and its web page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayConfig {
    /// TCP port on 127.0.0.1.
    #[schemars(range(min = 1))]
    pub port: u16,
}

/// What the model may call, and within which limits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToolsSection {
    /// Limits of the commands the assistant runs.
    pub bash: BashConfig,
    /// Folders and files the tools may touch besides the workspace.
    pub grants: Vec<GrantConfig>,
}

/// Limits of the commands the assistant runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BashConfig {
    /// Seconds a command may take when the model names no time.
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u64,
    /// Seconds a command may take at most, whatever the model asks for.
    #[schemars(range(min = 1, max = 86_400))]
    pub max_timeout_seconds: u64,
    /// Bytes of a command's output that the model sees; the middle of a longer output is cut.
    #[schemars(range(min = 1_000, max = 1_000_000))]
    pub output_max_bytes: u64,
    /// The shell that runs commands; null for `bash` where there is one, else `sh`.
    pub shell: Option<PathBuf>,
}

/// One folder or file the tools may touch besides the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantConfig {
    /// The folder or file; `~/` is the person's home folder.
    pub path: PathBuf,
    /// What is allowed there: `read` or `readWrite`.
    #[serde(default)]
    pub access: GrantAccess,
}

/// What tools may do in a granted place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GrantAccess {
    /// Look.
    #[default]
    Read,
    /// Look and change.
    ReadWrite,
}

/// Folders with instructions the assistant may follow.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkillsConfig {
    /// Where skills are looked for.
    pub load: SkillsLoadConfig,
}

/// Where skills are looked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkillsLoadConfig {
    /// Folders of skills besides the workspace's own `skills/`; `~/` is the person's home folder.
    pub extra_dirs: Vec<PathBuf>,
}
