//! `hearth` or `hearth up`: what is missing is set up, the gateway started, the chat opened.

use crate::app::{self, App};
use crate::cli::HELP;
use crate::client;
use crate::gateway_lock;
use crate::out;
use crate::serving;
use crate::setup::{self, Questions, row};
use crate::tui;
use hearth_config::Overrides;
use hearth_core::session::{DEFAULT_AGENT, SessionKey};
use tokio::time::Instant;

#[derive(Debug, Default, PartialEq, Eq, clap::Args)]
#[command(help_template = HELP, before_help = "  hearth up\n  hearth up --yes < /dev/null    no questions, no chat: stays and prints the page's address")]
pub(crate) struct Args {
    /// Ask nothing and take the defaults.
    #[arg(long, short)]
    yes: bool,
    /// TCP port on 127.0.0.1.
    #[arg(long)]
    port: Option<u16>,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<()> {
    if out::interactive() {
        let questions = if args.yes { Questions::TakeDefaults } else { Questions::Ask };
        app::block_on(async { Ok(set_up_and_start(app, args, questions).await?) })
            .and_then(|gateway| app::block_on_uninterrupted(async move { chat(&gateway).await }))
    } else {
        app::block_on_uninterrupted(Box::pin(stay(app, args)))
    }
}

/// Without a terminal: the same lines, the page's address, and the gateway in this process until a signal.
async fn stay(app: &App, args: &Args) -> anyhow::Result<()> {
    let overrides = Overrides { port: args.port, ..Overrides::default() };
    let prepared = tokio::select! {
        prepared = setup::prepare(app, &overrides, Questions::TakeDefaults) => prepared?,
        signal = tokio::signal::ctrl_c() => {
            signal?;
            return Err(app::interrupted().into());
        }
    };
    let gateway = serving::prepare(app, &prepared.loaded, &prepared.choice).await?;
    row("gateway", &format!("http://127.0.0.1:{}  ready in {} ms", gateway.port(), gateway.elapsed().as_millis()));
    row("chat", "open this in a browser of this machine, within five minutes; later: hearth open");
    out::line(gateway.sign_in_link()?)?;
    serving::run(gateway).await
}

async fn set_up_and_start(
    app: &App,
    args: &Args,
    questions: Questions,
) -> Result<client::Gateway, crate::error::Failure> {
    if let Some(gateway) = client::find_gateway(&app.home)? {
        row("gateway", &format!("http://127.0.0.1:{}  running", gateway.port));
        return Ok(gateway);
    }
    let overrides = Overrides { port: args.port, ..Overrides::default() };
    setup::prepare(app, &overrides, questions).await?;
    let began = Instant::now();
    let holder = match gateway_lock::holder(&app.home).filter(|holder| holder.ready) {
        Some(holder) => holder,
        None => serving::start_in_background(app, args.port).await?,
    };
    row("gateway", &format!("http://127.0.0.1:{}  ready in {} ms", holder.port, began.elapsed().as_millis()));
    Ok(client::Gateway { port: holder.port, token: client::token(&app.home)? })
}

async fn chat(gateway: &client::Gateway) -> anyhow::Result<()> {
    row("chat", "opening here · in the browser: hearth open");
    tui::open(gateway, &SessionKey::main(DEFAULT_AGENT)).await?;
    out::note("The gateway keeps running. Come back: hearth chat · end it: hearth gateway stop");
    Ok(())
}
