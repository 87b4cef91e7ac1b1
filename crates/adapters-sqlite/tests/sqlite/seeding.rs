use roster_domain::pagination::{Counting, UserFilter};
use roster_domain::ports::{SeedBatch, SeedUser};
use roster_port_contracts::StoreFixture as _;
use roster_port_contracts::samples::{activity, full_user, later, new_user, notification, user_id};

use crate::support::fixture;

/// Users after `start`, every tenth inactive, with three notifications and two activities each.
pub(crate) fn batch(start: u64, count: u64) -> SeedBatch {
    let users = (start + 1..=start + count).map(|number| {
        let mut user = match number % 3 {
            0 => full_user(number),
            _ => new_user(number),
        };
        user.is_active = number % 10 != 0;
        SeedUser {
            user,
            notifications: vec![
                (notification(1), Some(later(1))),
                (notification(2), None),
                (notification(3), None),
            ],
            activities: vec![activity(1), activity(2)],
        }
    });
    SeedBatch {
        users: users.collect(),
    }
}

#[tokio::test]
async fn a_seeded_file_has_exact_counters_and_no_dangling_rows() {
    let fixture = fixture().await.unwrap();
    fixture.transfer().seed(&batch(0, 500)).await.unwrap();
    fixture.transfer().analyze().await.unwrap();
    let filter = UserFilter::default();
    let count = fixture.users().count(&filter, Counting::Exact).await;
    assert_eq!(count.unwrap(), 450);
    let stats = fixture.stats().find(user_id(7)).await.unwrap().unwrap();
    assert_eq!((stats.notifications, stats.unread_notifications), (3, 2));
    assert_eq!(stats.activities, 2);
    let mut raw = fixture.raw().await;
    let dangling = sqlx::query("PRAGMA foreign_key_check")
        .fetch_all(&mut raw)
        .await;
    assert_eq!(dangling.unwrap().len(), 0);
}
