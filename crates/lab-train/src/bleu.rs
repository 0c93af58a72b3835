//! BLEU (Papineni et al., 2002) with the values of sacreBLEU 2.6 (Post, 2018): tokenizer 13a, exponential smoothing, one reference.

use crate::error::Error;
use std::collections::HashMap;
use std::fmt;

/// N-grams of up to so many tokens count.
const ORDER: usize = 4;

/// A corpus's score and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Bleu {
    /// 0 to 100.
    pub score: f64,
    /// Of 1- to 4-grams, in percent, smoothed.
    pub precisions: [f64; ORDER],
    /// e^(1 − reference/hypothesis) for a shorter hypothesis, else 1.
    pub brevity_penalty: f64,
    /// Tokens of all hypotheses.
    pub hypothesis_length: usize,
    /// Tokens of all references.
    pub reference_length: usize,
}

/// How the score was made, in the words that results are compared by.
pub const SIGNATURE: &str = "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0";

/// Scores detokenized hypotheses against detokenized references.
///
/// # Errors
/// [`Error::Unpaired`] when their numbers differ.
pub fn bleu<H: AsRef<str>, R: AsRef<str>>(hypotheses: &[H], references: &[R]) -> Result<Bleu, Error> {
    if hypotheses.len() != references.len() {
        return Err(Error::Unpaired {
            left: "hypotheses",
            left_count: hypotheses.len(),
            right: "references",
            right_count: references.len(),
        });
    }
    let (mut correct, mut total, mut lengths) = ([0usize; ORDER], [0usize; ORDER], (0, 0));
    for (hypothesis, reference) in hypotheses.iter().zip(references) {
        let (hypothesis, reference) = (tokenize(hypothesis.as_ref()), tokenize(reference.as_ref()));
        lengths = (lengths.0 + hypothesis.len(), lengths.1 + reference.len());
        for order in 1..=ORDER {
            let (found, wanted) = (counts(&hypothesis, order), counts(&reference, order));
            total[order - 1] += (hypothesis.len() + 1).saturating_sub(order);
            let matches = found.iter().map(|(gram, count)| wanted.get(gram).map_or(0, |wanted| (*count).min(*wanted)));
            correct[order - 1] += matches.sum::<usize>();
        }
    }
    Ok(score(correct, total, lengths))
}

fn counts(tokens: &[String], order: usize) -> HashMap<&[String], usize> {
    let mut counts = HashMap::new();
    tokens.windows(order).for_each(|gram| *counts.entry(gram).or_default() += 1);
    counts
}

fn score(correct: [usize; ORDER], total: [usize; ORDER], (hypothesis, reference): (usize, usize)) -> Bleu {
    let brevity_penalty = match hypothesis {
        0 if reference > 0 => 0.0,
        short if short < reference => (1.0 - reference as f64 / short as f64).exp(),
        _ => 1.0,
    };
    let mut precisions = [0.0; ORDER];
    let none =
        Bleu { score: 0.0, precisions, brevity_penalty, hypothesis_length: hypothesis, reference_length: reference };
    if correct.iter().all(|count| *count == 0) {
        return none;
    }
    // Each order without a match counts half as much as the one before.
    let mut halved = 1.0;
    for ((precision, correct), total) in precisions.iter_mut().zip(correct).zip(total) {
        if total == 0 {
            break;
        }
        *precision = if correct == 0 {
            halved *= 2.0;
            100.0 / (halved * total as f64)
        } else {
            100.0 * correct as f64 / total as f64
        };
    }
    // The logarithm of nothing is taken as −9999999999, which makes the score 0.
    let logarithm = |precision: &f64| if *precision > 0.0 { precision.ln() } else { -9_999_999_999.0 };
    let score = brevity_penalty * (precisions.iter().map(logarithm).sum::<f64>() / ORDER as f64).exp();
    Bleu { score, precisions, ..none }
}

impl fmt::Display for Bleu {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, two, three, four] = self.precisions;
        let ratio =
            if self.reference_length == 0 { 0.0 } else { self.hypothesis_length as f64 / self.reference_length as f64 };
        write!(
            formatter,
            "BLEU = {:.2} {one:.1}/{two:.1}/{three:.1}/{four:.1} (BP = {:.3} ratio = {ratio:.3} hyp_len = {} ref_len = {})",
            self.score, self.brevity_penalty, self.hypothesis_length, self.reference_length
        )
    }
}

/// Splits a line as mteval-v13a does.
#[must_use]
pub fn tokenize(line: &str) -> Vec<String> {
    let line = line.trim_end().replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    let line = line.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    let stop = |c: char| c == '.' || c == ',';
    // Punctuation but apostrophe, comma, minus and full stop stands alone.
    let mut text = String::from(" ");
    for c in line.chars() {
        match c {
            ' '..='&' | '('..='+' | ':'..='@' | '/' | '['..='`' | '{'..='~' => text.extend([' ', c, ' ']),
            _ => text.push(c),
        }
    }
    text.push(' ');
    // Full stops and commas stand alone unless digits are on both sides; a minus stands alone after a digit.
    let text = pairs(&text, |first, second| !first.is_ascii_digit() && stop(second), |a, b| [a, ' ', b, ' ']);
    let text = pairs(&text, |first, second| stop(first) && !second.is_ascii_digit(), |a, b| [' ', a, ' ', b]);
    let text = pairs(&text, |first, second| first.is_ascii_digit() && second == '-', |a, b| [a, ' ', b, ' ']);
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

/// Replaces pairs of neighbours from left to right; a pair's characters are not looked at again.
fn pairs(text: &str, wanted: impl Fn(char, char) -> bool, replaced: impl Fn(char, char) -> [char; 4]) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        match rest.next_if(|second| wanted(first, *second)) {
            Some(second) => result.extend(replaced(first, second)),
            None => result.push(first),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::{bleu, tokenize};

    /// Printed by sacreBLEU 2.6.0's `Tokenizer13a`.
    #[test]
    fn lines_are_split_as_sacrebleu_splits_them() {
        let cases = [
            (
                "Hello, world! It's 3.5 (about 1,000) \"quotes\" &amp; more...",
                "Hello , world ! It's 3.5 ( about 1,000 ) \" quotes \" & more . . .",
            ),
            ("a-b 5-6 x/y 10% $4,5 . . .", "a-b 5 - 6 x / y 10 % $ 4,5 . . ."),
            ("The cat; the dog: 12.5.", "The cat ; the dog : 12.5 ."),
            ("«Bonjour», dit-il – l’été… 3,14", "«Bonjour» , dit-il – l’été… 3,14"),
            ("<skipped>A &quot;b&quot; &lt;c&gt; d", "A \" b \" < c > d"),
            ("1-2-3 a.b 4. .5 ,6 7,", "1 - 2 - 3 a . b 4 . . 5 , 6 7 ,"),
        ];
        for (line, expected) in cases {
            assert_eq!(tokenize(line).join(" "), expected);
        }
    }

    fn check(hypotheses: &[&str], references: &[&str], score: f64, shown: &str) {
        let found = bleu(hypotheses, references).unwrap();
        assert!((found.score - score).abs() < 1e-9, "{} {score}", found.score);
        assert_eq!(found.to_string(), shown);
    }

    /// Printed by sacreBLEU 2.6.0's `BLEU().corpus_score`.
    #[test]
    fn scores_are_sacrebleus() {
        check(
            &["the cat is on the mat"],
            &["the cat sat on the mat"],
            37.991_784_282_579_63,
            "BLEU = 37.99 83.3/60.0/25.0/16.7 (BP = 1.000 ratio = 1.000 hyp_len = 6 ref_len = 6)",
        );
        check(
            &["The dog bit the man.", "It was not unexpected.", "The man bit him first."],
            &["The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."],
            23.932_595_221_309_676,
            "BLEU = 23.93 64.7/35.7/18.2/12.5 (BP = 0.889 ratio = 0.895 hyp_len = 17 ref_len = 19)",
        );
        check(
            &["a b c", "d e f g h"],
            &["a b c d", "d e f g i"],
            63.815_725_130_511_56,
            "BLEU = 63.82 87.5/83.3/75.0/50.0 (BP = 0.882 ratio = 0.889 hyp_len = 8 ref_len = 9)",
        );
        check(
            &["Hello, world!  It's 3.5% more than 1,000 - really."],
            &["Hello world! It is 3.5% more than 1,000 -- really."],
            38.058_030_016_749_456,
            "BLEU = 38.06 76.9/50.0/27.3/20.0 (BP = 1.000 ratio = 1.000 hyp_len = 13 ref_len = 13)",
        );
        check(
            &["the the the the the"],
            &["the cat is here"],
            10.682_175_159_905_848,
            "BLEU = 10.68 20.0/12.5/8.3/6.2 (BP = 1.000 ratio = 1.250 hyp_len = 5 ref_len = 4)",
        );
    }

    #[test]
    fn corpora_without_a_match_or_without_four_tokens_score_nothing() {
        check(&["x"], &["x"], 0.0, "BLEU = 0.00 100.0/0.0/0.0/0.0 (BP = 1.000 ratio = 1.000 hyp_len = 1 ref_len = 1)");
        check(
            &["completely different words here"],
            &["nothing shared at all today"],
            0.0,
            "BLEU = 0.00 0.0/0.0/0.0/0.0 (BP = 0.779 ratio = 0.800 hyp_len = 4 ref_len = 5)",
        );
        check(
            &[""],
            &["something"],
            0.0,
            "BLEU = 0.00 0.0/0.0/0.0/0.0 (BP = 0.000 ratio = 0.000 hyp_len = 0 ref_len = 1)",
        );
        let wrong = bleu(&["a"], &["a", "b"]).unwrap_err().to_string();
        assert_eq!(wrong, "1 hypotheses but 2 references");
    }
}
