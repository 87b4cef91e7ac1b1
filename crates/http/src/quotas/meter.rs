use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter, clock};
use http::{HeaderValue, header};
use metrics::Counter;
use quick_cache::sync::Cache;
use roster_domain::ports::Clock;

use super::{RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::metrics::Metrics;
use crate::problem::{Problem, ProblemType};
use crate::settings::Rate;

/// One quota, for every caller.
///
/// Callers are kept in a cache of a fixed size, and not in a map that grows with whoever comes:
/// what falls out of it is a caller that has not been seen for long, whose quota is whole again.
pub(super) struct Meter {
    name: &'static str,
    rate: Rate,
    policy: HeaderValue,
    callers: Cache<u64, Arc<Bucket>>,
    clock: PortClock,
    exceeded: Counter,
}

/// What one caller has left.
struct Bucket {
    limiter: RateLimiter<NotKeyed, InMemoryState, PortClock, StateInformationMiddleware>,
    /// What was given back; together with the rest never more than the quota.
    returned: AtomicU32,
}

/// One request that was counted.
pub(super) struct Taken<'a> {
    meter: &'a Meter,
    bucket: Arc<Bucket>,
    left: u32,
}

/// One request too many.
pub(crate) struct Exceeded<'a> {
    meter: &'a Meter,
    wait: Duration,
}

#[derive(Clone)]
struct PortClock(Arc<dyn Clock>);

impl clock::Clock for PortClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.coarse()
    }
}

impl Meter {
    /// How many callers are remembered: some ten megabytes.
    const CALLERS: usize = 65_536;

    pub(super) fn new(
        name: &'static str,
        rate: Rate,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let policy = format!("\"{name}\";q={};w={}", rate.requests, rate.seconds);
        Self {
            name,
            rate,
            // Letters, digits and punctuation of ASCII are a header's value.
            policy: HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("")),
            callers: Cache::new(Self::CALLERS),
            clock: PortClock(clock),
            exceeded: metrics.quota_exceeded(name),
        }
    }

    /// Counts one request of a caller.
    pub(super) fn take(&self, caller: u64) -> Result<Taken<'_>, Exceeded<'_>> {
        let bucket = self.bucket(caller);
        let left = match bucket.limiter.check() {
            Ok(state) => bucket.left(self.rate, &state),
            Err(until) => {
                if let Some(left) = bucket.take_returned() {
                    left
                } else {
                    let now = clock::Clock::now(&self.clock);
                    return Err(Exceeded {
                        meter: self,
                        wait: until.wait_time_from(now),
                    });
                }
            }
        };
        Ok(Taken {
            meter: self,
            bucket,
            left,
        })
    }

    fn bucket(&self, caller: u64) -> Arc<Bucket> {
        if let Some(bucket) = self.callers.get(&caller) {
            return bucket;
        }
        // Two first requests at once may each make one; the quota is not a matter of one request.
        let bucket = Arc::new(Bucket {
            limiter: RateLimiter::new(
                quota(self.rate),
                InMemoryState::default(),
                self.clock.clone(),
            ),
            returned: AtomicU32::new(0),
        });
        self.callers.insert(caller, Arc::clone(&bucket));
        bucket
    }

    fn refusal(&self, wait: Duration) -> Problem {
        self.exceeded.increment(1);
        let seconds = whole_seconds(wait).max(1);
        let detail = format!(
            "The quota \"{}\" of {} requests in {} s is used up.",
            self.name, self.rate.requests, self.rate.seconds
        );
        Problem::new(ProblemType::QuotaExceeded, detail)
            .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
            .with_header(RATE_LIMIT_POLICY, self.policy.clone())
            .with_header(RATE_LIMIT, self.left(0, u64::from(self.rate.seconds)))
    }

    fn left(&self, left: u32, seconds: u64) -> HeaderValue {
        let text = format!("\"{}\";r={left};t={seconds}", self.name);
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
    }
}

impl Bucket {
    /// What is left after a request that the limiter counted.
    fn left(&self, rate: Rate, state: &StateSnapshot) -> u32 {
        let quota = rate.requests.get();
        let fresh = state.remaining_burst_capacity().min(quota - 1);
        let room = quota - 1 - fresh;
        let kept = self.returned.fetch_min(room, Ordering::Relaxed).min(room);
        fresh + kept
    }

    /// Takes one of those that were given back, and answers how many are left.
    fn take_returned(&self) -> Option<u32> {
        self.returned
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                count.checked_sub(1)
            })
            .ok()
            .map(|before| before - 1)
    }
}

impl From<Exceeded<'_>> for Problem {
    /// Refuses the request, which is counted.
    fn from(exceeded: Exceeded<'_>) -> Self {
        exceeded.meter.refusal(exceeded.wait)
    }
}

impl Taken<'_> {
    pub(super) fn give_back(&mut self) {
        self.bucket.returned.fetch_add(1, Ordering::Relaxed);
        self.left += 1;
    }

    /// What the quota is.
    pub(super) fn policy(&self) -> HeaderValue {
        self.meter.policy.clone()
    }

    /// What is left of it, and after how many seconds all of it is there again.
    pub(super) fn left(&self) -> HeaderValue {
        let Rate { requests, seconds } = self.meter.rate;
        let used = u64::from(requests.get().saturating_sub(self.left));
        let whole_in = (used * u64::from(seconds)).div_ceil(u64::from(requests.get()));
        self.meter.left(self.left, whole_in)
    }
}

/// One request more after each of as many equal parts of the window, up to all of them.
fn quota(rate: Rate) -> Quota {
    let window = Duration::from_secs(u64::from(rate.seconds));
    // A rate has at least one request in at least one second, at most a million.
    Quota::with_period(window / rate.requests.get())
        .unwrap_or(Quota::per_second(NonZeroU32::MIN))
        .allow_burst(rate.requests)
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
