//! Reports: Markdown with tables, beside it the pictures as SVG.

use crate::error::Error;
use crate::run::Record;
use crate::weights::replace;
use hearth_lab_scaling::plot::Series;
use std::fmt::Write as _;
use std::path::Path;

/// A finished experiment's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The text; pictures are linked by their file names.
    pub markdown: String,
    /// File names and SVG.
    pub pictures: Vec<(String, String)>,
}

impl Report {
    /// Writes `report.md` and the pictures into a folder.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, folder: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        for (name, svg) in &self.pictures {
            replace(&folder.join(name), svg.as_bytes())?;
        }
        replace(&folder.join("report.md"), self.markdown.as_bytes())
    }
}

/// Returns a Markdown table.
#[must_use]
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &mut dyn Iterator<Item = &str>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    let mut text = line(&mut header.iter().copied());
    text.push_str(&line(&mut header.iter().map(|_| "---")));
    rows.iter().for_each(|row| text.push_str(&line(&mut row.iter().map(String::as_str))));
    text
}

/// A run's losses as a line, averaged over a fiftieth of the run, since single batches jump.
#[must_use]
pub fn curve(name: &str, log: &[Record]) -> Series {
    let width = (log.len() / 50).max(1);
    let point = |part: &[Record]| {
        let mean = part.iter().map(|record| f64::from(record.loss)).sum::<f64>() / part.len() as f64;
        Some((part.last()?.step as f64, mean))
    };
    Series { name: name.to_owned(), points: Vec::new(), line: log.chunks(width).filter_map(point).collect() }
}

/// Draws a matrix as squares, dark where a number is near 1: rows are target words, columns source words.
#[must_use]
pub fn heat_map(title: &str, (rows, columns): (&[String], &[String]), values: &[Vec<f32>]) -> String {
    const CELL: usize = 28;
    const LEFT: usize = 64;
    const TOP: usize = 88;
    let (width, height) = (LEFT + CELL * columns.len() + 16, TOP + CELL * rows.len() + 16);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         font-family=\"system-ui,sans-serif\" font-size=\"12\"><title>{0}</title>\
         <style>text{{fill:#54504A}}rect{{stroke:#DEDAD2}}\
         @media(prefers-color-scheme:dark){{text{{fill:#B0AAA0}}rect{{stroke:#34312D}}}}</style>\
         <text x=\"8\" y=\"20\" font-weight=\"600\">{0}</text>",
        escape(title)
    );
    let mut push = |arguments: std::fmt::Arguments<'_>| {
        // Writing to a `String` cannot fail.
        if svg.write_fmt(arguments).is_err() {
            svg.push_str("<!-- -->");
        }
    };
    for (place, word) in columns.iter().enumerate() {
        let x = LEFT + CELL * place + CELL / 2;
        push(format_args!(
            "<text x=\"{x}\" y=\"{0}\" transform=\"rotate(-60 {x} {0})\">{1}</text>",
            TOP - 6,
            escape(word)
        ));
    }
    for (row, (word, values)) in rows.iter().zip(values).enumerate() {
        let y = TOP + CELL * row;
        push(format_args!("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", LEFT - 6, y + 18, escape(word)));
        for (column, value) in values.iter().enumerate() {
            let x = LEFT + CELL * column;
            push(format_args!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\" fill=\"#0A5FB4\" fill-opacity=\"{value:.3}\"/>"
            ));
        }
    }
    svg.push_str("</svg>");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{heat_map, table};

    #[test]
    fn tables_and_pictures_hold_what_they_are_given() {
        let text = table(&["model", "loss"], &[vec!["a".to_owned(), "1.5".to_owned()]]);
        assert_eq!(text, "| model | loss |\n| --- | --- |\n| a | 1.5 |\n");
        let words = ["a<b".to_owned(), "c".to_owned()];
        let svg = heat_map("α & words", (&words, &words), &[vec![1.0, 0.0], vec![0.25, 0.75]]);
        assert_eq!(svg.matches("<rect ").count(), 4);
        assert!(svg.contains("α &amp; words") && svg.contains("a&lt;b") && svg.contains("fill-opacity=\"0.750\""));
    }
}
