//! Numbers side by side: ours, the peer's, how many times more the peer takes, what we aim at.

use std::fmt::Write;

/// One measured quantity; less is better.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) ours: Option<f64>,
    pub(crate) peer: Option<f64>,
    /// The most it should be.
    pub(crate) aim: Option<f64>,
}

/// Returns a Markdown table.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut text = "| measure | ours | peer | peer/ours | aim |\n|---|--:|--:|--:|--:|\n".to_owned();
    for row in rows {
        let shown = |value: Option<f64>| {
            value.map_or_else(|| "–".to_owned(), |value| format!("{} {}", number(value), row.unit))
        };
        let ratio = row.ours.zip(row.peer).filter(|(ours, _)| *ours > 0.0).map(|(ours, peer)| peer / ours);
        let ratio = ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{}×", number(ratio)));
        let aim = row.aim.map_or_else(|| "–".to_owned(), |aim| format!("≤ {} {}", number(aim), row.unit));
        let over = row.ours.zip(row.aim).is_some_and(|(ours, aim)| ours > aim);
        let mark = if over { " (missed)" } else { "" };
        let line = format!("| {} | {} | {} | {ratio} | {aim}{mark} |", row.name, shown(row.ours), shown(row.peer));
        if writeln!(text, "{line}").is_err() {
            break;
        }
    }
    text
}

/// Returns the middle value; zero when there is none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Three significant figures.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, median, render};

    #[test]
    fn rows_tell_ratio_and_missed_aims() {
        let row = |ours, peer, aim| Row { name: "start", unit: "ms", ours, peer, aim };
        let table = render(&[row(Some(40.0), Some(5200.0), Some(50.0)), row(Some(60.0), None, Some(50.0))]);
        let lines: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            lines,
            ["| start | 40.0 ms | 5200 ms | 130× | ≤ 50.0 ms |", "| start | 60.0 ms | – | – | ≤ 50.0 ms (missed) |"]
        );
    }

    #[test]
    fn the_median_is_the_middle() {
        let middle = median(vec![3.0, 1.0, 100.0]);
        assert!((middle - 3.0).abs() < f64::EPSILON);
    }
}
