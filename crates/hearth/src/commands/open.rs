//! `hearth open`: the chat page in the browser.

use crate::app::{self, App};
use crate::cli::HELP;
use crate::client;
use crate::out;
use crate::process;
use hearth_sandbox::Program;
use std::time::Duration;

/// A browser that was told returns at once.
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
#[command(help_template = HELP, before_help = "  hearth open\n  hearth open --print    only print the address, for another device's browser over a tunnel")]
pub(crate) struct Args {
    /// Only print the address.
    #[arg(long)]
    print: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Opens the page, or prints its address; the address lets one browser in, once.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<()> {
    app::block_on(async {
        let Some(gateway) = client::find_gateway(&app.home)? else {
            return Err(super::chat::not_running().into());
        };
        let address = client::one_time_address(&gateway).await?;
        if args.json {
            out::json(&serde_json::json!({ "url": address, "expiresInSeconds": 300, "uses": 1 }))?;
        } else if args.print || !start_browser(app, &address).await {
            out::line(&address)?;
            out::note("good for five minutes and one browser");
        }
        Ok(())
    })
}

/// Asks the desktop to open an address; false when there is none.
async fn start_browser(app: &App, address: &str) -> bool {
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| app.environment.get(name).is_some());
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if !(desktop || cfg!(target_os = "macos")) || !app.has_program(opener) {
        return false;
    }
    let mut program = Program::new(opener, app.home.root());
    program.args = vec![address.into()];
    program.env = app.environment.tool_environment();
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "BROWSER"] {
        program.env.extend(app.environment.get(name).map(|value| (name.into(), value.into())));
    }
    process::run(program, LIMIT).await.is_ok_and(|ended| ended.success())
}
