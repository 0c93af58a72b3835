//! A run that was killed goes on bit for bit.

use hearth_lab_nn::gpt::{Gpt, GptConfig};
use hearth_lab_tensor::{Parameters, Tape, Var};
use hearth_lab_train::Error;
use hearth_lab_train::batches::windows;
use hearth_lab_train::run::{AdamConfig, Run, RunConfig, Shard, read_log};
use hearth_lab_train::schedule::Schedule;
use std::path::Path;

const SIZES: GptConfig =
    GptConfig { vocabulary: 256, context: 12, layers: 1, width: 16, heads: 2, band: None, dropout: 0.1 };
const TEXT: &str = "the quick brown fox jumps over the lazy dog and runs away before it wakes up again";

fn config() -> RunConfig {
    RunConfig {
        seed: 7,
        steps: 20,
        checkpoint_every: 5,
        shards: 2,
        clip: 1.0,
        schedule: Schedule::Cosine { peak: 1e-2, warmup: 3, steps: 20, floor: 0.1 },
        adam: AdamConfig { weight_decay: 0.1, ..AdamConfig::default() },
        model: toml_table(),
    }
}

fn toml_table() -> toml::Table {
    toml::Table::from_iter([("kind".to_owned(), toml::Value::from("gpt"))])
}

fn model() -> (Gpt, Parameters) {
    let mut parameters = Parameters::new(7);
    (Gpt::new(&mut parameters, SIZES).unwrap(), parameters)
}

fn work(model: &Gpt) -> impl Fn(Shard, &mut Tape, &Parameters) -> Result<Var, Error> + Sync {
    let text: Vec<usize> = TEXT.bytes().map(usize::from).collect();
    move |shard, tape, parameters| {
        let data = windows(&text, (2, 12), (7, shard.step * 2 + shard.shard as u64))?;
        let loss = model.loss(tape, parameters, (&data.tokens, &data.targets), 2)?;
        Ok(tape.scale(loss, 0.5)?)
    }
}

fn content(folder: &Path) -> [Vec<u8>; 2] {
    ["log.jsonl", "checkpoint.safetensors"].map(|name| std::fs::read(folder.join(name)).unwrap())
}

#[test]
fn a_killed_run_goes_on_bit_for_bit_with_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let (gpt, parameters) = model();
    let mut run = Run::create(&whole, config(), parameters).unwrap();
    run.train(u64::MAX, 1, work(&gpt), |_| true).unwrap();
    assert_eq!((run.step(), run.log().len()), (20, 20));

    // Killed within step 13: the last checkpoint is of step 10, the log is ahead, its last line and a new checkpoint are half written.
    let mut run = Run::create(&killed, config(), model().1).unwrap();
    run.train(12, 2, work(&gpt), |_| true).unwrap();
    drop(run);
    let log = killed.join("log.jsonl");
    let mut text = std::fs::read_to_string(&log).unwrap();
    text.push_str("{\"step\":13,\"lo");
    std::fs::write(&log, text).unwrap();
    std::fs::write(killed.join("checkpoint.safetensors.new"), b"half").unwrap();

    let mut run = Run::resume(&killed, model().1).unwrap();
    assert_eq!((run.step(), run.log().len()), (10, 10));
    run.train(u64::MAX, 2, work(&gpt), |_| true).unwrap();
    assert!(content(&whole) == content(&killed), "log or checkpoint differ");
    assert!(run.log()[19].loss < run.log()[0].loss, "it learns");
}

#[test]
fn stopping_saves_and_another_run_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (gpt, parameters) = model();
    let mut run = Run::create(folder.path(), config(), parameters).unwrap();
    run.train(u64::MAX, 1, work(&gpt), |record| record.step < 3).unwrap();
    assert_eq!(run.step(), 3);
    assert_eq!(Run::resume(folder.path(), model().1).unwrap().step(), 3);
    assert_eq!(read_log(folder.path()).unwrap(), run.log());
    let again = Run::create(folder.path(), config(), model().1).unwrap_err().to_string();
    assert!(again.ends_with("holds a run already: resume it or choose another folder"), "{again}");
}

#[test]
fn wrong_settings_and_other_models_are_named() {
    let folder = tempfile::tempdir().unwrap();
    Run::create(folder.path(), config(), model().1).unwrap();
    let mut other = Parameters::new(1);
    Gpt::new(&mut other, GptConfig { width: 32, ..SIZES }).unwrap();
    let refused = Run::resume(folder.path(), other).unwrap_err().to_string();
    assert!(refused.contains("tensor `tokens` is F32 [256, 16], expected F32 with 8192 numbers"), "{refused}");
    let path = folder.path().join("config.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("clip", "clipp")).unwrap();
    let refused = Run::config_of(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("clipp"), "{refused}");
    let none = Run::create(&folder.path().join("new"), RunConfig { shards: 0, ..config() }, model().1).unwrap_err();
    assert_eq!(none.to_string(), "shards is 0: at least 1");
}
