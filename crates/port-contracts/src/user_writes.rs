//! The contract of [`roster_domain::ports::UserWrites`].

use roster_domain::ports::{KeptAnswer, Once, Outcome, Performed, Write, WriteRefusal};
use roster_domain::{Fingerprint, KeySlot, NewUser, Timestamp, User, UserId, UserPatch};

use crate::samples::{later, new_user, rename};
use crate::{Case, StoreFixture};

pub mod crowding;
pub mod forgetting;
pub mod merging;
pub mod performing;
pub mod racing;
pub mod replaying;

/// Every case, for callers that run them themselves.
pub fn cases() -> Vec<Case<dyn StoreFixture>> {
    crate::__user_writes_cases!(__list(user_writes))
}

/// Tests that a `UserWrites` keeps its contract; see the crate's page.
#[macro_export]
macro_rules! user_writes {
    ($fixture:path) => {
        $crate::__user_writes_cases!(__tests(user_writes, $fixture));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __user_writes_cases {
    ($then:ident $given:tt) => {
        $crate::$then! { $given
            performing:
                a_write_does_what_its_repository_does,
                a_write_to_nobody_is_absent,
                a_refused_write_says_why;
            merging:
                an_update_merges_metadata,
                an_update_moves_the_claim,
                an_update_that_changes_nothing_keeps_the_version,
                an_update_at_another_version_is_refused_with_the_current_one,
                an_update_refuses_the_address_of_another_user,
                an_update_that_would_not_be_valid_changes_nothing,
                concurrent_merges_all_happen;
            replaying:
                a_repeat_answers_what_was_kept,
                a_repeat_writes_nothing,
                a_repeat_after_a_later_change_answers_the_first,
                a_key_with_another_request_is_refused,
                another_key_writes_again,
                every_kind_of_write_happens_once,
                a_refused_write_leaves_its_key_free,
                an_absent_write_leaves_its_key_free;
            racing:
                of_concurrent_writes_under_one_key_one_is_done,
                of_concurrent_requests_under_one_key_one_is_stored,
                of_64_creations_of_one_address_one_is_stored,
                of_64_updates_of_one_version_one_is_stored;
            forgetting:
                a_forgotten_key_writes_again,
                younger_answers_are_not_forgotten,
                the_oldest_answers_are_forgotten_first,
                a_purge_deletes_the_answers_that_speak_of_the_user,
                a_purge_spares_the_answers_of_others;
            crowding:
                of_one_user_the_newest_answers_are_kept,
                an_answer_is_kept_though_it_is_the_oldest,
                the_answers_of_a_user_crowd_out_nobody_elses;
        }
    };
}

/// The slot with this number, and a request with that one.
fn once(slot: u8, request: u8) -> Once {
    Once {
        slot: KeySlot::new([slot; 32]),
        request: Fingerprint::new([request; 32]),
        keep: |user, outcome| format!("{user} {:?}", outcome.version()).into_bytes(),
    }
}

/// Does a write under no key, or under one.
async fn perform(
    store: &dyn StoreFixture,
    write: &Write,
    once: Option<Once>,
) -> Result<Performed, WriteRefusal> {
    perform_at(store, write, later(1), once).await
}

async fn perform_at(
    store: &dyn StoreFixture,
    write: &Write,
    at: Timestamp,
    once: Option<Once>,
) -> Result<Performed, WriteRefusal> {
    store.writes().perform(write, at, once).await
}

/// The outcome of a write that must be done.
fn done(performed: Result<Performed, WriteRefusal>) -> Outcome {
    match performed {
        Ok(Performed::Done(outcome)) => outcome,
        other => panic!("not done: {other:?}"),
    }
}

/// The row of a write that must be done to one.
fn user_of(performed: Result<Performed, WriteRefusal>) -> User {
    match done(performed) {
        Outcome::User(user) => user,
        other => panic!("not of a user: {other:?}"),
    }
}

/// What was kept of a write that must have been done before.
fn replayed(performed: Result<Performed, WriteRefusal>) -> KeptAnswer {
    match performed {
        Ok(Performed::Replayed(kept)) => kept,
        other => panic!("not replayed: {other:?}"),
    }
}

fn insertion(number: u64) -> Write {
    Write::Insert(new_user(number))
}

fn renaming(id: UserId, name: &str) -> Write {
    updating(
        id,
        UserPatch {
            profile: rename(name),
            ..UserPatch::default()
        },
    )
}

fn updating(id: UserId, patch: UserPatch) -> Write {
    Write::Update {
        id,
        patch,
        expected: None,
    }
}

/// The user as it is stored now.
async fn find(store: &dyn StoreFixture, id: UserId) -> Option<User> {
    store.users().find_many(&[id]).await.unwrap().pop()
}

async fn insert(store: &dyn StoreFixture, new: &NewUser) -> User {
    store.users().insert(new).await.unwrap()
}

/// Asserts that a write was refused with this error.
macro_rules! assert_refused {
    ($performed:expr, $refusal:pat $(if $guard:expr)?) => {
        let performed = $performed;
        assert!(matches!(performed, Err($refusal) $(if $guard)?), "{performed:?}");
    };
}
use assert_refused;
