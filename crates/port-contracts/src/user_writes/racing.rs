//! Many at once.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use futures::future::join_all;
use roster_domain::pagination::{ActiveFilter, Counting, UserFilter};
use roster_domain::ports::{Outcome, Performed, Write, WriteError, WriteRefusal};
use roster_domain::{NewUser, UserPatch};

use super::{assert_refused, find, insert, insertion, once, perform};
use crate::StoreFixture;
use crate::samples::{email, new_user, rename, version};

const WRITERS: u64 = 64;

pub async fn of_concurrent_writes_under_one_key_one_is_done(store: &dyn StoreFixture) {
    // Each has an id of its own, as one that the service makes for every request.
    let performed = join_all((1..=WRITERS).map(|number| async move {
        let new = NewUser {
            email: email("one@example.com"),
            ..new_user(number)
        };
        perform(store, &Write::Insert(new), Some(once(1, 1))).await
    }))
    .await;
    let mut winners = Vec::new();
    let mut kept = Vec::new();
    for performed in performed {
        match performed {
            Ok(Performed::Done(Outcome::User(user))) => winners.push(user),
            Ok(Performed::Replayed(answer)) => kept.push(answer.user),
            Err(WriteRefusal::KeyInProgress) => {}
            other => panic!("neither done nor replayed: {other:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    let winner = winners.pop().unwrap();
    assert!(kept.iter().all(|user| *user == winner.id));
    assert_eq!(find(store, winner.id).await, Some(winner));
    assert_eq!(stored(store).await, 1);
}

pub async fn of_concurrent_requests_under_one_key_one_is_stored(store: &dyn StoreFixture) {
    let performed = join_all((1..=8).map(|number| async move {
        perform(store, &insertion(u64::from(number)), Some(once(1, number))).await
    }))
    .await;
    let (stored_ones, refused): (Vec<_>, Vec<_>) = performed.into_iter().partition(Result::is_ok);
    assert_eq!(stored_ones.len(), 1);
    for refusal in refused {
        assert_refused!(
            refusal,
            WriteRefusal::KeyReused | WriteRefusal::KeyInProgress
        );
    }
    assert_eq!(stored(store).await, 1);
}

pub async fn of_64_creations_of_one_address_one_is_stored(store: &dyn StoreFixture) {
    let performed = join_all((1..=WRITERS).map(|number| async move {
        let new = NewUser {
            email: email("one@example.com"),
            ..new_user(number)
        };
        let slot = u8::try_from(number).unwrap();
        perform(store, &Write::Insert(new), Some(once(slot, 1))).await
    }))
    .await;
    let (winners, refused): (Vec<_>, Vec<_>) = performed.into_iter().partition(Result::is_ok);
    assert_eq!(winners.len(), 1);
    for refusal in refused {
        assert_refused!(refusal, WriteRefusal::Write(WriteError::EmailTaken));
    }
    assert_eq!(stored(store).await, 1);
}

pub async fn of_64_updates_of_one_version_one_is_stored(store: &dyn StoreFixture) {
    let id = insert(store, &new_user(1)).await.id;
    let performed = join_all((1..=WRITERS).map(|number| async move {
        let address = (number % 2 == 0).then(|| email(&format!("moved-{number}@example.com")));
        let write = Write::Update {
            id,
            patch: UserPatch {
                profile: rename(&format!("Writer {number}")),
                email: address,
                ..UserPatch::default()
            },
            expected: Some(version(1)),
        };
        let slot = u8::try_from(number).unwrap();
        perform(store, &write, Some(once(slot, 1))).await
    }))
    .await;
    let (winners, refused): (Vec<_>, Vec<_>) = performed.into_iter().partition(Result::is_ok);
    assert_eq!(winners.len(), 1);
    for refusal in refused {
        assert_refused!(
            refusal,
            WriteRefusal::Write(WriteError::VersionMismatch { current }) if current == version(2)
        );
    }
    let user = find(store, id).await.unwrap();
    assert_eq!(user.version, version(2));
}

async fn stored(store: &dyn StoreFixture) -> u64 {
    let all = UserFilter {
        active: ActiveFilter::Any,
    };
    store.users().count(&all, Counting::Exact).await.unwrap()
}
