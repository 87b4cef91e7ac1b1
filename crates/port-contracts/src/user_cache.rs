//! The contract of [`roster_domain::ports::UserCache`].

use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::{
    AcquireRequest, Acquired, CacheLookup, CacheNamespace, FillOutcome, FillRequest, Filling,
    Invalidation, Lease, LeaseToken, SeenBytes,
};
use roster_domain::{Timestamp, User, UserId, UserVersion};

use crate::samples::{as_inserted, full_user, later, user_id, version};
use crate::{CacheFixture, Case};

pub mod acquiring;
pub mod evicting;
pub mod filling;
pub mod invalidating;
pub mod looking_up;
pub mod namespaces;
pub mod ordering;
pub mod pushing;
pub mod releasing;

/// Every case, for callers that run them themselves.
pub fn cases() -> Vec<Case<dyn CacheFixture>> {
    crate::__user_cache_cases!(__list(user_cache))
}

/// Tests that a `UserCache` keeps its contract; see the crate's page.
#[macro_export]
macro_rules! user_cache {
    ($fixture:path) => {
        $crate::__user_cache_cases!(__tests(user_cache, $fixture));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __user_cache_cases {
    ($then:ident $given:tt) => {
        $crate::$then! { $given
            looking_up:
                nothing_is_known_of_a_new_key,
                a_value_comes_back_as_it_was_filled,
                an_absence_comes_back_with_its_floor,
                a_batch_is_answered_in_its_order,
                a_batch_of_none_is_answered_with_none,
                values_end_with_their_time,
                absences_end_with_their_time,
                a_key_that_was_lost_is_a_new_one;
            acquiring:
                a_new_key_is_granted,
                a_granted_key_is_leased,
                a_second_holder_waits,
                of_concurrent_acquisitions_one_is_granted,
                a_stored_value_is_found,
                a_stored_absence_is_found,
                a_value_named_as_unusable_is_granted,
                an_absence_named_as_unusable_is_granted,
                a_guess_of_absence_changes_no_answer,
                a_value_that_was_replaced_since_it_was_named_is_found,
                an_expired_lease_is_taken_over,
                an_expired_lease_keeps_its_floor,
                a_grant_carries_the_floor;
            filling:
                the_holder_fills,
                a_fill_without_a_lease_is_refused,
                a_fill_of_another_holder_is_refused,
                a_second_fill_is_refused,
                a_fill_after_an_invalidation_is_refused,
                a_fill_after_a_takeover_is_refused,
                a_fill_after_the_key_was_lost_is_refused,
                a_value_below_the_floor_is_a_stale_source,
                a_stale_source_leaves_the_floor,
                a_value_at_the_floor_is_stored,
                a_value_is_not_replaced_by_an_older_one,
                each_fill_of_a_batch_has_its_own_outcome;
            releasing:
                a_released_key_is_granted_at_once,
                a_released_key_without_a_floor_is_a_new_one,
                a_released_lease_leaves_its_floor,
                a_release_by_another_holder_leaves_the_lease,
                a_release_after_the_fill_leaves_the_value,
                a_fill_after_the_release_is_refused;
            invalidating:
                an_invalidation_removes_an_older_value,
                an_invalidation_of_a_value_leaves_its_floor,
                an_invalidation_keeps_a_value_at_its_floor,
                an_invalidation_ends_an_absence,
                an_invalidation_destroys_a_lease,
                an_invalidation_leaves_its_floor_on_a_new_key,
                a_repeated_invalidation_changes_nothing,
                a_lower_floor_changes_nothing,
                a_higher_floor_is_kept,
                a_repeated_invalidation_spares_a_later_lease,
                versions_are_compared_to_the_last_digit;
            namespaces:
                a_value_of_another_epoch_is_passed_over,
                a_value_of_another_database_is_passed_over,
                an_absence_of_another_epoch_is_passed_over,
                what_is_passed_over_is_granted_when_it_is_named,
                foreign_bytes_are_a_miss,
                foreign_bytes_are_granted_when_they_are_named,
                foreign_bytes_end_with_an_invalidation;
            evicting:
                an_evicted_key_is_a_miss,
                an_evicted_absence_is_a_miss,
                an_evicted_key_is_granted_without_a_floor,
                a_fill_after_the_eviction_is_refused,
                an_eviction_leaves_other_keys,
                an_eviction_of_nothing_is_done;
            pushing:
                a_reply_without_a_push_is_not_tracked,
                an_acquisition_is_stamped_as_a_look_up_is,
                a_change_after_a_tracked_reply_is_pushed,
                a_change_by_another_connection_is_pushed,
                a_key_that_was_read_again_is_pushed_again,
                a_waiter_hears_of_the_fill,
                a_value_found_instead_of_a_lease_is_tracked,
                an_eviction_is_pushed,
                a_reply_comes_after_the_pushes_of_what_it_knows;
            ordering:
                no_order_of_calls_lowers_the_version_served,
                no_order_of_invalidations_lowers_the_floor;
        }
    };
}

/// How long the cases hold a lease that is not meant to expire.
const HOLD: Duration = Duration::from_secs(5);
/// How long the cases hold a lease that is meant to expire.
const BRIEFLY: Duration = Duration::from_millis(20);
/// Longer than [`BRIEFLY`].
const A_WHILE: Duration = Duration::from_millis(30);
/// How long the cases keep what is not meant to end.
const TTL: Duration = Duration::from_mins(1);

/// The lease of the holder with this number.
const fn lease(id: UserId, holder: u8) -> Lease {
    Lease {
        id,
        token: LeaseToken([holder; 16]),
    }
}

/// The user that most cases are about.
const ID: UserId = user_id(1);

/// [`ID`] at a version.
fn user(number: u64) -> Arc<User> {
    Arc::new(User {
        version: version(number),
        ..as_inserted(&full_user(1))
    })
}

/// When the cases' values should be loaded anew.
fn expiry() -> Timestamp {
    later(60)
}

async fn get(fixture: &dyn CacheFixture, id: UserId) -> CacheLookup {
    get_in(fixture, fixture.namespace(), id).await
}

async fn get_in(fixture: &dyn CacheFixture, namespace: CacheNamespace, id: UserId) -> CacheLookup {
    let stamped = fixture.cache().get_many(namespace, &[id]).await.unwrap();
    one(stamped.reply)
}

/// Asks for [`ID`] as this holder.
async fn acquire(fixture: &dyn CacheFixture, holder: u8) -> Acquired {
    acquire_for(fixture, holder, HOLD, None).await
}

async fn acquire_for(
    fixture: &dyn CacheFixture,
    holder: u8,
    hold_for: Duration,
    unusable: Option<SeenBytes>,
) -> Acquired {
    ask(fixture, holder, hold_for, unusable, false).await
}

/// Asks for [`ID`] with the guess that nothing is stored.
async fn acquire_guessing(fixture: &dyn CacheFixture, holder: u8) -> Acquired {
    ask(fixture, holder, HOLD, None, true).await
}

async fn ask(
    fixture: &dyn CacheFixture,
    holder: u8,
    hold_for: Duration,
    unusable: Option<SeenBytes>,
    likely_absent: bool,
) -> Acquired {
    let request = AcquireRequest {
        lease: lease(ID, holder),
        hold_for,
        unusable,
        likely_absent,
    };
    let (cache, namespace) = (fixture.cache(), fixture.namespace());
    let stamped = cache.acquire_many(namespace, &[request]).await.unwrap();
    one(stamped.reply)
}

/// Asserts that this holder is granted [`ID`] with a floor.
async fn assert_granted(fixture: &dyn CacheFixture, holder: u8, floor: u64) {
    let floor = version(floor);
    assert_eq!(acquire(fixture, holder).await, Acquired::Granted { floor });
}

/// Fills [`ID`] as this holder with a version.
async fn fill(fixture: &dyn CacheFixture, holder: u8, version: u64) -> FillOutcome {
    fill_with(fixture, holder, value(version), TTL).await
}

async fn fill_with(
    fixture: &dyn CacheFixture,
    holder: u8,
    filling: Filling,
    ttl: Duration,
) -> FillOutcome {
    let request = FillRequest {
        lease: lease(ID, holder),
        filling,
        ttl,
    };
    let (cache, namespace) = (fixture.cache(), fixture.namespace());
    one(cache.fill_many(namespace, &[request]).await.unwrap())
}

/// A filling of [`ID`] at a version.
fn value(version: u64) -> Filling {
    Filling::User(user(version), expiry())
}

/// Stores [`ID`] at a version, as holder 9.
async fn store(fixture: &dyn CacheFixture, version: u64) {
    let granted = acquire(fixture, 9).await;
    assert!(matches!(granted, Acquired::Granted { .. }), "{granted:?}");
    assert_eq!(fill(fixture, 9, version).await, FillOutcome::Stored);
}

/// Stores that there is no [`ID`], as holder 9.
async fn store_absence(fixture: &dyn CacheFixture) {
    let Acquired::Granted { floor } = acquire(fixture, 9).await else {
        panic!("the key is not free");
    };
    let filled = fill_with(fixture, 9, Filling::Absent(floor), TTL).await;
    assert_eq!(filled, FillOutcome::Stored);
}

async fn release(fixture: &dyn CacheFixture, holder: u8) {
    let leases = [lease(ID, holder)];
    fixture.cache().release_many(&leases).await.unwrap();
}

/// Says that every version of [`ID`] below a floor is stale.
async fn invalidate(fixture: &dyn CacheFixture, floor: u64) -> bool {
    let invalidation = Invalidation {
        id: ID,
        floor: version(floor),
    };
    let changed = fixture.cache().invalidate_many(&[invalidation]).await;
    one(changed.unwrap())
}

/// Asserts that [`ID`] is served at a version.
async fn assert_served(fixture: &dyn CacheFixture, version: u64) {
    let found = get(fixture, ID).await;
    let served = served(&found);
    assert_eq!(served.as_deref(), Some(&*user(version)), "{found:?}");
}

/// Asserts that nothing is stored for [`ID`] but a floor.
async fn assert_floor(fixture: &dyn CacheFixture, floor: u64) {
    let expected = CacheLookup::Floor {
        floor: version(floor),
        unusable: None,
    };
    assert_eq!(get(fixture, ID).await, expected);
}

/// The user of a look-up that is a value.
fn served(found: &CacheLookup) -> Option<Arc<User>> {
    match found {
        CacheLookup::Value { user, .. } => Some(Arc::clone(user)),
        _ => None,
    }
}

/// The bytes of a look-up that has some.
fn seen(found: CacheLookup) -> SeenBytes {
    let seen = match found {
        CacheLookup::Value { seen, .. } | CacheLookup::Absent { seen, .. } => Some(seen),
        CacheLookup::Floor { unusable, .. } => unusable,
        CacheLookup::Leased { .. } => None,
    };
    assert!(seen.is_some(), "nothing is stored that could be named");
    seen.unwrap()
}

/// The only answer of a batch of one.
fn one<T>(mut answers: Vec<T>) -> T {
    assert_eq!(answers.len(), 1, "a batch of one has one answer");
    answers.pop().unwrap()
}

/// No version is below it.
const NOTHING: UserVersion = UserVersion::NONE;
