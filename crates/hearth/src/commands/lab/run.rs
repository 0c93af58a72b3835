//! `hearth lab run`: a paper's signature experiment, at a size of minutes.

use crate::cli::HELP;
use crate::error::Failure;
use crate::out;
use clap::ValueEnum;
use hearth_core::error::ErrorKind;
use hearth_lab_train::experiments::report::Report;
use hearth_lab_train::experiments::{alignment, residuals, reversal};
use hearth_lab_train::run::Record;
use std::path::{Path, PathBuf};

/// Shown above the options.
const EXAMPLES: &str = "  hearth lab run reversal
  hearth lab run residuals --text book.txt --folder runs/depth

Stopped anywhere, the same command goes on where it was.";

/// Every how many steps a line is printed.
const EVERY: u64 = 50;

/// The question.
#[derive(Debug, clap::Args)]
#[command(help_template = HELP, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which experiment.
    #[arg(value_enum)]
    experiment: Experiment,
    /// Where its runs and its report go; `runs/<experiment>` unless named.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The text to learn, for `residuals`.
    #[arg(long)]
    text: Option<PathBuf>,
}

/// The experiments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Experiment {
    /// Does reading the source backwards help? (Sutskever, Vinyals and Le, 2014)
    Reversal,
    /// Does a fixed vector fail on long sentences, and attention not? (Bahdanau, Cho and Bengio, 2015)
    Alignment,
    /// Does attention over depth beat the sum? (Attention Residuals, 2026)
    Residuals,
}

impl Args {
    /// Runs the experiment, or goes on with it, and prints its report.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let name = self.experiment.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        let folder = self.folder.clone().unwrap_or_else(|| Path::new("runs").join(name));
        let mut show = |model: &str, record: &Record| {
            if record.step.is_multiple_of(EVERY) {
                out::note(format_args!("{model}  step {}  loss {:.4}", record.step, record.loss));
            }
            true
        };
        let explain = |error: hearth_lab_train::Error| Failure::new(ErrorKind::User, error.to_string());
        let report = match self.experiment {
            Experiment::Reversal => {
                reversal::run(&folder, reversal::SMALL, &mut show).map_err(explain)?.map(|outcome| outcome.report)
            }
            Experiment::Alignment => {
                alignment::run(&folder, alignment::SMALL, &mut show).map_err(explain)?.map(|outcome| outcome.report)
            }
            Experiment::Residuals => {
                let text = self.read_text()?;
                let outcome = residuals::run(&folder, &text, residuals::SMALL, &mut show).map_err(explain)?;
                outcome.map(|outcome| outcome.report)
            }
        };
        report.map_or(Ok(()), |report| print(&report, &folder))
    }

    fn read_text(&self) -> Result<String, Failure> {
        let Some(path) = &self.text else {
            return Err(Failure::new(ErrorKind::User, "this experiment learns a text, and none is named")
                .hint("hearth lab run residuals --text FILE, with a few megabytes of plain text"));
        };
        std::fs::read_to_string(path).map_err(|error| Failure::of_io(&error, "read", path))
    }
}

fn print(report: &Report, folder: &Path) -> anyhow::Result<()> {
    out::line(&report.markdown)?;
    out::note(format_args!("report and pictures: {}", folder.display()));
    Ok(())
}
