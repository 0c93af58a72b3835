//! Training the papers' models: tokenizers, batches, schedules, runs that resume exactly, evaluation, signature experiments.
//!
//! This crate knows recipes: what to feed a model, how to change its weights, how to tell whether it learned. It knows no command line.
//! In reading order:
//!
//! - [`tokenizer`]: bytes and byte-pair encoding
//! - [`batches`]: windows of text, pairs of similar length, masked tokens
//! - [`schedule`]: the papers' learning rates
//! - [`run`]: a run as a folder; training; resuming after a kill
//! - [`weights`]: files of weights, ours and published ones
//! - [`bleu`], [`metrics`]: BLEU with sacreBLEU's values; perplexity, accuracy, F1, SQuAD's measures
//! - [`experiments`]: the papers' signature experiments at a small size, each with a report
//!
//! ```
//! use hearth_lab_train::bleu::bleu;
//!
//! let score = bleu(&["the cat is on the mat"], &["the cat sat on the mat"])?;
//! assert_eq!(format!("{:.2}", score.score), "37.99");
//! # Ok::<(), hearth_lab_train::Error>(())
//! ```

pub mod batches;
pub mod bleu;
mod error;
pub mod experiments;
pub mod metrics;
pub mod run;
pub mod schedule;
pub mod tokenizer;
pub mod weights;

pub use error::Error;
