//! Search for a likely sequence: greedy for a beam of one, else beam search.

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Partial sequences that are kept, at least 1.
    pub beam: usize,
    /// Tokens before a sequence is given up, the end not counted.
    pub max_length: usize,
    /// The token that starts every sequence.
    pub start: usize,
    /// The token that ends a sequence.
    pub end: usize,
    /// α of the length penalty ((5 + length)/6)^α (Wu et al., 2016); 0 compares sums of logarithms, as the 2014 papers do.
    pub length_penalty: f32,
}

/// A sequence that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its tokens, without start and end.
    pub tokens: Vec<usize>,
    /// ln p of the tokens and of the end, where it was reached.
    pub log_probability: f32,
    /// What sequences are compared by.
    pub score: f32,
}

/// Returns up to `beam` sequences, the best first. `next` gets prefixes of equal length, each with the start token, and returns the
/// log-probabilities of what follows each, row by row.
///
/// # Errors
/// What `next` fails with.
pub fn search<E>(
    settings: &Search,
    mut next: impl FnMut(&[Vec<usize>]) -> Result<Vec<Vec<f32>>, E>,
) -> Result<Vec<Found>, E> {
    let beam = settings.beam.max(1);
    let mut live = vec![(vec![settings.start], 0.0f32)];
    let mut finished: Vec<Found> = Vec::new();
    for _ in 0..=settings.max_length {
        let prefixes: Vec<Vec<usize>> = live.iter().map(|(tokens, _)| tokens.clone()).collect();
        let rows = next(&prefixes)?;
        let mut candidates: Vec<(usize, usize, f32)> = Vec::new();
        for (parent, (row, (_, sum))) in rows.iter().zip(&live).enumerate() {
            candidates.extend(row.iter().enumerate().map(|(token, log)| (parent, token, sum + log)));
        }
        // Equal sums keep their order, so that a search is the same every time.
        candidates.sort_by(|a, b| b.2.total_cmp(&a.2));
        candidates.truncate(beam);
        let mut longer = Vec::with_capacity(beam);
        for (parent, token, sum) in candidates {
            let tokens = &live[parent].0;
            if token == settings.end {
                finished.push(settings.found(&tokens[1..], sum));
            } else {
                longer.push((tokens.iter().copied().chain([token]).collect(), sum));
            }
        }
        live = longer;
        let best = finished.iter().map(|found| found.score).fold(f32::NEG_INFINITY, f32::max);
        // A sum only falls, so once enough are done and none alive is better, no better one can come (without a penalty).
        if live.is_empty() || (finished.len() >= beam && live.iter().all(|(_, sum)| settings.bound(*sum) <= best)) {
            break;
        }
    }
    if finished.is_empty() {
        finished.extend(
            live.iter()
                .map(|(tokens, sum)| settings.found(&tokens[1..tokens.len().min(settings.max_length + 1)], *sum)),
        );
    }
    finished.sort_by(|a, b| b.score.total_cmp(&a.score));
    finished.truncate(beam);
    Ok(finished)
}

impl Search {
    fn found(&self, tokens: &[usize], log_probability: f32) -> Found {
        let score = log_probability / self.penalty(tokens.len() + 1);
        Found { tokens: tokens.to_vec(), log_probability, score }
    }

    fn penalty(&self, length: usize) -> f32 {
        ((5.0 + length as f32) / 6.0).powf(self.length_penalty)
    }

    /// The best score that a live sequence of this sum can still reach.
    fn bound(&self, sum: f32) -> f32 {
        sum / self.penalty(self.max_length + 1)
    }
}

/// Returns ln softmax of a row of logits.
#[must_use]
pub fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total = largest + logits.iter().map(|logit| (logit - largest).exp()).sum::<f32>().ln();
    logits.iter().map(|logit| logit - total).collect()
}

#[cfg(test)]
mod tests {
    use super::{Found, Search, search};
    use std::convert::Infallible;

    /// Two tokens and the end (2): greedy takes 0 first (0.6), but 1 leads to the likelier whole.
    fn next(prefixes: &[Vec<usize>]) -> Result<Vec<Vec<f32>>, Infallible> {
        let row = |prefix: &Vec<usize>| match &prefix[1..] {
            [] => [0.6f32, 0.4, 0.0],
            [0] => [0.3, 0.3, 0.4],
            [1] => [0.05, 0.05, 0.9],
            _ => [0.1, 0.1, 0.8],
        };
        Ok(prefixes.iter().map(|prefix| row(prefix).map(f32::ln).to_vec()).collect())
    }

    /// What follows tokens after the start.
    fn after(tokens: &[usize]) -> Vec<f32> {
        next(&[[&[9], tokens].concat()]).unwrap().swap_remove(0)
    }

    fn best(beam: usize, length_penalty: f32) -> Found {
        let settings = Search { beam, max_length: 4, start: 9, end: 2, length_penalty };
        search(&settings, next).unwrap().swap_remove(0)
    }

    #[test]
    fn a_beam_finds_what_greedy_search_misses() {
        let greedy = best(1, 0.0);
        assert_eq!(greedy.tokens, [0]);
        assert!((greedy.log_probability - 0.24f32.ln()).abs() < 1e-5);
        let beam = best(3, 0.0);
        assert_eq!(beam.tokens, [1]);
        assert!((beam.log_probability - 0.36f32.ln()).abs() < 1e-5 && (beam.score - beam.log_probability).abs() < 1e-6);
    }

    /// All sequences of at most two tokens, scored by hand.
    #[test]
    fn a_wide_beam_agrees_with_trying_everything() {
        for length_penalty in [0.0, 0.6, 2.0] {
            let settings = Search { beam: 50, max_length: 2, start: 9, end: 2, length_penalty };
            let mut all = Vec::new();
            let prefixes = [vec![], vec![0], vec![1], vec![0, 0], vec![0, 1], vec![1, 0], vec![1, 1]];
            for tokens in prefixes {
                let ends = tokens.iter().copied().chain([2]).enumerate();
                let sum: f32 = ends.map(|(place, token)| after(&tokens[..place])[token]).sum();
                all.push((sum / ((6.0 + tokens.len() as f32) / 6.0).powf(length_penalty), tokens));
            }
            all.sort_by(|a, b| b.0.total_cmp(&a.0));
            let found = search(&settings, next).unwrap();
            assert_eq!(found[0].tokens, all[0].1, "{length_penalty}");
            assert!((found[0].score - all[0].0).abs() < 1e-5);
        }
    }

    #[test]
    fn a_sequence_without_an_end_is_cut() {
        let settings = Search { beam: 1, max_length: 3, start: 9, end: 2, length_penalty: 0.0 };
        let found =
            search(&settings, |prefixes| Ok::<_, Infallible>(vec![vec![0.0, -1.0, -9.0]; prefixes.len()])).unwrap();
        assert_eq!(found[0].tokens, [0, 0, 0]);
    }
}
