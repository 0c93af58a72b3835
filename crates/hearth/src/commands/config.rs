//! `hearth config`: settings shown, changed and checked.

use crate::app::App;
use crate::cli::HELP;
use crate::error::Failure;
use crate::out;
use clap::Subcommand;
use hearth_config::{Diagnostic, Overrides, Severity};
use hearth_core::error::ErrorKind;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show a setting as it is in force, or all of them.
    #[command(help_template = HELP, before_help = "  hearth config get agents.defaults.model")]
    Get {
        /// Its dotted name; everything when left out.
        #[arg(default_value = "")]
        key: String,
        /// As JSON, with where each value came from.
        #[arg(long)]
        json: bool,
    },
    /// Change a setting; comments in the file are kept.
    #[command(help_template = HELP, before_help = "  hearth config set agents.defaults.timeoutSeconds 300")]
    Set {
        /// Its dotted name.
        key: String,
        /// Its value, as JSON5 or plain text.
        value: String,
    },
    /// Remove a setting, so that its default counts again.
    #[command(help_template = HELP, before_help = "  hearth config unset agents.defaults.timeoutSeconds")]
    Unset {
        /// Its dotted name.
        key: String,
    },
    /// Check the settings; each mistake with line, column and what to do.
    #[command(help_template = HELP, before_help = "  hearth config validate")]
    Validate {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of the settings.
    #[command(help_template = HELP, before_help = "  hearth config schema > hearth.schema.json")]
    Schema,
}

/// Runs the command.
pub(crate) fn run(app: &App, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Get { key, json } => get(app, &key, json),
        Verb::Set { key, value } => {
            let value = hearth_config::set(&app.home, &key, &value)?;
            out::note(format!(
                "{key} = {value}  (in {}; a running gateway reads it when it starts again)",
                app.show(&app.home.config_file())
            ));
            Ok(())
        }
        Verb::Unset { key } => {
            let removed = hearth_config::unset(&app.home, &key)?;
            out::note(if removed { format!("{key} is removed") } else { format!("{key} was not set in the file") });
            Ok(())
        }
        Verb::Validate { json } => validate(app, json),
        Verb::Schema => Ok(out::json(&hearth_config::schema())?),
    }
}

fn get(app: &App, key: &str, json: bool) -> anyhow::Result<()> {
    let loaded = app.load(&Overrides::default())?;
    if json {
        let settings: Vec<Value> = hearth_config::settings(&loaded, key)?
            .into_iter()
            .map(|setting| json!({ "key": setting.key, "value": setting.value, "source": setting.source.to_string() }))
            .collect();
        out::json(&json!({ "value": hearth_config::get(&loaded, key)?, "settings": settings }))?;
        return Ok(());
    }
    match hearth_config::get(&loaded, key)? {
        Value::String(text) => out::line(text)?,
        Value::Object(_) => {
            for setting in hearth_config::settings(&loaded, key)? {
                out::line(format!("{} = {}  ({})", setting.key, setting.value, setting.source))?;
            }
        }
        value => out::line(value)?,
    }
    Ok(())
}

fn validate(app: &App, json: bool) -> anyhow::Result<()> {
    let diagnostics = hearth_config::validate(&app.home, &app.environment)?;
    if json {
        out::json(
            &json!({ "valid": diagnostics.is_empty(), "diagnostics": diagnostics.iter().map(as_json).collect::<Vec<_>>() }),
        )?;
    } else if diagnostics.is_empty() {
        out::line(format!("{} is valid", app.show(&app.home.config_file())))?;
    } else {
        for diagnostic in &diagnostics {
            out::line(diagnostic)?;
        }
    }
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    if errors == 0 {
        return Ok(());
    }
    Err(Failure::new(ErrorKind::Config, format!("{errors} of the settings can't be used as they are")).into())
}

/// A diagnostic for programs.
pub(crate) fn as_json(diagnostic: &Diagnostic) -> Value {
    json!({
        "severity": diagnostic.severity.to_string(),
        "at": diagnostic.at.to_string(),
        "key": diagnostic.key,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    })
}
