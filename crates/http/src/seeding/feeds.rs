use std::time::Duration;

use roster_domain::{ActivityId, NewActivity, NewNotification, NotificationId, Timestamp};

use super::catalogue::Catalogue;
use super::dice::Dice;
use super::ids::id_at;

/// A share of a hundred users, and how many rows each of them has at least and at most.
type Skew = &'static [(u32, u32, u32)];

/// 3 rows a user on average; a fiftieth of the users has a seventh of them.
const NOTIFICATIONS: Skew = &[(30, 0, 0), (40, 1, 3), (20, 4, 6), (8, 7, 12), (2, 13, 30)];
/// 2 rows a user on average.
const ACTIVITIES: Skew = &[(40, 0, 0), (38, 1, 2), (16, 3, 6), (5, 7, 12), (1, 13, 30)];

/// A user's notifications, oldest first, a third of them unread.
pub(super) fn notifications(
    catalogue: &Catalogue,
    (from, to): (Timestamp, Timestamp),
    dice: &mut Dice,
) -> Vec<(NewNotification, Option<Timestamp>)> {
    moments(NOTIFICATIONS, from, to, dice)
        .into_iter()
        .map(|created_at| {
            let message = dice.pick(&catalogue.messages);
            let notification = NewNotification {
                id: NotificationId::new(id_at(created_at, dice)),
                kind: message.kind.clone(),
                title: message.title.clone(),
                body: message.body.clone(),
                data: dice.pick(&catalogue.references).clone(),
                created_at,
            };
            let after = Duration::from_secs(u64::from(dice.between(20, 200_000)));
            let unread = dice.below(3) == 0;
            (
                notification,
                (!unread).then(|| created_at.plus(after).min(to)),
            )
        })
        .collect()
}

/// What a user did, oldest first.
pub(super) fn activities(
    catalogue: &Catalogue,
    (from, to): (Timestamp, Timestamp),
    dice: &mut Dice,
) -> Vec<NewActivity> {
    moments(ACTIVITIES, from, to, dice)
        .into_iter()
        .map(|occurred_at| {
            let kind = dice.pick(&catalogue.deeds).clone();
            let data = dice.pick(&catalogue.references).clone();
            let id = ActivityId::new(id_at(occurred_at, dice));
            NewActivity {
                id,
                kind,
                occurred_at,
                data,
            }
        })
        .collect()
}

/// So many moments as the skew gives, in order.
fn moments(skew: Skew, from: Timestamp, to: Timestamp, dice: &mut Dice) -> Vec<Timestamp> {
    let seconds = u32::try_from(to.since(from).as_secs()).unwrap_or(u32::MAX);
    let mut moments: Vec<_> = (0..rows(skew, dice))
        .map(|_| {
            let micros =
                u64::from(dice.below(seconds)) * 1_000_000 + u64::from(dice.below(1_000_000));
            from.plus(Duration::from_micros(micros))
        })
        .collect();
    moments.sort_unstable();
    moments
}

fn rows(skew: Skew, dice: &mut Dice) -> u32 {
    let mut rest = dice.below(100);
    for &(share, least, most) in skew {
        if rest < share {
            return dice.between(least, most);
        }
        rest -= share;
    }
    0
}
