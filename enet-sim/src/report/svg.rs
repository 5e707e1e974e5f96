//! [`Chart`]: panels above each other that share their horizontal axis, as SVG.

use std::fmt::Write;

use super::scale::Scale;

/// Width of every drawing, in its own units; the page scales it.
pub(super) const WIDTH: f64 = 520.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 12.0;
/// Above each panel, for its title.
const TITLE: f64 = 24.0;
/// Below the last panel, for the horizontal axis.
const BOTTOM: f64 = 40.0;
/// Between two labels of a vertical axis.
const LABEL: f64 = 17.0;
const HOVER_SLICES: u32 = 40;

/// A drawing: panels above each other.
pub(super) struct Chart {
    /// What it shows, for those who cannot see it and as a tooltip.
    pub(super) title: String,
    /// What can be seen in it.
    pub(super) description: String,
    pub(super) x: Scale,
    pub(super) x_label: &'static str,
    pub(super) panels: Vec<Panel>,
}

/// A rectangle with axes.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) height: f64,
    pub(super) y: Scale,
    pub(super) marks: Vec<Mark>,
}

/// Points drawn in one style: a class of the page's style sheet.
pub(super) struct Mark {
    pub(super) class: String,
    pub(super) shape: Shape,
    pub(super) points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Level until the next point.
    Steps,
    /// Straight to the next point.
    Lines,
    /// Each for itself.
    Dots,
}

/// Text that cannot be taken for markup.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Not even escaped may these stand in XML.
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The start of a drawing, with its texts for those who cannot see it.
pub(super) fn open(svg: &mut String, id: &str, height: f64, title: &str, description: &str) {
    let (title, description) = (escape(title), escape(description));
    // Formatting into a String cannot fail, here and below.
    let _ = write!(
        svg,
        "<svg id=\"{id}\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
         <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{description}</desc>"
    );
}

/// A text at a place; `class` says how it is set.
pub(super) fn text(svg: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{}</text>", escape(text));
}

impl Chart {
    /// The drawing. `hover` tells what a reader learns who points at the slice between two horizontal values.
    pub(super) fn svg(&self, id: &str, hover: impl Fn(f64, f64) -> String) -> String {
        let mut svg = String::new();
        let height = self.panels.iter().map(|panel| panel.height + TITLE).sum::<f64>() + BOTTOM;
        open(&mut svg, id, height, &self.title, &self.description);
        let mut top = TITLE;
        for (number, panel) in self.panels.iter().enumerate() {
            let last = number + 1 == self.panels.len();
            self.push_panel(&mut svg, panel, top, last);
            top += panel.height + TITLE;
        }
        text(&mut svg, (LEFT + WIDTH - RIGHT) / 2.0, height - 6.0, "t m", self.x_label);
        let step = (WIDTH - LEFT - RIGHT) / f64::from(HOVER_SLICES);
        for slice in 0..HOVER_SLICES {
            let at = |slice: u32| self.x.value(f64::from(slice) / f64::from(HOVER_SLICES));
            let told = hover(at(slice), at(slice + 1));
            if !told.is_empty() {
                let x = LEFT + f64::from(slice) * step;
                let tall = height - TITLE - BOTTOM;
                let _ = write!(
                    svg,
                    "<rect class=\"h\" x=\"{x:.1}\" y=\"{TITLE}\" width=\"{step:.1}\" height=\"{tall:.0}\">\
                     <title>{}</title></rect>",
                    escape(&told)
                );
            }
        }
        svg.push_str("</svg>");
        svg
    }

    fn push_panel(&self, svg: &mut String, panel: &Panel, top: f64, last: bool) {
        let (right, bottom) = (WIDTH - RIGHT, top + panel.height);
        let width = right - LEFT;
        text(svg, LEFT, top - 7.0, "t b", &panel.title);
        let mut grid = String::new();
        // From the top: of labels that would touch, the upper one says more.
        let mut labelled = f64::NEG_INFINITY;
        for tick in panel.y.ticks((panel.height / 28.0).max(2.0)).iter().rev() {
            let y = bottom - tick.place * panel.height;
            let _ = write!(grid, "M{LEFT} {y:.1}H{right}");
            if y - labelled >= LABEL {
                text(svg, LEFT - 6.0, y + 4.0, "t e", &tick.text);
                labelled = y;
            }
        }
        for tick in self.x.ticks(6.0) {
            let x = LEFT + tick.place * width;
            let _ = write!(grid, "M{x:.1} {top}V{bottom}");
            if last {
                text(svg, x, bottom + 16.0, "t m", &tick.text);
            }
        }
        let _ = write!(svg, "<path class=\"g\" d=\"{grid}\"/>");
        for mark in &panel.marks {
            let place = |&(x, y): &(f64, f64)| {
                (LEFT + self.x.place(x) * width, bottom - panel.y.place(y) * panel.height)
            };
            let points: Vec<(f64, f64)> = mark.points.iter().map(place).collect();
            let class = escape(&mark.class);
            match mark.shape {
                Shape::Dots => {
                    let _ = write!(svg, "<path class=\"{class} d\" d=\"{}\"/>", dots(&points));
                }
                Shape::Lines => {
                    let _ = write!(svg, "<path class=\"{class} l\" d=\"{}\"/>", straight(&points));
                }
                Shape::Steps => {
                    let points = thinned(&points);
                    let _ = write!(svg, "<path class=\"{class} l\" d=\"{}\"/>", line(&points));
                }
            }
        }
        let _ = write!(svg, "<path class=\"a\" d=\"M{LEFT} {top}V{bottom}H{right}\"/>");
    }
}

/// Of every three units of width the first, lowest, highest and last point: more cannot be seen.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let column = |point: &(f64, f64)| (point.0 / 3.0).floor();
    for group in points.chunk_by(|one, two| column(one) == column(two)) {
        let by_height = |one: &&(f64, f64), two: &&(f64, f64)| one.1.total_cmp(&two.1);
        let extremes =
            [group.first(), group.iter().min_by(by_height), group.iter().max_by(by_height), group.last()];
        let mut chosen: Vec<(f64, f64)> = extremes.into_iter().flatten().copied().collect();
        chosen.sort_by(|one, two| one.0.total_cmp(&two.0));
        chosen.dedup();
        kept.extend(chosen);
    }
    kept
}

/// Tenths of a unit: what a path is drawn in.
fn tenths(value: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "a place in a drawing")]
    let tenths = (value * 10.0).round() as i32;
    tenths
}

/// A difference in tenths, in as few letters as possible, with what separates it from a number before it.
fn push_tenths(path: &mut String, tenths: i32) {
    if !path.ends_with(|last: char| last.is_ascii_alphabetic()) && tenths >= 0 {
        path.push(' ');
    }
    let sign = if tenths < 0 { "-" } else { "" };
    let (whole, part) = (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10);
    let _ = match (whole, part) {
        (whole, 0) => write!(path, "{sign}{whole}"),
        (0, part) => write!(path, "{sign}.{part}"),
        (whole, part) => write!(path, "{sign}{whole}.{part}"),
    };
}

/// Level, then straight up or down, from point to point.
fn line(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    let mut before: Option<(i32, i32)> = None;
    for &(x, y) in points {
        let here = (tenths(x), tenths(y));
        match before {
            None => {
                path.push('M');
                push_tenths(&mut path, here.0);
                push_tenths(&mut path, here.1);
            }
            Some(before) => {
                for (letter, step) in [('h', here.0 - before.0), ('v', here.1 - before.1)] {
                    if step != 0 {
                        path.push(letter);
                        push_tenths(&mut path, step);
                    }
                }
            }
        }
        before = Some(here);
    }
    path
}

/// Straight from point to point.
fn straight(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    let mut before = None;
    for &(x, y) in points {
        let here = (tenths(x), tenths(y));
        let (x, y) = before.map_or(here, |before: (i32, i32)| (here.0 - before.0, here.1 - before.1));
        path.push(if before.is_none() { 'M' } else { 'l' });
        push_tenths(&mut path, x);
        push_tenths(&mut path, y);
        before = Some(here);
    }
    path
}

/// Lines without length: their round ends are the dots.
fn dots(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    let mut before = (0, 0);
    for &(x, y) in points {
        let here = (tenths(x), tenths(y));
        path.push(if path.is_empty() { 'M' } else { 'm' });
        push_tenths(&mut path, here.0 - before.0);
        push_tenths(&mut path, here.1 - before.1);
        path.push_str("h0");
        before = here;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_be_taken_for_markup() {
        assert_eq!(escape("<a href=\"x\">&'\u{1}"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\u{fffd}");
    }

    #[test]
    fn a_line_is_drawn_in_differences() {
        let points = [(10.0, 20.0), (11.5, 20.0), (12.0, 18.0), (12.0, 18.02), (12.0, 30.0)];
        assert_eq!(line(&points), "M10 20h1.5h.5v-2v12");
    }

    #[test]
    fn straight_lines_are_drawn_in_differences() {
        assert_eq!(straight(&[(10.0, 20.0), (11.5, 18.0), (11.5, 20.0)]), "M10 20l1.5-2l0 2");
    }

    #[test]
    fn dots_are_lines_without_length() {
        assert_eq!(dots(&[(1.0, 2.0), (1.5, 1.0)]), "M1 2h0m.5-1h0");
    }

    #[test]
    fn a_thinned_line_keeps_its_peaks() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|n| (f64::from(n) / 20.0, 50.0)).collect();
        points[5_000].1 = 1.0;
        let thinned = thinned(&points);
        assert!(thinned.len() < 600, "{}", thinned.len());
        assert!(thinned.contains(&(250.0, 1.0)));
    }
}
