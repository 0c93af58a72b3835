//! Numbers side by side: ours, the peer's, how many times better ours is, what we aim at.

/// One measured quantity.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) ours: Option<f64>,
    pub(crate) peer: Option<f64>,
    /// What it should be at most, or at least.
    pub(crate) aim: Option<f64>,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Less,
    More,
}

/// Returns a Markdown table.
pub(crate) fn render(rows: &[Row]) -> String {
    let head = "| measure | ours | peer | times better | aim |\n|---|--:|--:|--:|--:|\n";
    rows.iter().fold(head.to_owned(), |text, row| text + &line(row))
}

fn line(row: &Row) -> String {
    let missing = || "–".to_owned();
    let shown = |value: Option<f64>| value.map_or_else(missing, |value| format!("{} {}", number(value), row.unit));
    let pair = row.ours.zip(row.peer).filter(|(ours, peer)| *ours > 0.0 && *peer > 0.0);
    let ratio = pair.map_or_else(missing, |(ours, peer)| match row.better {
        Better::Less => format!("{}×", number(peer / ours)),
        Better::More => format!("{}×", number(ours / peer)),
    });
    let sign = if row.better == Better::Less { "≤" } else { "≥" };
    let aim = row.aim.map_or_else(missing, |aim| format!("{sign} {} {}", number(aim), row.unit));
    let missed = row.ours.zip(row.aim).is_some_and(|(ours, aim)| match row.better {
        Better::Less => ours > aim,
        Better::More => ours < aim,
    });
    let mark = if missed { " (missed)" } else { "" };
    format!("| {} | {} | {} | {ratio} | {aim}{mark} |\n", row.name, shown(row.ours), shown(row.peer))
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
    use super::{Better, Row, median, render};

    #[test]
    fn rows_tell_ratio_and_missed_aims() {
        let row = |better, ours, peer| Row { name: "x", unit: "u", better, ours: Some(ours), peer, aim: Some(50.0) };
        let rows =
            [row(Better::Less, 40.0, Some(5200.0)), row(Better::Less, 60.0, None), row(Better::More, 40.0, Some(20.0))];
        let table = render(&rows);
        let lines: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| x | 40.0 u | 5200 u | 130× | ≤ 50.0 u |",
                "| x | 60.0 u | – | – | ≤ 50.0 u (missed) |",
                "| x | 40.0 u | 20.0 u | 2.00× | ≥ 50.0 u (missed) |"
            ]
        );
    }

    #[test]
    fn the_median_is_the_middle() {
        let middle = median(vec![3.0, 1.0, 100.0]);
        assert!((middle - 3.0).abs() < f64::EPSILON);
    }
}
