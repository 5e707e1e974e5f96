//! [`Waker`]: what ends a wait from another thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends the wait of a [`Service::service`](crate::Service::service) call from another thread: the call gives its event,
/// or `None` early.
///
/// Wakes are not counted: one or many before the call looks end one wait.
///
/// ```
/// use std::time::{Duration, Instant};
/// use enet_mio::{HostConfig, Service, random_seed};
/// let mut service = Service::bind("127.0.0.1:*", HostConfig::new(random_seed()?))?;
/// let waker = service.waker();
/// let start = Instant::now();
/// std::thread::spawn(move || waker.wake());
/// assert_eq!(service.service(Duration::from_secs(60))?, None);
/// assert!(start.elapsed() < Duration::from_secs(30));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Waker {
    poll: Arc<mio::Waker>,
    /// Whether somebody wants the wait to end, and not only its host to look for orders.
    wanted: Arc<AtomicBool>,
}

impl Waker {
    pub(crate) fn new(poll: Arc<mio::Waker>) -> Waker {
        Waker { poll, wanted: Arc::default() }
    }

    /// Ends the wait.
    ///
    /// # Errors
    ///
    /// The system refused; the wait goes on.
    pub fn wake(&self) -> io::Result<()> {
        self.wanted.store(true, Ordering::Release);
        self.poll.wake()
    }

    /// Has the waiting thread look for orders, and wait on.
    pub(crate) fn nudge(&self) -> io::Result<()> {
        self.poll.wake()
    }

    /// Whether a wake since the last time was to end the wait.
    pub(crate) fn take_wanted(&self) -> bool {
        self.wanted.swap(false, Ordering::AcqRel)
    }
}
