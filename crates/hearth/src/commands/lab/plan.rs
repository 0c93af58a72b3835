//! `hearth lab plan`: what a budget buys, what a loss costs, how undertrained a model is.

use super::figures::{duration, parse, short};
use crate::cli::HELP;
use crate::error::Failure;
use crate::out;
use clap::ValueEnum;
use hearth_core::error::ErrorKind;
use hearth_lab_scaling::chinchilla::ParametricLaw;
use hearth_lab_scaling::kaplan;
use hearth_lab_scaling::plan::{Audit, DEVICES, Goal, Hardware, Plan, audit, plan};

/// Shown above the options.
const EXAMPLES: &str = "  hearth lab plan --device h100 --devices 8 --price 2.50 --days 10
  hearth lab plan --device cpu-core --devices 2 --days 1
  hearth lab plan --loss 2.2 --device a100 --devices 64 --price 1.80
  hearth lab plan --parameters 175B --tokens 300B    how undertrained is this model";

/// The question.
#[derive(Debug, clap::Args)]
#[command(help_template = HELP, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Device to train on; `--list-devices` shows the names.
    #[arg(long, default_value = "h100")]
    device: String,
    /// How many of them.
    #[arg(long, default_value_t = 1)]
    devices: u32,
    /// A device's peak in operations a second, instead of a name's.
    #[arg(long, value_parser = parse)]
    peak: Option<f64>,
    /// Share of the peak that training reaches.
    #[arg(long, default_value_t = 0.4)]
    utilisation: f64,
    /// Dollars a device hour.
    #[arg(long, default_value_t = 0.0)]
    price: f64,
    #[command(flatten)]
    goal: GoalArgs,
    /// Which fit of the law.
    #[arg(long, value_enum, default_value_t = Law::Corrected)]
    law: Law,
    /// Print the known devices.
    #[arg(long)]
    list_devices: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What is given; the rest is found.
#[derive(Debug, clap::Args)]
#[group(multiple = true)]
struct GoalArgs {
    /// Days of training.
    #[arg(long, conflicts_with_all = ["dollars", "flop", "loss", "parameters"])]
    days: Option<f64>,
    /// Dollars to spend.
    #[arg(long, value_parser = parse, conflicts_with_all = ["flop", "loss", "parameters"])]
    dollars: Option<f64>,
    /// Operations to spend.
    #[arg(long, value_parser = parse, conflicts_with_all = ["loss", "parameters"])]
    flop: Option<f64>,
    /// Loss to reach, in nats a token.
    #[arg(long, conflicts_with = "parameters")]
    loss: Option<f64>,
    /// Size of the model.
    #[arg(long, value_parser = parse)]
    parameters: Option<f64>,
    /// Tokens a model of `--parameters` was trained on: asks how undertrained it is.
    #[arg(long, value_parser = parse, requires = "parameters")]
    tokens: Option<f64>,
}

/// The fits of the parametric law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Law {
    /// Besiroglu et al., 2024: the refit of the published points.
    Corrected,
    /// Hoffmann et al., 2022, as printed.
    Published,
}

impl Args {
    /// Answers the question.
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.list_devices {
            for device in DEVICES {
                out::line(format_args!(
                    "{:<10} {:>8} operations a second at peak",
                    device.name,
                    short(device.peak_flop_per_second)
                ))?;
            }
            return Ok(());
        }
        let law = match self.law {
            Law::Corrected => ParametricLaw::CORRECTED,
            Law::Published => ParametricLaw::PUBLISHED,
        };
        if let (Some(parameters), Some(tokens)) = (self.goal.parameters, self.goal.tokens) {
            let found =
                audit(&law, parameters, tokens).map_err(|error| Failure::new(ErrorKind::User, error.to_string()))?;
            return if self.json {
                Ok(out::json(&serde_json::to_value(found)?)?)
            } else {
                Ok(print_audit(parameters, tokens, &found)?)
            };
        }
        let hardware = self.hardware()?;
        let planned =
            plan(&law, &hardware, self.goal()?).map_err(|error| Failure::new(ErrorKind::User, error.to_string()))?;
        if self.json {
            out::json(&serde_json::json!({ "hardware": hardware, "plan": planned }))?;
        } else {
            print_plan(&hardware, &planned)?;
        }
        Ok(())
    }

    fn hardware(&self) -> anyhow::Result<Hardware> {
        let named = DEVICES.iter().find(|device| device.name == self.device).map(|device| device.peak_flop_per_second);
        let Some(peak_flop_per_second) = self.peak.or(named) else {
            let names: Vec<&str> = DEVICES.iter().map(|device| device.name).collect();
            return Err(Failure::new(ErrorKind::User, format!("no device is called `{}`", self.device))
                .hint(format!("one of {}, or --peak with its operations a second", names.join(", ")))
                .into());
        };
        Ok(Hardware {
            devices: self.devices,
            peak_flop_per_second,
            utilisation: self.utilisation,
            dollars_per_device_hour: self.price,
        })
    }

    fn goal(&self) -> anyhow::Result<Goal> {
        let goals = [
            self.goal.days.map(Goal::Days),
            self.goal.dollars.map(Goal::Dollars),
            self.goal.flop.map(Goal::Flop),
            self.goal.loss.map(Goal::Loss),
            self.goal.parameters.map(Goal::Parameters),
        ];
        goals.into_iter().flatten().next().ok_or_else(|| {
            Failure::new(ErrorKind::User, "nothing is given to plan from")
                .hint(
                    "add one of --days, --dollars, --flop, --loss, --parameters; `hearth lab plan --help` has examples",
                )
                .into()
        })
    }
}

fn print_plan(hardware: &Hardware, planned: &Plan) -> std::io::Result<()> {
    let best = &planned.optimum;
    out::line(format_args!("parameters     {:>8}", short(best.parameters)))?;
    out::line(format_args!(
        "tokens         {:>8}   {:.0} a parameter",
        short(best.tokens),
        planned.tokens_per_parameter
    ))?;
    out::line(format_args!("compute        {:>8.2e}   operations", best.flop))?;
    out::line(format_args!("loss           {:>8.3}   nats a token, on the law's own corpus and tokenizer", best.loss))?;
    out::line(format_args!(
        "batch          {:>8}   tokens (critical at the final loss; smaller is no worse, only longer)",
        short(planned.batch_tokens)
    ))?;
    out::line(format_args!("steps          {:>8}", short(planned.steps)))?;
    out::line(format_args!(
        "time           {:>8}   on {} at {:.0} % of peak",
        duration(planned.hours),
        hardware.devices,
        hardware.utilisation * 100.0
    ))?;
    if planned.dollars > 0.0 {
        out::line(format_args!("money          {:>8}   dollars", short(planned.dollars)))?;
        out::line(format_args!(
            "then           {:>8.3}   dollars a million generated tokens",
            planned.inference_dollars_per_million
        ))?;
    }
    out::line(format_args!(
        "memory         {:>8}B  for weights, gradients and AdamW, activations not counted",
        short(planned.training_bytes)
    ))?;
    let kaplan = kaplan::allocate(best.flop);
    out::line(format_args!(
        "\nKaplan et al. (2020) would have split the same compute into {} parameters and {} tokens.",
        short(kaplan.parameters),
        short(kaplan.tokens)
    ))
}

fn print_audit(parameters: f64, tokens: f64, found: &Audit) -> std::io::Result<()> {
    out::line(format_args!(
        "{} parameters on {} tokens: loss {:.3} expected",
        short(parameters),
        short(tokens),
        found.loss
    ))?;
    if found.undertrained > 1.0 {
        out::line(format_args!(
            "undertrained {:.1} times: its size deserves {} tokens",
            found.undertrained,
            short(found.deserved_tokens)
        ))?;
    } else {
        out::line(format_args!(
            "trained {:.1} times as long as its compute alone would justify ({} tokens); that pays when it is used much",
            1.0 / found.undertrained,
            short(found.deserved_tokens)
        ))?;
    }
    out::line(format_args!(
        "best use of the same compute: {} parameters on {} tokens, loss {:.3}",
        short(found.best.parameters),
        short(found.best.tokens),
        found.best.loss
    ))?;
    out::line(format_args!("the same loss needs {:.0} % of the compute when split best", found.needed_share * 100.0))
}
