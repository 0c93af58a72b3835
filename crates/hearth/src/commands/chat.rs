//! `hearth chat`: the chat in this terminal.

use crate::app::{self, App};
use crate::cli::HELP;
use crate::client;
use crate::error::Failure;
use crate::tui;
use hearth_core::error::ErrorKind;
use hearth_core::session::SessionKey;

#[derive(Debug, clap::Args)]
#[command(help_template = HELP, before_help = "  hearth chat\n  echo \"how much disk is free?\" | hearth chat")]
pub(crate) struct Args {
    /// The conversation.
    #[arg(long, default_value = "main", value_name = "KEY")]
    session: String,
}

/// Opens the chat of the running gateway.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<()> {
    let session = session_key(&args.session)?;
    app::block_on_uninterrupted(async {
        let Some(gateway) = client::find_gateway(&app.home)? else {
            return Err(not_running().into());
        };
        tui::open(&gateway, &session).await
    })
}

/// Reads a session key.
pub(crate) fn session_key(text: &str) -> Result<SessionKey, Failure> {
    SessionKey::parse(text)
        .map_err(|error| Failure::new(ErrorKind::User, error.to_string()).hint("hearth sessions list"))
}

/// The failure when no gateway of this home runs.
pub(crate) fn not_running() -> Failure {
    Failure::new(ErrorKind::User, "no gateway of this home is running").hint("hearth up")
}
