//! What a gateway costs: to start, to be there, to answer.

use super::client::{Client, http_status};
use super::contestant::{Contestant, Kind, our_binary, split_command};
use super::mock::{ANSWER, Mock};
use super::process::{Running, cpu_of_runs};
use super::table::{Better, Row, median, render};
use crate::output::say;
use crate::stopwatch::{Stopwatch, pause};
use crate::workspace::Workspace;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// How and how often.
#[derive(Args)]
pub(crate) struct Options {
    /// Another gateway to measure beside ours: a command that understands `--version` and `gateway run --port N` and
    /// reads OpenClaw's settings, such as `--peer openclaw`.
    #[arg(long, value_name = "COMMAND")]
    peer: Option<String>,
    /// Our binary; built with `--release` when not given.
    #[arg(long, value_name = "FILE")]
    hearth: Option<PathBuf>,
    /// How often each gateway is started; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Turns of each run against a provider that answers at once.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    turns: u32,
    /// Seconds a gateway may take until it is ready.
    #[arg(long, default_value_t = 120)]
    patience: u64,
}

/// What one gateway took.
#[derive(Debug)]
struct Costs {
    version_ms: f64,
    start_ms: f64,
    start_wall_ms: f64,
    idle_mb: f64,
    /// `None` when no turn could be had.
    turn_ms: Option<f64>,
    turned_mb: Option<f64>,
}

/// Time after being ready before memory is looked at: whatever a start leaves to do has then been done.
const SETTLE: Duration = Duration::from_secs(2);

/// `--version` runs are added up until they took this long, because one is below the kernel's resolution.
const ENOUGH: Duration = Duration::from_millis(400);
const MOST_VERSION_RUNS: u32 = 200;

/// How much of a failed gateway's output is shown.
const LOG_LINES: usize = 20;

/// Measures ours and the peer, and prints both.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let binary = match &options.hearth {
        Some(path) => std::path::absolute(path)?,
        None => our_binary(&workspace.root)?,
    };
    let mock = Mock::start()?;
    let ours = measure(Kind::Ours, &[binary.display().to_string()], options, &mock).context("measuring ours")?;
    let peer = match &options.peer {
        Some(command) => {
            Some(measure(Kind::Peer, &split_command(command)?, options, &mock).context("measuring the peer")?)
        }
        None => None,
    };
    say(render(&rows(&ours, peer.as_ref())));
    say(format_args!(
        "medians of {} runs, {} turns each; processor time and memory of all processes",
        options.runs, options.turns
    ));
    Ok(())
}

fn rows(ours: &Costs, peer: Option<&Costs>) -> Vec<Row> {
    let row = |name, unit, aim, value: fn(&Costs) -> Option<f64>| Row {
        name,
        unit,
        better: Better::Less,
        ours: value(ours),
        peer: peer.and_then(value),
        aim,
    };
    vec![
        row("`--version`, processor time", "ms", Some(10.0), |costs| Some(costs.version_ms)),
        row("start until ready, processor time", "ms", Some(50.0), |costs| Some(costs.start_ms)),
        row("start until ready, wall clock", "ms", None, |costs| Some(costs.start_wall_ms)),
        row("idle, resident memory", "MB", Some(20.0), |costs| Some(costs.idle_mb)),
        row("one turn, processor time", "ms", Some(5.0), |costs| costs.turn_ms),
        row("after the turns, resident memory", "MB", None, |costs| costs.turned_mb),
    ]
}

fn measure(kind: Kind, command: &[String], options: &Options, mock: &Mock) -> Result<Costs> {
    let name = if kind == Kind::Ours { "ours" } else { "peer" };
    let version_ms = version_ms(&Contestant::new(kind, command.to_vec(), &mock.base_url())?)?;
    let mut starts = Vec::new();
    for run in 1..=options.runs {
        say(format_args!("{name}: run {run} of {}", options.runs));
        let contestant = Contestant::new(kind, command.to_vec(), &mock.base_url())?;
        let start = one_start(&contestant, options, mock).map_err(|error| with_log(&error, &contestant))?;
        starts.push(start);
    }
    let middle = |value: fn(&Start) -> f64| median(starts.iter().map(value).collect());
    let turns: Option<Vec<_>> = starts.iter().map(|start| start.turns).collect();
    Ok(Costs {
        version_ms,
        start_ms: middle(|start| milliseconds(start.cpu)),
        start_wall_ms: middle(|start| milliseconds(start.wall)),
        idle_mb: middle(|start| start.idle_mb),
        turn_ms: turns.as_ref().map(|turns| median(turns.iter().map(|(turn, _)| milliseconds(*turn)).collect())),
        turned_mb: turns.map(|turns| median(turns.iter().map(|(_, megabytes)| *megabytes).collect())),
    })
}

fn version_ms(contestant: &Contestant) -> Result<f64> {
    let (mut spent, mut runs) = (Duration::ZERO, 0);
    while spent < ENOUGH && runs < MOST_VERSION_RUNS {
        spent += cpu_of_runs(|| contestant.version(), 5)?;
        runs += 5;
    }
    Ok(milliseconds(spent / runs))
}

/// What one start of a gateway took.
struct Start {
    cpu: Duration,
    wall: Duration,
    idle_mb: f64,
    /// Processor time of one turn, and memory after all of them.
    turns: Option<(Duration, f64)>,
}

fn one_start(contestant: &Contestant, options: &Options, mock: &Mock) -> Result<Start> {
    let watch = Stopwatch::start();
    let mut running = Running::start(&mut contestant.gateway(), &contestant.log())?;
    // A gateway without this page is ready when it answers at all.
    let ready = || matches!(http_status(contestant.port, "/readyz"), Some(200 | 404));
    running.wait_until(Duration::from_secs(options.patience), ready)?;
    let (cpu, wall) = (running.cpu(), watch.elapsed());
    pause(SETTLE);
    let idle_mb = running.resident_megabytes();
    let turns = turns(contestant, &running, options, mock);
    let turns = match (turns, contestant.kind) {
        (Ok(turn), _) => Some((turn, running.resident_megabytes())),
        (Err(error), Kind::Ours) => return Err(error),
        (Err(error), Kind::Peer) => {
            say(format_args!("peer: no turn could be measured: {error:#}"));
            None
        }
    };
    Ok(Start { cpu, wall, idle_mb, turns })
}

/// Returns the processor time of one turn, as the mean over all turns of a run; the first turn is not counted.
fn turns(contestant: &Contestant, running: &Running, options: &Options, mock: &Mock) -> Result<Duration> {
    let mut client = Client::connect(contestant.port, &contestant.token()?)?;
    client.turn("Are you there?")?;
    let asked = mock.asked();
    let before = running.cpu();
    for _ in 0..options.turns {
        let answer = client.turn("How is everything?")?;
        if !answer.contains(ANSWER) {
            bail!("the gateway answered `{answer}` instead of `{ANSWER}`");
        }
    }
    let spent = running.cpu().saturating_sub(before);
    if mock.asked() - asked < u64::from(options.turns) {
        bail!("the provider was asked {} times in {} turns", mock.asked() - asked, options.turns);
    }
    Ok(spent / options.turns)
}

/// Adds the end of what the gateway printed.
fn with_log(error: &anyhow::Error, contestant: &Contestant) -> anyhow::Error {
    let log = std::fs::read_to_string(contestant.log()).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    let end = lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default();
    anyhow!("{error:#}; the gateway's last lines:\n{}", end.join("\n"))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
