//! The page: one file, no scripts, nothing fetched.

use std::fmt::Write;

use super::{Report, number, times, yes_or_no};
use crate::measure::{Measured, implementation};

const STYLE: &str = "\
:root{color-scheme:light dark;--ours:#1a7f5a;--c:#8a5a2b;--rusty:#b7410e;--renet:#7a4fa3;--quinn:#2f6fb0;--dim:#8888}
body{font:15px/1.45 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.05rem;margin:1.8rem 0 .3rem}p,li{max-width:60rem}.dim{opacity:.7}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
td,th{padding:.15rem .6rem;text-align:right;border-bottom:1px solid var(--dim)}
td:nth-child(-n+2),th:nth-child(-n+2),td:nth-child(7),th:nth-child(7){text-align:left}tr.first td{border-top:2px solid var(--dim)}
.yes{color:#1a7f5a}.NO,.failed{color:#c0392b;font-weight:600}
svg{width:100%;height:auto;display:block}svg text{font:12px system-ui,sans-serif;fill:currentColor}
.wrap{overflow-x:auto}";

/// The page as text.
pub fn page(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>ENet benchmarks</title><style>{STYLE}</style></head><body>\n\
         <h1>ENet benchmarks</h1>\n<p>{}<br><code>{}</code></p>\n\
         <p>{}. Less is better everywhere. “C ÷ it” says how many times faster than the C \
         library a subject is, “it ÷ ours” how many times slower than ours; medians of interleaved runs.</p>\n",
        escaped(&report.machine.to_string()),
        escaped(&report.command),
        report.score(),
    );
    write_table(&mut page, report);
    page.push_str("<h1>Bars</h1>\n<p class=\"dim\">The bar is the median, the thin line reaches from the least to the greatest run.</p>\n");
    for row in &report.rows {
        write_bars(&mut page, row);
    }
    page.push_str("<h1>What the figures do not say</h1>\n<ul>\n");
    for (note, rows) in report.notes() {
        // Writing to a string does not fail.
        let _ = writeln!(page, "<li><b>{}</b>: {}</li>", escaped(&rows.join(", ")), escaped(note));
    }
    page.push_str("</ul>\n</body></html>\n");
    page
}

fn write_table(page: &mut String, report: &Report) {
    page.push_str(
        "<div class=\"wrap\"><table><tr><th>row<th>subject<th>median<th>min<th>max<th>runs<th>unit<th>it ÷ ours<th>C ÷ it<th>goal<th>met</tr>\n",
    );
    let mut last = "";
    for line in report.lines() {
        let first = line.row.row != last;
        last = line.row.row;
        let figure = |value: Option<f64>| value.map_or(String::new(), number);
        let median = match line.failure {
            Some(reason) => format!("<span class=\"failed\" title=\"{}\">FAILED</span>", escaped(reason)),
            None => figure(line.median),
        };
        let (least, greatest) = line.range.unzip();
        let met = yes_or_no(line.verdict);
        let _ = writeln!(
            page,
            "<tr{}><td title=\"{}\">{}<td>{}<td>{median}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td class=\"{met}\">{met}</tr>",
            if first { " class=\"first\"" } else { "" },
            escaped(line.row.title),
            if first { escaped(line.row.row) } else { String::new() },
            escaped(&line.subject),
            figure(least),
            figure(greatest),
            line.runs,
            line.row.unit,
            times(line.of_ours),
            times(line.ratio),
            line.goal,
        );
    }
    page.push_str("</table></div>\n<ul>\n");
    for relation in report.relations() {
        let met = yes_or_no(relation.verdict);
        let ratio = relation.ratio.map_or("FAILED".to_owned(), |ratio| format!("{ratio:.2}×"));
        let _ = writeln!(
            page,
            "<li>{}: {ratio} of {} (goal ≤ {}×: <span class=\"{met}\">{met}</span>)</li>",
            relation.row, relation.base, relation.at_most
        );
    }
    page.push_str("</ul>\n");
}

const LABEL: f64 = 150.0;
const WIDTH: f64 = 900.0;
const BAR: f64 = 22.0;

fn write_bars(page: &mut String, row: &Measured) {
    let greatest = row.subjects.iter().filter_map(|it| it.range()).map(|range| range.1).fold(0.0, f64::max);
    if greatest <= 0.0 {
        return;
    }
    let height = BAR * row.subjects.len() as f64;
    let _ = writeln!(
        page,
        "<h2>{} <span class=\"dim\">{}, {}</span></h2>\n<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">",
        escaped(row.row),
        escaped(row.title),
        row.unit
    );
    // Room for the figure behind the longest bar.
    let scale = (WIDTH - LABEL - 90.0) / greatest;
    for (index, subject) in row.subjects.iter().enumerate() {
        let top = BAR * index as f64;
        let base = top + 15.0;
        let name = escaped(&subject.subject);
        let _ = writeln!(page, "<text x=\"0\" y=\"{base}\">{name}</text>");
        let (Some(median), Some((least, most))) = (subject.median(), subject.range()) else {
            let _ = writeln!(page, "<text x=\"{LABEL}\" y=\"{base}\" class=\"failed\">failed</text>");
            continue;
        };
        let _ = writeln!(
            page,
            "<rect x=\"{LABEL}\" y=\"{:.0}\" width=\"{:.1}\" height=\"14\" fill=\"var(--{})\"/>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y}\" y2=\"{y}\" stroke=\"currentColor\"/>\
             <text x=\"{:.1}\" y=\"{base}\">{}</text>",
            top + 4.0,
            (median * scale).max(1.0),
            implementation(&subject.subject),
            LABEL + least * scale,
            LABEL + most * scale,
            LABEL + most * scale + 6.0,
            number(median),
            y = top + 11.0,
        );
    }
    page.push_str("</svg>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn the_page_is_whole_and_fetches_nothing() {
        let page = page(&report());
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        assert_eq!(page.matches("<svg").count(), 2);
        assert_eq!(page.matches("<rect").count(), 4);
        for outside in ["http", "src=", "url(", "<script", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn what_could_be_taken_for_markup_is_escaped() {
        let page = page(&report());
        assert!(page.contains("echo &lt;32&gt; B") && page.contains("a &lt;peer&gt; is lost"));
        assert!(!page.contains("<peer>"));
    }
}
