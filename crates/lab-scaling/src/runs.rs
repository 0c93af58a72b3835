//! A table of training runs: sizes, tokens, compute and the loss reached, read from CSV.

use crate::training_flop;

/// One finished training run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// N.
    pub parameters: f64,
    /// D.
    pub tokens: f64,
    /// C, in floating-point operations.
    pub flop: f64,
    /// The final loss, in nats a token.
    pub loss: f64,
}

/// Why a table of runs can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is no CSV table.
    #[error("line {line}: {source}")]
    Csv {
        /// Counted from 1.
        line: u64,
        /// What the reader says.
        source: csv::Error,
    },
    /// A needed column is missing.
    #[error("no column for {what}; it may be called {names}; the table has: {found}")]
    Column {
        /// The quantity.
        what: &'static str,
        /// Accepted names.
        names: String,
        /// The table's header.
        found: String,
    },
    /// A cell is no positive number.
    #[error("line {line}, column `{column}`: `{text}` is not a positive number")]
    Number {
        /// Counted from 1, the header included.
        line: u64,
        /// The column's name.
        column: String,
        /// The cell, cut at 40 characters.
        text: String,
    },
    /// Too few runs for what is asked.
    #[error("{found} runs are too few: {what} needs {needed}")]
    TooFew {
        /// What was to be fitted.
        what: &'static str,
        /// How many it needs.
        needed: usize,
        /// How many there are.
        found: usize,
    },
}

const PARAMETERS: &[&str] = &["n", "params", "parameters", "model size"];
const TOKENS: &[&str] = &["d", "tokens", "training tokens"];
const FLOP: &[&str] = &["c", "flop", "flops", "compute", "training flop", "training flops"];
const LOSS: &[&str] = &["loss", "val_loss", "validation loss", "final loss"];

/// Reads runs from CSV text with a header line. Names of columns are compared without case; of N, D and C two suffice, the
/// third follows from C = 6ND. Other columns are ignored.
///
/// # Errors
/// [`Error`] names the line and column.
pub fn parse(text: &str) -> Result<Vec<Run>, Error> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|source| Error::Csv { line: 1, source })?.clone();
    let columns = Columns::find(&header)?;
    let mut runs = Vec::new();
    for record in reader.records() {
        let record =
            record.map_err(|source| Error::Csv { line: source.position().map_or(0, csv::Position::line), source })?;
        runs.push(columns.run(&header, &record)?);
    }
    Ok(runs)
}

/// Removes the `count` runs with the fewest tokens a parameter: the ones that leave the published points' trend, and on which
/// the Chinchilla fit depends most (Besiroglu et al., 2024).
pub fn drop_lowest_ratio(runs: &mut Vec<Run>, count: usize) {
    runs.sort_by(|left, right| (left.tokens / left.parameters).total_cmp(&(right.tokens / right.parameters)));
    runs.drain(..count.min(runs.len()));
}

/// Checks that there are enough runs.
pub(crate) fn require(what: &'static str, needed: usize, found: usize) -> Result<(), Error> {
    if found < needed { Err(Error::TooFew { what, needed, found }) } else { Ok(()) }
}

struct Columns {
    parameters: Option<usize>,
    tokens: Option<usize>,
    flop: Option<usize>,
    loss: usize,
}

impl Columns {
    fn find(header: &csv::StringRecord) -> Result<Self, Error> {
        let place = |names: &[&str]| header.iter().position(|name| names.contains(&name.to_lowercase().as_str()));
        let missing = |what, names: &[&str]| Error::Column {
            what,
            names: names.join(", "),
            found: header.iter().collect::<Vec<_>>().join(", "),
        };
        let (parameters, tokens, flop) = (place(PARAMETERS), place(TOKENS), place(FLOP));
        match (parameters, tokens, flop) {
            (None, None, _) | (None, _, None) => return Err(missing("the model size N", PARAMETERS)),
            (_, None, None) => return Err(missing("the tokens D or the compute C", &[TOKENS, FLOP].concat())),
            _ => {}
        }
        let loss = place(LOSS).ok_or_else(|| missing("the loss", LOSS))?;
        Ok(Self { parameters, tokens, flop, loss })
    }

    fn run(&self, header: &csv::StringRecord, record: &csv::StringRecord) -> Result<Run, Error> {
        let number = |column: usize| {
            let text = record.get(column).unwrap_or_default();
            text.parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0).ok_or_else(|| Error::Number {
                line: record.position().map_or(0, csv::Position::line),
                column: header.get(column).unwrap_or_default().to_owned(),
                text: text.chars().take(40).collect(),
            })
        };
        let optional = |column: Option<usize>| column.map(number).transpose();
        let (parameters, tokens, flop) = (optional(self.parameters)?, optional(self.tokens)?, optional(self.flop)?);
        let parameters = parameters.or_else(|| Some(flop? / (6.0 * tokens?))).unwrap_or(f64::NAN);
        let tokens = tokens.or_else(|| Some(flop? / (6.0 * parameters))).unwrap_or(f64::NAN);
        let flop = flop.unwrap_or_else(|| training_flop(parameters, tokens));
        Ok(Run { parameters, tokens, flop, loss: number(self.loss)? })
    }
}

#[cfg(test)]
mod tests {
    use super::{Run, drop_lowest_ratio, parse};

    #[test]
    fn the_third_quantity_follows_from_two() {
        let expected = vec![Run { parameters: 10.0, tokens: 200.0, flop: 12000.0, loss: 3.0 }];
        assert_eq!(parse("N,D,loss\n10,200,3\n").unwrap(), expected);
        assert_eq!(parse("x,Model Size,Training FLOP,loss\n1,10,12000,3.0\n").unwrap(), expected);
        assert_eq!(parse("tokens, compute, LOSS\n200, 12e3, 3\n").unwrap(), expected);
    }

    #[test]
    fn bad_tables_name_line_and_column() {
        let message = |text: &str| parse(text).map(|_| ()).unwrap_err().to_string();
        insta::assert_snapshot!(message("a,b\n1,2\n"), @"no column for the model size N; it may be called n, params, parameters, model size; the table has: a, b");
        insta::assert_snapshot!(message("n,loss\n1,2\n"), @"no column for the tokens D or the compute C; it may be called d, tokens, training tokens, c, flop, flops, compute, training flop, training flops; the table has: n, loss");
        insta::assert_snapshot!(message("n,d,loss\n1,2,3\n1,-2,3\n"), @"line 3, column `d`: `-2` is not a positive number");
        insta::assert_snapshot!(message("n,d,loss\n1,2,nan\n"), @"line 2, column `loss`: `nan` is not a positive number");
        assert!(message("n,d,loss\n1,2\n").starts_with("line 2:"));
    }

    #[test]
    fn outliers_are_the_runs_with_fewest_tokens_a_parameter() {
        let mut runs = parse("n,d,loss\n10,10,1\n10,1000,2\n10,100,3\n").unwrap();
        drop_lowest_ratio(&mut runs, 1);
        assert_eq!(runs.iter().map(|run| run.tokens).collect::<Vec<_>>(), [100.0, 1000.0]);
        drop_lowest_ratio(&mut runs, 9);
        assert_eq!(runs, []);
    }
}
