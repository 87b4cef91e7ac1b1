//! Reads that name a minimum version.
//!
//! Where the caches hold less than it, it drives a read on to the primary as `consistency=strong`
//! does, and the read counts as one of those. One that the caches answer, or that goes to the
//! primary because they hold nothing, does not.

use axum::response::{IntoResponse as _, Response};
use roster_app::{Answer, Dashboard, ForwardReason, Found, Freshness, TierStatus};
use roster_domain::UserVersion;

use crate::extract::Caller;
use crate::middleware::Guards;
use crate::problem::{Problem, ProblemType};

/// What a read of one user comes to.
pub(super) trait ReadOfUser {
    /// The user, if it is there, and what the caches did.
    fn answer(&self) -> Option<&Answer>;
}

impl ReadOfUser for Found {
    fn answer(&self) -> Option<&Answer> {
        match self {
            Self::User(answer) => Some(answer),
            Self::Absent(_) => None,
        }
    }
}

impl ReadOfUser for Dashboard {
    fn answer(&self) -> Option<&Answer> {
        Some(&self.user)
    }
}

/// Reads as fresh as is asked for, and counts the read when its minimum forced it. With the quota
/// used up a read goes as far as one without a minimum, and is refused when that is not enough.
pub(super) async fn at_least<T, R>(
    (guards, caller): (&Guards, &Caller),
    freshness: Freshness,
    read: impl Fn(Freshness) -> R + Send + Sync,
    respond: impl FnOnce(T) -> Result<Response, Problem> + Send,
) -> Response
where
    T: ReadOfUser + Send,
    R: Future<Output = Result<T, Problem>> + Send,
{
    let least = freshness.min_version;
    // A strong read has been counted before it came here.
    if freshness.strong || least == UserVersion::NONE {
        let answered = read(freshness).await.and_then(respond);
        return answered.unwrap_or_else(Problem::into_response);
    }
    match guards.charge_forced(caller) {
        Ok(mut charge) => {
            let outcome = read(freshness).await;
            let was_forced = is_forced(&outcome);
            let answered = outcome.and_then(respond);
            let mut response = answered.unwrap_or_else(Problem::into_response);
            if was_forced {
                charge.describe(response.headers_mut());
            } else {
                charge.give_back();
            }
            response
        }
        Err(exceeded) => {
            let outcome = read(Freshness::CACHED).await;
            if is_enough(&outcome, least) {
                let answered = outcome.and_then(respond);
                answered.unwrap_or_else(Problem::into_response)
            } else {
                Problem::from(exceeded).into_response()
            }
        }
    }
}

/// Whether a read went to the primary because of its minimum. That nobody is there only the
/// primary says where the caches cannot vouch for it at that version.
fn is_forced<T: ReadOfUser>(outcome: &Result<T, Problem>) -> bool {
    match outcome {
        Ok(read) => read.answer().is_none_or(|answer| {
            let tiers = [answer.trace.l1, answer.trace.l2];
            tiers.into_iter().flatten().any(is_passed_by)
        }),
        Err(problem) => problem.kind() != ProblemType::TemporaryReducedCapacity,
    }
}

fn is_passed_by(tier: TierStatus) -> bool {
    matches!(
        tier,
        TierStatus::Forwarded {
            reason: ForwardReason::Stale | ForwardReason::Request,
            ..
        }
    )
}

/// Whether a read that had no minimum says what one of this minimum would.
fn is_enough<T: ReadOfUser>(outcome: &Result<T, Problem>, least: UserVersion) -> bool {
    match outcome {
        Ok(read) => read
            .answer()
            .is_some_and(|answer| answer.user.version >= least),
        Err(problem) => problem.kind() != ProblemType::UserNotFound,
    }
}
