//! How fast an attack goes: as fast as the victim takes it, or at a rate of its own.

use std::time::{Duration, Instant};

use crate::victim::Victim;

/// Bytes between two looks at the victim's queue.
const LOOK: usize = 16_000;

/// Datagrams that a steady flood may be late with; what it misses beyond, it does not make up for. Networks are no more
/// even than that, and a victim's buffer holds ten times as many.
const BURST: f64 = 64.0;

/// Bytes, with the kernel's overhead, that may wait in the victim's socket: less than half of what it holds.
const WAITING: u64 = 150_000;

/// Sends `count` datagrams, whose lengths `send` gives back, waiting wherever the victim falls behind, so that none is lost. (An attacker who cannot see
/// the queue sends slower instead.)
pub(crate) fn gently(
    victim: &Victim,
    count: u32,
    mut send: impl FnMut(u32) -> Result<usize, String>,
) -> Result<(), String> {
    let mut since = 0;
    for number in 0..count {
        if since >= LOOK {
            since = 0;
            let end = Instant::now() + Duration::from_secs(10);
            while victim.queue().waiting > WAITING {
                if Instant::now() > end {
                    return Err("the victim has taken nothing for ten seconds".to_owned());
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        // The kernel's own, or some of it.
        since += send(number)? + 200;
    }
    Ok(())
}

/// Sends for `time` at `rate` a second, or as fast as the machine can; how many were sent.
pub(crate) fn steadily(
    rate: f64,
    time: Duration,
    mut send: impl FnMut(u32) -> Result<usize, String>,
) -> Result<u32, String> {
    let start = Instant::now();
    let (mut sent, mut missed) = (0, 0.0);
    loop {
        let elapsed = start.elapsed();
        if elapsed >= time {
            return Ok(sent);
        }
        let late = elapsed.as_secs_f64() * rate - missed - f64::from(sent);
        if late < 1.0 {
            std::thread::sleep(Duration::from_micros(100));
            continue;
        }
        missed += (late - BURST).max(0.0);
        for _ in 0..16 {
            send(sent)?;
            sent += 1;
        }
    }
}

/// What a victim did with a flood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flood {
    pub(crate) sent: u32,
    /// By the kernel, because the victim did not come for them.
    pub(crate) dropped: u64,
    pub(crate) seconds: f64,
    /// Processor time of the victim.
    pub(crate) busy: Duration,
}

impl Flood {
    /// Floods for `time` and lets the victim take what is left.
    pub(crate) fn of(
        victim: &mut Victim,
        rate: f64,
        time: Duration,
        send: impl FnMut(u32) -> Result<usize, String>,
    ) -> Result<Flood, String> {
        let (busy, queue, start) = (victim.processor_time()?, victim.queue(), Instant::now());
        let sent = steadily(rate, time, send)?;
        victim.drain();
        let seconds = start.elapsed().as_secs_f64();
        let busy = victim.processor_time()?.saturating_sub(busy);
        Ok(Flood { sent, dropped: victim.queue().drops - queue.drops, seconds, busy })
    }

    /// Datagrams that the victim received.
    pub(crate) fn taken(&self) -> f64 {
        (u64::from(self.sent).saturating_sub(self.dropped)) as f64
    }

    /// Of them, a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.taken() / self.seconds
    }

    /// Microseconds of processor time for each.
    pub(crate) fn cost(&self) -> f64 {
        self.busy.as_secs_f64() * 1e6 / self.taken().max(1.0)
    }
}
