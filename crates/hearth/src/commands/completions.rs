//! `hearth completions`: what the shell offers after Tab.

use crate::cli::{Cli, HELP};
use clap::CommandFactory as _;
use clap_complete::Shell;

#[derive(Debug, clap::Args)]
#[command(
    help_template = HELP,
    before_help = "  hearth completions bash > ~/.local/share/bash-completion/completions/hearth"
)]
pub(crate) struct Args {
    /// bash, zsh, fish…
    shell: Shell,
}

/// Prints the completions.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "hearth", &mut script);
    crate::out::line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(())
}
