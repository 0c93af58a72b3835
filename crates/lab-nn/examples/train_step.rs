//! How fast a training step is: `cargo run --release -p hearth-lab-nn --example train_step -- [THREADS] [STEPS]`.
//!
//! The model and batch are those of the comparison with PyTorch in this repository's notes: 4 layers of width 256, 4 heads, context
//! 256, vocabulary 4,096, 8 sequences, AdamW, f32.

use hearth_lab_nn::gpt::{Gpt, GptConfig};
use hearth_lab_tensor::optimiser::{Adam, AdamSettings};
use hearth_lab_tensor::shards::Shards;
use hearth_lab_tensor::{Gradients, Mode, Parameters};

const BATCH: usize = 8;

#[expect(clippy::print_stdout, reason = "an example's output")]
#[expect(clippy::disallowed_types, reason = "a benchmark measures time")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = |place, default| std::env::args().nth(place).map_or(Ok(default), |text| text.parse::<usize>());
    let (threads, steps) = (argument(1, 1)?, argument(2, 8)?);
    let config = GptConfig { vocabulary: 4_096, ..GptConfig::default() };
    let mut parameters = Parameters::new(1);
    let model = Gpt::new(&mut parameters, config)?;
    let mut gradients = Gradients::of(&parameters);
    let mut shards = Shards::new(&parameters, BATCH.min(2 * threads), threads);
    let count = BATCH / BATCH.min(2 * threads);
    let mut adam = Adam::new(&parameters, AdamSettings { weight_decay: 0.01, ..AdamSettings::default() });
    let token = |place: usize| (place * 7_919 + 13) % config.vocabulary;
    let mut best = f64::MAX;
    for step in 0..steps {
        let start = std::time::Instant::now();
        gradients.clear();
        let loss = shards.run(&mut gradients, |shard, tape, gradients| {
            let first = shard * count * config.context;
            let tokens: Vec<usize> = (first..first + count * config.context).map(token).collect();
            let targets: Vec<usize> = (first + 1..=first + count * config.context).map(token).collect();
            tape.begin(Mode::Train { seed: 1 });
            let wrong = |error| match error {
                hearth_lab_nn::Error::Tensor(error) => error,
                other => hearth_lab_tensor::Error::Diverged { loss: other.to_string() },
            };
            let loss = model.loss(tape, &parameters, (&tokens, &targets), count).map_err(wrong)?;
            let share = count as f32 / BATCH as f32;
            let loss = tape.scale(loss, share)?;
            tape.backward(&parameters, loss, gradients)?;
            Ok(tape.flat(loss)?[0])
        })?;
        adam.step(&mut parameters, &gradients, 3e-4);
        let seconds = start.elapsed().as_secs_f64();
        best = best.min(seconds);
        println!("step {step}: loss {loss:.4}, {:.0} tokens/s", (BATCH * config.context) as f64 / seconds);
    }
    println!("best of {steps}: {:.0} tokens/s on {threads} threads", (BATCH * config.context) as f64 / best);
    Ok(())
}
