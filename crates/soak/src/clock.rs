use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The one clock of every record: time since this process first asked, monotonic.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no port here, and the processes under test keep real time"
)]
pub fn now() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
