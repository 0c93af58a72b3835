//! A training run as a folder: `config.toml`, `log.jsonl`, `checkpoint.safetensors`.
//!
//! A step depends only on the weights, the optimiser and the step's number, and a checkpoint holds all three, so a run that was killed
//! at any moment goes on bit for bit: the log is cut back to the checkpoint's step and the steps after it are done again.

use crate::error::Error;
use crate::schedule::Schedule;
use crate::weights::{Entry, Weights, entries, replace, save};
use hearth_lab_tensor::optimiser::{Adam, AdamSettings};
use hearth_lab_tensor::shards::Shards;
use hearth_lab_tensor::{Error as TapeError, Gradients, Mode, Parameters, Tape, Var};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// How to train; `config.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Decides the weights' start, dropout and the data's order.
    pub seed: u64,
    /// The last step.
    pub steps: u64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Parts a batch is split into. Belongs to the recipe: the order of sums depends on it.
    pub shards: usize,
    /// The gradient's norm is at most this.
    pub clip: f32,
    /// The learning rate.
    pub schedule: Schedule,
    /// The optimiser.
    pub adam: AdamConfig,
    /// The model and the data, which whoever starts the run understands.
    #[serde(default)]
    pub model: toml::Table,
}

/// Adam's settings, as [`AdamSettings`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamConfig {
    /// β₁.
    pub mean_decay: f32,
    /// β₂.
    pub square_decay: f32,
    /// ε.
    pub epsilon: f32,
    /// λ of AdamW.
    pub weight_decay: f32,
}

impl Default for AdamConfig {
    fn default() -> Self {
        let AdamSettings { mean_decay, square_decay, epsilon, weight_decay } = AdamSettings::default();
        Self { mean_decay, square_decay, epsilon, weight_decay }
    }
}

impl From<AdamConfig> for AdamSettings {
    fn from(config: AdamConfig) -> Self {
        let AdamConfig { mean_decay, square_decay, epsilon, weight_decay } = config;
        Self { mean_decay, square_decay, epsilon, weight_decay }
    }
}

/// A finished step; a line of `log.jsonl`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Counted from 1.
    pub step: u64,
    /// The mean loss of the batch, in nats a token.
    pub loss: f32,
    /// The gradient's norm before clipping.
    pub norm: f32,
    /// The learning rate.
    pub rate: f64,
}

/// One part of one step's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// The step, counted from 1.
    pub step: u64,
    /// The part, counted from 0.
    pub shard: usize,
    /// How many parts there are.
    pub shards: usize,
}

/// A run that is open for training.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    config: RunConfig,
    parameters: Parameters,
    adam: Adam,
    step: u64,
    log: Vec<Record>,
}

impl Run {
    /// Makes a run's folder. `parameters` are the model's, with their starting values.
    ///
    /// # Errors
    /// [`Error::Exists`] when the folder holds a run, [`Error::File`], [`Error::Setting`].
    pub fn create(folder: &Path, config: RunConfig, parameters: Parameters) -> Result<Self, Error> {
        config.check()?;
        let path = folder.join(CONFIG);
        if path.exists() {
            return Err(Error::Exists { path: folder.to_path_buf() });
        }
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        let text = toml::to_string(&config).map_err(|source| Error::Unwritable { path: path.clone(), source })?;
        let adam = Adam::new(&parameters, config.adam.into());
        let run = Self { folder: folder.to_path_buf(), config, parameters, adam, step: 0, log: Vec::new() };
        run.checkpoint()?;
        replace(&run.folder.join(LOG), b"")?;
        // Last, so that a folder with settings is a whole run.
        replace(&path, text.as_bytes())?;
        Ok(run)
    }

    /// Reads a run's settings, from which its model can be built.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Settings`], [`Error::Setting`].
    pub fn config_of(folder: &Path) -> Result<RunConfig, Error> {
        let path = folder.join(CONFIG);
        let text = std::fs::read_to_string(&path).map_err(Error::file(&path))?;
        let config: RunConfig = toml::from_str(&text).map_err(|source| Error::Settings { path, source })?;
        config.check()?;
        Ok(config)
    }

    /// Opens a run at its last checkpoint. `parameters` are the model's, whatever their values.
    ///
    /// # Errors
    /// As [`Self::config_of`]; [`Error::Missing`] and [`Error::Tensor`] when the checkpoint is another model's; [`Error::Log`].
    pub fn resume(folder: &Path, mut parameters: Parameters) -> Result<Self, Error> {
        let config = Self::config_of(folder)?;
        let path = folder.join(CHECKPOINT);
        let weights = Weights::read(&path)?;
        weights.fill(&mut parameters)?;
        let count = parameters.count();
        let step: u64 = number(&weights, &path, "step")?;
        // Adam takes a step in every step.
        let adam_steps = i32::try_from(step).unwrap_or(i32::MAX);
        let state = (weights.numbers(MEANS, count)?, weights.numbers(SQUARES, count)?, adam_steps);
        let adam = Adam::resume(config.adam.into(), state, count)
            .ok_or_else(|| Error::Missing { path: path.clone(), name: MEANS.to_owned() })?;
        let log: Vec<Record> = read_log(folder)?.into_iter().take_while(|record| record.step <= step).collect();
        cut(&folder.join(LOG), log.len())?;
        Ok(Self { folder: folder.to_path_buf(), config, parameters, adam, step, log })
    }

    /// Trains until a step, at most the last. `loss` records a shard's loss on the tape, weighted so that the shards' sum is the batch's
    /// mean; it must depend on the shard and the weights alone. `observe` sees each finished step and may stop the run by `false`; the
    /// run is then saved where it is.
    ///
    /// # Errors
    /// [`Error::Tape`] when training diverges, [`Error::Model`], [`Error::File`].
    pub fn train(
        &mut self,
        until: u64,
        threads: usize,
        loss: impl Fn(Shard, &mut Tape, &Parameters) -> Result<Var, Error> + Sync,
        mut observe: impl FnMut(&Record) -> bool,
    ) -> Result<(), Error> {
        let mut gradients = Gradients::of(&self.parameters);
        let mut shards = Shards::new(&self.parameters, self.config.shards, threads);
        let path = self.folder.join(LOG);
        let mut log = std::fs::OpenOptions::new().append(true).open(&path).map_err(Error::file(&path))?;
        while self.step < until.min(self.config.steps) {
            let record = self.advance(&mut shards, &mut gradients, &loss)?;
            log.write_all(line(&record).as_bytes()).map_err(Error::file(&path))?;
            self.log.push(record);
            let going = observe(&record);
            if !going || self.step.is_multiple_of(self.config.checkpoint_every) || self.step == self.config.steps {
                self.checkpoint()?;
            }
            if !going {
                break;
            }
        }
        Ok(())
    }

    fn advance(
        &mut self,
        shards: &mut Shards,
        gradients: &mut Gradients,
        work: &(impl Fn(Shard, &mut Tape, &Parameters) -> Result<Var, Error> + Sync),
    ) -> Result<Record, Error> {
        let step = self.step + 1;
        let (parameters, config) = (&self.parameters, &self.config);
        gradients.clear();
        // A shard's own error goes past the tape's, which cannot hold it.
        let failure = std::sync::Mutex::new(None);
        let loss = shards.run(gradients, |shard, tape, gradients| {
            let seed = config.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (step << 16) ^ shard as u64;
            tape.begin(Mode::Train { seed });
            match work(Shard { step, shard, shards: config.shards }, tape, parameters) {
                Ok(loss) => {
                    tape.backward(parameters, loss, gradients)?;
                    Ok(tape.flat(loss)?[0])
                }
                Err(error) => {
                    let stand_in = TapeError::Diverged { loss: error.to_string() };
                    failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
                    Err(stand_in)
                }
            }
        });
        if let Some(error) = failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            return Err(error);
        }
        let loss = loss?;
        let norm = gradients.clip(config.clip);
        let rate = config.schedule.rate(step);
        self.adam.step(&mut self.parameters, gradients, narrow(rate));
        self.step = step;
        Ok(Record { step, loss, norm, rate })
    }

    /// Writes weights, optimiser and step.
    fn checkpoint(&self) -> Result<(), Error> {
        let (means, squares, _) = self.adam.state();
        let shape = (1, means.len());
        let mut all = entries(&self.parameters);
        all.push(Entry { name: MEANS, shape, values: means });
        all.push(Entry { name: SQUARES, shape, values: squares });
        let notes = HashMap::from([("step".to_owned(), self.step.to_string())]);
        save(&self.folder.join(CHECKPOINT), &all, notes)
    }

    /// Returns the folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the settings.
    #[must_use]
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// Returns the weights.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the last finished step; 0 before the first.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Returns all finished steps.
    #[must_use]
    pub fn log(&self) -> &[Record] {
        &self.log
    }
}

const CONFIG: &str = "config.toml";
const LOG: &str = "log.jsonl";
const CHECKPOINT: &str = "checkpoint.safetensors";
const MEANS: &str = "adam.means";
const SQUARES: &str = "adam.squares";

impl RunConfig {
    fn check(&self) -> Result<(), Error> {
        let wrong = |what, wanted| Err(Error::Setting { what, found: "0".to_owned(), wanted });
        match self {
            Self { shards: 0, .. } => wrong("shards", "at least 1"),
            Self { checkpoint_every: 0, .. } => wrong("checkpoint_every", "at least 1"),
            _ => Ok(()),
        }
    }
}

/// Reads a run's finished steps; a last line that was cut by a kill does not count.
///
/// # Errors
/// [`Error::File`]; [`Error::Log`] for any other line that is none.
pub fn read_log(folder: &Path) -> Result<Vec<Record>, Error> {
    let path = folder.join(LOG);
    let text = std::fs::read_to_string(&path).map_err(Error::file(&path))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |(place, line)| {
        serde_json::from_str(line).map_err(|source| Error::Log { path: path.clone(), line: place + 1, source })
    };
    whole.lines().enumerate().map(parse).collect()
}

/// Keeps a log's first lines, as they were written.
fn cut(path: &Path, lines: usize) -> Result<(), Error> {
    let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
    let kept: String = text.split_inclusive('\n').take(lines).collect();
    replace(path, kept.as_bytes())
}

fn line(record: &Record) -> String {
    // A record of four numbers is always written.
    serde_json::to_string(record).map_or_else(|_| String::new(), |text| text + "\n")
}

fn number<T: std::str::FromStr>(weights: &Weights, path: &Path, name: &'static str) -> Result<T, Error> {
    let note = weights.note(name)?;
    note.parse().ok().ok_or_else(|| Error::Missing { path: path.to_path_buf(), name: format!("{name} as a number") })
}

#[expect(clippy::cast_possible_truncation, reason = "an f32 is what the optimiser works with")]
fn narrow(value: f64) -> f32 {
    value as f32
}
