//! The papers' signature experiments at a size of minutes on two cores, each ending in a report beside the paper's claim.
//!
//! Each takes a folder, in which every model it trains is a run of its own: stopped anywhere, the same call goes on. In reading order:
//!
//! - [`language`]: the made-up pair of languages that translation is tried on, with known alignments
//! - [`reversal`]: does reading the source backwards help? (Seq2Seq)
//! - [`alignment`]: does a fixed vector fail on long sentences, and attention not? (Bahdanau)
//! - [`residuals`]: does attention over depth beat the sum? (Attention Residuals)
//! - [`report`]: Markdown and pictures

pub mod alignment;
pub mod language;
pub mod report;
pub mod residuals;
pub mod reversal;

use crate::batches::{Ends, Pair, PairBatch};
use crate::error::Error;
use crate::metrics::{accuracy, perplexity};
use crate::run::{AdamConfig, Record, Run, RunConfig};
use crate::schedule::Schedule;
use hearth_lab_nn::decoding::{Found, Search};
use hearth_lab_nn::sequences::Sequences;
use hearth_lab_tensor::{Mode, Parameters, Tape, Var};
use std::path::Path;

/// How large an experiment is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Training steps of each model.
    pub steps: u64,
    /// Width of the models.
    pub width: usize,
    /// Sequences in a batch.
    pub batch: usize,
    /// Sequences that results are measured on.
    pub held_out: usize,
    /// Decides weights and data.
    pub seed: u64,
    /// Threads that a step may use; changes no number.
    pub threads: usize,
}

/// What an experiment tells while it runs: which model, and the step it finished. `false` stops it; the next call goes on.
pub type Observer<'a> = dyn FnMut(&str, &Record) -> bool + 'a;

const SHARDS: usize = 2;

/// Opens a model's run, or makes it.
fn open(
    folder: &Path,
    size: Size,
    (rate, warmup, name): (f64, u64, &str),
    parameters: Parameters,
) -> Result<Run, Error> {
    let config = RunConfig {
        seed: size.seed,
        steps: size.steps,
        checkpoint_every: (size.steps / 10).max(1),
        shards: SHARDS,
        clip: 1.0,
        schedule: Schedule::Cosine { peak: rate, warmup, steps: size.steps, floor: 0.05 },
        adam: AdamConfig { square_decay: 0.98, ..AdamConfig::default() },
        model: toml::Table::from_iter([
            ("name".to_owned(), toml::Value::from(name)),
            ("width".to_owned(), toml::Value::Integer(i64::try_from(size.width).unwrap_or(i64::MAX))),
            ("batch".to_owned(), toml::Value::Integer(i64::try_from(size.batch).unwrap_or(i64::MAX))),
        ]),
    };
    let folder = folder.join(name);
    if !folder.join("config.toml").exists() {
        return Run::create(&folder, config, parameters);
    }
    // Another size would be another experiment under the same name.
    if Run::config_of(&folder)? != config {
        return Err(Error::Exists { path: folder });
    }
    Run::resume(&folder, parameters)
}

/// A shard's share of a batch of pairs.
fn part<'a>(pairs: &[&'a Pair], shard: usize, shards: usize) -> Vec<&'a Pair> {
    pairs.iter().copied().skip(shard).step_by(shards).collect()
}

/// A model that translates: records a batch's mean loss, and finds a translation.
trait Translator: Sync {
    fn loss(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        sides: (Sequences<'_>, Sequences<'_>),
        targets: &[usize],
    ) -> Result<Var, hearth_lab_nn::Error>;

    fn translate(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        source: &[usize],
        settings: &Search,
    ) -> Result<Vec<Found>, hearth_lab_nn::Error>;
}

/// Trains a translator to the end, or until the observer stops it; `false` when it did.
fn train(
    run: &mut Run,
    model: &impl Translator,
    (pairs, ends): (&[Pair], Ends),
    size: Size,
    observe: &mut dyn FnMut(&Record) -> bool,
) -> Result<bool, Error> {
    // The order of an epoch is drawn anew in every thread that asks; a clone is cheap beside a step.
    let buckets = crate::batches::Buckets::new(pairs, size.batch, size.seed)?;
    let work = |shard: crate::run::Shard, tape: &mut Tape, parameters: &Parameters| {
        let all = buckets.clone().step(shard.step);
        let total = PairBatch::new(&all, ends).counted();
        let mine = part(&all, shard.shard, shard.shards);
        if mine.is_empty() {
            return Ok(tape.input(&[0.0], (1, 1))?);
        }
        let batch = PairBatch::new(&mine, ends);
        let loss = model.loss(tape, parameters, batch.sides(), &batch.targets)?;
        Ok(tape.scale(loss, batch.counted() as f32 / total.max(1) as f32)?)
    };
    run.train(u64::MAX, size.threads, work, |record| observe(record))?;
    Ok(run.step() == run.config().steps)
}

/// What a translator does on pairs it has not seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// e^loss, a token.
    pub perplexity: f64,
    /// BLEU of greedy translations.
    pub bleu: f64,
    /// Share of sentences without any error.
    pub exact: f64,
}

fn quality(model: &impl Translator, parameters: &Parameters, (pairs, ends): (&[Pair], Ends)) -> Result<Quality, Error> {
    let mut tape = Tape::default();
    let (mut total, mut tokens) = (0.0, 0);
    for pairs in pairs.chunks(32) {
        let batch = PairBatch::new(&pairs.iter().collect::<Vec<_>>(), ends);
        tape.begin(Mode::Evaluate);
        let loss = model.loss(&mut tape, parameters, batch.sides(), &batch.targets)?;
        total += f64::from(tape.flat(loss)?[0]) * batch.counted() as f64;
        tokens += batch.counted();
    }
    let longest = pairs.iter().map(|pair| pair.target.len()).max().unwrap_or(0);
    let settings = Search { beam: 1, max_length: longest + 5, start: ends.start, end: ends.end, length_penalty: 0.0 };
    let mut found = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let best = model.translate(&mut tape, parameters, &pair.source, &settings)?;
        found.push(best.into_iter().next().map_or_else(Vec::new, |found| found.tokens));
    }
    let expected: Vec<Vec<usize>> = pairs.iter().map(|pair| pair.target.clone()).collect();
    let text = |sentences: &[Vec<usize>]| sentences.iter().map(|tokens| language::text(tokens)).collect::<Vec<_>>();
    Ok(Quality {
        perplexity: perplexity(total / tokens.max(1) as f64),
        bleu: crate::bleu::bleu(&text(&found), &text(&expected))?.score,
        exact: accuracy(&found, &expected),
    })
}
