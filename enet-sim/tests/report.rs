//! The report as a file: what is in it, and that the same runs give the same bytes.

mod report_data;

use enet_sim::report::{html, table};

#[test]
fn the_same_runs_give_the_same_bytes() {
    assert_eq!(html(&report_data::scenarios()), html(&report_data::scenarios()));
}

#[test]
fn every_scenario_has_its_texts_numbers_and_plots() {
    let page = html(&report_data::scenarios());
    for part in [
        "<h2>lossy-5</h2>",
        "Every twentieth datagram is lost",
        "99 of 100 reliable ones within 300 ms",
        "<th>ours→<wbr>ours</th><th>c→<wbr>c</th><th>rusty→<wbr>rusty</th><th>mixed→<wbr>mixed</th>",
        "id=\"s0-cdf\"",
        "id=\"s0-time\"",
        "id=\"s0-rtt\"",
        "id=\"s0-seq0\"",
        "99.9 % (p99.9)",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn runs_that_were_the_same_are_said_to_be_and_share_a_chart() {
    let page = html(&report_data::scenarios());
    assert!(page.contains("Datagrams one by one, rusty→rusty, mixed→mixed</h3>"));
    assert!(page.contains("rusty→rusty, mixed→mixed: runs with the same trace hash"));
    assert!(page.contains("Datagrams one by one, ours→ours</h3>"));
}

#[test]
fn names_are_never_markup() {
    let page = html(&report_data::scenarios());
    assert!(page.contains("&lt;wild&gt; &amp; &quot;odd&quot;"));
    assert!(!page.contains("<wild>"));
    assert!(!page.contains("<b>delays</b>"));
    assert!(!page.contains("<above>"));
}

#[test]
fn nothing_is_fetched_from_anywhere_and_nothing_runs() {
    let page = html(&report_data::scenarios());
    for part in ["http:", "https:", "<script", "<link", "@import", "url(", "src="] {
        assert!(!page.contains(part), "{part}");
    }
}

#[test]
fn three_scenarios_take_less_than_400_kilobytes() {
    let page = html(&report_data::scenarios());
    assert!(page.len() < 400_000, "{}", page.len());
}

#[test]
fn a_report_and_a_table_of_nothing_are_still_whole() {
    let page = html(&[]);
    assert!(page.ends_with("</html>\n"));
    assert_eq!(table(&[]).lines().count(), 2);
}
