//! `hearth lab fit`: a scaling law through a table of runs.

use super::figures::short;
use crate::cli::HELP;
use crate::error::Failure;
use crate::out;
use clap::ValueEnum;
use hearth_core::error::ErrorKind;
use hearth_lab_scaling::parametric::ParametricFit;
use hearth_lab_scaling::plot::{Plot, Series};
use hearth_lab_scaling::power::PowerFit;
use hearth_lab_scaling::runs::{Run, drop_lowest_ratio, parse};
use hearth_lab_scaling::{envelope, isoflop, parametric, power};
use std::path::{Path, PathBuf};

/// Shown above the options.
const EXAMPLES: &str = "  hearth lab fit runs.csv --law chinchilla --drop-outliers 5 --plot fit.svg
  hearth lab fit runs.csv --law kaplan --json

The table has a header line; two of N (parameters), D (tokens) and C (flop), and loss.";

/// How many runs' worth of resampling gives the intervals.
const REPETITIONS: usize = 400;

/// The question.
#[derive(Debug, clap::Args)]
#[command(help_template = HELP, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// CSV table of runs.
    runs: PathBuf,
    /// Which law.
    #[arg(long, value_enum, default_value_t = Law::Chinchilla)]
    law: Law,
    /// Leave out this many runs with the fewest tokens a parameter.
    #[arg(long, default_value_t = 0)]
    drop_outliers: usize,
    /// Seed of the resampling.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the picture to this SVG file.
    #[arg(long)]
    plot: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Law {
    /// Power laws of loss in N, D and C.
    Kaplan,
    /// L = E + A/N^α + B/D^β (approach 3).
    Chinchilla,
    /// A parabola a budget (approach 2).
    Isoflop,
    /// The lower envelope of training curves (approach 1).
    Envelope,
}

impl Args {
    /// Fits and prints.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(&self.runs).map_err(|error| Failure::of_io(&error, "read", &self.runs))?;
        let mut runs = parse(&text).map_err(|error| wrong_table(&self.runs, &error.to_string()))?;
        drop_lowest_ratio(&mut runs, self.drop_outliers);
        match self.law {
            Law::Chinchilla => self.chinchilla(&runs),
            Law::Kaplan => self.kaplan(&runs),
            Law::Isoflop => {
                let found = isoflop::fit(&runs, 1.25, REPETITIONS, self.seed)
                    .map_err(|error| wrong_table(&self.runs, &error.to_string()))?;
                self.frontier(&serde_json::to_value(&found)?, &found.size, &found.data)
            }
            Law::Envelope => {
                let found = envelope::fit(&runs, 100, REPETITIONS, self.seed)
                    .map_err(|error| wrong_table(&self.runs, &error.to_string()))?;
                self.frontier(&serde_json::to_value(&found)?, &found.size, &found.data)
            }
        }
    }

    fn chinchilla(&self, runs: &[Run]) -> anyhow::Result<()> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let found = parametric::fit(runs, threads, REPETITIONS, self.seed)
            .map_err(|error| wrong_table(&self.runs, &error.to_string()))?;
        if let Some(path) = &self.plot {
            write_plot(path, &chinchilla_plot(runs, &found))?;
        }
        if self.json {
            return Ok(out::json(&serde_json::to_value(&found)?)?);
        }
        let law = &found.law;
        out::line(format_args!(
            "L = {:.4} + {:.1}/N^{:.4} + {:.1}/D^{:.4}",
            law.irreducible, law.size_factor, law.size_exponent, law.data_factor, law.data_exponent
        ))?;
        let Some(held) = &found.intervals else { return Ok(()) };
        for (name, value, interval) in [
            ("E", law.irreducible, held.irreducible),
            ("A", law.size_factor, held.size_factor),
            ("α", law.size_exponent, held.size_exponent),
            ("B", law.data_factor, held.data_factor),
            ("β", law.data_exponent, held.data_exponent),
            ("a", found.size_share, held.size_share),
        ] {
            out::line(format_args!("{name}  {value:>10.4}   95 % {:.4} … {:.4}", interval.low, interval.high))?;
        }
        out::line(format_args!(
            "N_opt ∝ C^{:.3}, D_opt ∝ C^{:.3}; {} runs",
            found.size_share,
            1.0 - found.size_share,
            found.runs
        ))?;
        for flop in [1e21, 5.76e23, 1e25] {
            let best = law.optimum(flop);
            out::line(format_args!(
                "{flop:.2e} operations: {} parameters, {} tokens ({:.1} a parameter), loss {:.3}",
                short(best.parameters),
                short(best.tokens),
                best.tokens / best.parameters,
                best.loss
            ))?;
        }
        Ok(())
    }

    fn kaplan(&self, runs: &[Run]) -> anyhow::Result<()> {
        let mut laws = serde_json::Map::new();
        let mut lines = Vec::new();
        for (name, of) in
            [("N", (|run| run.parameters) as fn(&Run) -> f64), ("D", |run| run.tokens), ("C", |run| run.flop)]
        {
            let points: Vec<(f64, f64)> = frontier_of(runs, of);
            // A quantity that hardly varies in this table has no law to show.
            let Ok(found) = power::fit(&points, REPETITIONS, self.seed) else { continue };
            let (scale, alpha) = found.kaplan_form();
            let held = found
                .exponent_interval
                .map_or(String::new(), |held| format!("   95 % {:.4} … {:.4}", -held.high, -held.low));
            lines.push(format!("L({name}) = ({scale:.3e} / {name})^{alpha:.4}{held}   {} points", points.len()));
            laws.insert(name.to_owned(), serde_json::json!({ "scale": scale, "alpha": alpha, "fit": found }));
        }
        if lines.is_empty() {
            return Err(wrong_table(&self.runs, "no quantity has two different values with falling loss").into());
        }
        if self.json {
            return Ok(out::json(&laws.into())?);
        }
        for line in lines {
            out::line(line)?;
        }
        Ok(())
    }

    fn frontier(&self, value: &serde_json::Value, size: &PowerFit, data: &PowerFit) -> anyhow::Result<()> {
        if self.json {
            return Ok(out::json(value)?);
        }
        for (name, found) in [("N_opt", size), ("D_opt", data)] {
            let held = found
                .exponent_interval
                .map_or(String::new(), |held| format!("   95 % {:.3} … {:.3}", held.low, held.high));
            out::line(format_args!("{name} = {:.4e} · C^{:.4}{held}", found.factor, found.exponent))?;
        }
        Ok(())
    }
}

/// The lowest loss at or below each value of a quantity: what that quantity allows when the others are enough.
fn frontier_of(runs: &[Run], of: fn(&Run) -> f64) -> Vec<(f64, f64)> {
    let mut sorted: Vec<(f64, f64)> = runs.iter().map(|run| (of(run), run.loss)).collect();
    sorted.sort_by(|left, right| left.0.total_cmp(&right.0));
    let mut lowest = f64::MAX;
    sorted.retain(|(_, loss)| {
        let below = *loss < lowest;
        lowest = lowest.min(*loss);
        below
    });
    sorted
}

fn chinchilla_plot(runs: &[Run], found: &ParametricFit) -> Plot {
    let (low, high) =
        runs.iter().fold((f64::MAX, f64::MIN), |(low, high), run| (low.min(run.flop), high.max(run.flop)));
    let line = (0..=60).map(|step| low * (high / low).powf(f64::from(step) / 60.0));
    Plot {
        title: format!("Compute-optimal frontier of {} runs", found.runs),
        x_label: "C, operations".to_owned(),
        y_label: "loss, nats a token".to_owned(),
        series: vec![
            Series {
                name: "runs".to_owned(),
                points: runs.iter().map(|run| (run.flop, run.loss)).collect(),
                line: Vec::new(),
            },
            Series {
                name: "best split".to_owned(),
                points: Vec::new(),
                line: line.map(|flop| (flop, found.law.optimum(flop).loss)).collect(),
            },
        ],
    }
}

fn write_plot(path: &Path, plot: &Plot) -> Result<(), Failure> {
    std::fs::write(path, plot.svg()).map_err(|error| Failure::of_io(&error, "write", path))
}

fn wrong_table(path: &Path, message: &str) -> Failure {
    Failure::new(ErrorKind::User, message.to_owned())
        .at(path, None, None)
        .hint("`hearth lab fit --help` shows the columns it wants")
}
