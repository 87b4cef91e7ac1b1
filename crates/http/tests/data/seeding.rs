//! The made-up users: the same for everyone, believable, and without a way to anybody's mail box.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use roster_adapters_memory::{MemoryNotifications, MemoryStats, MemoryStore, MemoryUserTransfer};
use roster_domain::ports::{
    NotificationRepository as _, SeedUser, StatsRepository, UserTransfer as _,
};
use roster_http::seeding::{SeedError, SeedPlan, Seeded, batches, fill, plan_for};

const SAMPLE: u64 = 20_000;

/// Made once for all tests.
fn sample() -> &'static [SeedUser] {
    static USERS: OnceLock<Vec<SeedUser>> = OnceLock::new();
    USERS.get_or_init(|| {
        let plan = SeedPlan::new(SAMPLE, 42, 0).unwrap();
        plan.batch(0..SAMPLE).unwrap().users
    })
}

/// How much of something there is per user.
fn mean(users: &[SeedUser], of: impl Fn(&SeedUser) -> usize) -> f64 {
    let total = u32::try_from(users.iter().map(of).sum::<usize>()).unwrap();
    f64::from(total) / f64::from(u32::try_from(users.len()).unwrap())
}

fn share(users: &[SeedUser], of: impl Fn(&SeedUser) -> bool) -> f64 {
    mean(users, |user| usize::from(of(user)))
}

/// The body that the detail route answers for the user.
fn json(user: &SeedUser) -> serde_json::Value {
    let user = &user.user;
    let metadata: serde_json::Value = serde_json::from_str(user.metadata.as_str()).unwrap();
    serde_json::json!({
        "id": user.id.to_string(),
        "email": user.email.as_str(),
        "name": user.name.as_str(),
        "is_active": user.is_active,
        "locale": user.locale.as_ref().map(roster_domain::Locale::as_str),
        "avatar_url": user.avatar_url.as_ref().map(roster_domain::AvatarUrl::as_str),
        "metadata": metadata,
        "version": 1,
        "created_at": user.created_at.to_string(),
        "updated_at": user.created_at.to_string(),
    })
}

#[test]
fn the_first_users_of_a_seed_are_frozen() {
    let plan = SeedPlan::new(1_000_000, 1, 0).unwrap();
    let users: Vec<_> = plan.batch(0..4).unwrap().users.iter().map(json).collect();
    insta::assert_json_snapshot!(users);
}

#[test]
fn a_user_depends_on_its_number_alone() {
    let plan = SeedPlan::new(SAMPLE, 42, 0).unwrap();
    let again = SeedPlan::new(SAMPLE, 42, 0).unwrap();
    let late = again.user(777).unwrap();
    assert_eq!(plan.batch(700..800).unwrap().users[77], late);
    assert_eq!(plan.id(777), late.user.id);
    for (seed, run) in [(43, 0), (42, 1)] {
        let stranger = SeedPlan::new(SAMPLE, seed, run).unwrap().user(777).unwrap();
        assert_ne!(stranger.user.id, late.user.id);
        assert_ne!(stranger.user.email, late.user.email);
    }
}

#[test]
fn ids_and_addresses_are_never_used_twice_and_ids_sort_as_the_times_do() {
    let users = sample();
    let ids: HashSet<_> = users.iter().map(|user| user.user.id).collect();
    let addresses: HashSet<_> = users
        .iter()
        .map(|user| user.user.email.normalized())
        .collect();
    assert_eq!((ids.len(), addresses.len()), (users.len(), users.len()));
    assert!(users.is_sorted_by_key(|user| user.user.id));
    assert!(users.is_sorted_by_key(|user| user.user.created_at));
    let year = |user: &SeedUser| user.user.created_at.to_string()[..4].to_owned();
    assert_eq!(
        (year(&users[0]), year(&users[19_999])),
        ("2019".into(), "2025".into())
    );
}

#[test]
fn addresses_lead_to_nobody() {
    for user in sample() {
        let domain = user.user.email.normalized().rsplit_once('@').unwrap().1;
        let reserved = ["example.com", "example.org", "example.net"].contains(&domain);
        assert!(reserved || domain.ends_with(".example"), "{domain}");
    }
}

#[test]
fn the_population_looks_like_one() {
    let users = sample();
    let near = |actual: f64, wanted: f64, tolerance: f64| {
        assert!(
            (actual - wanted).abs() <= tolerance,
            "{actual}, not {wanted}"
        );
    };
    let notifications = mean(users, |user| user.notifications.len());
    let unread = mean(users, |user| {
        let unread = user.notifications.iter().filter(|(_, read)| read.is_none());
        unread.count()
    });
    near(share(users, |user| user.user.is_active), 0.95, 0.01);
    near(notifications, 3.0, 0.15);
    near(unread / notifications, 1.0 / 3.0, 0.02);
    near(mean(users, |user| user.activities.len()), 2.0, 0.1);
    near(
        mean(users, |user| json(user).to_string().len()),
        355.0,
        15.0,
    );
    near(
        share(users, |user| user.notifications.len() > 12),
        0.02,
        0.005,
    );

    let script = |letters: RangeInclusive<char>| {
        share(users, |user| {
            let mut name = user.user.name.as_str().chars();
            name.any(|c| letters.contains(&c))
        })
    };
    for letters in [
        'a'..='z',
        'а'..='я',
        'α'..='ω',
        'ا'..='ي',
        'ऄ'..='ह',
        '가'..='힣',
        '一'..='鿿',
    ] {
        assert!(script(letters.clone()) > 0.01, "{letters:?}");
    }
    near(
        share(users, |user| !user.user.email.as_str().is_ascii()),
        0.06,
        0.02,
    );
}

#[test]
fn feeds_run_from_the_users_beginning_to_2026_oldest_first() {
    for user in sample() {
        let born = user.user.created_at;
        assert!(
            user.notifications
                .is_sorted_by_key(|(row, _)| row.created_at)
        );
        assert!(user.activities.is_sorted_by_key(|row| row.occurred_at));
        for (row, read_at) in &user.notifications {
            assert!(
                row.created_at >= born
                    && row.created_at.to_string().as_str() < "2026-01-01T00:00:01"
            );
            assert!(read_at.is_none_or(|read_at| read_at >= row.created_at));
        }
    }
}

#[tokio::test]
async fn batches_come_in_order_and_end() {
    let plan = Arc::new(SeedPlan::new(12_001, 3, 0).unwrap());
    let mut batches = batches(Arc::clone(&plan));
    let mut users = Vec::new();
    while let Some(batch) = batches.recv().await {
        users.extend(batch.unwrap().users);
    }
    assert_eq!(users, plan.batch(0..12_001).unwrap().users);
}

#[test]
fn no_user_and_too_many_are_refused() {
    for users in [0, SeedPlan::MAX_USERS + 1] {
        let refusal = SeedPlan::new(users, 1, 0).err();
        assert_eq!(refusal.map(|refusal| refusal.code), Some("out_of_range"));
    }
}

#[tokio::test]
async fn a_store_is_filled_once_and_added_to_when_that_is_asked_for() {
    let store = MemoryStore::new();
    let transfer = MemoryUserTransfer::new(store.clone());
    let mut ids = HashSet::new();
    for (append, total) in [(false, 300), (true, 600), (true, 900)] {
        let plan = plan_for(&transfer, 300, 9, append).await.unwrap();
        let mut told = Seeded::default();
        let seeded = fill(&transfer, plan, |seeded| told = *seeded)
            .await
            .unwrap();
        assert_eq!((seeded, seeded.users), (told, 300));
        let users = transfer.export(None, 10_000).await.unwrap();
        ids.extend(users.iter().map(|user| user.id));
        assert_eq!((users.len(), ids.len()), (total, total));
    }
    let refused = plan_for(&transfer, 300, 9, false).await.err();
    assert!(matches!(refused, Some(SeedError::NotEmpty)));
    // Another number of the same seed has nothing in common with what is there.
    let plan = plan_for(&transfer, 301, 9, true).await.unwrap();
    fill(&transfer, plan, |_| {}).await.unwrap();

    let user = transfer.export(None, 1).await.unwrap().remove(0).id;
    let stats: &dyn StatsRepository = &MemoryStats::new(store.clone());
    let stats = stats.find(user).await.unwrap().unwrap();
    let unread = MemoryNotifications::new(store).unread(user).await.unwrap();
    assert_eq!(Some(stats.unread_notifications), unread);
}

#[tokio::test]
async fn what_is_stored_already_is_the_same_whoever_made_it() {
    let exported = async || {
        let transfer = MemoryUserTransfer::new(MemoryStore::new());
        let plan = plan_for(&transfer, 500, 77, false).await.unwrap();
        fill(&transfer, plan, |_| {}).await.unwrap();
        transfer.export(None, 500).await.unwrap()
    };
    assert_eq!(exported().await, exported().await);
}
