//! Counts how many examples of the CommonMark specification come out exactly as it says: `commonmark spec.json`.

use hearth_markup::{Dialect, Labels, Options, RawHtml, Resolved, document};
use serde_json::Value;
use std::io::{Error, Write};

fn main() -> Result<(), Error> {
    let Some(file) = std::env::args().nth(1) else {
        return Err(Error::other("name the specification's examples (a JSON file)"));
    };
    let examples: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let labels = Labels::default();
    let options = Options {
        dialect: Dialect::CommonMark,
        raw_html: RawHtml::Kept,
        smart_punctuation: false,
        top_level: 1,
        first_line: 1,
        labels: &labels,
        resolve: &Resolved::unchanged,
    };
    let text = |example: &Value, key: &str| example[key].as_str().unwrap_or_default().replace('→', "\t");
    let mut output = std::io::stdout().lock();
    let mut right = 0_usize;
    for example in &examples {
        let (markdown, html) = (text(example, "markdown"), text(example, "html"));
        let found = document(&markdown, &options).html;
        if found == html {
            right += 1;
        } else {
            writeln!(output, "example {}: expected {html:?}, found {found:?}", example["example"])?;
        }
    }
    writeln!(output, "{right}/{}", examples.len())
}
