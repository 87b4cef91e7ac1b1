//! The caches as an operator sees them. The command `cache` reads what the routes write.

use std::time::Duration;

use roster_app::{CacheOverview, Held, L1Overview, SharedOverview, StalenessBound};
use roster_domain::UserVersion;
use serde::{Deserialize, Serialize};

/// Which caches stand in front of the users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CacheMode {
    /// One in this process, which is the only writer.
    Embedded,
    /// None: each read goes to the database, equal ones as one.
    Coalescing,
    /// One in this process, and Redis behind it.
    Shared,
}

/// The caches of this process; everything is counted since its start.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct CacheStatus {
    /// Which caches there are: `embedded` one in this process, `coalescing` none, `shared` one in
    /// this process and Redis behind it.
    pub(crate) mode: CacheMode,
    /// Reads of users by the tier that answered.
    pub(crate) answers: TierAnswers,
    /// Cached answers that came without a bound on their age.
    #[schema(example = 0)]
    pub(crate) unproven: u64,
    /// The cache in this process; null where there is none.
    pub(crate) l1: Option<NearCacheStatus>,
    /// The shared cache; null where there is none.
    pub(crate) shared: Option<SharedCacheStatus>,
}

/// Reads of users by the tier that answered.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct TierAnswers {
    /// From the cache in this process.
    pub(crate) l1: TierShare,
    /// From the shared cache.
    pub(crate) l2: TierShare,
    /// From the database.
    pub(crate) database: TierShare,
}

/// What one tier answered.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct TierShare {
    /// How many reads.
    #[schema(example = 12)]
    pub(crate) count: u64,
    /// Their share of all reads, 0 to 1; null while there were none.
    #[schema(required = true, example = 0.75)]
    pub(crate) share: Option<f64>,
}

/// The cache in this process.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct NearCacheStatus {
    /// Entries, those included that are void and not yet replaced.
    #[schema(example = 4)]
    pub(crate) entries: u64,
    /// Their octets, as reckoned.
    #[schema(example = 2_316)]
    pub(crate) octets: u64,
    /// How many octets it may hold.
    #[schema(example = 67_108_864)]
    pub(crate) capacity: u64,
}

/// The shared cache, and what keeps it right.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct SharedCacheStatus {
    /// Whether a connection is there that tells of changes. Nothing is kept in this process
    /// without it.
    #[schema(example = true)]
    pub(crate) tracked: bool,
    /// How old a cached answer may be just now, in seconds; null while nothing shows it.
    #[schema(required = true, example = 0.18)]
    pub(crate) bound_seconds: Option<f64>,
    /// How far the watermark was behind when it was read last, in seconds; null when that proved
    /// nothing.
    #[schema(required = true, example = 0.102)]
    pub(crate) watermark_behind_seconds: Option<f64>,
    /// How old the oldest change was that the last round of this process's relay found
    /// undelivered, in seconds, 0 when there was none; null while another process's relay looks.
    #[schema(required = true, example = 0)]
    pub(crate) relay_lag_seconds: Option<f64>,
    /// Changes that this process's relay delivered.
    #[schema(example = 5)]
    pub(crate) relayed: u64,
    /// Rounds of this process's relay that ended early.
    #[schema(example = 0)]
    pub(crate) relay_failures: u64,
    /// Invalidations of this process that Redis has not acknowledged yet.
    #[schema(example = 0)]
    pub(crate) pending_invalidations: u64,
}

/// What a tier holds for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HeldState {
    /// Nothing.
    Nothing,
    /// The user.
    Value,
    /// That there is no such user.
    Absent,
    /// That every version below the floor is stale.
    Floor,
    /// That somebody is loading.
    Leased,
    /// It did not answer.
    Unavailable,
}

/// One tier for one user.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct HeldUser {
    /// `nothing`; `value`, the user; `absent`, that there is no such user; `floor`, that every
    /// version below the floor is stale; `leased`, that somebody is loading; `unavailable` when
    /// it did not answer.
    pub(crate) state: HeldState,
    /// The user's version; with `value` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false, minimum = 1, example = 3)]
    pub(crate) version: Option<u64>,
    /// Every version below it is stale; with `floor`, and with `leased` when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false, minimum = 1)]
    pub(crate) floor: Option<u64>,
    /// For how many seconds the value is still kept; with `value` in a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false, example = 52)]
    pub(crate) ttl_seconds: Option<u64>,
}

impl From<CacheOverview> for CacheStatus {
    fn from(overview: CacheOverview) -> Self {
        let mode = match (&overview.shared, &overview.l1) {
            (Some(_), _) => CacheMode::Shared,
            (None, Some(_)) => CacheMode::Embedded,
            (None, None) => CacheMode::Coalescing,
        };
        let all = overview.answers.iter().sum();
        let [l1, l2, database] = overview.answers.map(|count| TierShare {
            count,
            share: share(count, all),
        });
        Self {
            mode,
            answers: TierAnswers { l1, l2, database },
            unproven: overview.unproven,
            l1: overview.l1.map(NearCacheStatus::from),
            shared: overview.shared.map(SharedCacheStatus::from),
        }
    }
}

impl From<L1Overview> for NearCacheStatus {
    fn from(l1: L1Overview) -> Self {
        Self {
            entries: l1.entries,
            octets: l1.octets,
            capacity: l1.capacity,
        }
    }
}

impl From<SharedOverview> for SharedCacheStatus {
    fn from(shared: SharedOverview) -> Self {
        let bound = match shared.bound {
            StalenessBound::Proven(bound) => Some(bound),
            StalenessBound::Unproven => None,
        };
        Self {
            tracked: shared.tracked,
            bound_seconds: bound.map(seconds),
            watermark_behind_seconds: shared.watermark_behind.map(seconds),
            relay_lag_seconds: shared.relay_lag.map(seconds),
            relayed: shared.relayed,
            relay_failures: shared.relay_failures,
            pending_invalidations: shared.pending,
        }
    }
}

impl From<Held> for HeldUser {
    fn from(held: Held) -> Self {
        match held {
            Held::Nothing => Self::bare(HeldState::Nothing),
            Held::Value { version, ttl } => Self {
                ttl_seconds: Some(ttl.as_secs()),
                ..Self::value(version)
            },
            Held::Absent => Self::bare(HeldState::Absent),
            Held::Floor(floor) => Self::floored(HeldState::Floor, floor),
            Held::Leased { floor } => Self::floored(HeldState::Leased, floor),
        }
    }
}

impl HeldUser {
    /// A state and nothing more.
    pub(crate) const fn bare(state: HeldState) -> Self {
        Self {
            state,
            version: None,
            floor: None,
            ttl_seconds: None,
        }
    }

    /// The user at a version, for as long as it is there.
    pub(crate) const fn value(version: UserVersion) -> Self {
        Self {
            version: Some(version.get()),
            ..Self::bare(HeldState::Value)
        }
    }

    fn floored(state: HeldState, floor: UserVersion) -> Self {
        Self {
            floor: (floor != UserVersion::NONE).then(|| floor.get()),
            ..Self::bare(state)
        }
    }
}

/// To four digits; `None` of nothing.
fn share(count: u64, all: u64) -> Option<f64> {
    const WHOLE: u128 = 10_000;
    let (count, all) = (u128::from(count), u128::from(all));
    let parts = (count * WHOLE + all / 2).checked_div(all)?;
    Some(f64::from(u32::try_from(parts).ok()?) / 10_000.0)
}

/// To the millisecond, rounded up because it is a bound.
fn seconds(duration: Duration) -> f64 {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_are_nothing_of_nothing() {
        assert_eq!(share(0, 0), None);
        assert_eq!(share(0, 3), Some(0.0));
        assert_eq!(share(1, 3), Some(0.333_3));
        assert_eq!(share(2, 3), Some(0.666_7));
        assert_eq!(share(u64::MAX, u64::MAX), Some(1.0));
    }

    #[test]
    fn a_bound_is_rounded_up() {
        assert_eq!(seconds(Duration::ZERO).to_string(), "0");
        assert_eq!(seconds(Duration::from_micros(179_001)).to_string(), "0.18");
        assert_eq!(seconds(Duration::from_nanos(1)).to_string(), "0.001");
    }

    #[test]
    fn a_lease_without_a_floor_names_none() {
        let body = |held| serde_json::to_string(&HeldUser::from(held)).unwrap();
        let leased = |floor| Held::Leased { floor };
        assert_eq!(body(leased(UserVersion::NONE)), r#"{"state":"leased"}"#);
        let floor = UserVersion::new(4);
        assert_eq!(body(leased(floor)), r#"{"state":"leased","floor":4}"#);
        assert_eq!(body(Held::Floor(floor)), r#"{"state":"floor","floor":4}"#);
    }
}
