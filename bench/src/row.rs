//! [`Row`]: one line of the matrix: what is done, by whom, and what the goal is.

/// One kind of work that several subjects do.
pub struct Row {
    /// Short and unique, as in `--rows`: `echo-64`, `memory-broadcast-512`.
    pub id: &'static str,
    /// What is done, in a few words.
    pub title: &'static str,
    /// What a figure counts: `ns/message`, `ns/byte`, `B/peer`, `instructions/message`. Less is always better.
    pub unit: &'static str,
    /// C's figure divided by ours must be at least this.
    pub goal: Option<f64>,
    /// Goals of another kind: ours must be at most this, in the row's unit.
    pub limit: Option<f64>,
    /// What the figures do not say, for the footnotes.
    pub note: &'static str,
    /// Who does it. The first is ours.
    pub subjects: Vec<Box<dyn Subject>>,
}

/// Somebody who can do a row's work.
pub trait Subject {
    /// `ours`, `c`, `rusty`, `renet`, `quinn`; for servers with foreign clients `ours (C client)` and so on: the part before
    /// the space is what `--vs` selects.
    fn name(&self) -> &str;

    /// Does the work once, set-up excluded, and gives the figure in the row's unit. `scale` is 1.0 for a full run and less
    /// for a quick one; the work done should be proportional to it. An error says what was missing or lost.
    fn run(&mut self, scale: f64) -> Result<f64, String>;
}
