//! [`chart`]: two hosts as lines, time going down, an arrow per datagram.

use std::fmt::Write;

use super::svg::{escape, open, text};
use crate::log::{Arrow, Window};
use crate::time::{Span, Time};

const LEFT: f64 = 206.0;
const RIGHT: f64 = 374.0;
const TOP: f64 = 34.0;
/// Between two labels of one side.
const LINE: f64 = 14.0;
/// Of a label, to the left and to the right.
const LETTERS: [usize; 2] = [22, 20];

/// Where in the drawing a time is.
struct Clock {
    from: Time,
    until: Time,
    height: f64,
}

impl Clock {
    fn y(&self, time: Time) -> f64 {
        let whole = self.until.since(self.from).0.max(1) as f64;
        TOP + time.since(self.from).0 as f64 / whole * self.height
    }
}

/// The drawing; `None` of a window without datagrams.
pub(super) fn chart(id: &str, window: &Window) -> Option<String> {
    let from = window.arrows.iter().map(|arrow| arrow.departed).min()?;
    let until = window.arrows.iter().map(|arrow| arrow.arrived.unwrap_or(arrow.departed)).max()?;
    let height = (window.arrows.len() as f64 * 19.0).clamp(220.0, 620.0);
    let clock = Clock { from, until, height };
    let labels = [true, false].map(|left| placed_labels(window, &clock, left));
    let lowest = labels.iter().flatten().map(|label| label.0).fold(TOP + height, f64::max);

    let mut svg = String::new();
    let description = format!(
        "{} datagrams between {} and {}, {:.1} ms; those that did not arrive end in a cross.",
        window.arrows.len(),
        window.left,
        window.right,
        until.since(from).as_millis_f64()
    );
    open(&mut svg, id, lowest + 16.0, "Datagrams between two hosts", &description);
    for (x, name) in [(LEFT, &window.left), (RIGHT, &window.right)] {
        text(&mut svg, x, 14.0, "t m b", name);
        let _ = write!(svg, "<path class=\"a\" d=\"M{x} 22V{:.1}\"/>", lowest + 8.0);
    }
    push_times(&mut svg, &clock);
    let usual = usual_way(window);
    for arrow in &window.arrows {
        push_arrow(&mut svg, arrow, &clock, usual);
    }
    for (left, labels) in [true, false].into_iter().zip(&labels) {
        for (y, arrow) in labels {
            push_label(&mut svg, arrow, *y, clock.y(arrow.departed), left);
        }
    }
    svg.push_str("</svg>");
    Some(svg)
}

/// The labels of one side from top to bottom, none over another.
fn placed_labels<'a>(window: &'a Window, clock: &Clock, left: bool) -> Vec<(f64, &'a Arrow)> {
    let mut lowest = f64::NEG_INFINITY;
    let of_side = window.arrows.iter().filter(|arrow| arrow.from_left == left);
    of_side
        .map(|arrow| {
            lowest = clock.y(arrow.departed).max(lowest + LINE);
            (lowest, arrow)
        })
        .collect()
}

/// Round times along the left edge.
fn push_times(svg: &mut String, clock: &Clock) {
    let whole = clock.until.since(clock.from).0.max(1);
    let powers = (0..=12).map(|power| 10_u64.pow(power));
    let steps = powers.flat_map(|power| [power, 2 * power, 5 * power]);
    let step = steps.into_iter().find(|step| whole / step <= 8).unwrap_or(whole);
    let mut at = clock.from.0.div_ceil(step) * step;
    while at <= clock.until.0 {
        let y = clock.y(Time(at));
        text(svg, 0.0, y + 4.0, "t q", &time_text(at, step));
        let _ = write!(svg, "<path class=\"g\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>");
        at += step;
    }
}

fn time_text(nanos: u64, step: u64) -> String {
    let decimals = match step {
        1_000_000_000.. => 0,
        100_000_000.. => 1,
        10_000_000.. => 2,
        1_000_000.. => 3,
        1_000.. => 6,
        _ => 9,
    };
    format!("{:.decimals$} s", nanos as f64 / 1e9)
}

/// How long a datagram is usually under way: how far those that did not arrive are drawn.
fn usual_way(window: &Window) -> Span {
    let ways = window.arrows.iter().filter_map(|arrow| Some(arrow.arrived?.since(arrow.departed)));
    let mut ways: Vec<Span> = ways.collect();
    ways.sort_unstable();
    ways.get(ways.len() / 2).copied().unwrap_or_default()
}

fn push_arrow(svg: &mut String, arrow: &Arrow, clock: &Clock, usual: Span) {
    let (from, to) = if arrow.from_left { (LEFT, RIGHT) } else { (RIGHT, LEFT) };
    let start = clock.y(arrow.departed);
    let ahead = if arrow.from_left { 1.0 } else { -1.0 };
    let class = if arrow.again { "w s" } else { "w" };
    let _ = write!(svg, "<g class=\"{class}\"><title>{}</title>", escape(&told(arrow)));
    match arrow.arrived {
        Some(arrived) => {
            let end = clock.y(arrived);
            let _ = write!(svg, "<path d=\"M{from} {start:.1}L{to} {end:.1}\"/>");
            // The head points along the arrow.
            let (dx, dy) = (to - from, end - start);
            let length = dx.hypot(dy);
            let (ux, uy) = (dx / length, dy / length);
            let wing = |side: f64| (to - 8.0 * ux - side * 3.5 * uy, end - 8.0 * uy + side * 3.5 * ux);
            let (one, two) = (wing(1.0), wing(-1.0));
            let _ = write!(
                svg,
                "<path class=\"p\" d=\"M{to} {end:.1}L{:.1} {:.1} {:.1} {:.1}z\"/>",
                one.0, one.1, two.0, two.1
            );
        }
        None => {
            let x = from + (to - from) * 0.5;
            let whole = clock.y(arrow.departed + usual) - start;
            let y = (start + whole * 0.5).min(TOP + clock.height);
            let _ = write!(
                svg,
                "<path d=\"M{from} {start:.1}L{x} {y:.1}\"/>\
                 <path class=\"x\" d=\"M{:.1} {:.1}l10 10m0-10l-10 10\"/>",
                x - 5.0,
                y - 5.0
            );
        }
    }
    if let Some(remark) = arrow.remark {
        let y = match arrow.arrived {
            Some(arrived) => (start + clock.y(arrived)) / 2.0 - 4.0,
            None => (start + (clock.y(arrow.departed + usual) - start) * 0.5).min(TOP + clock.height) + 4.0,
        };
        let class = if arrow.from_left { "t r" } else { "t r e" };
        text(svg, LEFT.midpoint(RIGHT) + ahead * 10.0, y, class, remark);
    }
    svg.push_str("</g>");
}

fn push_label(svg: &mut String, arrow: &Arrow, y: f64, departed: f64, left: bool) {
    let (x, class, edge) = if left { (LEFT - 10.0, "t c e", LEFT) } else { (RIGHT + 10.0, "t c", RIGHT) };
    if y - departed > 1.0 {
        let _ = write!(svg, "<path class=\"g\" d=\"M{x} {y:.1}L{edge} {departed:.1}\"/>");
    }
    let again = if arrow.again { " again" } else { "" };
    let [wide, narrow] = LETTERS;
    let room = if left { wide } else { narrow } - again.chars().count();
    let label = fitting(&arrow.labels, room);
    let class = if arrow.again { format!("{class} s") } else { class.to_owned() };
    text(svg, x, y + 3.5, &class, &format!("{label}{again}"));
}

/// As many labels as there is room for, and how many more there are.
fn fitting(labels: &[String], room: usize) -> String {
    let whole = (1..=labels.len()).rev().find_map(|count| {
        let more = labels.len() - count;
        let mut text = joined(labels.get(..count)?);
        if more > 0 {
            text.push_str(&format!(" +{more}"));
        }
        (text.chars().count() <= room).then_some(text)
    });
    whole.unwrap_or_else(|| joined(labels).chars().take(room.saturating_sub(1)).chain(['…']).collect())
}

/// `ACK 17, 18, REL 4`: what neighbours have in common is said once.
fn joined(labels: &[String]) -> String {
    let mut text = String::new();
    let mut before = "";
    for label in labels {
        let (head, number) = label.rsplit_once(' ').unwrap_or((label, ""));
        match (text.is_empty(), head == before && !number.is_empty()) {
            (true, _) => text.push_str(label),
            (false, true) => text.push_str(&format!(", {number}")),
            (false, false) => text.push_str(&format!(", {label}")),
        }
        before = head;
    }
    text
}

fn told(arrow: &Arrow) -> String {
    let mut told = format!("{}\nleft at {} s, {} bytes", joined(&arrow.labels), arrow.departed, arrow.len);
    if let Some(arrived) = arrow.arrived {
        told.push_str(&format!("\narrived after {:.2} ms", arrived.since(arrow.departed).as_millis_f64()));
    }
    if let Some(remark) = arrow.remark {
        told.push_str(&format!("\n{remark}"));
    }
    if arrow.again {
        told.push_str("\nholds a command that went out before");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from_left: bool, departed: u64, arrived: Option<u64>, label: &str) -> Arrow {
        let time = |millis: u64| Time(millis * 1_000_000);
        Arrow {
            from_left,
            departed: time(departed),
            arrived: arrived.map(time),
            remark: if arrived.is_none() { Some("lost") } else { None },
            labels: vec![label.to_owned()],
            again: false,
            len: 110,
        }
    }

    fn window(arrows: Vec<Arrow>) -> Window {
        Window { left: "client <1>".to_owned(), right: "server".to_owned(), arrows }
    }

    #[test]
    fn lost_datagrams_end_in_a_cross_and_names_are_escaped() {
        let arrows = vec![arrow(true, 100, Some(140), "REL 1"), arrow(true, 110, None, "REL 2")];
        let svg = chart("c", &window(arrows)).unwrap();
        assert_eq!(svg.matches("class=\"x\"").count(), 1);
        assert_eq!(svg.matches("class=\"p\"").count(), 1);
        assert!(svg.contains("client &lt;1&gt;"));
        assert!(svg.contains(">lost</text>"));
    }

    #[test]
    fn labels_of_one_side_never_overlap() {
        let arrows: Vec<Arrow> = (0..20).map(|_| arrow(false, 100, Some(140), "ACK 1")).collect();
        let window = window(arrows);
        let clock = Clock { from: Time(0), until: Time(140_000_000), height: 300.0 };
        let placed = placed_labels(&window, &clock, false);
        assert!(placed.windows(2).all(|pair| pair[1].0 - pair[0].0 > LINE - 0.001));
    }

    #[test]
    fn neighbours_say_once_what_they_have_in_common() {
        let labels = ["ACK 17", "ACK 18", "REL 4", "CONNECT"].map(str::to_owned);
        assert_eq!(joined(&labels), "ACK 17, 18, REL 4, CONNECT");
    }

    #[test]
    fn labels_that_do_not_fit_are_counted() {
        let labels = ["REL 3563", "UNREL ch1 3563", "ACK 7"].map(str::to_owned);
        assert_eq!(fitting(&labels, 40), "REL 3563, UNREL ch1 3563, ACK 7");
        assert_eq!(fitting(&labels, 22), "REL 3563 +2");
        assert_eq!(fitting(&labels, 6), "REL 3…");
    }

    #[test]
    fn a_window_without_datagrams_is_no_chart() {
        assert_eq!(chart("c", &window(Vec::new())), None);
    }
}
