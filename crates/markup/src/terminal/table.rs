//! Tables as aligned columns; as a list of `column: value` lines where columns would be too narrow to read.

use super::inline::pieces;
use super::wrap::wrap;
use super::{Line, Role, Span, Style};
use comrak::nodes::{AstNode, NodeValue, TableAlignment};
use unicode_width::UnicodeWidthStr;

const GAP: usize = 2;

/// A column may shrink to this before the table becomes a list.
const MIN_COLUMN: usize = 5;

struct Row {
    header: bool,
    /// The cells' styled pieces.
    cells: Vec<Vec<Span>>,
}

/// Lays out a table in at most `width` columns of the terminal.
pub(super) fn lines<'a>(table: &'a AstNode<'a>, alignments: &[TableAlignment], width: usize) -> Vec<Line> {
    let rows = rows(table);
    let natural = natural_widths(&rows, alignments.len());
    match fitted(&natural, width) {
        Some(widths) => rows.into_iter().flat_map(|row| row_lines(row, &widths, alignments)).collect(),
        None => as_list(rows, width),
    }
}

fn rows<'a>(table: &'a AstNode<'a>) -> Vec<Row> {
    table
        .children()
        .map(|row| {
            let header = matches!(row.data().value, NodeValue::TableRow(true));
            let style = Style { bold: header, ..Style::default() };
            Row { header, cells: row.children().map(|cell| pieces(cell, style)).collect() }
        })
        .collect()
}

fn columns(pieces: &[Span]) -> usize {
    let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    text.split('\n').map(UnicodeWidthStr::width).max().unwrap_or(0)
}

fn natural_widths(rows: &[Row], count: usize) -> Vec<usize> {
    (0..count)
        .map(|column| {
            rows.iter().filter_map(|row| row.cells.get(column)).map(|cell| columns(cell)).max().unwrap_or(0).max(1)
        })
        .collect()
}

/// Shrinks the widest columns first until the row fits; `None` where that would make one unreadable.
fn fitted(natural: &[usize], width: usize) -> Option<Vec<usize>> {
    let room = width.checked_sub(GAP * natural.len().saturating_sub(1))?;
    let mut widths = natural.to_vec();
    while widths.iter().sum::<usize>() > room {
        let widest = widths.iter_mut().max()?;
        if *widest <= MIN_COLUMN {
            return None;
        }
        *widest -= 1;
    }
    Some(widths)
}

fn row_lines(row: Row, widths: &[usize], alignments: &[TableAlignment]) -> Vec<Line> {
    let cells: Vec<Vec<Line>> = row.cells.into_iter().zip(widths).map(|(cell, width)| wrap(cell, *width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let mut lines: Vec<Line> = (0..height).map(|at| joined(&cells, at, widths, alignments)).collect();
    if row.header {
        let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        lines.push(Line { spans: vec![Span::new(rules.join(&" ".repeat(GAP)), Style::of(Role::Marker))] });
    }
    lines
}

/// Joins the cells' lines of one height into one line of the screen.
fn joined(cells: &[Vec<Line>], at: usize, widths: &[usize], alignments: &[TableAlignment]) -> Line {
    let mut spans = Vec::new();
    for (column, (width, alignment)) in widths.iter().zip(alignments).enumerate() {
        let content = cells.get(column).and_then(|cell| cell.get(at)).cloned().unwrap_or_default();
        let free = width.saturating_sub(columns(&content.spans));
        let before = match alignment {
            TableAlignment::Right => free,
            TableAlignment::Center => free / 2,
            TableAlignment::None | TableAlignment::Left => 0,
        };
        let last = column + 1 == widths.len();
        pad(&mut spans, before);
        spans.extend(content.spans);
        pad(&mut spans, if last { 0 } else { free - before + GAP });
    }
    Line { spans }
}

fn pad(spans: &mut Vec<Span>, count: usize) {
    if count > 0 {
        spans.push(Span::new(" ".repeat(count), Style::default()));
    }
}

fn as_list(mut rows: Vec<Row>, width: usize) -> Vec<Line> {
    let body = rows.split_off(usize::from(rows.first().is_some_and(|row| row.header)));
    let titles: Vec<Vec<Span>> = rows.into_iter().next().map(|row| row.cells).unwrap_or_default();
    let mut lines = Vec::new();
    for (index, row) in body.into_iter().enumerate() {
        if index > 0 {
            lines.push(Line::default());
        }
        for (column, cell) in row.cells.into_iter().enumerate() {
            let mut pieces = titles.get(column).cloned().unwrap_or_default();
            pieces.push(Span::new(": ", Style::of(Role::Muted)));
            pieces.extend(cell);
            lines.extend(wrap(pieces, width));
        }
    }
    lines
}
