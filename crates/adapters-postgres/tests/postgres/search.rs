//! What a search costs, and the keys of users that a release without keys has stored.

use roster_adapters_postgres::{PostgresUserSearch, migrate};
use roster_domain::NewUser;
use roster_domain::pagination::{ActiveFilter, Counting, Order, PageSize};
use roster_domain::ports::{
    ESTIMATED_AT_MOST, SeedBatch, SeedUser, UserRepository as _, UserSearch as _, UserTransfer as _,
};
use roster_domain::search::{SearchFilter, SearchKeys, SearchRequest, SearchStart};
use roster_port_contracts::samples::{email, later, name, new_user, rename, user_id};

use crate::plans::{Plan, all_visible, explain, statement};
use crate::support::{Store, store};

const USERS: u64 = 24_000;

/// Users whose name and address begin alike: what finds one by the address finds it by the name.
async fn filled() -> Option<Store> {
    let store = store().await?;
    let transfer = store.transfer();
    for first in (0..USERS).step_by(4_000) {
        let users = (first..first + 4_000).map(|number| SeedUser {
            user: NewUser {
                name: name(&format!("Anna {number:05}")),
                email: email(&format!("anna{number:05}@example.com")),
                ..new_user(number)
            },
            notifications: Vec::new(),
            activities: Vec::new(),
        });
        let users = users.collect();
        transfer.seed(&SeedBatch { users }).await.unwrap();
    }
    loop {
        transfer.analyze().await.unwrap();
        if all_visible(&store).await {
            return Some(store);
        }
    }
}

#[tokio::test]
async fn a_page_of_a_search_costs_the_same_at_any_depth() {
    let Some(store) = filled().await else { return };
    let mut sql = store.sql().await;
    for (beyond, until, turn) in [(">", "<", ""), ("<", ">=", " DESC")] {
        let by_name = format!("(search_name, id) {beyond} ($2, $3) AND search_name {until} $4");
        let by_name = statement(&[&by_name, &format!("ORDER BY search_name{turn}, id{turn}")]);
        let by_address =
            format!("(search_email, id) {beyond} ($3, $4) AND search_email {until} $5");
        let by_address = statement(&[
            &by_address,
            &format!("ORDER BY search_email{turn}, id{turn}"),
        ]);
        let to = if beyond == ">" {
            "anna\u{10ffff}"
        } else {
            "anna"
        };
        for depth in [USERS / 10, USERS / 2, USERS / 10 * 9] {
            let id = user_id(depth);
            let arguments = format!("true, 'anna {depth:05}', '{id}', '{to}', 51");
            for plan in explain(&mut sql, &by_name, &arguments).await {
                flat(&plan, "users_by_name", 8);
                assert!(!plan.text.contains("Filter"), "{}", plan.text);
            }
            let from = format!("'anna{depth:05}', '{id}', '{to}'");
            // All of these addresses are of users whose name shares 4 characters with them.
            for (shared, found) in [(0, 0), (3, 0), (4, 51)] {
                let arguments = format!("true, {shared}, {from}, 'zz', 'zz\u{10ffff}', 51");
                for plan in explain(&mut sql, &by_address, &arguments).await {
                    flat(&plan, "users_by_address", 8);
                    assert!(
                        plan.text.contains(&format!("rows={found} ")),
                        "{}",
                        plan.text
                    );
                }
            }
        }
    }
}

fn flat(plan: &Plan, index: &str, most: u64) {
    let Plan { text, buffers } = plan;
    assert!(text.contains("Index Only Scan"), "{text}");
    assert!(text.contains(&format!("using {index} ")), "{text}");
    assert!(text.contains("Index Cond: ("), "{text}");
    assert!(text.contains("ROW("), "{text}");
    assert!(text.contains("Heap Fetches: 0"), "{text}");
    assert!(!text.contains("Sort"), "{text}");
    assert!(*buffers <= most, "{buffers} buffers: {text}");
}

#[tokio::test]
async fn an_estimate_stops_and_an_exact_count_does_not() {
    let Some(store) = filled().await else { return };
    let search = PostgresUserSearch::new(store.pool.clone());
    let filter = filter("anna");
    let exact = search.count_found(&filter, Counting::Exact).await.unwrap();
    assert_eq!(exact, USERS);
    let estimate = search.count_found(&filter, Counting::Estimate).await;
    assert_eq!(estimate.unwrap(), ESTIMATED_AT_MOST);
}

#[tokio::test]
async fn rows_of_a_release_without_keys_get_theirs() {
    let Some(store) = store().await else { return };
    let (users, search) = (store.users(), PostgresUserSearch::new(store.pool.clone()));
    for number in 1..=5 {
        users.insert(&new_user(number)).await.unwrap();
    }
    let mut sql = store.sql().await;
    // As that release inserts, and renames what it inserted.
    sqlx::query("UPDATE users SET search_name = NULL, search_email = NULL, search_shared = NULL")
        .execute(&mut sql)
        .await
        .unwrap();
    assert_eq!(found(&search, "user").await, 0);
    // A change of the name alone has no address to make the other key of.
    let renamed = users
        .patch(user_id(5), &rename("Renamed"), None, later(1))
        .await;
    assert!(renamed.unwrap().is_some());
    assert_eq!(search.index_missing(2).await.unwrap(), 2);
    assert_eq!(found(&search, "user").await, 2);
    migrate(store.database.url()).await.unwrap();
    assert_eq!(search.index_missing(10).await.unwrap(), 0);
    assert_eq!(found(&search, "user ").await, 5);
    assert_eq!(found(&search, "renamed").await, 1);
    let stored: Vec<(String, String, String, String, i16)> =
        sqlx::query_as("SELECT name, email, search_name, search_email, search_shared FROM users")
            .fetch_all(&mut sql)
            .await
            .unwrap();
    for (name, email, by_name, by_address, shared) in stored {
        let keys = SearchKeys::of(&name, &email);
        assert_eq!(keys.name.as_str(), by_name);
        assert_eq!(keys.email.as_str(), by_address);
        assert_eq!(i16::from(keys.shared), shared);
    }
    let versions: i64 = sqlx::query_scalar("SELECT sum(version)::bigint FROM users")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(versions, 6, "keys are no change of the user");
}

/// The database counts the shared characters of a patch; the service those of all else.
#[tokio::test]
async fn a_patch_counts_shared_characters_as_the_service_does() {
    let Some(store) = store().await else { return };
    let users = store.users();
    let new = NewUser {
        email: email("annabellina@example.com"),
        ..new_user(1)
    };
    users.insert(&new).await.unwrap();
    let mut sql = store.sql().await;
    for called in ["Ann", "ANNABELLINA", "Bob", "Ännabel", "annabellx", "A"] {
        let patched = users.patch(new.id, &rename(called), None, later(1)).await;
        assert!(patched.unwrap().is_some());
        let (by_name, shared): (String, i16) =
            sqlx::query_as("SELECT search_name, search_shared FROM users")
                .fetch_one(&mut sql)
                .await
                .unwrap();
        let keys = SearchKeys::of(called, new.email.as_str());
        assert_eq!(by_name, keys.name.as_str(), "{called}");
        assert_eq!(shared, i16::from(keys.shared), "{called}");
    }
}

fn filter(prefix: &str) -> SearchFilter {
    SearchFilter {
        prefix: prefix.parse().unwrap(),
        active: ActiveFilter::Any,
    }
}

async fn found(search: &PostgresUserSearch, prefix: &str) -> usize {
    let request = SearchRequest {
        start: SearchStart::First,
        order: Order::Ascending,
        size: PageSize::MAX,
    };
    let found = search.search(&filter(prefix), &request).await.unwrap();
    found.items.len()
}
