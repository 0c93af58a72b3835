//! `hearth lab`: plan a training budget and fit scaling laws to runs.

mod figures;
mod fit;
mod plan;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Plan a training run: what a budget buys, what a loss costs, how undertrained a model is.
    Plan(plan::Args),
    /// Fit a scaling law to a CSV table of runs, with bootstrap intervals.
    Fit(fit::Args),
}

/// Runs the command; it needs neither home nor gateway.
pub(crate) fn run(verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Plan(args) => args.run(),
        Verb::Fit(args) => args.run(),
    }
}
