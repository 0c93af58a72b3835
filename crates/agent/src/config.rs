//! What an agent is given by whoever starts it.

use hearth_core::model::Thinking;
use jiff::tz::TimeZone;
use std::path::PathBuf;

/// One agent's folders and bounds.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Its name; the second part of its session keys.
    pub id: String,
    /// Its folder of text files; made from templates when missing or empty.
    pub workspace: PathBuf,
    /// Where its transcripts and their list are kept; made when missing.
    pub sessions_dir: PathBuf,
    /// Folders of skills besides the workspace's own `skills`, which comes first. The tools must be allowed to read them.
    pub skills_dirs: Vec<PathBuf>,
    /// How much of the workspace's files a prompt may hold.
    pub files: hearth_memory::Limits,
    /// What bounds a turn.
    pub limits: TurnLimits,
    /// The person's time zone: decides which day the diary is on.
    pub timezone: TimeZone,
    /// How hard the model should think.
    pub thinking: Thinking,
}

impl AgentConfig {
    /// Makes a configuration with default bounds, in UTC.
    pub fn new(id: impl Into<String>, workspace: impl Into<PathBuf>, sessions_dir: impl Into<PathBuf>) -> Self {
        Self {
            id: id.into(),
            workspace: workspace.into(),
            sessions_dir: sessions_dir.into(),
            skills_dirs: Vec::new(),
            files: hearth_memory::Limits::default(),
            limits: TurnLimits::default(),
            timezone: TimeZone::UTC,
            thinking: Thinking::default(),
        }
    }
}

/// What bounds one turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TurnLimits {
    /// How many answers the model may give, at least 1. Before the last one it is told to finish.
    pub max_steps: u32,
    /// How long the turn may take, in seconds.
    pub max_seconds: u64,
    /// What the turn may cost, in US dollars; `None` for no bound. It is checked after each answer, so one answer may
    /// exceed it.
    pub max_cost_usd: Option<f64>,
    /// How many characters of one tool result the model is shown at most; small windows allow fewer.
    pub max_tool_output_chars: usize,
    /// How often the same call may bring the same result before the turn is stopped, at least 2; at half of it the model
    /// is told.
    pub max_repeats: u32,
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self { max_steps: 40, max_seconds: 600, max_cost_usd: None, max_tool_output_chars: 40_000, max_repeats: 6 }
    }
}
