//! Running the rows: subjects take turns, round by round, so that whatever disturbs the machine disturbs them alike.

use std::time::{Duration, Instant};

use crate::row::{Row, Subject};

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Of the work of a full run.
    pub scale: f64,
    /// Times each subject does a row.
    pub rounds: usize,
    /// Time for everything; when it runs short, rows get fewer rounds, but one at the least.
    pub time: Duration,
}

impl Effort {
    /// What the documentation's figures are made with.
    pub const FULL: Effort = Effort { scale: 1.0, rounds: 9, time: Duration::from_secs(540) };
    /// Enough to see what a change does.
    pub const QUICK: Effort = Effort { scale: 0.1, rounds: 5, time: Duration::from_secs(45) };
    /// Work of the run before the first round, which warms caches up and makes what lasts over all rounds.
    const WARM_UP: f64 = 0.1;
    /// A row may use so many times its share of what time is left: most rows need less than theirs.
    const GENEROUS: u32 = 4;
}

/// A row's outcome.
#[derive(Debug)]
pub struct Measured {
    /// [`Row::id`]
    pub row: &'static str,
    /// [`Row::title`]
    pub title: &'static str,
    /// [`Row::unit`]
    pub unit: &'static str,
    /// [`Row::goal`]
    pub goal: Option<f64>,
    /// [`Row::limit`]
    pub limit: Option<f64>,
    /// [`Row::note`]
    pub note: &'static str,
    /// In the row's order; ours first.
    pub subjects: Vec<Figures>,
}

/// What one subject did in a row.
#[derive(Debug)]
pub struct Figures {
    /// [`Subject::name`]
    pub subject: String,
    /// A figure of each round, in ascending order. Empty after a failure.
    pub sorted: Vec<f64>,
    /// Why it failed.
    pub failure: Option<String>,
}

impl Figures {
    /// The middle figure; `None` after a failure.
    pub fn median(&self) -> Option<f64> {
        let (half, odd) = (self.sorted.len() / 2, self.sorted.len() % 2 == 1);
        let upper = *self.sorted.get(half)?;
        if odd { Some(upper) } else { Some((self.sorted.get(half.checked_sub(1)?)? + upper) / 2.0) }
    }

    /// The least and the greatest.
    pub fn range(&self) -> Option<(f64, f64)> {
        Some((*self.sorted.first()?, *self.sorted.last()?))
    }
}

impl Measured {
    /// The figures of the first subject that is the C library.
    pub fn of_c(&self) -> Option<&Figures> {
        self.subjects.iter().find(|figures| implementation(&figures.subject) == "c")
    }

    /// Ours: the first subject.
    pub fn of_ours(&self) -> Option<&Figures> {
        self.subjects.first()
    }

    /// Whether ours reaches all that is asked of it.
    pub fn verdict(&self) -> Verdict {
        self.goal_verdict().and(self.limit_verdict())
    }

    /// Whether C takes so many times as long as it is to take.
    pub fn goal_verdict(&self) -> Verdict {
        let Some(goal) = self.goal else { return Verdict::Unasked };
        let of_c = self.of_c().filter(|c| c.sorted.len() >= Verdict::RUNS).and_then(Figures::median);
        self.judged(|ours| of_c.map(|c| c / ours >= goal))
    }

    /// Whether ours is as small as it is to be.
    pub fn limit_verdict(&self) -> Verdict {
        let Some(limit) = self.limit else { return Verdict::Unasked };
        self.judged(|ours| Some(ours <= limit))
    }

    /// What is thought of our median. Who fails has missed every goal.
    pub fn judged(&self, is_met: impl FnOnce(f64) -> Option<bool>) -> Verdict {
        let Some(ours) = self.of_ours() else { return Verdict::Open };
        match ours.median() {
            None => Verdict::Missed,
            Some(_) if ours.sorted.len() < Verdict::RUNS => Verdict::Open,
            Some(median) => is_met(median).map_or(Verdict::Open, Verdict::from),
        }
    }
}

/// Whether a goal is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is asked.
    Unasked,
    /// It cannot be said: there are too few runs, or there is nobody to compare with.
    Open,
    /// Yes.
    Met,
    /// No, or ours failed.
    Missed,
}

impl Verdict {
    /// Runs that it takes: of fewer, one that was disturbed could decide.
    pub const RUNS: usize = 3;

    /// Of two goals of one row.
    pub fn and(self, other: Verdict) -> Verdict {
        use Verdict::{Met, Missed, Open, Unasked};
        match (self, other) {
            (Missed, _) | (_, Missed) => Missed,
            (Open, _) | (_, Open) => Open,
            (Met, _) | (_, Met) => Met,
            (Unasked, Unasked) => Unasked,
        }
    }

    /// For programs: nothing where nothing is asked, and within it nothing where nothing can be said.
    pub fn known(self) -> Option<Option<bool>> {
        match self {
            Verdict::Unasked => None,
            Verdict::Open => Some(None),
            Verdict::Met => Some(Some(true)),
            Verdict::Missed => Some(Some(false)),
        }
    }
}

impl From<bool> for Verdict {
    fn from(is_met: bool) -> Verdict {
        if is_met { Verdict::Met } else { Verdict::Missed }
    }
}

/// Whose a subject is: `ours (C client)` is of `ours`.
pub fn implementation(subject: &str) -> &str {
    subject.split(' ').next().unwrap_or_default()
}

/// Does the rows. `tell` hears of every step.
pub fn measure(rows: Vec<Row>, effort: Effort, mut tell: impl FnMut(&str)) -> Vec<Measured> {
    let begin = Instant::now();
    let count = rows.len();
    let mut measured = Vec::with_capacity(count);
    for (number, row) in rows.into_iter().enumerate() {
        let left = effort.time.saturating_sub(begin.elapsed());
        let share = left / u32::try_from(count - number).unwrap_or(u32::MAX);
        tell(&format!("[{}/{count}] {}: {}", number + 1, row.id, row.title));
        measured.push(measure_row(
            row,
            Effort { time: left.min(share * Effort::GENEROUS), ..effort },
            &mut tell,
        ));
    }
    measured
}

fn measure_row(mut row: Row, effort: Effort, tell: &mut impl FnMut(&str)) -> Measured {
    let begin = Instant::now();
    let mut figures: Vec<Figures> = row.subjects.iter().map(|it| Figures::new(it.name())).collect();
    for round in 0..=effort.rounds {
        // One round is the least: without it there is nothing to show.
        if round > 1 && begin.elapsed() >= effort.time {
            tell(&format!("  {} rounds instead of {}: the time is up", round - 1, effort.rounds));
            break;
        }
        let scale = if round == 0 { effort.scale * Effort::WARM_UP } else { effort.scale };
        for (subject, figures) in row.subjects.iter_mut().zip(&mut figures) {
            figures.run(subject.as_mut(), scale, round > 0, tell);
        }
    }
    for figures in &mut figures {
        figures.sorted.sort_by(f64::total_cmp);
    }
    let Row { id, title, unit, goal, limit, note, .. } = row;
    Measured { row: id, title, unit, goal, limit, note, subjects: figures }
}

impl Figures {
    fn new(subject: &str) -> Figures {
        Figures { subject: subject.to_owned(), sorted: Vec::new(), failure: None }
    }

    /// A run, unless an earlier one has failed.
    fn run(&mut self, subject: &mut dyn Subject, scale: f64, counts: bool, tell: &mut impl FnMut(&str)) {
        if self.failure.is_some() {
            return;
        }
        match subject.run(scale) {
            Ok(figure) if counts => self.sorted.push(figure),
            Ok(_) => {}
            Err(reason) => {
                tell(&format!("  FAILED: {}: {reason}", self.subject));
                self.sorted.clear();
                self.failure = Some(reason);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Gives these figures, one a run; the first run is the warm-up.
    struct Scripted(&'static str, Vec<Result<f64, String>>);

    impl Subject for Scripted {
        fn name(&self) -> &str {
            self.0
        }

        fn run(&mut self, _: f64) -> Result<f64, String> {
            self.1.remove(0)
        }
    }

    pub(crate) fn scripted(id: &'static str, subjects: Vec<(&'static str, Vec<Result<f64, String>>)>) -> Row {
        let subjects =
            subjects.into_iter().map(|(name, script)| Box::new(Scripted(name, script)) as _).collect();
        let (title, unit, note) = ("echo <32> B", "ns/echo", "What it does not say.");
        Row { id, title, unit, goal: Some(2.5), limit: None, note, subjects }
    }

    fn ok<const N: usize>(figures: [f64; N]) -> Vec<Result<f64, String>> {
        figures.into_iter().map(Ok).collect()
    }

    fn rounds(rounds: usize) -> Effort {
        Effort { scale: 1.0, rounds, time: Duration::from_secs(60) }
    }

    #[test]
    fn medians_leave_the_warm_up_out() {
        let row =
            scripted("echo", vec![("ours", ok([999.0, 3.0, 1.0, 2.0])), ("c", ok([1.0, 4.0, 6.0, 50.0]))]);
        let measured = measure(vec![row], rounds(3), |_| ());
        assert_eq!(measured[0].of_ours().unwrap().median(), Some(2.0));
        assert_eq!(measured[0].of_ours().unwrap().range(), Some((1.0, 3.0)));
        assert_eq!(measured[0].verdict(), Verdict::Met, "6 are 3 times 2");
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        let row = scripted("echo", vec![("ours", ok([0.0, 4.0, 1.0, 9.0, 0.5]))]);
        let measured = measure(vec![row], rounds(4), |_| ());
        assert_eq!(measured[0].of_ours().unwrap().median(), Some(2.5));
        assert_eq!(measured[0].verdict(), Verdict::Open, "without C nothing can be said");
    }

    #[test]
    fn a_failed_subject_has_no_figure_and_the_others_go_on() {
        let failing = vec![Ok(1.0), Ok(1.0), Err("3 of 4 came".to_owned())];
        let row = scripted("echo", vec![("ours", failing), ("c", ok([1.0; 4]))]);
        let mut told = String::new();
        let measured = measure(vec![row], rounds(3), |line| told += line);
        assert_eq!(measured[0].of_ours().unwrap().median(), None);
        assert_eq!(measured[0].subjects[0].failure.as_deref(), Some("3 of 4 came"));
        assert_eq!(measured[0].subjects[1].sorted.len(), 3);
        assert_eq!(measured[0].verdict(), Verdict::Missed, "who fails reaches nothing");
        assert!(told.contains("FAILED: ours: 3 of 4 came"), "{told}");
    }

    #[test]
    fn fewer_than_three_runs_decide_nothing() {
        for (runs, expected) in [(1, Verdict::Open), (2, Verdict::Open), (3, Verdict::Met), (4, Verdict::Met)]
        {
            let mut row = scripted("echo", vec![("ours", ok([1.0; 5])), ("c", ok([3.0; 5]))]);
            row.limit = Some(1.5);
            let measured = measure(vec![row], rounds(runs), |_| ());
            assert_eq!(measured[0].goal_verdict(), expected, "{runs} runs");
            assert_eq!(measured[0].limit_verdict(), expected, "{runs} runs");
        }
    }

    #[test]
    fn a_row_with_two_goals_has_to_reach_both() {
        use Verdict::{Met, Missed, Open, Unasked};
        for (one, other, both) in
            [(Met, Unasked, Met), (Met, Missed, Missed), (Open, Missed, Missed), (Met, Open, Open)]
        {
            assert_eq!((one.and(other), other.and(one)), (both, both), "{one:?} {other:?}");
        }
        assert_eq!(Unasked.and(Unasked), Unasked);
    }

    #[test]
    fn a_row_gets_one_round_even_when_the_time_is_up() {
        let row = scripted("echo", vec![("ours", ok([1.0; 4]))]);
        let effort = Effort { time: Duration::ZERO, ..rounds(3) };
        assert_eq!(measure(vec![row], effort, |_| ())[0].subjects[0].sorted.len(), 1);
    }
}
