//! An agent's conversations, to be read and nothing else.

use super::unavailable::Unavailable;
use crate::app::App;
use crate::error::Failure;
use hearth_agent::{Agent, AgentConfig};
use hearth_config::Loaded;
use hearth_core::clock::Clock;
use hearth_core::error::ErrorKind;
use hearth_tools::Registry;
use std::sync::Arc;

/// Opens an agent that has neither model nor tools.
pub(crate) fn reader(app: &App, loaded: &Loaded, id: &str) -> Result<Agent, Failure> {
    let workspace = app.home.workspace_of(&loaded.config, id);
    let config = AgentConfig::new(id, workspace, app.home.sessions_dir(id));
    let model = Unavailable::new("none/none", Failure::new(ErrorKind::Internal, "conversations are only read here"));
    Agent::open(config, Arc::new(model), Arc::new(Registry::new(Vec::new())), Clock::System)
        .map_err(|error| Failure::new(error.kind(), error.to_string()).hint(error.hint()))
}
