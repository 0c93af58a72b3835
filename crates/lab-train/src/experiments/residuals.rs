//! Does attention over depth beat the sum? "Attention Residuals", table 2 and figure 5: a lower loss at the same compute, and magnitudes
//! that do not grow with depth.

use super::report::{Report, curve, table};
use super::{Observer, SHARDS, Size, open};
use crate::batches::windows;
use crate::error::Error;
use hearth_lab_nn::attnres::{AttnRes, AttnResConfig, Residual};
use hearth_lab_scaling::plot::{Plot, Series};
use hearth_lab_tensor::{Mode, Parameters, Tape};
use std::path::Path;

/// The small setting, for some hundred thousand bytes of text.
pub const SMALL: Size = Size { steps: 600, width: 64, batch: 16, held_out: 32, seed: 1, threads: 2 };

/// Transformer blocks; each has two sublayers.
const BLOCKS: usize = 6;
const TIME: usize = 96;

/// One kind of residual, trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// Its name.
    pub name: &'static str,
    /// Loss on text that was not trained on, in nats a byte.
    pub loss: f64,
    /// Root mean square of the input of each sublayer, from the first to the output.
    pub magnitudes: Vec<f64>,
    /// Weights.
    pub parameters: usize,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// In the order of the table.
    pub trained: Vec<Trained>,
    /// The report.
    pub report: Report,
}

const KINDS: [(&str, Residual); 4] = [
    ("sum", Residual::Sum),
    ("full", Residual::Full),
    ("block", Residual::Block(4)),
    ("denseformer", Residual::DenseFormer),
];

/// Trains a byte-level model of each kind on the first nine tenths of a text and measures it on the rest; `None` when the observer
/// stopped it.
///
/// # Errors
/// [`Error::Setting`] when the text is too short, [`Error::File`]; [`Error::Exists`] when the folder holds another size.
pub fn run(folder: &Path, text: &str, size: Size, observe: &mut Observer<'_>) -> Result<Option<Outcome>, Error> {
    let bytes: Vec<usize> = text.bytes().map(usize::from).collect();
    let (training, held_out) = bytes.split_at(bytes.len() / 10 * 9);
    let (mut trained, mut curves) = (Vec::new(), Vec::new());
    for (name, residual) in KINDS {
        let mut parameters = Parameters::new(size.seed);
        let config = AttnResConfig {
            vocabulary: 256,
            blocks: BLOCKS,
            width: size.width,
            heads: 4,
            key_heads: 2,
            inner: size.width * 2,
            residual,
        };
        let model = AttnRes::new(&mut parameters, config)?;
        let mut run = open(folder, size, (4e-3, size.steps / 20, name), parameters)?;
        let batch = size.batch.div_ceil(SHARDS);
        run.train(
            u64::MAX,
            size.threads,
            |shard, tape, parameters| {
                let draw = (size.seed, shard.step * SHARDS as u64 + shard.shard as u64);
                let windows = windows(training, (batch, TIME), draw)?;
                let loss = model.loss(tape, parameters, (&windows.tokens, &windows.targets), batch)?;
                Ok(tape.scale(loss, 1.0 / shard.shards as f32)?)
            },
            |record| observe(name, record),
        )?;
        if run.step() < size.steps {
            return Ok(None);
        }
        let (loss, magnitudes) = measure(&model, run.parameters(), held_out, size)?;
        trained.push(Trained { name, loss, magnitudes, parameters: run.parameters().count() });
        curves.push(curve(name, run.log()));
    }
    let report = Report { markdown: markdown(size, bytes.len(), &trained), pictures: pictures(&trained, curves) };
    report.save(folder)?;
    Ok(Some(Outcome { trained, report }))
}

/// The loss on held-out windows and the magnitudes by depth on the last of them.
fn measure(model: &AttnRes, parameters: &Parameters, held_out: &[usize], size: Size) -> Result<(f64, Vec<f64>), Error> {
    let mut tape = Tape::default();
    let (mut total, mut magnitudes) = (0.0, Vec::new());
    for window in 0..size.held_out.max(1) {
        let windows = windows(held_out, (1, TIME), (size.seed, window as u64))?;
        tape.begin(Mode::Evaluate);
        let loss = model.loss(&mut tape, parameters, (&windows.tokens, &windows.targets), 1)?;
        total += f64::from(tape.flat(loss)?[0]);
        if window + 1 == size.held_out.max(1) {
            for input in model.inputs(&mut tape, parameters, &windows.tokens, 1)? {
                let numbers = tape.flat(input)?;
                let square: f64 = numbers.iter().map(|value| f64::from(*value).powi(2)).sum();
                magnitudes.push((square / numbers.len().max(1) as f64).sqrt());
            }
        }
    }
    Ok((total / size.held_out.max(1) as f64, magnitudes))
}

fn pictures(trained: &[Trained], curves: Vec<Series>) -> Vec<(String, String)> {
    let depth = |trained: &Trained| {
        let line: Vec<(f64, f64)> =
            trained.magnitudes.iter().enumerate().map(|(layer, size)| ((layer + 1) as f64, *size)).collect();
        Series { name: trained.name.to_owned(), points: line.clone(), line }
    };
    let losses = Plot {
        title: "Training loss".to_owned(),
        x_label: "step".to_owned(),
        y_label: "loss (nats a byte)".to_owned(),
        series: curves,
    };
    let magnitudes = Plot {
        title: "Magnitude of each sublayer's input".to_owned(),
        x_label: "sublayer".to_owned(),
        y_label: "root mean square".to_owned(),
        series: trained.iter().map(depth).collect(),
    };
    vec![("loss.svg".to_owned(), losses.svg()), ("magnitudes.svg".to_owned(), magnitudes.svg())]
}

fn markdown(size: Size, bytes: usize, trained: &[Trained]) -> String {
    let paper = |name: &str| match name {
        "sum" => "1.766",
        "full" => "1.737",
        "block" => "1.746",
        _ => "1.767",
    };
    let growth = |trained: &Trained| {
        trained.magnitudes.last().zip(trained.magnitudes.first()).map_or(0.0, |(last, first)| last / first)
    };
    let row = |trained: &Trained| {
        vec![
            trained.name.to_owned(),
            format!("{:.4}", trained.loss),
            format!("{:.1}", growth(trained)),
            trained.parameters.to_string(),
            paper(trained.name).to_owned(),
        ]
    };
    let rows: Vec<_> = trained.iter().map(row).collect();
    let header = ["residual", "held-out loss", "magnitude, last/first", "parameters", "report: loss (436M, table 4)"];
    let loss =
        |name: &str| trained.iter().find(|trained| trained.name == name).map_or(f64::NAN, |trained| trained.loss);
    let (sum, full, block) = (loss("sum"), loss("full"), loss("block"));
    let verdict = match (full < sum, block < sum) {
        (true, true) => "Both full and block attention residuals end below the sum, as in the report.",
        (true, false) => "Full attention residuals end below the sum, block ones do not in this run.",
        (false, true) => "Block attention residuals end below the sum, full ones do not in this run.",
        (false, false) => "Neither ends below the sum in this run: at this size the claim does not reproduce.",
    };
    format!(
        "# Attention residuals\n\nAttention Residuals (2026), table 4 and figure 5.\n\n{verdict}\n\n{}\n![Loss by step](loss.svg)\n\n\
         ![Magnitude by depth](magnitudes.svg)\n\n{BLOCKS} Transformer blocks of width {}, {} steps of {} windows of {TIME} bytes from a \
         text of {bytes} bytes, one seed; blocks of 4 sublayers. All start from the same decoder and see the same windows. One seed at \
         this size tells a difference of a hundredth from chance only when it is repeated.\n",
        table(&header, &rows),
        size.width,
        size.steps,
        size.batch
    )
}
