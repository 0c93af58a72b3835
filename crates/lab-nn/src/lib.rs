//! The papers' models, one file each, on shared layers.
//!
//! This crate knows architectures: shapes, formulas and their initial values. It knows nothing of data, training loops, files or
//! tokenizers. Each model adds its weights to a set of parameters and records itself on a tape. In reading order:
//!
//! - [`layers`]: what the papers share: projections, norms, feed-forward blocks
//! - [`gpt`]: "Language Models are Few-Shot Learners" (2020): the decoder, its sparse attention, its eight sizes
//!
//! ```
//! use hearth_lab_nn::gpt::{Gpt, GptConfig};
//! use hearth_lab_tensor::{Mode, Parameters, Tape};
//!
//! let config = GptConfig { vocabulary: 50, context: 16, layers: 2, width: 32, heads: 4, ..GptConfig::default() };
//! let mut parameters = Parameters::new(1);
//! let model = Gpt::new(&mut parameters, config)?;
//! let mut tape = Tape::default();
//! tape.begin(Mode::Evaluate);
//! let logits = model.logits(&mut tape, &parameters, &[1, 2, 3, 4], 1)?;
//! assert_eq!((logits.rows(), logits.columns()), (4, 50));
//! # Ok::<(), hearth_lab_nn::Error>(())
//! ```

mod error;
pub mod gpt;
pub mod layers;

pub use error::Error;
