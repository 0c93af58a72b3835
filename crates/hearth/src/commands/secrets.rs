//! `hearth secrets`: keys of providers, kept in the home, readable by nobody else.

use crate::app::App;
use crate::cli::HELP;
use crate::error::Failure;
use crate::out;
use crate::setup::ask_secret;
use clap::Subcommand;
use hearth_config::Overrides;
use hearth_core::error::ErrorKind;
use hearth_providers::preset;
use hearth_secrets::{Secret, Vault};
use std::io::{IsTerminal as _, Read as _};

/// No key is longer.
const MAX_BYTES: u64 = 8 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Store the key of a provider; it is read from the terminal unseen, or from standard input.
    #[command(help_template = HELP, before_help = "  hearth secrets set anthropic")]
    Set {
        /// The provider's name, such as anthropic or openai.
        name: String,
    },
    /// Show which keys are stored, without the keys.
    #[command(help_template = HELP, before_help = "  hearth secrets list")]
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Forget a key.
    #[command(help_template = HELP, before_help = "  hearth secrets rm anthropic")]
    Rm {
        /// The provider's name.
        name: String,
    },
}

/// Runs the command.
pub(crate) fn run(app: &App, verb: Verb) -> anyhow::Result<()> {
    let vault = Vault::new(app.home.credentials_dir());
    match verb {
        Verb::Set { name } => {
            app.home.create()?;
            vault.save(&name, &read_key(&name)?)?;
            out::note(format!("stored as {name} in {}", app.show(&app.home.credentials_dir())));
            if let Some((what, fix)) = overshadowed(app, &name)? {
                let paint = out::Paint::stderr();
                out::note(format!("{} {what}, and goes before what is stored", paint.strong("warning:")));
                out::note(format!("  {} {fix}", paint.dim("hint:")));
            }
        }
        Verb::List { json: true } => out::json(&serde_json::json!({ "secrets": vault.names()? }))?,
        Verb::List { json: false } => {
            for name in vault.names()? {
                out::line(name)?;
            }
        }
        Verb::Rm { name } => {
            if !vault.remove(&name)? {
                return Err(Failure::new(ErrorKind::User, format!("no secret `{name}` is stored"))
                    .hint("hearth secrets list")
                    .into());
            }
        }
    }
    Ok(())
}

/// Says what else gives a provider's key and is asked first, and how to take it away.
fn overshadowed(app: &App, provider: &str) -> anyhow::Result<Option<(String, String)>> {
    let loaded = app.load(&Overrides::default())?;
    let configured = loaded.config.models.providers.get(provider);
    if configured.is_some_and(|provider| provider.api_key.is_some()) {
        let key = format!("models.providers.{provider}.apiKey");
        return Ok(Some((format!("{key} is set"), format!("hearth config unset {key}"))));
    }
    let variable = preset(provider).and_then(|preset| preset.env_key);
    let variable = variable.filter(|name| app.environment.get(name).is_some_and(|value| !value.is_empty()));
    Ok(variable.map(|name| (format!("the variable {name} is set"), format!("unset {name}"))))
}

fn read_key(name: &str) -> Result<Secret, Failure> {
    let empty = || Failure::new(ErrorKind::User, "no key was given").hint(format!("hearth secrets set {name}"));
    if std::io::stdin().is_terminal() {
        return ask_secret(&format!("key of {name} (not shown): "))?.ok_or_else(empty);
    }
    let mut text = String::new();
    std::io::stdin()
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| Failure::new(ErrorKind::User, format!("cannot read the key: {error}")))?;
    let text = text.trim();
    if text.is_empty() { Err(empty()) } else { Ok(Secret::new(text)) }
}
