//! The report in a real browser: everything is there, has a size, and no text lies over another.
//!
//! Needs Chromium or Chrome (`CHROMIUM=/path` names one). Without, the tests say so and pass, but not where `CI=true`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod report_data;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const NAMES: [&str; 5] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"];

/// Measures the page and leaves the result in an attribute of its body. The report itself has no script.
const PROBE: &str = r#"<script>
let errors = 0;
addEventListener('error', () => errors++);
addEventListener('load', () => {
  const box = element => element.getBoundingClientRect();
  const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
  const overlap = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2;
  const charts = [...document.querySelectorAll('figure > svg')].map(svg => {
    const texts = [...svg.querySelectorAll('text:not(.r)')].map(text => ({ said: text.textContent, box: box(text) }));
    const over = [], outside = [];
    texts.forEach((one, i) => {
      if (!inside(one.box, box(svg))) outside.push(one.said);
      texts.slice(i + 1).forEach(two => { if (overlap(one.box, two.box)) over.push(one.said + ' | ' + two.said); });
    });
    // A title above a panel or a number beside it must not lie in the area that is drawn on.
    svg.querySelectorAll('rect.h').forEach(rect => texts.forEach(text => {
      const [r, t] = [box(rect), text.box];
      if (text.said.endsWith('%') && !text.said.includes(' let ') && overlap(r, t)) over.push(text.said + ' | plot');
    }));
    const drawn = [...svg.querySelectorAll('path.l,path.d,g.w path')].filter(path => box(path).width + box(path).height > 0).length;
    return { id: svg.id, width: box(svg).width, height: box(svg).height, texts: texts.length, drawn, over, outside };
  });
  document.body.dataset.probe = JSON.stringify({
    errors, charts, wide: document.documentElement.scrollWidth, room: innerWidth,
    sections: document.querySelectorAll('section').length,
    headings: [...document.querySelectorAll('h2')].map(heading => heading.textContent),
    rows: document.querySelectorAll('table.runs tr').length,
    titles: document.querySelectorAll('svg rect.h > title').length,
  });
});
</script>"#;

/// A browser, or `None` and the reason on the standard output.
fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named.or_else(|| {
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        NAMES
            .iter()
            .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
            .find(|file| file.is_file())
    });
    if found.is_none() {
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!ci, "no browser in PATH, where one is required (CI=true); looked for {NAMES:?}");
        println!("skipped: no browser in PATH; looked for {NAMES:?}");
    }
    found
}

/// A folder of its own for a test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs the browser on a page; what it wrote to its standard output.
fn browse(browser: &Path, folder: &Path, page: &Path, width: u32, what: &[&str]) -> String {
    let written = folder.join("out.txt");
    let mut child = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("--window-size={width},4000"))
        .args(what)
        .arg(format!("file://{}", page.display()))
        .stdout(File::create(&written).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > Duration::from_secs(90) {
            child.kill().unwrap();
            panic!("the browser did not finish within 90 s");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status}");
    fs::read_to_string(&written).unwrap()
}

fn probe(width: u32) -> Option<Value> {
    let browser = browser()?;
    let folder = folder(&format!("browser-{width}"));
    let page = folder.join("report.html");
    let report = enet_sim::report::html(&report_data::scenarios());
    fs::write(&page, report.replace("</head>", &format!("{PROBE}</head>"))).unwrap();
    let dom = browse(&browser, &folder, &page, width, &["--dump-dom"]);
    let (_, rest) = dom.split_once("data-probe=\"").expect("the probe ran");
    let (json, _) = rest.split_once('"').unwrap();
    let json = json.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    Some(serde_json::from_str(&json).unwrap())
}

fn check(width: u32) {
    let Some(found) = probe(width) else { return };
    assert_eq!(found["errors"], 0);
    assert_eq!(found["sections"], 3);
    assert_eq!(found["headings"], serde_json::json!(["lossy-5", "lan", "<wild> & \"odd\""]));
    assert!(found["wide"].as_f64() <= found["room"].as_f64(), "the page is wider than the window: {found}");
    assert!(found["rows"].as_u64().unwrap() > 60, "{found}");
    assert!(found["titles"].as_u64().unwrap() > 200, "{found}");
    let charts = found["charts"].as_array().unwrap();
    // Three of each scenario, and the windows: three, as two runs share one, one, one.
    assert_eq!(charts.len(), 3 * 3 + 5);
    for chart in charts {
        assert!(chart["width"].as_f64().unwrap() > 300.0, "{chart}");
        assert!(chart["height"].as_f64().unwrap() > 150.0, "{chart}");
        assert!(chart["texts"].as_u64().unwrap() > 4, "{chart}");
        assert!(chart["drawn"].as_u64().unwrap() > 0, "{chart}");
        assert_eq!(chart["over"], serde_json::json!([]), "text over text in {}", chart["id"]);
        assert_eq!(chart["outside"], serde_json::json!([]), "text cut off in {}", chart["id"]);
    }
}

#[test]
fn on_a_wide_screen_everything_is_there_and_nothing_overlaps() {
    check(1_200);
}

#[test]
fn on_a_narrow_screen_everything_is_there_and_nothing_overlaps() {
    check(480);
}

#[test]
fn a_screenshot_shows_something() {
    let Some(browser) = browser() else { return };
    let folder = folder("browser-shot");
    let (page, shot) = (folder.join("report.html"), folder.join("report.png"));
    fs::write(&page, enet_sim::report::html(&report_data::scenarios())).unwrap();
    browse(&browser, &folder, &page, 1_200, &[&format!("--screenshot={}", shot.display())]);
    let png = fs::read(&shot).unwrap();
    assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
    assert_eq!(u32::from_be_bytes(png[16..20].try_into().unwrap()), 1_200);
    // An empty page of this size compresses to a tenth of that.
    assert!(png.len() > 100_000, "{}", png.len());
}
