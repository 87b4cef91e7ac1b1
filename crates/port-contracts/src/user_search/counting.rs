//! How many a search finds.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::NewUser;
use roster_domain::pagination::{ActiveFilter, Counting};

use super::{filter, insert, named};
use crate::StoreFixture;
use crate::samples::later;

pub async fn an_exact_number_is_what_the_search_finds(store: &dyn StoreFixture) {
    some(store).await;
    counts(store, Counting::Exact).await;
}

pub async fn an_estimate_of_few_is_exact(store: &dyn StoreFixture) {
    some(store).await;
    counts(store, Counting::Estimate).await;
}

async fn counts(store: &dyn StoreFixture, counting: Counting) {
    for (prefix, active, expected) in [
        ("an", ActiveFilter::Active, 4),
        ("an", ActiveFilter::Inactive, 1),
        ("an", ActiveFilter::Any, 5),
        ("anna", ActiveFilter::Any, 3),
        ("annabellina", ActiveFilter::Any, 1),
        ("annabellina@", ActiveFilter::Any, 1),
        ("zz", ActiveFilter::Any, 0),
    ] {
        let filter = filter(prefix, active);
        let counted = store.search().count_found(&filter, counting).await;
        assert_eq!(counted.unwrap(), expected, "{prefix} {active:?}");
    }
}

/// Users that "an" finds by name, by address and by both.
async fn some(store: &dyn StoreFixture) {
    for (number, called, address) in [
        (1, "Ann", "bob@example.com"),
        (2, "Bob", "an@example.com"),
        (3, "Anna", "anna@example.com"),
        (4, "Annabellina", "annabellina@example.com"),
        (5, "Anna", "annie@example.com"),
        (6, "Anna", "gone@example.com"),
    ] {
        let new = NewUser {
            is_active: number != 5,
            ..named(number, called, address)
        };
        insert(store, &new).await;
    }
    let gone = crate::samples::user_id(6);
    let deleted = store.users().soft_delete(gone, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
}
