//! Measures of the tasks: perplexity, accuracy, F1 of a class, and SQuAD's exact match and F1 of answers.

use std::collections::HashMap;

/// Returns e^loss for a mean loss in nats a token.
#[must_use]
pub fn perplexity(loss: f64) -> f64 {
    loss.exp()
}

/// Returns bits a byte for a mean loss in nats a token, given how many tokens and bytes it was measured on.
#[must_use]
pub fn bits_per_byte(loss: f64, tokens: usize, bytes: usize) -> f64 {
    loss / std::f64::consts::LN_2 * tokens as f64 / bytes.max(1) as f64
}

/// Returns the share of equal pairs; 0 when there is none.
#[must_use]
pub fn accuracy<T: PartialEq>(found: &[T], expected: &[T]) -> f64 {
    let equal = found.iter().zip(expected).filter(|(found, expected)| found == expected).count();
    equal as f64 / expected.len().max(1) as f64
}

/// Returns 2·precision·recall / (precision + recall) of one class; 0 when it is neither found nor expected.
#[must_use]
pub fn f1<T: PartialEq>(class: &T, found: &[T], expected: &[T]) -> f64 {
    let both = found.iter().zip(expected).filter(|(found, expected)| *found == class && *expected == class).count();
    let either = found.iter().chain(expected).filter(|label| *label == class).count();
    2.0 * both as f64 / either.max(1) as f64
}

/// How well answers agree with the accepted ones, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SquadScore {
    /// Answers equal to an accepted one after normalisation.
    pub exact: f64,
    /// Mean overlap of words with the best accepted answer.
    pub f1: f64,
}

/// Scores answers as SQuAD 1.1's script does: each question has one answer and some accepted ones.
#[must_use]
pub fn squad<A: AsRef<str>>(answers: &[(A, Vec<A>)]) -> SquadScore {
    let mut score = SquadScore::default();
    for (answer, accepted) in answers {
        let words = normalise(answer.as_ref());
        let accepted: Vec<Vec<String>> = accepted.iter().map(|accepted| normalise(accepted.as_ref())).collect();
        score.exact += f64::from(u8::from(accepted.contains(&words)));
        score.f1 += accepted.iter().map(|accepted| overlap(&words, accepted)).fold(0.0, f64::max);
    }
    let share = 100.0 / answers.len().max(1) as f64;
    SquadScore { exact: score.exact * share, f1: score.f1 * share }
}

/// Lower case, no ASCII punctuation, no articles, words split at white space.
fn normalise(answer: &str) -> Vec<String> {
    let plain: String = answer.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    // An article is one where it stands between characters that are no letters, digits or underscores.
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut kept = String::with_capacity(plain.len());
    for part in plain.split_inclusive(|c| !word(c)) {
        let body = part.trim_end_matches(|c| !word(c));
        if matches!(body, "a" | "an" | "the") {
            kept.push(' ');
            kept.push_str(&part[body.len()..]);
        } else {
            kept.push_str(part);
        }
    }
    kept.split_whitespace().map(ToOwned::to_owned).collect()
}

fn overlap(found: &[String], accepted: &[String]) -> f64 {
    let mut left: HashMap<&str, usize> = HashMap::new();
    accepted.iter().for_each(|word| *left.entry(word).or_default() += 1);
    let same = found
        .iter()
        .filter(|word| {
            left.get_mut(word.as_str()).is_some_and(|count| count.checked_sub(1).map(|rest| *count = rest).is_some())
        })
        .count();
    if same == 0 {
        return 0.0;
    }
    let (precision, recall) = (same as f64 / found.len() as f64, same as f64 / accepted.len() as f64);
    2.0 * precision * recall / (precision + recall)
}

#[cfg(test)]
mod tests {
    use super::{accuracy, bits_per_byte, f1, perplexity, squad};

    /// Worked out by hand from SQuAD 1.1's published definitions.
    #[test]
    fn answers_score_as_the_published_script_scores_them() {
        let score = |answer, accepted: &[&'static str]| squad(&[(answer, accepted.to_vec())]);
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        let equal = score("The Eiffel-Tower!", &["eiffeltower"]);
        assert!((equal.exact - 100.0).abs() < 1e-9 && (equal.f1 - 100.0).abs() < 1e-9);
        // Two of three found words are among four accepted ones: precision 2/3, recall 1/2.
        close(score("in the year 1066", &["autumn of year 1066"]).f1, 100.0 * 4.0 / 7.0);
        close(score("blue", &["red", "dark blue"]).f1, 100.0 * 2.0 / 3.0);
        close(score("the the", &["word"]).f1, 0.0);
        close(score("an apple a day", &["apple day"]).exact, 100.0);
        let both = squad(&[("x", vec!["x"]), ("y", vec!["z"])]);
        assert!((both.exact - 50.0).abs() < 1e-9 && (both.f1 - 50.0).abs() < 1e-9);
    }

    #[test]
    fn shares_are_those_of_their_definitions() {
        let (found, expected) = ([1, 1, 0, 2], [1, 0, 0, 1]);
        assert!((accuracy(&found, &expected) - 0.5).abs() < 1e-12);
        assert!((f1(&1, &found, &expected) - 0.5).abs() < 1e-12);
        assert!(f1(&7, &found, &expected).abs() < 1e-12);
        assert!((perplexity(10f64.ln()) - 10.0).abs() < 1e-9);
        assert!((bits_per_byte(std::f64::consts::LN_2, 3, 6) - 0.5).abs() < 1e-12);
    }
}
