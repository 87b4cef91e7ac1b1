use async_trait::async_trait;
use roster_domain::Timestamp;
use roster_domain::ports::{
    KeptAnswer, Once, Outcome, Performed, StoreError, UserWrites, Write, WriteRefusal,
};
use sqlx::SqliteConnection;

use crate::{SqliteStore, activities, kept_answers, notifications, user_writes};

/// [`UserWrites`] in a SQLite file. Writes wait for each other, so that no key is ever found
/// in use.
#[derive(Clone, Debug)]
pub struct SqliteUserWrites {
    store: SqliteStore,
}

impl SqliteUserWrites {
    /// The writes of a store.
    pub fn new(store: &SqliteStore) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

#[async_trait]
impl UserWrites for SqliteUserWrites {
    async fn perform(
        &self,
        write: &Write,
        at: Timestamp,
        once: Option<Once>,
    ) -> Result<Performed, WriteRefusal> {
        let write = write.clone();
        self.store
            .write(move |tx| Box::pin(async move { perform(tx, write, at, once).await }))
            .await
    }

    async fn forget_answers(&self, moment: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.store
            .write(move |tx| {
                Box::pin(async move { kept_answers::delete_before(tx, moment, limit).await })
            })
            .await
    }
}

async fn perform(
    tx: &mut SqliteConnection,
    write: Write,
    at: Timestamp,
    once: Option<Once>,
) -> Result<Performed, WriteRefusal> {
    if let Some(once) = once
        && let Some((request, kept)) = kept_answers::find(tx, once.slot).await?
    {
        return if request == once.request {
            Ok(Performed::Replayed(kept))
        } else {
            Err(WriteRefusal::KeyReused)
        };
    }
    let user = write.user();
    let Some(outcome) = outcome(tx, write, at).await? else {
        return Ok(Performed::Absent);
    };
    if let Some(once) = once {
        let kept = KeptAnswer {
            user,
            version: outcome.version(),
            octets: (once.keep)(user, &outcome),
        };
        kept_answers::insert(tx, &once, &kept, at).await?;
        kept_answers::delete_beyond(tx, user, once.slot).await?;
    }
    Ok(Performed::Done(outcome))
}

async fn outcome(
    tx: &mut SqliteConnection,
    write: Write,
    at: Timestamp,
) -> Result<Option<Outcome>, WriteRefusal> {
    Ok(match write {
        Write::Insert(new) => Some(Outcome::User(user_writes::insert(tx, &new).await?)),
        Write::Update {
            id,
            patch,
            expected,
        } => user_writes::update(tx, id, &patch, expected, at)
            .await?
            .map(|written| Outcome::User(written.user)),
        Write::Restore { id, expected } => user_writes::restore(tx, id, expected, at)
            .await?
            .map(Outcome::User),
        Write::Notify { user, notification } => {
            notifications::writes::create(tx, user, notification)
                .await?
                .map(Outcome::Notified)
        }
        Write::MarkNotification { user, id, patch } => {
            notifications::writes::patch(tx, user, id, patch, at)
                .await?
                .map(|(notification, marked)| Outcome::Marked(notification, marked))
        }
        Write::MarkRead { user, which } => notifications::writes::mark_read(tx, user, which, at)
            .await?
            .map(Outcome::MarkedRead),
        Write::Append { user, activities } => activities::writes::append(tx, user, &activities)
            .await?
            .map(|new| Outcome::appended(&activities, new)),
    })
}
