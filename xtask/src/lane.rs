//! Slow lanes: what takes minutes, a model or a server, and therefore is no test.
//!
//! - `everyday`: everyday requests to the real binary with a real model

mod everyday;

use anyhow::Result;
use clap::Subcommand;

/// Which lane.
#[derive(Subcommand)]
pub(crate) enum Lane {
    /// Everyday requests to the real binary with a real model, judged by what is on disk afterwards.
    Everyday(everyday::Options),
}

/// Runs a lane.
pub(crate) fn run(lane: &Lane) -> Result<()> {
    match lane {
        Lane::Everyday(options) => everyday::run(options),
    }
}
