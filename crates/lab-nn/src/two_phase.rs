//! Inference of block attention residuals in two phases ("Attention Residuals", algorithm 1).
//!
//! The queries of a block are known before it starts, so all of them read the finished blocks in one pass (phase 1), which leaves for
//! each a numerator, the largest score and a sum. What the block itself has written so far is merged in layer by layer (phase 2), as
//! a softmax is merged that is computed in parts. The result is that of [`AttnRes::logits`]; what is saved is reading every finished
//! block again for every layer.

use crate::attnres::{AttnRes, Residual};
use crate::error::Error;
use hearth_lab_tensor::{Parameters, Tape, Var};

/// Numbers that the joining of layers moved between memory and processor, embeddings and the layers' own work not counted (table 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Numbers read.
    pub read: usize,
    /// Numbers written.
    pub written: usize,
}

/// A softmax-weighted sum that is not finished: Σ e^(s − m)·v, m and Σ e^(s − m).
#[derive(Clone, Debug)]
struct Gathered {
    numerator: Vec<f32>,
    largest: f32,
    sum: f32,
}

impl Gathered {
    fn new(width: usize) -> Self {
        Self { numerator: vec![0.0; width], largest: f32::NEG_INFINITY, sum: 0.0 }
    }

    /// Merges one more source, a part of its own with numerator v, largest score s and sum 1.
    fn merge(&mut self, score: f32, value: &[f32]) {
        let largest = self.largest.max(score);
        let (kept, new) = ((self.largest - largest).exp(), (score - largest).exp());
        self.numerator.iter_mut().zip(value).for_each(|(sum, value)| *sum = kept * *sum + new * value);
        self.sum = kept * self.sum + new;
        self.largest = largest;
    }
}

/// The weighted means of all rows, one behind the other.
fn finished(rows: &[Gathered]) -> Vec<f32> {
    rows.iter().flat_map(|row| row.numerator.iter().map(|sum| sum / row.sum)).collect()
}

impl AttnRes {
    /// Records the logits as [`Self::logits`] does, the layers joined in two phases, and counts what that moved. For evaluating: no
    /// slopes go back through it.
    ///
    /// # Errors
    /// [`Error::Config`] for another residual than blocks; else as [`Self::logits`].
    pub fn logits_in_two_phases(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        tokens: &[usize],
        batch: usize,
    ) -> Result<(Var, Traffic), Error> {
        let Residual::Block(size) = self.config().residual else {
            return Err(Error::Config { what: "residual", found: 0, wanted: "blocks, for inference in two phases" });
        };
        let embedding = tape.embedding(parameters, self.tokens, tokens)?;
        let mut blocks = vec![tape.flat(embedding)?.to_vec()];
        let mut traffic = Traffic::default();
        let layers: Vec<usize> = (0..self.sublayers.len()).collect();
        for block in layers.chunks(size) {
            let gathered = self.first_phase(parameters, &blocks, block, &mut traffic)?;
            blocks.push(self.second_phase(tape, parameters, (block, gathered, batch), &mut traffic)?);
        }
        let last = self.first_phase(parameters, &blocks, &[self.sublayers.len()], &mut traffic)?;
        let stream = finished(&last.concat());
        let stream = tape.input(&stream, (tokens.len(), self.config().width))?;
        Ok((self.predict(tape, parameters, stream)?, traffic))
    }

    /// Runs a block's layers one after the other, each on what its query gathered and on what the block has written so far; returns
    /// their sum.
    fn second_phase(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        (block, gathered, batch): (&[usize], Vec<Vec<Gathered>>, usize),
        traffic: &mut Traffic,
    ) -> Result<Vec<f32>, Error> {
        let width = self.config().width;
        let mut partial: Vec<f32> = Vec::new();
        for (layer, mut gathered) in block.iter().zip(gathered) {
            // Nothing yet for the first layer.
            self.gather(parameters, *layer, &partial, &mut gathered)?;
            let stream = finished(&gathered);
            traffic.read += partial.len() + stream.len();
            let input = tape.input(&stream, (stream.len() / width, width))?;
            let written = self.sublayer(&self.sublayers[*layer], tape, parameters, (input, batch))?;
            let written = tape.flat(written)?;
            partial.resize(written.len(), 0.0);
            partial.iter_mut().zip(written).for_each(|(sum, value)| *sum += value);
            traffic.read += written.len();
            traffic.written += written.len();
        }
        Ok(partial)
    }

    /// What the queries of some layers gather from the finished blocks: for each layer, for each row.
    fn first_phase(
        &self,
        parameters: &Parameters,
        blocks: &[Vec<f32>],
        layers: &[usize],
        traffic: &mut Traffic,
    ) -> Result<Vec<Vec<Gathered>>, Error> {
        let width = self.config().width;
        let numbers = blocks.first().map_or(0, Vec::len);
        let mut all = vec![vec![Gathered::new(width); numbers / width]; layers.len()];
        for block in blocks {
            traffic.read += block.len();
            for (layer, gathered) in layers.iter().zip(&mut all) {
                self.gather(parameters, *layer, block, gathered)?;
            }
        }
        traffic.written += layers.len() * numbers;
        Ok(all)
    }

    /// Merges one source into what a layer's query has gathered, row by row.
    fn gather(
        &self,
        parameters: &Parameters,
        layer: usize,
        source: &[f32],
        gathered: &mut [Gathered],
    ) -> Result<(), Error> {
        let query = self.folded_query(parameters, layer)?;
        for (value, gathered) in source.chunks_exact(query.len().max(1)).zip(gathered) {
            let square = value.iter().map(|value| value * value).sum::<f32>() / value.len() as f32;
            let dot: f32 = value.iter().zip(&query).map(|(value, query)| value * query).sum();
            gathered.merge(dot / (square + crate::attnres::EPSILON).sqrt(), value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::attnres::{AttnRes, AttnResConfig, Residual};
    use hearth_lab_tensor::random::Random;
    use hearth_lab_tensor::{Mode, Parameters, Tape};

    const TOKENS: [usize; 10] = [1, 4, 1, 5, 9, 2, 6, 5, 3, 5];

    fn model(blocks: usize, residual: Residual) -> (AttnRes, Parameters) {
        let config = AttnResConfig { vocabulary: 11, blocks, width: 16, heads: 2, key_heads: 1, inner: 24, residual };
        let mut parameters = Parameters::new(5);
        let model = AttnRes::new(&mut parameters, config).unwrap();
        let mut random = Random::new(2, 0);
        parameters.values_mut().iter_mut().for_each(|value| *value += 0.3 * random.normal());
        (model, parameters)
    }

    #[test]
    fn two_phases_give_the_same_logits_for_every_size_of_block() {
        for size in [1, 2, 3, 4, 6, 9] {
            let (model, parameters) = model(3, Residual::Block(size));
            let mut tape = Tape::default();
            tape.begin(Mode::Evaluate);
            let plain = model.logits(&mut tape, &parameters, &TOKENS, 2).unwrap();
            let (phased, _) = model.logits_in_two_phases(&mut tape, &parameters, &TOKENS, 2).unwrap();
            let pairs = tape.flat(plain).unwrap().iter().zip(tape.flat(phased).unwrap());
            let far = pairs.map(|(a, b)| (a - b).abs() / a.abs().max(1.0)).fold(0.0, f32::max);
            assert!(far < 1e-4, "{size}: {far}");
        }
    }

    /// Table 1: (N/S + 5)·d for each token and layer, where every block is counted as reading all N; the early ones read fewer.
    #[test]
    fn traffic_is_that_of_the_reports_table() {
        let (model, parameters) = model(16, Residual::Block(4));
        let mut tape = Tape::default();
        tape.begin(Mode::Evaluate);
        let (_, traffic) = model.logits_in_two_phases(&mut tape, &parameters, &TOKENS, 1).unwrap();
        let (layers, size, width, rows) = (32, 4, 16, 10);
        let blocks = layers / size;
        // Phase 1 reads 1 to N blocks and once more for the output; a block's first layer has no sum of its own to read.
        let sources = blocks * (blocks + 1) / 2 + blocks + 1;
        let expected = (sources + 3 * layers - blocks, 2 * layers + 1);
        assert_eq!((traffic.read, traffic.written), (expected.0 * width * rows, expected.1 * width * rows));
        let each = (traffic.read + traffic.written) as f64 / (layers * width * rows) as f64;
        let table = blocks as f64 / size as f64 + 5.0;
        assert!(each < table && each > 3.0, "{each} {table}");
    }

    #[test]
    fn other_residuals_are_refused() {
        let (model, parameters) = model(2, Residual::Sum);
        let mut tape = Tape::default();
        tape.begin(Mode::Evaluate);
        let refused = model.logits_in_two_phases(&mut tape, &parameters, &TOKENS, 1).unwrap_err().to_string();
        assert!(refused.contains("blocks, for inference in two phases"), "{refused}");
    }
}
