use async_trait::async_trait;
use roster_domain::Timestamp;
use roster_domain::ports::{
    KeptAnswer, Once, Outcome, Performed, StoreError, UserWrites, Write, WriteRefusal,
};

use crate::store::{Answer, State, count};
use crate::{MemoryStore, activities, notifications, users};

/// [`UserWrites`] in memory.
#[derive(Clone, Debug)]
pub struct MemoryUserWrites {
    store: MemoryStore,
}

impl MemoryUserWrites {
    /// The writes of a store.
    pub fn new(store: MemoryStore) -> Self {
        Self { store }
    }
}

#[async_trait]
impl UserWrites for MemoryUserWrites {
    async fn perform(
        &self,
        write: &Write,
        at: Timestamp,
        once: Option<Once>,
    ) -> Result<Performed, WriteRefusal> {
        self.store.with(|state| {
            let answer = once.and_then(|once| state.answers.get(&once.slot).map(|a| (once, a)));
            if let Some((once, answer)) = answer {
                return if answer.request == once.request {
                    Ok(Performed::Replayed(answer.kept.clone()))
                } else {
                    Err(WriteRefusal::KeyReused)
                };
            }
            let Some(outcome) = outcome(state, write, at)? else {
                return Ok(Performed::Absent);
            };
            if let Some(once) = once {
                let kept = KeptAnswer {
                    user: write.user(),
                    version: outcome.version(),
                    octets: (once.keep)(write.user(), &outcome),
                };
                let request = once.request;
                state.keep(once.slot, Answer { request, kept, at });
            }
            Ok(Performed::Done(outcome))
        })
    }

    async fn forget_answers(&self, moment: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(self.store.with(|state| {
            let answers = state.answers.iter().filter(|(_, a)| a.at < moment);
            let mut old: Vec<_> = answers.map(|(slot, a)| (a.at, *slot)).collect();
            old.sort_unstable();
            old.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            count(
                old.iter()
                    .filter_map(|(_, slot)| state.answers.remove(slot)),
            )
        }))
    }
}

fn outcome(
    state: &mut State,
    write: &Write,
    at: Timestamp,
) -> Result<Option<Outcome>, WriteRefusal> {
    Ok(match write {
        Write::Insert(new) => Some(Outcome::User(users::insert(state, new)?)),
        Write::Update {
            id,
            patch,
            expected,
        } => {
            let Some(row) = state.live(*id) else {
                return Ok(None);
            };
            users::check(*expected, row)?;
            let next = patch
                .merged_into(&row.user)
                .map_err(|(member, source)| WriteRefusal::Invalid { member, source })?;
            state.change(next, at)?;
            state.live(*id).map(|row| Outcome::User(row.user.clone()))
        }
        Write::Restore { id, expected } => {
            users::restore(state, *id, *expected, at)?.map(Outcome::User)
        }
        Write::Notify { user, notification } => {
            notifications::create(state, *user, notification).map(Outcome::Notified)
        }
        Write::MarkNotification { user, id, patch } => {
            notifications::patch_one(state, *user, *id, *patch, at)
                .map(|(notification, marked)| Outcome::Marked(notification, marked))
        }
        Write::MarkRead { user, which } => {
            notifications::mark_read(state, *user, which, at).map(Outcome::MarkedRead)
        }
        Write::Append { user, activities } => activities::append(state, *user, activities)
            .map(|new| Outcome::appended(activities, new)),
    })
}
