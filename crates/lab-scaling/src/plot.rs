//! The picture of a fit: points and curves on logarithmic axes, as SVG that follows the page's light or dark.

use std::fmt::Write as _;

/// One series: measured points, a drawn line, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name in the legend.
    pub name: String,
    /// Measured (x, y).
    pub points: Vec<(f64, f64)>,
    /// A curve's (x, y), in the order they are joined.
    pub line: Vec<(f64, f64)>,
}

/// A plot with logarithmic axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Read out by screen readers and drawn above.
    pub title: String,
    /// Name and unit of x.
    pub x_label: String,
    /// Name and unit of y.
    pub y_label: String,
    /// What is drawn; at most eight keep their own colour.
    pub series: Vec<Series>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 56.0;

/// Both modes' chart colours, in the order of the series.
const STYLE: &str = "<style>\
.hearth-plot{--c1:#0A5FB4;--c2:#B4530A;--c3:#1B7A47;--c4:#A3246B;--c5:#6A4FB3;--c6:#0B7A83;--c7:#7A6A00;--c8:#6B655C;\
--ink:#1D1C1A;--muted:#54504A;--line:#DEDAD2;font:13px system-ui,sans-serif}\
@media(prefers-color-scheme:dark){.hearth-plot{--c1:#6CABF2;--c2:#F0935A;--c3:#5FC48A;--c4:#E880B7;--c5:#B29CF0;\
--c6:#4FC1CC;--c7:#D3C04A;--c8:#A8A298;--ink:#ECE8E1;--muted:#B0AAA0;--line:#34312D}}\
</style>";

impl Plot {
    /// Draws the plot; values that are not positive have no place on a logarithmic axis and are left out.
    #[must_use]
    pub fn svg(&self) -> String {
        let all = || self.series.iter().flat_map(|series| series.points.iter().chain(&series.line)).filter(drawable);
        let x = Axis::over(all().map(|at| at.0), LEFT, WIDTH - RIGHT);
        let y = Axis::over(all().map(|at| at.1), HEIGHT - BOTTOM, TOP);
        let mut svg = format!(
            "<svg class=\"hearth-plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\
             <title>{}</title>{STYLE}",
            escape(&self.title)
        );
        self.draw_axes(&mut svg, &x, &y);
        for (place, series) in self.series.iter().enumerate() {
            draw_series(&mut svg, series, place % 8 + 1, &x, &y);
            let top = TOP + 18.0 * place as f64 + 8.0;
            push(
                &mut svg,
                format_args!(
                    "<text x=\"{:.0}\" y=\"{top:.0}\" text-anchor=\"end\" fill=\"var(--c{})\">{}</text>",
                    WIDTH - RIGHT - 8.0,
                    place % 8 + 1,
                    escape(&series.name)
                ),
            );
        }
        svg.push_str("</svg>");
        svg
    }

    fn draw_axes(&self, svg: &mut String, x: &Axis, y: &Axis) {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for (value, at) in x.ticks() {
            push(svg, format_args!("<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"var(--line)\"/>"));
            push(
                svg,
                format_args!(
                    "<text x=\"{at:.1}\" y=\"{:.0}\" text-anchor=\"middle\" fill=\"var(--muted)\">{}</text>",
                    bottom + 18.0,
                    number(value)
                ),
            );
        }
        for (value, at) in y.ticks() {
            push(svg, format_args!("<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"var(--line)\"/>"));
            push(
                svg,
                format_args!(
                    "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"var(--muted)\">{}</text>",
                    LEFT - 8.0,
                    at + 4.0,
                    number(value)
                ),
            );
        }
        push(
            svg,
            format_args!(
                "<text x=\"{LEFT}\" y=\"20\" fill=\"var(--ink)\" font-weight=\"600\">{}</text>\
             <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\" fill=\"var(--ink)\">{}</text>\
             <text x=\"14\" y=\"{TOP}\" text-anchor=\"end\" transform=\"rotate(-90 14 {TOP})\" fill=\"var(--ink)\">{}</text>",
                escape(&self.title),
                right,
                HEIGHT - 12.0,
                escape(&self.x_label),
                escape(&self.y_label)
            ),
        );
    }
}

fn draw_series(svg: &mut String, series: &Series, colour: usize, x: &Axis, y: &Axis) {
    for at in series.points.iter().filter(drawable) {
        push(
            svg,
            format_args!(
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"var(--c{colour})\" fill-opacity=\".7\"/>",
                x.place(at.0),
                y.place(at.1)
            ),
        );
    }
    let mut path = String::new();
    for at in series.line.iter().filter(drawable) {
        let command = if path.is_empty() { 'M' } else { 'L' };
        push(&mut path, format_args!("{command}{:.1} {:.1}", x.place(at.0), y.place(at.1)));
    }
    if !path.is_empty() {
        push(svg, format_args!("<path d=\"{path}\" fill=\"none\" stroke=\"var(--c{colour})\" stroke-width=\"2\"/>"));
    }
}

/// A logarithmic axis from one place of the picture to another.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) =
            values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value.log10()), high.max(value.log10())));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let margin = ((high - low) * 0.04).max(0.01);
        Self { low: low - margin, high: high + margin, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        self.from + (value.log10() - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Powers of ten where there are enough of them, else round steps in between.
    fn ticks(&self) -> Vec<(f64, f64)> {
        let steps: &[f64] = match self.high - self.low {
            wide if wide > 2.0 => &[1.0],
            middle if middle > 0.7 => &[1.0, 2.0, 5.0],
            _ => &[1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
        };
        let every = ((self.high - self.low) / 8.0).ceil().max(1.0);
        let mut ticks = Vec::new();
        let mut power = (self.low / every).floor() * every;
        while power <= self.high {
            ticks.extend(steps.iter().map(|step| step * 10f64.powf(power)));
            power += every;
        }
        ticks.retain(|value| (self.low..=self.high).contains(&value.log10()));
        ticks.into_iter().map(|value| (value, self.place(value))).collect()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that `filter` over borrowed points wants")]
fn drawable(at: &&(f64, f64)) -> bool {
    at.0 > 0.0 && at.1 > 0.0 && at.0.is_finite() && at.1.is_finite()
}

fn number(value: f64) -> String {
    if (0.01..10_000.0).contains(&value) {
        let digits = format!("{value:.2}");
        digits.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{value:.0e}")
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Writing to a `String` cannot fail; the result is dropped in this one place.
fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    if text.write_fmt(arguments).is_err() {
        text.push_str("<!-- formatting failed -->");
    }
}

#[cfg(test)]
mod tests {
    use super::{Plot, Series};

    #[test]
    fn points_and_lines_are_drawn_within_the_picture() {
        let plot = Plot {
            title: "loss < 4 & falling".to_owned(),
            x_label: "C (FLOP)".to_owned(),
            y_label: "loss".to_owned(),
            series: vec![Series {
                name: "runs".to_owned(),
                points: vec![(1e18, 3.5), (1e20, 2.9), (1e22, 2.4), (0.0, 1.0), (1.0, f64::NAN)],
                line: vec![(1e18, 3.5), (1e22, 2.4)],
            }],
        };
        let svg = plot.svg();
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("loss &lt; 4 &amp; falling") && !svg.contains("NaN") && !svg.contains("inf"));
        for place in svg.split("cx=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<f64>().ok()) {
            assert!((0.0..=super::WIDTH).contains(&place));
        }
    }

    #[test]
    fn an_empty_plot_is_still_a_picture() {
        let plot = Plot { title: String::new(), x_label: String::new(), y_label: String::new(), series: Vec::new() };
        assert!(plot.svg().ends_with("</svg>"));
    }
}
