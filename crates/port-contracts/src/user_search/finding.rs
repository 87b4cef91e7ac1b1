//! Whom a search finds.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::pagination::{ActiveFilter, Order};
use roster_domain::search::{SearchKey, SearchStart};
use roster_domain::{NewUser, UserSummary};

use super::{filter, find, found_ids, ids, insert, named, request};
use crate::StoreFixture;
use crate::samples::{later, new_user, user_id};

pub async fn a_name_is_found_by_its_beginning(store: &dyn StoreFixture) {
    let zoe = insert(store, &named(1, "Zoë Müller", "one@example.com")).await;
    insert(store, &named(2, "Ann", "two@example.com")).await;
    for prefix in ["zo", "zoe", "zoe m", "Zoë Müller"] {
        let found = find(store, prefix).await;
        assert_eq!(ids(&found), [zoe.id], "{prefix}");
        let expected = UserSummary {
            id: zoe.id,
            name: zoe.name.clone(),
            email: zoe.email.clone(),
            created_at: zoe.created_at,
        };
        assert_eq!(found[0].summary, expected);
        assert_eq!(found[0].key, SearchKey::of("zoe muller"));
    }
}

pub async fn an_address_is_found_by_its_beginning(store: &dyn StoreFixture) {
    let one = insert(store, &named(1, "Zoë", "Mueller@Example.com")).await;
    insert(store, &named(2, "Ann", "two@example.com")).await;
    for prefix in ["mu", "mueller@", "MUELLER@example.com"] {
        let found = find(store, prefix).await;
        assert_eq!(ids(&found), [one.id], "{prefix}");
        assert_eq!(found[0].key, SearchKey::of("mueller@example.com"));
    }
}

pub async fn case_accents_and_spaces_do_not_count(store: &dyn StoreFixture) {
    insert(store, &named(1, "ÅNGSTRÖM  Straße", "one@example.com")).await;
    for prefix in ["ang", "Ång", "ANGSTROM STRASSE", " ångström strasse "] {
        assert_eq!(found_ids(store, prefix).await, [user_id(1)], "{prefix}");
    }
}

pub async fn what_stands_behind_the_beginning_does_not_count(store: &dyn StoreFixture) {
    insert(store, &named(1, "Mary Ann", "one@example.com")).await;
    for prefix in ["ann", "example", "mary b", "ma ry"] {
        assert_eq!(found_ids(store, prefix).await, [], "{prefix}");
    }
}

pub async fn a_user_that_name_and_address_find_is_found_by_the_name(store: &dyn StoreFixture) {
    insert(store, &named(1, "Anna Berg", "anna@example.com")).await;
    insert(store, &named(2, "Berta", "an.na@example.com")).await;
    let found = find(store, "an").await;
    assert_eq!(ids(&found), [user_id(2), user_id(1)]);
    assert_eq!(found[1].key, SearchKey::of("anna berg"));
    // With more characters than they share, the address alone is meant.
    let found = find(store, "anna@").await;
    assert_eq!(ids(&found), [user_id(1)]);
    assert_eq!(found[0].key, SearchKey::of("anna@example.com"));
}

pub async fn a_long_prefix_finds_by_name_and_address_once(store: &dyn StoreFixture) {
    // They share more characters than are counted.
    insert(store, &named(1, "annabellina", "annabellina@example.com")).await;
    insert(
        store,
        &named(2, "annabellino", "annabellina.two@example.com"),
    )
    .await;
    let found = find(store, "annabellina").await;
    assert_eq!(ids(&found), [user_id(1), user_id(2)]);
    assert_eq!(found[0].key, SearchKey::of("annabellina"));
    assert_eq!(found[1].key, SearchKey::of("annabellina.two@example.com"));
}

pub async fn what_is_special_elsewhere_is_a_character(store: &dyn StoreFixture) {
    for (number, called) in (1..).zip(["%_ one", "_% two", "a%b", "\\' three", "a*b"]) {
        let address = format!("user-{number}@example.com");
        insert(store, &named(number, called, &address)).await;
    }
    for (prefix, number) in [("%_", 1), ("_%", 2), ("a%", 3), ("\\'", 4), ("a*", 5)] {
        assert_eq!(
            found_ids(store, prefix).await,
            [user_id(number)],
            "{prefix}"
        );
    }
}

pub async fn a_search_shows_whom_its_filter_names(store: &dyn StoreFixture) {
    for number in 1..=4 {
        let new = NewUser {
            is_active: number > 1,
            ..new_user(number)
        };
        insert(store, &new).await;
    }
    for (active, expected) in [
        (ActiveFilter::Active, &[2, 3, 4][..]),
        (ActiveFilter::Inactive, &[1]),
        (ActiveFilter::Any, &[1, 2, 3, 4]),
    ] {
        let first = request(SearchStart::First, Order::Ascending, 10);
        let found = store.search().search(&filter("user", active), &first).await;
        let expected: Vec<_> = expected.iter().copied().map(user_id).collect();
        assert_eq!(ids(&found.unwrap().items), expected, "{active:?}");
    }
}

pub async fn a_search_leaves_out_deleted_users(store: &dyn StoreFixture) {
    let one = insert(store, &new_user(1)).await;
    let deleted = store.users().soft_delete(one.id, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    for prefix in ["user 1", "user-1"] {
        assert_eq!(found_ids(store, prefix).await, [], "{prefix}");
    }
}
