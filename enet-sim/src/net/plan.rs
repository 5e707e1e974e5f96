//! [`Plan`]: which link lies between which hosts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::scenario::link::LinkSpec;

/// A link for every direction. Host 0 is the server: up is from any host to one with a smaller number.
#[derive(Debug, Clone)]
pub struct Plan {
    up: Arc<LinkSpec>,
    down: Arc<LinkSpec>,
    others: BTreeMap<(usize, usize), Arc<LinkSpec>>,
    healed: bool,
}

impl Plan {
    /// One link for the directions up, one for those down.
    pub fn new(up: impl Into<Arc<LinkSpec>>, down: impl Into<Arc<LinkSpec>>) -> Self {
        Plan { up: up.into(), down: down.into(), others: BTreeMap::new(), healed: false }
    }

    /// The same link for all directions.
    pub fn same(link: impl Into<Arc<LinkSpec>>) -> Self {
        let link = link.into();
        Plan::new(Arc::clone(&link), link)
    }

    /// Another link for one direction.
    #[must_use]
    pub fn with(mut self, from: usize, to: usize, link: impl Into<Arc<LinkSpec>>) -> Self {
        self.set(from, to, link.into());
        self
    }

    /// The link from one host to another.
    pub fn link(&self, from: usize, to: usize) -> Arc<LinkSpec> {
        let usual = if to < from { &self.up } else { &self.down };
        let link = self.others.get(&(from, to)).unwrap_or(usual);
        if self.healed { Arc::new(link.healed()) } else { Arc::clone(link) }
    }

    pub(crate) fn set(&mut self, from: usize, to: usize, link: Arc<LinkSpec>) {
        self.others.insert((from, to), link);
    }

    /// From now on all links are what is left of them when the network is healed.
    pub(crate) fn heal(&mut self) {
        self.healed = true;
    }
}
