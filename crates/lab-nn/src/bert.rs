//! "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", Devlin et al., 2018 (arXiv 1810.04805).
//!
//! A Transformer encoder that sees both sides, with learned positions, segments and GELU; pre-trained to fill in masked words and to
//! tell whether one sentence follows another (section 3.1), then fine-tuned with one more layer (section 3.2). Weights have the names
//! and shapes of the published checkpoints, so these load without a table of translations.

use crate::error::{Error, at_least_one};
use crate::heads::{HeadNames, MultiHead, Seen};
use crate::layers::{LayerNorm, Projection};
use crate::sequences::Sequences;
use hearth_lab_tensor::{Activation, Error as TensorError, Init, Mask, Parameter, Parameters, Tape, Var};

/// The encoder's sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BertConfig {
    /// Token ids are below this.
    pub vocabulary: usize,
    /// The longest sequence.
    pub context: usize,
    /// Segment ids are below this: A and B.
    pub segments: usize,
    /// L.
    pub layers: usize,
    /// H; divisible by the heads.
    pub width: usize,
    /// A.
    pub heads: usize,
    /// Width of the feed-forward blocks, 4·H in the paper.
    pub inner: usize,
    /// Probability of dropout.
    pub dropout: f32,
}

impl BertConfig {
    /// BERT-base: 110 million parameters.
    pub const BASE: Self = Self {
        vocabulary: 30_522,
        context: 512,
        segments: 2,
        layers: 12,
        width: 768,
        heads: 12,
        inner: 3_072,
        dropout: 0.1,
    };
    /// BERT-large: 340 million parameters.
    pub const LARGE: Self = Self { layers: 24, width: 1_024, heads: 16, inner: 4_096, ..Self::BASE };
    /// all-MiniLM-L6, a distilled encoder of sentences (Wang et al., 2020).
    pub const MINI_LM: Self = Self { layers: 6, width: 384, heads: 12, inner: 1_536, ..Self::BASE };
}

/// All weights start normally with this deviation.
const START: Init = Init::Normal(0.02);
/// ε of every norm.
const EPSILON: f32 = 1e-12;

/// The encoder's weights, as places in a set of parameters.
#[derive(Clone, Debug)]
pub struct Bert {
    config: BertConfig,
    words: Parameter,
    positions: Parameter,
    segments: Parameter,
    norm: LayerNorm,
    layers: Vec<Layer>,
    pooler: Projection,
}

#[derive(Clone, Debug)]
struct Layer {
    attention: MultiHead,
    attention_norm: LayerNorm,
    up: Projection,
    down: Projection,
    output_norm: LayerNorm,
}

/// A batch of single sentences or packed pairs.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]`.
    pub sequences: Sequences<'a>,
    /// 0 for A, 1 for B, for each token; `None` for all 0.
    pub segments: Option<&'a [usize]>,
}

impl Bert {
    /// Adds the weights to `parameters`, each name after `prefix` (published checkpoints use `""` or `"bert."`).
    ///
    /// # Errors
    /// [`Error::Config`] when a size is zero or the heads do not divide the width.
    pub fn new(parameters: &mut Parameters, prefix: &str, config: BertConfig) -> Result<Self, Error> {
        let BertConfig { vocabulary, context, segments, layers, width, heads, inner, .. } = config;
        at_least_one([
            ("vocabulary", vocabulary),
            ("context", context),
            ("segments", segments),
            ("layers", layers),
            ("width", width),
            ("heads", heads),
            ("inner", inner),
        ])?;
        if !width.is_multiple_of(heads) {
            return Err(Error::Config { what: "width", found: width, wanted: "divisible by the heads" });
        }
        let mut table =
            |name: &str, rows| parameters.add(format!("{prefix}embeddings.{name}.weight"), (rows, width), START);
        let words = table("word_embeddings", vocabulary);
        let positions = table("position_embeddings", context);
        let segments = table("token_type_embeddings", segments);
        let norm = LayerNorm::new(parameters, &format!("{prefix}embeddings.LayerNorm"), width, EPSILON);
        let layers = (0..layers)
            .map(|layer| Layer::new(parameters, &format!("{prefix}encoder.layer.{layer}"), &config))
            .collect();
        let pooler = Projection::new(parameters, &format!("{prefix}pooler.dense"), (width, width), START);
        Ok(Self { config, words, positions, segments, norm, layers, pooler })
    }

    /// Returns the sizes.
    #[must_use]
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// Records T_i, the last layer's output for every token: `[batch·time, width]`.
    ///
    /// # Errors
    /// [`Error::TooLong`], or [`Error::Tensor`] when lengths, token or segment ids do not fit.
    pub fn encode(&self, tape: &mut Tape, parameters: &Parameters, inputs: Inputs<'_>) -> Result<Var, Error> {
        let mut stream = self.embed(tape, parameters, inputs)?;
        let sequences = inputs.sequences;
        let seen = Seen { batch: sequences.batch(), mask: Mask::None, lengths: Some(sequences.lengths) };
        for layer in &self.layers {
            let mixed = layer.attention.apply(tape, parameters, (stream, stream), seen)?;
            stream = self.join(tape, parameters, (stream, mixed), layer.attention_norm)?;
            let inner = layer.up.apply(tape, parameters, stream)?;
            let inner = tape.activate(inner, Activation::GeluErf)?;
            let written = layer.down.apply(tape, parameters, inner)?;
            stream = self.join(tape, parameters, (stream, written), layer.output_norm)?;
        }
        Ok(stream)
    }

    /// Records C, tanh of a projection of the first token's output, which stands for the whole: `[batch, width]`.
    ///
    /// # Errors
    /// `encoded` is not what [`Self::encode`] gave for these sequences.
    pub fn pool(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        (encoded, sequences): (Var, Sequences<'_>),
    ) -> Result<Var, Error> {
        let first: Vec<usize> = (0..sequences.batch()).map(|sequence| sequence * sequences.time()).collect();
        let first = tape.rows(encoded, &first)?;
        let pooled = self.pooler.apply(tape, parameters, first)?;
        Ok(tape.activate(pooled, Activation::Tanh)?)
    }

    /// The sum of three embeddings (figure 2), normalised.
    fn embed(&self, tape: &mut Tape, parameters: &Parameters, inputs: Inputs<'_>) -> Result<Var, Error> {
        let sequences = inputs.sequences;
        sequences.check(self.config.context)?;
        let zeros = vec![0; if inputs.segments.is_some() { 0 } else { sequences.tokens.len() }];
        let segments = inputs.segments.unwrap_or(&zeros);
        if segments.len() != sequences.tokens.len() {
            let (found, expected) = (segments.len(), sequences.tokens.len());
            return Err(TensorError::Size { operation: "bert", what: "segment ids", found, expected }.into());
        }
        let words = tape.embedding(parameters, self.words, sequences.tokens)?;
        let segments = tape.embedding(parameters, self.segments, segments)?;
        let positions = tape.embedding(parameters, self.positions, &sequences.places())?;
        let sum = tape.add(words, segments)?;
        let sum = tape.add(sum, positions)?;
        let normal = self.norm.apply(tape, parameters, sum)?;
        Ok(tape.dropout(normal, self.config.dropout)?)
    }

    fn join(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        (stream, written): (Var, Var),
        norm: LayerNorm,
    ) -> Result<Var, Error> {
        let written = tape.dropout(written, self.config.dropout)?;
        let sum = tape.add(stream, written)?;
        norm.apply(tape, parameters, sum)
    }
}

impl Layer {
    fn new(parameters: &mut Parameters, name: &str, config: &BertConfig) -> Self {
        let names = HeadNames { query: "self.query", key: "self.key", value: "self.value", output: "output.dense" };
        let (width, inner) = (config.width, config.inner);
        let attention = format!("{name}.attention");
        Self {
            attention: MultiHead::new(parameters, (&attention, names), (width, config.heads), START),
            attention_norm: LayerNorm::new(parameters, &format!("{attention}.output.LayerNorm"), width, EPSILON),
            up: Projection::new(parameters, &format!("{name}.intermediate.dense"), (width, inner), START),
            down: Projection::new(parameters, &format!("{name}.output.dense"), (inner, width), START),
            output_norm: LayerNorm::new(parameters, &format!("{name}.output.LayerNorm"), width, EPSILON),
        }
    }
}

/// The two tasks of pre-training (section 3.1).
#[derive(Clone, Debug)]
pub struct Pretraining {
    transform: Projection,
    norm: LayerNorm,
    bias: Parameter,
    next: Projection,
}

/// What pre-training asks.
#[derive(Clone, Copy, Debug)]
pub struct Questions<'a> {
    /// The rows of masked tokens, in `[batch·time]`.
    pub masked: &'a [usize],
    /// What each of them was.
    pub words: &'a [usize],
    /// For each sequence 0 if B follows A, 1 if it does not (the published order); empty to leave the task out.
    pub not_next: &'a [usize],
}

impl Pretraining {
    /// Adds both heads' weights, with the published names.
    pub fn new(parameters: &mut Parameters, bert: &Bert) -> Self {
        let BertConfig { width, vocabulary, .. } = bert.config;
        Self {
            transform: Projection::new(parameters, "cls.predictions.transform.dense", (width, width), START),
            norm: LayerNorm::new(parameters, "cls.predictions.transform.LayerNorm", width, EPSILON),
            bias: parameters.add("cls.predictions.bias", (1, vocabulary), Init::Zeros),
            next: Projection::new(parameters, "cls.seq_relationship", (width, 2), START),
        }
    }

    /// Records the sum of the mean losses of both tasks.
    ///
    /// # Errors
    /// As [`Bert::encode`]; a masked row or an answer that is not there.
    pub fn loss(
        &self,
        bert: &Bert,
        tape: &mut Tape,
        parameters: &Parameters,
        (inputs, questions): (Inputs<'_>, Questions<'_>),
    ) -> Result<Var, Error> {
        let encoded = bert.encode(tape, parameters, inputs)?;
        let masked = tape.rows(encoded, questions.masked)?;
        let inner = self.transform.apply(tape, parameters, masked)?;
        let inner = tape.activate(inner, Activation::GeluErf)?;
        let inner = self.norm.apply(tape, parameters, inner)?;
        // The output matrix is the word embedding, with a bias of its own.
        let logits = tape.linear(parameters, inner, bert.words, Some(self.bias))?;
        let words = tape.cross_entropy(logits, questions.words, 0.0)?;
        if questions.not_next.is_empty() {
            return Ok(words);
        }
        let pooled = bert.pool(tape, parameters, (encoded, inputs.sequences))?;
        let logits = self.next.apply(tape, parameters, pooled)?;
        let next = tape.cross_entropy(logits, questions.not_next, 0.0)?;
        Ok(tape.add(words, next)?)
    }
}

/// One more layer for a task (section 3.2, figure 4).
#[derive(Clone, Copy, Debug)]
pub struct TaskHead {
    output: Projection,
    task: Task,
}

/// What is asked of the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// One of so many classes for each sequence or pair, from C: logits `[batch, classes]`.
    Classify(usize),
    /// One of so many tags for each token, from T_i: logits `[batch·time, tags]`.
    Tag(usize),
    /// The first and last token of an answer: logits `[batch·time, 2]`, start then end.
    Span,
}

impl TaskHead {
    /// Adds the layer, with the published names.
    pub fn new(parameters: &mut Parameters, bert: &Bert, task: Task) -> Self {
        let (name, outputs) = match task {
            Task::Classify(outputs) | Task::Tag(outputs) => ("classifier", outputs),
            Task::Span => ("qa_outputs", 2),
        };
        Self { output: Projection::new(parameters, name, (bert.config.width, outputs), START), task }
    }

    /// Records the task's logits.
    ///
    /// # Errors
    /// As [`Bert::encode`].
    pub fn logits(
        &self,
        bert: &Bert,
        tape: &mut Tape,
        parameters: &Parameters,
        inputs: Inputs<'_>,
    ) -> Result<Var, Error> {
        let encoded = bert.encode(tape, parameters, inputs)?;
        let from = match self.task {
            Task::Classify(_) => bert.pool(tape, parameters, (encoded, inputs.sequences))?,
            Task::Tag(_) | Task::Span => encoded,
        };
        let from = tape.dropout(from, bert.config.dropout)?;
        self.output.apply(tape, parameters, from)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bert, BertConfig, Inputs, Pretraining, Questions, Task, TaskHead};
    use crate::sequences::Sequences;
    use crate::testing::learn;
    use hearth_lab_tensor::{Mode, Parameters, Tape};

    const SMALL: BertConfig =
        BertConfig { vocabulary: 11, context: 8, segments: 2, layers: 2, width: 16, heads: 2, inner: 32, dropout: 0.0 };

    const PAIRS: Inputs<'static> = Inputs {
        sequences: Sequences { tokens: &[1, 4, 3, 2, 7, 2, 1, 5, 2, 3, 2, 0], lengths: &[6, 5] },
        segments: Some(&[0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0]),
    };

    #[test]
    fn both_tasks_of_pretraining_are_learned_by_heart() {
        let mut parameters = Parameters::new(3);
        let bert = Bert::new(&mut parameters, "bert.", SMALL).unwrap();
        let heads = Pretraining::new(&mut parameters, &bert);
        let questions = Questions { masked: &[2, 9], words: &[6, 8], not_next: &[0, 1] };
        let last = learn(&mut parameters, 150, 3e-3, |tape, parameters| {
            heads.loss(&bert, tape, parameters, (PAIRS, questions))
        });
        assert!(last < 0.05, "{last}");
    }

    #[test]
    fn every_task_is_learned_by_heart() {
        for (task, targets) in [
            (Task::Classify(3), vec![2, 0]),
            (Task::Tag(4), vec![3, 1, 0, 2, Tape::IGNORED, 1, 0, 0, 3, 2, 1, Tape::IGNORED]),
        ] {
            let mut parameters = Parameters::new(3);
            let bert = Bert::new(&mut parameters, "", SMALL).unwrap();
            let head = TaskHead::new(&mut parameters, &bert, task);
            let last = learn(&mut parameters, 150, 3e-3, |tape, parameters| {
                let logits = head.logits(&bert, tape, parameters, PAIRS)?;
                Ok(tape.cross_entropy(logits, &targets, 0.0)?)
            });
            assert!(last < 0.05, "{task:?} {last}");
        }
        let mut parameters = Parameters::new(3);
        let bert = Bert::new(&mut parameters, "", SMALL).unwrap();
        let head = TaskHead::new(&mut parameters, &bert, Task::Span);
        let mut tape = Tape::default();
        tape.begin(Mode::Evaluate);
        let logits = head.logits(&bert, &mut tape, &parameters, PAIRS).unwrap();
        assert_eq!((logits.rows(), logits.columns()), (12, 2));
    }

    #[test]
    fn both_sides_and_segments_are_seen_but_padding_is_not() {
        let mut parameters = Parameters::new(3);
        let bert = Bert::new(&mut parameters, "", SMALL).unwrap();
        let first = |tokens: &[usize], lengths: &[usize], segments: Option<&[usize]>| {
            let mut tape = Tape::default();
            tape.begin(Mode::Evaluate);
            let inputs = Inputs { sequences: Sequences { tokens, lengths }, segments };
            let out = bert.encode(&mut tape, &parameters, inputs).unwrap();
            tape.flat(out).unwrap()[..16].to_vec()
        };
        let far = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let plain = first(&[1, 4, 2], &[3], None);
        assert!(far(&plain, &first(&[1, 4, 2, 9, 9], &[3], None)) < 1e-5);
        assert!(far(&plain, &first(&[1, 4, 3], &[3], None)) > 1e-4, "the right side is seen");
        assert!(far(&plain, &first(&[1, 4, 2], &[3], Some(&[0, 1, 1]))) > 1e-4);
    }

    /// Section 3: 110 and 340 million; MiniLM's published file holds 22,713,216 numbers.
    #[test]
    fn the_published_sizes_have_their_parameters() {
        let count = |config: BertConfig| {
            let BertConfig { vocabulary, context, segments, layers, width, inner, .. } = config;
            let layer = 4 * (width * width + width) + 2 * width * inner + inner + width + 4 * width;
            (vocabulary + context + segments) * width + 2 * width + layers * layer + width * width + width
        };
        let mut parameters = Parameters::new(1);
        Bert::new(&mut parameters, "", SMALL).unwrap();
        assert_eq!(parameters.count(), count(SMALL));
        assert_eq!(count(BertConfig::MINI_LM), 22_713_216);
        assert_eq!(count(BertConfig::BASE) / 1_000_000, 109);
        assert_eq!(count(BertConfig::LARGE) / 1_000_000, 335);
    }
}
