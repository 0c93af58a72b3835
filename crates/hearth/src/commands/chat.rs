//! `hearth chat`: the chat in this terminal.

use crate::app::{self, App};
use crate::cli::HELP;
use crate::client;
use crate::error::Failure;
use crate::tui;
use hearth_core::error::ErrorKind;
use hearth_core::session::{DEFAULT_AGENT, SessionKey};

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

/// Reads a session key; a plain name is a conversation of the default agent.
pub(crate) fn session_key(text: &str) -> Result<SessionKey, Failure> {
    let plain = !text.is_empty() && text.chars().all(|char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.'));
    let whole = if plain { format!("agent:{DEFAULT_AGENT}:{text}") } else { text.to_owned() };
    SessionKey::parse(&whole)
        .map_err(|error| Failure::new(ErrorKind::User, error.to_string()).hint("hearth sessions list"))
}

/// The failure when no gateway of this home runs.
pub(crate) fn not_running() -> Failure {
    Failure::new(ErrorKind::User, "no gateway of this home is running").hint("hearth up")
}

#[cfg(test)]
mod tests {
    use super::session_key;

    #[test]
    fn a_conversation_can_be_called_by_a_plain_name() {
        let read = |text: &str| session_key(text).map(|key| key.to_string()).ok();
        assert_eq!(read("main").as_deref(), Some("agent:main:main"));
        assert_eq!(read("garden-2027").as_deref(), Some("agent:main:garden-2027"));
        assert_eq!(read("agent:work:main").as_deref(), Some("agent:work:main"));
        assert_eq!((read(""), read("cron:1"), read("no such key")), (None, None, None));
    }
}
