//! Compares this engine with another one: prints what the model would say next.
//!
//! `cargo run --release -p hearth-infer --example scores -- model.gguf [text…]` prints, for each text, its tokens, the
//! likeliest next tokens with their scores, and the mean surprise of its own tokens in nats. With `--raw folder`, the
//! scores of all tokens are written there as little-endian 32-bit floats, one file a text, beside `tokens.json`.

use std::path::PathBuf;

use hearth_infer::{EngineError, Probe};

const CONTEXT: usize = 4096;

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("usage: scores model.gguf [--raw folder] [text…]")]
    Usage,
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("cannot write the scores: {0}")]
    Write(#[from] std::io::Error),
}

#[expect(clippy::print_stdout, reason = "an example's output")]
fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let file = PathBuf::from(arguments.next().ok_or(Failure::Usage)?);
    let mut texts: Vec<String> = arguments.collect();
    let folder = match texts.iter().position(|text| text == "--raw") {
        Some(at) if at + 1 < texts.len() => texts.drain(at..at + 2).nth(1).map(PathBuf::from),
        Some(_) => return Err(Failure::Usage),
        None => None,
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut probe = Probe::open(&file, CONTEXT, threads)?;
    let mut all = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let tokens = probe.tokens(text);
        let scores = probe.scores(&tokens)?;
        if let Some(folder) = &folder {
            let bytes: Vec<u8> = scores.iter().flat_map(|score| score.to_le_bytes()).collect();
            std::fs::write(folder.join(format!("{index}.f32")), bytes)?;
        }
        let mut best: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1));
        best.truncate(3);
        println!("{text:?} {tokens:?}\n  {best:?}, surprise {:.5}", probe.surprise(&tokens)?);
        all.push(format!("{tokens:?}"));
    }
    if let Some(folder) = &folder {
        std::fs::write(folder.join("tokens.json"), format!("[{}]", all.join(", ")))?;
    }
    Ok(())
}
