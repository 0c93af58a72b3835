//! Bare scores: the same whether tokens are read together or one after another.

use hearth_infer::Probe;

use crate::tiny::llama;

#[test]
fn surprise_is_what_the_scores_of_every_beginning_say() {
    let folder = tempfile::tempdir().expect("a folder for the model");
    let mut probe = Probe::open(&llama().write(folder.path()), 256, 1).expect("the model loads");
    // More than one batch, so that rows of a second batch count too.
    let tokens = probe.tokens(&"base and basis; ".repeat(8));
    let mut total = 0.0;
    for end in 1..tokens.len() {
        let scores: Vec<f64> = probe.scores(&tokens[..end]).expect("scores").iter().copied().map(f64::from).collect();
        let sum: f64 = scores.iter().map(|score| score.exp()).sum();
        total += sum.ln() - scores[tokens[end] as usize];
    }
    let expected = total / (tokens.len() - 1) as f64;
    let found = probe.surprise(&tokens).expect("a surprise");
    assert!((found - expected).abs() < 1e-4 * expected, "{found} {expected}");
}

#[test]
fn what_cannot_be_scored_is_refused() {
    let folder = tempfile::tempdir().expect("a folder for the model");
    let mut probe = Probe::open(&llama().write(folder.path()), 4, 1).expect("the model loads");
    assert!(probe.scores(&[97; 5]).is_err(), "longer than the context");
    assert!(probe.scores(&[9_999]).is_err(), "outside the vocabulary");
    assert!(probe.surprise(&[97, 9_999]).is_err(), "the last token is outside the vocabulary");
}
