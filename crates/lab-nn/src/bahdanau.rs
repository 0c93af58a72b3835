//! "Neural Machine Translation by Jointly Learning to Align and Translate", Bahdanau, Cho and Bengio, 2014 (arXiv 1409.0473).
//!
//! RNNsearch: a bidirectional GRU annotates the source, and before each word the decoder looks for what it needs (section 3, appendix
//! A.2). RNNencdec, what it is compared with: the decoder gets the encoder's last state as the same context for every word. The update
//! gate here is 1 − z of the paper's appendix (a change of sign in its weights): s ← (1 − z)∘s̃ + z∘s.

use crate::decoding::{Found, Search, log_softmax, search};
use crate::error::{Error, at_least_one};
use crate::layers::{Matrix, Projection};
use crate::recurrent::{Gru, GruCell};
use crate::sequences::Sequences;
use hearth_lab_tensor::{
    Activation, AdditiveAttention, Direction, Init, Mode, Parameter, Parameters, Recurrence, Reset, Tape, Var,
};

/// Where the decoder's context comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// RNNsearch: from all annotations, weighed anew for every word.
    Search,
    /// RNNencdec: from the encoder's last state, the same for every word.
    Fixed,
}

/// The model's sizes (appendix A.2.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BahdanauConfig {
    /// Source token ids are below this (K_x).
    pub source_vocabulary: usize,
    /// Target token ids are below this (K_y).
    pub target_vocabulary: usize,
    /// Columns of the embeddings (m).
    pub embedding: usize,
    /// Units of each direction of the encoder, and of the decoder (n).
    pub hidden: usize,
    /// Units of the alignment model (n′).
    pub alignment: usize,
    /// Maxout units of the output (l).
    pub maxout: usize,
    /// Where the context comes from.
    pub context: Context,
}

impl BahdanauConfig {
    /// The paper's RNNsearch.
    pub const PAPER: Self = Self {
        source_vocabulary: 30_000,
        target_vocabulary: 30_000,
        embedding: 620,
        hidden: 1_000,
        alignment: 1_000,
        maxout: 500,
        context: Context::Search,
    };
}

/// The model's weights, as places in a set of parameters.
#[derive(Clone, Debug)]
pub struct Bahdanau {
    config: BahdanauConfig,
    source: Parameter,
    target: Parameter,
    forward: Gru,
    /// The direction that reads from the end; RNNsearch only.
    backward: Option<Gru>,
    alignment: Option<Alignment>,
    start: Projection,
    word_gates: Projection,
    context_gates: Matrix,
    cell: GruCell,
    deep_state: Projection,
    deep_word: Matrix,
    deep_context: Matrix,
    output: Projection,
}

/// a(s, h) = vᵀ·tanh(W·s + U·h).
#[derive(Clone, Copy, Debug)]
struct Alignment {
    state: Matrix,
    annotation: Matrix,
    direction: Parameter,
}

/// What the encoder gives.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Annotations h_j, `[batch·S, 2·hidden]`; for [`Context::Fixed`] the last state, `[batch, hidden]`.
    annotations: Var,
    /// U·h_j, which every step needs: `[batch·S, alignment]`.
    keys: Option<Var>,
    /// s₀: `[batch, hidden]`.
    start: Var,
    lengths: Vec<usize>,
}

/// What the decoder gives.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// Logits, word by word: row t·batch + b belongs to position t of sequence b.
    pub logits: Var,
    /// For each target position the weights of the source's positions, `[batch, S]`; none for [`Context::Fixed`].
    pub alignments: Vec<Var>,
}

impl Bahdanau {
    /// Adds the weights to `parameters`.
    ///
    /// # Errors
    /// [`Error::Config`] when a size is zero.
    pub fn new(parameters: &mut Parameters, config: BahdanauConfig) -> Result<Self, Error> {
        let BahdanauConfig { source_vocabulary, target_vocabulary, embedding, hidden, alignment, maxout, context } =
            config;
        at_least_one([
            ("source vocabulary", source_vocabulary),
            ("target vocabulary", target_vocabulary),
            ("embedding", embedding),
            ("hidden", hidden),
            ("alignment", alignment),
            ("maxout", maxout),
        ])?;
        // The paper starts with deviation 0.01 and orthogonal recurrences (B.1); Glorot's bound keeps small models learning.
        let (init, reset) = (Init::Glorot, Reset::Before);
        let search = context == Context::Search;
        let annotation = if search { 2 * hidden } else { hidden };
        Ok(Self {
            config,
            source: parameters.add("source", (source_vocabulary, embedding), Init::Normal(0.1)),
            target: parameters.add("target", (target_vocabulary, embedding), Init::Normal(0.1)),
            forward: Gru::new(parameters, "encoder.forward", (embedding, hidden), (init, reset)),
            backward: search.then(|| Gru::new(parameters, "encoder.backward", (embedding, hidden), (init, reset))),
            alignment: search.then(|| Alignment {
                state: Matrix::new(parameters, "alignment.state", (hidden, alignment), init),
                annotation: Matrix::new(parameters, "alignment.annotation", (annotation, alignment), init),
                direction: parameters.add("alignment.direction", (1, alignment), Init::Glorot),
            }),
            start: Projection::new(parameters, "decoder.start", (hidden, hidden), init),
            word_gates: Projection::new(parameters, "decoder.word", (embedding, 3 * hidden), init),
            context_gates: Matrix::new(parameters, "decoder.context", (annotation, 3 * hidden), init),
            cell: GruCell::new(parameters, "decoder.state", hidden, (init, reset)),
            deep_state: Projection::new(parameters, "output.state", (hidden, 2 * maxout), init),
            deep_word: Matrix::new(parameters, "output.word", (embedding, 2 * maxout), init),
            deep_context: Matrix::new(parameters, "output.context", (annotation, 2 * maxout), init),
            output: Projection::new(parameters, "output.words", (maxout, target_vocabulary), init),
        })
    }

    /// Returns the sizes.
    #[must_use]
    pub fn config(&self) -> &BahdanauConfig {
        &self.config
    }

    /// Records the encoder (A.2.1): h_j = [→h_j; ←h_j], s₀ = tanh(W_s·←h₁).
    ///
    /// # Errors
    /// [`Error::Tensor`] when lengths or token ids do not fit.
    pub fn encode(&self, tape: &mut Tape, parameters: &Parameters, source: Sequences<'_>) -> Result<Encoded, Error> {
        source.check(usize::MAX)?;
        let words = tape.embedding(parameters, self.source, source.tokens)?;
        let (batch, time) = (source.batch(), source.time());
        let ahead = Recurrence { batch, lengths: Some(source.lengths), direction: Direction::Forward, start: None };
        let forward = self.forward.apply(tape, parameters, words, ahead)?;
        let lengths = source.lengths.to_vec();
        let (Some(backward), Some(alignment)) = (self.backward, self.alignment) else {
            let last: Vec<usize> = (1..=batch).map(|sequence| sequence * time - 1).collect();
            let annotations = tape.rows(forward, &last)?;
            let start = self.start_state(tape, parameters, annotations)?;
            return Ok(Encoded { annotations, keys: None, start, lengths });
        };
        let back = Recurrence { direction: Direction::Backward, ..ahead };
        let backward = backward.apply(tape, parameters, words, back)?;
        let annotations = tape.concat_columns(&[forward, backward])?;
        let first: Vec<usize> = (0..batch).map(|sequence| sequence * time).collect();
        let first = tape.rows(backward, &first)?;
        let start = self.start_state(tape, parameters, first)?;
        let keys = alignment.annotation.apply(tape, parameters, annotations)?;
        Ok(Encoded { annotations, keys: Some(keys), start, lengths })
    }

    fn start_state(&self, tape: &mut Tape, parameters: &Parameters, from: Var) -> Result<Var, Error> {
        let start = self.start.apply(tape, parameters, from)?;
        Ok(tape.activate(start, Activation::Tanh)?)
    }

    /// Records the decoder (A.2.2) over target tokens, which start with the start token.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn decode(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        encoded: &Encoded,
        target: Sequences<'_>,
    ) -> Result<Decoded, Error> {
        target.check(usize::MAX)?;
        let (batch, time) = (target.batch(), target.time());
        // Word by word: row t·batch + b.
        let order: Vec<usize> =
            by_time(batch, time).map(|(sequence, place)| target.tokens[sequence * time + place]).collect();
        let words = tape.embedding(parameters, self.target, &order)?;
        let word_gates = self.word_gates.apply(tape, parameters, words)?;
        let (mut states, mut contexts, mut alignments) = (vec![encoded.start], Vec::new(), Vec::new());
        for step in 0..time {
            let state = states[step];
            let context = self.context(tape, parameters, (encoded, state), &mut alignments)?;
            let rows: Vec<usize> = (step * batch..(step + 1) * batch).collect();
            let from_word = tape.rows(word_gates, &rows)?;
            let from_context = self.context_gates.apply(tape, parameters, context)?;
            let gates = tape.add(from_word, from_context)?;
            let recurrence = Recurrence { start: Some(state), ..Recurrence::forward(batch) };
            states.push(self.cell.apply(tape, parameters, gates, recurrence)?);
            contexts.push(context);
        }
        // t̃ᵢ = U_o·sᵢ₋₁ + V_o·E·yᵢ₋₁ + C_o·cᵢ, tᵢ = the larger of each pair, p(yᵢ) ∝ exp(W_o·tᵢ), for all steps at once.
        let (states, contexts) = (tape.concat_rows(&states[..time])?, tape.concat_rows(&contexts)?);
        let deep = self.deep_state.apply(tape, parameters, states)?;
        let from_word = self.deep_word.apply(tape, parameters, words)?;
        let deep = tape.add(deep, from_word)?;
        let from_context = self.deep_context.apply(tape, parameters, contexts)?;
        let deep = tape.add(deep, from_context)?;
        let chosen = tape.maxout(deep)?;
        Ok(Decoded { logits: self.output.apply(tape, parameters, chosen)?, alignments })
    }

    /// cᵢ = Σⱼ αᵢⱼ·hⱼ (equations 5 and 6), or the fixed one.
    fn context(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        (encoded, state): (&Encoded, Var),
        alignments: &mut Vec<Var>,
    ) -> Result<Var, Error> {
        let (Some(alignment), Some(keys)) = (self.alignment, encoded.keys) else { return Ok(encoded.annotations) };
        let query = alignment.state.apply(tape, parameters, state)?;
        let inputs = AdditiveAttention {
            query,
            keys,
            values: encoded.annotations,
            direction: alignment.direction,
            lengths: &encoded.lengths,
        };
        let both = tape.additive_attention(parameters, inputs)?;
        let width = encoded.annotations.columns();
        alignments.push(both.slice_columns(width..both.columns())?);
        Ok(both.slice_columns(0..width)?)
    }

    /// Records the mean loss of `targets`, one for each token of `target`, in nats a token; padding does not count.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn loss(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        (source, target): (Sequences<'_>, Sequences<'_>),
        targets: &[usize],
    ) -> Result<Var, Error> {
        let encoded = self.encode(tape, parameters, source)?;
        let decoded = self.decode(tape, parameters, &encoded, target)?;
        let counted = target.counted(targets);
        let time = target.time();
        let order: Vec<usize> =
            by_time(target.batch(), time).map(|(sequence, place)| counted[sequence * time + place]).collect();
        Ok(tape.cross_entropy(decoded.logits, &order, 0.0)?)
    }

    /// Translates one sequence with a beam.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn translate(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        source: &[usize],
        settings: &Search,
    ) -> Result<Vec<Found>, Error> {
        search(settings, |prefixes| {
            tape.begin(Mode::Evaluate);
            let (count, time) = (prefixes.len(), prefixes.first().map_or(0, Vec::len));
            let sources = Sequences { tokens: &source.repeat(count), lengths: &vec![source.len(); count] };
            let encoded = self.encode(tape, parameters, sources)?;
            let target = Sequences { tokens: &prefixes.concat(), lengths: &vec![time; count] };
            let decoded = self.decode(tape, parameters, &encoded, target)?;
            let logits = tape.flat(decoded.logits)?.chunks_exact(self.config.target_vocabulary);
            Ok(logits.skip((time.max(1) - 1) * count).map(log_softmax).collect())
        })
    }

    /// Returns the alignment matrix αᵢⱼ of one pair: a row for each target token, a column for each source token. Empty for
    /// [`Context::Fixed`].
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn align(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        source: &[usize],
        target: &[usize],
    ) -> Result<Vec<Vec<f32>>, Error> {
        tape.begin(Mode::Evaluate);
        let encoded = self.encode(tape, parameters, Sequences { tokens: source, lengths: &[source.len()] })?;
        let target = Sequences { tokens: target, lengths: &[target.len()] };
        let decoded = self.decode(tape, parameters, &encoded, target)?;
        let row = |weights: &Var| Ok(tape.values(*weights)?.flatten().copied().collect());
        decoded.alignments.iter().map(row).collect()
    }
}

/// Sequence and place of every token, all first tokens first.
fn by_time(batch: usize, time: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..time).flat_map(move |place| (0..batch).map(move |sequence| (sequence, place)))
}

#[cfg(test)]
mod tests {
    use super::{Bahdanau, BahdanauConfig, Context};
    use crate::decoding::Search;
    use crate::sequences::Sequences;
    use crate::testing::learn;
    use hearth_lab_tensor::{Mode, Parameters, Tape};

    const SMALL: BahdanauConfig = BahdanauConfig {
        source_vocabulary: 9,
        target_vocabulary: 8,
        embedding: 6,
        hidden: 12,
        alignment: 7,
        maxout: 5,
        context: Context::Search,
    };

    #[test]
    fn one_batch_is_learned_by_heart_and_found_again_with_either_context() {
        for context in [Context::Search, Context::Fixed] {
            let mut parameters = Parameters::new(3);
            let model = Bahdanau::new(&mut parameters, BahdanauConfig { context, ..SMALL }).unwrap();
            let source = Sequences { tokens: &[3, 4, 5, 6, 7, 0], lengths: &[3, 2] };
            let target = Sequences { tokens: &[1, 5, 4, 3, 1, 7, 6, 0], lengths: &[4, 3] };
            let targets = [5, 4, 3, 2, 7, 6, 2, 0];
            let last = learn(&mut parameters, 200, 2e-2, |tape, parameters| {
                model.loss(tape, parameters, (source, target), &targets)
            });
            assert!(last < 0.05, "{context:?} {last}");
            let settings = Search { beam: 2, max_length: 5, start: 1, end: 2, length_penalty: 0.0 };
            let found = model.translate(&mut Tape::default(), &parameters, &[6, 7], &settings).unwrap();
            assert_eq!(found[0].tokens, [7, 6], "{context:?}");
        }
    }

    #[test]
    fn each_row_of_an_alignment_is_a_distribution() {
        let mut parameters = Parameters::new(3);
        let model = Bahdanau::new(&mut parameters, SMALL).unwrap();
        let rows = model.align(&mut Tape::default(), &parameters, &[3, 4, 5], &[1, 2]).unwrap();
        assert_eq!((rows.len(), rows[0].len()), (2, 3));
        assert!(rows.iter().all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
    }

    #[test]
    fn source_padding_and_later_targets_change_nothing() {
        let mut parameters = Parameters::new(3);
        let model = Bahdanau::new(&mut parameters, SMALL).unwrap();
        let logits = |source: Sequences<'_>, target: &[usize]| {
            let mut tape = Tape::default();
            tape.begin(Mode::Evaluate);
            let encoded = model.encode(&mut tape, &parameters, source).unwrap();
            let target = Sequences { tokens: target, lengths: &[target.len()] };
            let decoded = model.decode(&mut tape, &parameters, &encoded, target).unwrap();
            tape.flat(decoded.logits).unwrap()[..16].to_vec()
        };
        let plain = logits(Sequences { tokens: &[3, 4], lengths: &[2] }, &[1, 5]);
        let padded = logits(Sequences { tokens: &[3, 4, 8], lengths: &[2] }, &[1, 5, 6]);
        assert!(plain.iter().zip(&padded).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    /// Appendix A: 2·n·(m + n)·3 encoder, alignment n′·(n + 2n) + n′, and so on, by hand for the small sizes.
    #[test]
    fn the_parameters_are_those_of_the_appendix() {
        let (kx, ky, m, n, a, l) = (9, 8, 6, 12, 7, 5);
        let gru = |inputs: usize| 3 * n * (inputs + n + 2);
        let decoder = n * n + n + 3 * n * (m + 1) + 3 * n * 2 * n + 3 * n * (n + 1);
        let output = 2 * l * (n + 1 + m + 2 * n) + ky * (l + 1);
        let count = (kx + ky) * m + 2 * gru(m) + a * (n + 2 * n + 1) + decoder + output;
        let mut parameters = Parameters::new(3);
        Bahdanau::new(&mut parameters, SMALL).unwrap();
        assert_eq!(parameters.count(), count);
    }
}
