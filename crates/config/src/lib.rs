//! Defaults, files, environment and flags as one typed configuration whose every value knows its source.
//!
//! The only crate that reads `hearth.json5` and environment variables, and the one that knows the folder layout of a
//! home. It knows no provider, no model and no gateway: each of those receives its own small part of [`Config`] by
//! value. Read in this order:
//!
//! - `config`, `agents`, `models`: the settings as types; their doc comments are the reference a person reads
//! - `defaults.json5`: every setting's default, checked against the types
//! - `home`, `environment`: where things lie, and the variables that are read
//! - `load`: the layers, and what happens when one of them is wrong
//! - `json5`, `schema`, `check`, `advice`: text to positioned values, what is allowed, what is wrong where, what mends it
//! - `key`, `read`, `edit`, `splice`: one setting by its dotted name, shown and changed with every comment kept
//! - `starter`, `reference`: the first file of a home and the generated documentation
//!
//! ```
//! use hearth_config::{Environment, Home, Overrides, load};
//!
//! # fn main() -> Result<(), hearth_config::Error> {
//! let environment = Environment::fixed([("HOME", "/home/ada"), ("HEARTH_PORT", "18800")]);
//! let home = Home::locate(None, &environment)?;
//! let loaded = load(&home, &environment, &Overrides::default())?;
//! assert_eq!(loaded.config.gateway.port, 18800);
//! assert_eq!(loaded.sources.of("gateway.port").map(ToString::to_string).as_deref(), Some("environment HEARTH_PORT"));
//! # Ok(())
//! # }
//! ```

mod advice;
mod agents;
mod check;
mod config;
mod diagnostic;
mod edit;
mod environment;
mod error;
mod file;
mod home;
mod json5;
mod key;
mod layers;
mod load;
mod models;
mod read;
mod reference;
mod schema;
mod splice;
mod starter;

pub use agents::{AgentDefaults, AgentEntry, AgentsConfig, ModelChoice};
pub use config::{
    BashConfig, Config, GatewayConfig, GrantAccess, GrantConfig, SkillsConfig, SkillsLoadConfig, ToolsSection,
};
pub use diagnostic::{Diagnostic, Severity};
pub use edit::{set, unset};
pub use environment::Environment;
pub use error::Error;
pub use home::{Created, Home};
pub use layers::{Source, Sources};
pub use load::{Loaded, Overrides, load, validate};
pub use models::{
    ApiKey, InputKind, LocalModelConfig, ModelConfig, ModelCost, ModelsConfig, ProviderApi, ProviderConfig,
};
pub use read::{Setting, get, settings};
pub use reference::reference;
pub use schema::schema;
