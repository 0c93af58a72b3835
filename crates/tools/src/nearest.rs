//! What a model may have meant by text or a name that is not there.

use crate::clip::clip;
use strsim::sorensen_dice;

/// How many names are offered.
const NAMES: usize = 8;

/// How many lines of a file are compared; more would take longer than the model does to read the file itself.
const COMPARED_LINES: usize = 20_000;

/// How many bytes of a line are compared.
const COMPARED_BYTES: usize = 400;

/// How alike lines must be to be worth showing: 0 for nothing in common, 1 for the same.
const ALIKE: f64 = 0.5;

/// How many lines of a near match are shown.
const SHOWN_LINES: usize = 12;

/// Returns the names most like the wanted one, best first; other names of the folder when none is alike.
pub(crate) fn nearest_names(wanted: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let mut scored: Vec<(f64, String)> =
        names.map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name)).collect();
    scored.sort_by(|(left, left_name), (right, right_name)| {
        right.total_cmp(left).then_with(|| left_name.cmp(right_name))
    });
    scored.into_iter().take(NAMES).map(|(_, name)| name).collect()
}

/// Says what in `file` comes closest to `wanted`, which is not in it: where, what it is really like, and what differs.
/// `None` when nothing comes close.
pub(crate) fn nearest_text(file: &str, wanted: &str) -> Option<String> {
    let file: Vec<&str> = file.lines().take(COMPARED_LINES).collect();
    let wanted: Vec<&str> = wanted.lines().collect();
    let first = nearest_window(&file, &wanted)?;
    let last = (first + wanted.len()).min(file.len());
    let window = &file[first..last];
    let difference = difference(window, &wanted);
    let tabs = difference.contains("spaces") || difference.contains("indentation");
    let mut text = format!("The nearest is at line {} ({difference}):", first + 1);
    for line in window.iter().take(SHOWN_LINES) {
        let line = if tabs { line.replace('\t', "<TAB>") } else { (*line).to_owned() };
        text.push('\n');
        text.push_str(clip(&line, COMPARED_BYTES));
    }
    if window.len() > SHOWN_LINES {
        text.push_str(&format!("\n[{} more lines]", window.len() - SHOWN_LINES));
    }
    Some(text)
}

/// Finds where the wanted lines would start: their longest line is looked for first, as the one that says most.
fn nearest_window(file: &[&str], wanted: &[&str]) -> Option<usize> {
    let (anchor, longest) = wanted.iter().enumerate().max_by_key(|(_, line)| line.trim().len())?;
    let mut anchors: Vec<(f64, usize)> = file
        .iter()
        .enumerate()
        .map(|(index, line)| (alike(line, longest), index))
        .filter(|(score, _)| *score >= ALIKE)
        .collect();
    anchors.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    let starts = anchors.iter().take(5).filter_map(|(_, index)| index.checked_sub(anchor));
    let scored = starts.map(|start| {
        let lines = file[start..].iter().zip(wanted).map(|(line, wanted)| alike(line, wanted));
        (lines.sum::<f64>(), start)
    });
    let best = scored.max_by(|(left, _), (right, _)| left.total_cmp(right))?;
    Some(best.1)
}

fn alike(left: &str, right: &str) -> f64 {
    let (left, right) = (left.trim(), right.trim());
    if left == right {
        return 1.0;
    }
    // Lines of very different length have too little in common to be meant.
    if left.is_empty() || right.is_empty() || left.len() > right.len() * 3 || right.len() > left.len() * 3 {
        return 0.0;
    }
    let cut = |text: &str| clip(text, COMPARED_BYTES).to_lowercase();
    sorensen_dice(&cut(left), &cut(right)) * 0.99
}

fn difference(file: &[&str], wanted: &[&str]) -> &'static str {
    let same = |form: fn(&str) -> String| {
        file.len() == wanted.len() && file.iter().zip(wanted).all(|(file, wanted)| form(file) == form(wanted))
    };
    if same(|line| line.trim_end().to_owned()) {
        "it differs in spaces at line ends or in the line break at the end"
    } else if same(|line| line.trim().to_owned()) {
        "it differs in indentation; tabs are shown as <TAB>"
    } else if same(|line| line.split_whitespace().collect()) {
        "it differs in spaces; tabs are shown as <TAB>"
    } else if same(str::to_lowercase) {
        "it differs in upper and lower case"
    } else if same(plain_punctuation) {
        "it differs in quotation marks or dashes"
    } else {
        "it differs in wording"
    }
}

/// Typographic quotes and dashes as a keyboard writes them.
fn plain_punctuation(line: &str) -> String {
    let plain = |character| match character {
        '\u{2018}' | '\u{2019}' | '\u{201a}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{201e}' => '"',
        '\u{2010}'..='\u{2015}' => '-',
        '\u{a0}' => ' ',
        other => other,
    };
    line.chars().map(plain).collect()
}
