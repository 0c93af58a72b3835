//! Vectors of token sequences by a published sentence encoder of the MiniLM kind:
//! `cargo run --release -p hearth-lab-train --example sentence_vectors -- MODEL.safetensors 101,7592,102 101,2088,102`.
//!
//! Prints one line a sequence: the mean of the last layer's outputs, of length one. All sequences go through the model in one padded
//! batch, so that padding is tried too.

use hearth_lab_nn::bert::{Bert, BertConfig, Inputs};
use hearth_lab_nn::sequences::Sequences;
use hearth_lab_tensor::{Mode, Parameters, Tape};
use hearth_lab_train::weights::Weights;
use std::path::Path;

#[expect(clippy::print_stdout, reason = "an example's output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: sentence_vectors MODEL.safetensors IDS...")?;
    let parse = |text: String| text.split(',').map(str::parse::<usize>).collect::<Result<Vec<_>, _>>();
    let sequences = arguments.map(parse).collect::<Result<Vec<_>, _>>()?;
    let mut parameters = Parameters::new(0);
    let bert = Bert::new(&mut parameters, "", BertConfig::MINI_LM)?;
    Weights::read(Path::new(&file))?.fill(&mut parameters)?;
    let lengths: Vec<usize> = sequences.iter().map(Vec::len).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let padded = |ids: &Vec<usize>| [ids.as_slice(), &vec![0; longest - ids.len()]].concat();
    let tokens: Vec<usize> = sequences.iter().flat_map(padded).collect();
    let mut tape = Tape::default();
    tape.begin(Mode::Evaluate);
    let inputs = Inputs { sequences: Sequences { tokens: &tokens, lengths: &lengths }, segments: None };
    let encoded = bert.encode(&mut tape, &parameters, inputs)?;
    let width = encoded.columns();
    for (rows, length) in tape.flat(encoded)?.chunks_exact(longest * width).zip(lengths) {
        let mean = |column: usize| rows[column..].iter().step_by(width).take(length).sum::<f32>() / length as f32;
        let vector: Vec<f32> = (0..width).map(mean).collect();
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        println!("{}", vector.iter().map(|value| format!("{:.8}", value / norm)).collect::<Vec<_>>().join(" "));
    }
    Ok(())
}
