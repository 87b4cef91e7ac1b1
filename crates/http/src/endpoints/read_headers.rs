//! What an answer says about the caches it came through.

use std::fmt::Write as _;

use axum::response::Response;
use http::{HeaderName, HeaderValue};
use roster_app::{Answer, ForwardReason, ReadTrace, StalenessBound, TierStatus};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
pub(super) const STALENESS_BOUND: HeaderName = HeaderName::from_static("staleness-bound");

/// Adds `Cache-Status` and `Staleness-Bound` of one user's read.
pub(super) fn describe_read(response: &mut Response, answer: &Answer) {
    let headers = response.headers_mut();
    if let Some(status) = cache_status(&answer.trace) {
        headers.insert(CACHE_STATUS, status);
    }
    headers.insert(STALENESS_BOUND, staleness_bound(answer.bound));
}

/// Adds the `Staleness-Bound` of several users: that of the oldest.
pub(super) fn describe_reads<'a>(
    response: &mut Response,
    answers: impl Iterator<Item = &'a Answer>,
) {
    let oldest = answers
        .map(|answer| answer.bound)
        .reduce(|one, other| match (one, other) {
            (StalenessBound::Proven(one), StalenessBound::Proven(other)) => {
                StalenessBound::Proven(one.max(other))
            }
            _ => StalenessBound::Unproven,
        });
    if let Some(bound) = oldest {
        response
            .headers_mut()
            .insert(STALENESS_BOUND, staleness_bound(bound));
    }
}

/// Seconds to the millisecond, rounded up because it is a bound.
pub(super) fn staleness_bound(bound: StalenessBound) -> HeaderValue {
    match bound {
        StalenessBound::Unproven => HeaderValue::from_static("unproven"),
        StalenessBound::Proven(age) if age.is_zero() => HeaderValue::from_static("0.000"),
        StalenessBound::Proven(age) => {
            let millis = age.as_nanos().div_ceil(1_000_000);
            value(format!("{}.{:03}", millis / 1_000, millis % 1_000))
        }
    }
}

/// RFC 9211: the cache nearest to the origin first. `None` where there is no cache.
fn cache_status(trace: &ReadTrace) -> Option<HeaderValue> {
    let mut text = String::new();
    for (name, status) in [("roster-l2", trace.l2), ("roster-l1", trace.l1)] {
        let Some(status) = status else { continue };
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(name);
        // Writing to a String cannot fail.
        let _ = match status {
            TierStatus::Hit { ttl } => write!(text, "; hit; ttl={}", ttl.as_secs()),
            TierStatus::Forwarded {
                reason,
                stored,
                collapsed,
            } => write!(
                text,
                "; fwd={}{}{}",
                forwarded(reason),
                if stored { "; stored" } else { "" },
                if collapsed { "; collapsed" } else { "" },
            ),
        };
    }
    (!text.is_empty()).then(|| value(text))
}

fn forwarded(reason: ForwardReason) -> &'static str {
    match reason {
        ForwardReason::Miss => "miss",
        ForwardReason::Stale => "stale",
        ForwardReason::Request => "request",
        ForwardReason::Bypass => "bypass",
    }
}

/// The text is ASCII made here.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("unproven"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn tiers_are_listed_from_the_origin_on() {
        let status = |l2, l1| {
            cache_status(&ReadTrace { l1, l2 }).map(|value| value.to_str().unwrap().to_owned())
        };
        let hit = Some(TierStatus::Hit {
            ttl: Duration::from_millis(3_412_900),
        });
        let fwd = |reason, stored, collapsed| {
            Some(TierStatus::Forwarded {
                reason,
                stored,
                collapsed,
            })
        };
        let miss = ForwardReason::Miss;
        assert_eq!(status(None, hit).unwrap(), "roster-l1; hit; ttl=3412");
        assert_eq!(
            status(fwd(miss, false, false), fwd(miss, true, true)).unwrap(),
            "roster-l2; fwd=miss, roster-l1; fwd=miss; stored; collapsed"
        );
        assert_eq!(
            status(hit, fwd(miss, false, false)).unwrap(),
            "roster-l2; hit; ttl=3412, roster-l1; fwd=miss"
        );
        assert_eq!(
            status(fwd(ForwardReason::Bypass, false, true), None).unwrap(),
            "roster-l2; fwd=bypass; collapsed"
        );
        assert_eq!(
            status(fwd(ForwardReason::Request, true, false), None).unwrap(),
            "roster-l2; fwd=request; stored"
        );
        assert_eq!(
            status(fwd(ForwardReason::Stale, true, false), None).unwrap(),
            "roster-l2; fwd=stale; stored"
        );
        assert_eq!(status(None, None), None);
    }

    #[test]
    fn a_bound_is_never_rounded_down() {
        let bound = |micros| staleness_bound(StalenessBound::Proven(Duration::from_micros(micros)));
        assert_eq!(bound(0), "0.000");
        assert_eq!(bound(1), "0.001");
        assert_eq!(bound(180_000), "0.180");
        assert_eq!(bound(61_000_001), "61.001");
        assert_eq!(staleness_bound(StalenessBound::Unproven), "unproven");
    }
}
