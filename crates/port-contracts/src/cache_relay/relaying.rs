//! Invalidations of a round, and the connection that it goes by.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::sync::Arc;

use roster_domain::UserId;
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheLookup, FillOutcome, FillRequest, Filling, Invalidation, Lease,
    LeaseToken, RelayRound,
};

use super::{HOLD, begin, mark, marked, probe, sample, snapshot_at};
use crate::RelayFixture;
use crate::samples::{later, user_id, version};

/// The user that the cases are about.
const ID: UserId = user_id(1);

pub async fn an_invalidation_of_a_round_leaves_its_floor(fixture: &dyn RelayFixture) {
    let round = begin(fixture).await;
    for stored in [None, Some(3)] {
        fixture.flush().await;
        if let Some(version) = stored {
            store(fixture, version).await;
        }
        invalidate(&*round, 5).await;
        assert_floor(fixture, 5).await;
    }
}

pub async fn an_invalidation_of_a_round_keeps_a_value_at_its_floor(fixture: &dyn RelayFixture) {
    store(fixture, 5).await;
    invalidate(&*begin(fixture).await, 5).await;
    let found = get(fixture).await;
    let CacheLookup::Value { user, .. } = &found else {
        panic!("{found:?}");
    };
    assert_eq!(user.version, version(5));
}

pub async fn an_invalidation_of_a_round_ends_an_absence(fixture: &dyn RelayFixture) {
    assert_eq!(acquire(fixture).await, granted(0));
    let absent = Filling::Absent(version(0));
    assert_eq!(fill(fixture, absent).await, FillOutcome::Stored);
    invalidate(&*begin(fixture).await, 1).await;
    assert_floor(fixture, 1).await;
}

pub async fn an_invalidation_of_a_round_destroys_a_lease(fixture: &dyn RelayFixture) {
    assert_eq!(acquire(fixture).await, granted(0));
    invalidate(&*begin(fixture).await, 2).await;
    assert_eq!(fill(fixture, value(3)).await, FillOutcome::Refused);
}

pub async fn an_invalidation_of_a_round_spares_a_later_lease(fixture: &dyn RelayFixture) {
    let round = begin(fixture).await;
    invalidate(&*round, 2).await;
    assert_eq!(acquire(fixture).await, granted(2));
    invalidate(&*round, 2).await;
    assert_eq!(fill(fixture, value(2)).await, FillOutcome::Stored);
}

pub async fn a_round_that_invalidates_nothing_is_done(fixture: &dyn RelayFixture) {
    let round = begin(fixture).await;
    round.invalidate_many(&[]).await.unwrap();
    assert!(mark(&*round).await);
}

pub async fn an_incarnation_stays_while_the_data_does(fixture: &dyn RelayFixture) {
    let before = begin(fixture).await.begun().incarnation.clone();
    store(fixture, 1).await;
    fixture.flush().await;
    fixture.reconnect().await;
    assert_eq!(begin(fixture).await.begun().incarnation, before);
}

pub async fn a_round_whose_connection_is_lost_fails(fixture: &dyn RelayFixture) {
    store(fixture, 3).await;
    let lost = begin(fixture).await;
    fixture.reconnect().await;
    let invalidation = Invalidation {
        id: ID,
        floor: version(5),
    };
    assert!(lost.invalidate_many(&[invalidation]).await.is_err());
    assert!(lost.set_watermark(snapshot_at(), 1).await.is_err());
    assert_eq!(probe(fixture).await.watermark, None);
    let next = begin(fixture).await;
    invalidate(&*next, 5).await;
    assert_floor(fixture, 5).await;
    assert!(mark(&*next).await);
    assert_eq!(probe(fixture).await.watermark, Some(marked(&*next)));
}

async fn invalidate(round: &dyn RelayRound, floor: u64) {
    let others = [user_id(7), ID, user_id(8)];
    let invalidations = others.map(|id| Invalidation {
        id,
        floor: version(floor),
    });
    round.invalidate_many(&invalidations).await.unwrap();
}

async fn get(fixture: &dyn RelayFixture) -> CacheLookup {
    let reply = fixture.cache().get_many(fixture.namespace(), &[ID]).await;
    reply.unwrap().reply.pop().unwrap()
}

async fn assert_floor(fixture: &dyn RelayFixture, floor: u64) {
    let expected = CacheLookup::Floor {
        floor: version(floor),
        unusable: None,
    };
    assert_eq!(get(fixture).await, expected);
}

async fn acquire(fixture: &dyn RelayFixture) -> Acquired {
    let request = AcquireRequest {
        lease: LEASE,
        hold_for: HOLD,
        unusable: None,
        likely_absent: false,
    };
    let (cache, namespace) = (fixture.cache(), fixture.namespace());
    let reply = cache.acquire_many(namespace, &[request]).await;
    reply.unwrap().reply.pop().unwrap()
}

async fn fill(fixture: &dyn RelayFixture, filling: Filling) -> FillOutcome {
    let request = FillRequest {
        lease: LEASE,
        filling,
        ttl: HOLD,
    };
    let (cache, namespace) = (fixture.cache(), fixture.namespace());
    cache.fill_many(namespace, &[request]).await.unwrap()[0]
}

async fn store(fixture: &dyn RelayFixture, number: u64) {
    assert_eq!(acquire(fixture).await, granted(0));
    assert_eq!(fill(fixture, value(number)).await, FillOutcome::Stored);
}

fn value(number: u64) -> Filling {
    let mut user = sample();
    user.version = version(number);
    Filling::User(Arc::new(user), later(60))
}

fn granted(floor: u64) -> Acquired {
    Acquired::Granted {
        floor: version(floor),
    }
}

const LEASE: Lease = Lease {
    id: ID,
    token: LeaseToken([9; 16]),
};
