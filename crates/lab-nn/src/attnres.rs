//! "Attention Residuals", Kimi Team, 2026 (arXiv 2603.15031): attention over depth instead of a sum.
//!
//! The baseline is a current decoder: h ← h + f(RMSNorm(h)) with rotary positions, grouped key heads and SwiGLU. A "layer" here is a
//! sublayer: each attention and each feed-forward block is one. Full (equations 1–4): the input of layer l is Σᵢ αᵢ·vᵢ over
//! v₀ = embedding and vᵢ = fᵢ(hᵢ), with α = softmax(wᵀ·RMSNorm(vᵢ)) and w = 0 at the start. Block (equations 5 and 6): layers are summed
//! within blocks, and a layer attends to the blocks before and to its own block's sum so far. The ablations are those of table 4.

use crate::error::{Error, at_least_one};
use crate::layers::Matrix;
use hearth_lab_tensor::{
    Attention, DepthAttention, DepthQuery, Init, Mask, Parameter, Parameters, Tape, Var, Weighing,
};

/// How layers are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// The sum of everything before (PreNorm).
    Sum,
    /// Full Attention Residuals.
    Full,
    /// Block Attention Residuals with so many sublayers in a block.
    Block(usize),
    /// Ablation: constant weights for each layer and source (DenseFormer), 1 at the start.
    DenseFormer,
    /// Ablation: softmax over learned scores instead of queries and keys.
    Static,
    /// Ablation: sigmoid instead of softmax.
    Sigmoid,
    /// Ablation: keys without their norm.
    PlainKeys,
    /// Ablation: the query is a projection of the latest source, zero at the start.
    InputQuery,
    /// Ablation: only the embedding and so many of the latest layers are seen.
    Window(usize),
    /// Ablation: channels in so many groups are mixed apart.
    Heads(usize),
}

/// The decoder's sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttnResConfig {
    /// Token ids are below this.
    pub vocabulary: usize,
    /// L_b, Transformer blocks of two sublayers each.
    pub blocks: usize,
    /// d; divisible by the heads.
    pub width: usize,
    /// Query heads, of an even width.
    pub heads: usize,
    /// Key and value heads; divides the heads.
    pub key_heads: usize,
    /// d_ff, after the gate.
    pub inner: usize,
    /// How layers are joined.
    pub residual: Residual,
}

/// Under the roots of all norms.
pub(crate) const EPSILON: f32 = 1e-6;

/// The decoder's weights, as places in a set of parameters.
#[derive(Clone, Debug)]
pub struct AttnRes {
    config: AttnResConfig,
    pub(crate) tokens: Parameter,
    pub(crate) sublayers: Vec<Sublayer>,
    norm: Parameter,
    output: Matrix,
    /// One reader for each sublayer and one for the output; empty for the sum.
    readers: Vec<Reader>,
}

/// Attention or a feed-forward block, with the norm before it.
#[derive(Clone, Debug)]
pub(crate) struct Sublayer {
    norm: Parameter,
    /// Queries, keys and values, or gate and value.
    inputs: Matrix,
    output: Matrix,
    attends: bool,
}

/// How one layer reads its sources.
#[derive(Clone, Copy, Debug)]
struct Reader {
    query: Query,
    gain: Option<Parameter>,
}

#[derive(Clone, Copy, Debug)]
enum Query {
    Learned(Parameter),
    Projected(Matrix),
    Scores(Parameter),
}

impl AttnRes {
    /// Adds the weights to `parameters`. Those of the readers come last, so that every kind of residual starts with the same decoder.
    ///
    /// # Errors
    /// [`Error::Config`] when a size is zero or heads do not divide.
    pub fn new(parameters: &mut Parameters, config: AttnResConfig) -> Result<Self, Error> {
        let AttnResConfig { vocabulary, blocks, width, heads, key_heads, inner, residual } = config;
        at_least_one([
            ("vocabulary", vocabulary),
            ("blocks", blocks),
            ("width", width),
            ("heads", heads),
            ("key heads", key_heads),
            ("inner", inner),
        ])?;
        if !width.is_multiple_of(2 * heads) {
            return Err(Error::Config { what: "width", found: width, wanted: "divisible by twice the heads" });
        }
        if !heads.is_multiple_of(key_heads) {
            return Err(Error::Config { what: "heads", found: heads, wanted: "divisible by the key heads" });
        }
        residual.check(width)?;
        let start = Init::Normal(0.02);
        let tokens = parameters.add("tokens", (vocabulary, width), start);
        let sublayers = (0..2 * blocks).map(|layer| Sublayer::new(parameters, layer, &config)).collect();
        let norm = parameters.add("norm", (1, width), Init::Ones);
        let output = Matrix::new(parameters, "output", (width, vocabulary), start);
        let readers = match residual {
            Residual::Sum => Vec::new(),
            _ => (0..=2 * blocks).map(|layer| Reader::new(parameters, layer, &config)).collect(),
        };
        Ok(Self { config, tokens, sublayers, norm, output, readers })
    }

    /// Returns the sizes.
    #[must_use]
    pub fn config(&self) -> &AttnResConfig {
        &self.config
    }

    /// Records the logits of every position: `batch` sequences of equal length to `[tokens, vocabulary]`.
    ///
    /// # Errors
    /// [`Error::Tensor`] when the tokens do not divide into the batch or one is not in the vocabulary.
    pub fn logits(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        tokens: &[usize],
        batch: usize,
    ) -> Result<Var, Error> {
        let (_, stream) = self.streams(tape, parameters, tokens, batch)?;
        self.predict(tape, parameters, stream)
    }

    /// The final norm and the output: logits from the last stream.
    pub(crate) fn predict(&self, tape: &mut Tape, parameters: &Parameters, stream: Var) -> Result<Var, Error> {
        let normal = tape.rms_norm(parameters, stream, self.norm, EPSILON)?;
        self.output.apply(tape, parameters, normal)
    }

    /// A layer's learned query with its keys' gain folded in: all that inference needs of both.
    pub(crate) fn folded_query(&self, parameters: &Parameters, layer: usize) -> Result<Vec<f32>, Error> {
        match self.readers.get(layer) {
            Some(Reader { query: Query::Learned(query), gain: Some(gain) }) => {
                let pairs = parameters.of(*query).iter().zip(parameters.of(*gain));
                Ok(pairs.map(|(query, gain)| query * gain).collect())
            }
            _ => Err(Error::Config { what: "layer", found: layer, wanted: "one with a learned query" }),
        }
    }

    /// Records the mean loss of predicting `targets`, in nats a token.
    ///
    /// # Errors
    /// As [`Self::logits`].
    pub fn loss(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        (tokens, targets): (&[usize], &[usize]),
        batch: usize,
    ) -> Result<Var, Error> {
        let logits = self.logits(tape, parameters, tokens, batch)?;
        Ok(tape.cross_entropy(logits, targets, 0.0)?)
    }

    /// Records the decoder without its output and returns the input of every sublayer, h₁ … h_L, and of the final norm last: how their
    /// magnitudes grow with depth is what the report's figure 5 shows.
    ///
    /// # Errors
    /// As [`Self::logits`].
    pub fn inputs(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        tokens: &[usize],
        batch: usize,
    ) -> Result<Vec<Var>, Error> {
        let (mut inputs, last) = self.streams(tape, parameters, tokens, batch)?;
        inputs.push(last);
        Ok(inputs)
    }

    /// The input of every sublayer, and of the final norm.
    fn streams(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        tokens: &[usize],
        batch: usize,
    ) -> Result<(Vec<Var>, Var), Error> {
        let embedding = tape.embedding(parameters, self.tokens, tokens)?;
        let mut depth = Depth { finished: vec![embedding], partial: None, count: 0 };
        let mut inputs = Vec::with_capacity(self.sublayers.len());
        for (layer, sublayer) in self.sublayers.iter().enumerate() {
            let stream = self.read(tape, parameters, layer, &depth)?;
            inputs.push(stream);
            let written = self.sublayer(sublayer, tape, parameters, (stream, batch))?;
            self.write(tape, &mut depth, written)?;
        }
        Ok((inputs, self.read(tape, parameters, self.sublayers.len(), &depth)?))
    }

    /// f(RMSNorm(h)): attention or SwiGLU, `[batch·time, width]`.
    pub(crate) fn sublayer(
        &self,
        sublayer: &Sublayer,
        tape: &mut Tape,
        parameters: &Parameters,
        (stream, batch): (Var, usize),
    ) -> Result<Var, Error> {
        let AttnResConfig { width, heads, key_heads, .. } = self.config;
        let normal = tape.rms_norm(parameters, stream, sublayer.norm, EPSILON)?;
        let inputs = sublayer.inputs.apply(tape, parameters, normal)?;
        let inner = if sublayer.attends {
            let keys = width + width / heads * key_heads;
            let query = tape.rope(inputs.slice_columns(0..width)?, (batch, heads), 10_000.0)?;
            let key = tape.rope(inputs.slice_columns(width..keys)?, (batch, key_heads), 10_000.0)?;
            let layout = Attention { batch, heads, key_heads, mask: Mask::Causal };
            tape.attention(layout, query, key, inputs.slice_columns(keys..inputs.columns())?)?
        } else {
            tape.swiglu(inputs)?
        };
        sublayer.output.apply(tape, parameters, inner)
    }

    /// h_l from what was written so far.
    fn read(&self, tape: &mut Tape, parameters: &Parameters, layer: usize, depth: &Depth) -> Result<Var, Error> {
        let Some(reader) = self.readers.get(layer) else { return Ok(depth.finished[0]) };
        let mut sources: Vec<Var> = depth.finished.iter().copied().chain(depth.partial).collect();
        if let Residual::Window(width) = self.config.residual {
            let hidden = sources.len().saturating_sub(1 + width);
            sources.drain(1..1 + hidden);
        }
        // With one source there is nothing to choose; a constant weight still counts.
        if sources.len() == 1 && self.config.residual != Residual::DenseFormer {
            return Ok(sources[0]);
        }
        let query = match reader.query {
            Query::Learned(query) => DepthQuery::Learned(query),
            Query::Scores(scores) => DepthQuery::Scores(scores),
            Query::Projected(matrix) => {
                DepthQuery::Given(matrix.apply(tape, parameters, sources[sources.len() - 1])?)
            }
        };
        let (weighing, heads) = match self.config.residual {
            Residual::Sigmoid => (Weighing::Sigmoid, 1),
            Residual::DenseFormer => (Weighing::Plain, 1),
            Residual::Heads(heads) => (Weighing::Softmax, heads),
            _ => (Weighing::Softmax, 1),
        };
        let options = DepthAttention { query, key_gain: reader.gain, weighing, heads, epsilon: EPSILON };
        Ok(tape.depth_attention(parameters, &sources, options)?)
    }

    /// Takes in what a sublayer wrote.
    fn write(&self, tape: &mut Tape, depth: &mut Depth, written: Var) -> Result<(), Error> {
        match self.config.residual {
            Residual::Sum => depth.finished[0] = tape.add(depth.finished[0], written)?,
            Residual::Block(size) => {
                depth.partial = Some(depth.partial.map_or(Ok(written), |sum| tape.add(sum, written))?);
                depth.count += 1;
                if depth.count == size {
                    depth.finished.extend(depth.partial.take());
                    depth.count = 0;
                }
            }
            _ => depth.finished.push(written),
        }
        Ok(())
    }
}

/// What was written so far: v₀ and layers, or b₀ and blocks, or the sum.
struct Depth {
    finished: Vec<Var>,
    /// The sum within the block that is not finished, and its sublayers.
    partial: Option<Var>,
    count: usize,
}

impl Residual {
    fn check(self, width: usize) -> Result<(), Error> {
        match self {
            Self::Block(0) | Self::Window(0) | Self::Heads(0) => {
                Err(Error::Config { what: "residual", found: 0, wanted: "at least 1" })
            }
            Self::Heads(heads) if !width.is_multiple_of(heads) => {
                Err(Error::Config { what: "width", found: width, wanted: "divisible by the residual's heads" })
            }
            _ => Ok(()),
        }
    }
}

impl Sublayer {
    fn new(parameters: &mut Parameters, layer: usize, config: &AttnResConfig) -> Self {
        let AttnResConfig { blocks, width, heads, key_heads, inner, .. } = *config;
        let attends = layer.is_multiple_of(2);
        let start = Init::Normal(0.02);
        let into_residual = Init::Normal(0.02 / (4.0 * blocks as f32).sqrt());
        let (inputs, outputs) =
            if attends { (width + 2 * (width / heads) * key_heads, width) } else { (2 * inner, inner) };
        Self {
            norm: parameters.add(format!("layers.{layer}.norm"), (1, width), Init::Ones),
            inputs: Matrix::new(parameters, &format!("layers.{layer}.inputs"), (width, inputs), start),
            output: Matrix::new(parameters, &format!("layers.{layer}.output"), (outputs, width), into_residual),
            attends,
        }
    }
}

impl Reader {
    fn new(parameters: &mut Parameters, layer: usize, config: &AttnResConfig) -> Self {
        let width = config.width;
        let name = format!("readers.{layer}");
        let sources = layer + 1;
        let query = match config.residual {
            Residual::DenseFormer => Query::Scores(parameters.add(format!("{name}.scores"), (1, sources), Init::Ones)),
            Residual::Static => Query::Scores(parameters.add(format!("{name}.scores"), (1, sources), Init::Zeros)),
            Residual::InputQuery => {
                Query::Projected(Matrix::new(parameters, &format!("{name}.query"), (width, width), Init::Zeros))
            }
            _ => Query::Learned(parameters.add(format!("{name}.query"), (1, width), Init::Zeros)),
        };
        let keyed = !matches!(config.residual, Residual::DenseFormer | Residual::Static | Residual::PlainKeys);
        let gain = keyed.then(|| parameters.add(format!("{name}.gain"), (1, width), Init::Ones));
        Self { query, gain }
    }
}

#[cfg(test)]
mod tests {
    use super::{AttnRes, AttnResConfig, Residual};
    use crate::testing::learn;
    use hearth_lab_tensor::{Mode, Parameters, Tape};

    const SMALL: AttnResConfig = AttnResConfig {
        vocabulary: 11,
        blocks: 3,
        width: 16,
        heads: 2,
        key_heads: 1,
        inner: 24,
        residual: Residual::Full,
    };
    const ALL: [Residual; 10] = [
        Residual::Sum,
        Residual::Full,
        Residual::Block(2),
        Residual::DenseFormer,
        Residual::Static,
        Residual::Sigmoid,
        Residual::PlainKeys,
        Residual::InputQuery,
        Residual::Window(2),
        Residual::Heads(4),
    ];
    const TOKENS: [usize; 8] = [1, 4, 1, 5, 9, 2, 6, 5];

    fn logits(residual: Residual, tokens: &[usize], change: impl FnOnce(&mut Parameters)) -> Vec<f32> {
        let mut parameters = Parameters::new(5);
        let model = AttnRes::new(&mut parameters, AttnResConfig { residual, ..SMALL }).unwrap();
        change(&mut parameters);
        let mut tape = Tape::default();
        tape.begin(Mode::Evaluate);
        let out = model.logits(&mut tape, &parameters, tokens, 1).unwrap();
        tape.flat(out).unwrap().to_vec()
    }

    fn far(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    /// With zero queries h_l is the plain sum divided by its terms, which the norm of every layer undoes.
    #[test]
    fn a_new_model_is_its_baseline() {
        // Embeddings far above the norm's epsilon, which would otherwise show in what is divided.
        let enlarge =
            |parameters: &mut Parameters| parameters.values_mut()[..11 * 16].iter_mut().for_each(|x| *x *= 100.0);
        let sum = logits(Residual::Sum, &TOKENS, enlarge);
        for residual in
            [Residual::Full, Residual::DenseFormer, Residual::Static, Residual::PlainKeys, Residual::Heads(2)]
        {
            let found = logits(residual, &TOKENS, enlarge);
            assert!(far(&sum, &found) < 2e-4, "{residual:?} {}", far(&sum, &found));
        }
    }

    /// Draws the readers' queries, so that they choose.
    fn stir(parameters: &mut Parameters) {
        let mut random = hearth_lab_tensor::random::Random::new(2, 0);
        let queries: Vec<_> =
            parameters.iter().filter(|(name, ..)| name.ends_with("query")).map(|(_, query, _)| query).collect();
        for query in queries {
            let range = parameters.range(query);
            parameters.values_mut()[range].iter_mut().for_each(|value| *value = random.normal());
        }
    }

    #[test]
    fn blocks_of_one_layer_are_full_and_bigger_ones_are_not() {
        let full = logits(Residual::Full, &TOKENS, stir);
        assert!(far(&full, &logits(Residual::Block(1), &TOKENS, stir)) < 1e-5);
        assert!(far(&full, &logits(Residual::Window(9), &TOKENS, stir)) < 1e-5);
        assert!(far(&full, &logits(Residual::Block(2), &TOKENS, stir)) > 1e-4);
        assert!(far(&full, &logits(Residual::Window(2), &TOKENS, stir)) > 1e-4);
        assert!(far(&full, &logits(Residual::Sum, &TOKENS, stir)) > 1e-4);
    }

    #[test]
    fn the_future_changes_nothing() {
        let (short, long) = (logits(Residual::Block(2), &TOKENS[..4], stir), logits(Residual::Block(2), &TOKENS, stir));
        assert!(far(&short, &long[..short.len()]) < 1e-5);
    }

    #[test]
    fn every_residual_learns_one_batch_by_heart() {
        for residual in ALL {
            let mut parameters = Parameters::new(5);
            let model = AttnRes::new(&mut parameters, AttnResConfig { residual, ..SMALL }).unwrap();
            let targets = [4, 1, 5, 9, 2, 6, 5, 3];
            let last = learn(&mut parameters, 120, 1e-2, |tape, parameters| {
                model.loss(tape, parameters, (&TOKENS, &targets), 1)
            });
            assert!(last < 0.05, "{residual:?} {last}");
        }
    }

    /// Section 3: one norm and one query for each sublayer and for the output.
    #[test]
    fn the_parameters_that_are_added_are_few() {
        let count = |residual| {
            let mut parameters = Parameters::new(5);
            AttnRes::new(&mut parameters, AttnResConfig { residual, ..SMALL }).unwrap();
            parameters.count()
        };
        let sum = count(Residual::Sum);
        // Attention 16·(16 + 16) + 16·16, SwiGLU 16·48 + 24·16, a norm each; embedding, output, norm.
        assert_eq!(sum, 3 * (16 * 32 + 16 * 16 + 16 * 48 + 24 * 16 + 32) + 2 * 11 * 16 + 16);
        assert_eq!(count(Residual::Full) - sum, 7 * 2 * 16);
        assert_eq!(count(Residual::PlainKeys) - sum, 7 * 16);
        assert_eq!(count(Residual::DenseFormer) - sum, 1 + 2 + 3 + 4 + 5 + 6 + 7);
        assert_eq!(count(Residual::InputQuery) - sum, 7 * (16 * 16 + 16));
    }

    #[test]
    fn impossible_sizes_are_named() {
        let refused = |config: AttnResConfig| AttnRes::new(&mut Parameters::new(1), config).unwrap_err().to_string();
        assert_eq!(refused(AttnResConfig { heads: 3, ..SMALL }), "width is 16: divisible by twice the heads");
        assert_eq!(refused(AttnResConfig { residual: Residual::Block(0), ..SMALL }), "residual is 0: at least 1");
    }
}
