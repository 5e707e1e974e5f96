//! [`Player`]: an implementation of hosts at work.

use super::hosts::crowd::Crowd;
use super::hosts::end::End;
use super::hosts::watch::Spent;
use super::hosts::work::Work;
use super::nanos;
use crate::row::Subject;

/// An implementation at work: the server's, whose clients may be of another one.
pub struct Player<C: End, S: End> {
    name: &'static str,
    work: Work,
    crowd: Crowd<C, S>,
}

impl<C: End, S: End> Player<C, S> {
    /// Nothing is done yet.
    pub fn new(name: &'static str, work: Work) -> Self {
        Player { name, work, crowd: None }
    }
}

impl<C: End, S: End> Subject for Player<C, S> {
    fn name(&self) -> &str {
        self.name
    }

    fn run(&mut self, scale: f64) -> Result<f64, String> {
        let units = (self.work.units() as f64 * scale) as u64;
        self.work.run(&mut self.crowd, nanos, units.max(1)).map(Spent::each)
    }
}

/// How one thing grows: [`Player`]'s figure for the first work, divided by that for the second.
pub struct Growth<E: End>(Player<E, E>, Player<E, E>);

impl<E: End> Growth<E> {
    /// Nothing is done yet.
    pub fn new(name: &'static str, large: Work, small: Work) -> Self {
        Growth(Player::new(name, large), Player::new(name, small))
    }
}

impl<E: End> Subject for Growth<E> {
    fn name(&self) -> &str {
        self.0.name
    }

    fn run(&mut self, scale: f64) -> Result<f64, String> {
        Ok(self.0.run(scale)? / self.1.run(scale)?)
    }
}
