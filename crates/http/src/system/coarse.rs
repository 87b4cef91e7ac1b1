use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// The time that the kernel noted at its last tick: a read of memory, where the exact time is one
/// of the processor's counter as well.
#[derive(Debug)]
pub(super) struct CoarseClock {
    started: Duration,
}

impl CoarseClock {
    /// A clock that begins now.
    pub(super) fn new() -> Self {
        Self {
            started: since_boot(ClockId::Monotonic),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        since_boot(ClockId::MonotonicCoarse).saturating_sub(self.started)
    }
}

fn since_boot(clock: ClockId) -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    let seconds = Duration::from_secs(tv_sec.try_into().unwrap_or_default());
    seconds + Duration::from_nanos(tv_nsec.try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use rustix::time::clock_getres;

    use super::*;

    #[test]
    fn it_is_never_ahead_and_hardly_behind() {
        let resolution = clock_getres(ClockId::MonotonicCoarse);
        let tick = Duration::from_nanos(resolution.tv_nsec.try_into().unwrap());
        assert_eq!(resolution.tv_sec, 0);
        assert!(tick <= Duration::from_millis(10), "{tick:?}");
        // A tick is late itself when the processor was taken away, which spoils what is read just
        // then, and no more.
        let mut late = [0; 10];
        for late in &mut late {
            for _ in 0..10_000 {
                let before = since_boot(ClockId::Monotonic);
                let coarse = since_boot(ClockId::MonotonicCoarse);
                let after = since_boot(ClockId::Monotonic);
                assert!(coarse <= after);
                *late += u32::from(coarse + tick * 2 < before);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let in_time = late.iter().filter(|late| **late < 100).count();
        assert!(in_time >= 5, "late so many times in each batch: {late:?}");
    }
}
