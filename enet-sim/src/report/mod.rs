//! What people see of runs: a text table ([`table`]) and one self-contained HTML file ([`html`]).

mod html;
mod number;
mod plots;
mod recovery;
mod scale;
mod sequence;
mod svg;
mod table;

pub use html::html;
pub use recovery::{recovery_html, recovery_svg};
pub use table::table;

use crate::log::Window;
use crate::measure::{RunRecord, Series};

/// A scenario and its runs, as the report shows them.
#[derive(Debug, Clone)]
pub struct ScenarioReport {
    /// Its name.
    pub name: String,
    /// What its network is like.
    pub about: String,
    /// What a good result looks like.
    pub good: String,
    /// Its runs, best one per pairing: numbers, plots, and a window of the log for the sequence chart.
    pub runs: Vec<(RunRecord, Series, Option<Window>)>,
}
