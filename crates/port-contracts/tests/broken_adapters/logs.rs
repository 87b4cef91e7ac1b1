//! Change logs, broken in one rule.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use roster_domain::ports::{
    CacheNamespace, ChangeLog, Incarnation, Invalidation, PendingChanges, StoreError,
};
use roster_domain::{UserId, UserVersion};

use super::Store;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogRule {
    PendingIgnoresLimit,
    PendingTakesAway,
    MissesAcknowledgedBySmaller,
    MissesAcknowledgedByGreater,
    ComparesClocksOnly,
    TimeGoesBack,
    OldestOfAll,
    NamespaceKept,
    AcknowledgesWholeUser,
    FirstAcknowledgementStays,
    AcknowledgementBringsBack,
    RaisesFromAny,
    LoserAnswersWhatItRead,
    PurgeIgnoresAge,
    PurgeAgeOverflows,
    PurgeIgnoresLimit,
    PurgesInOrderOfKeys,
    PurgeSparesAcknowledged,
}

pub(crate) fn broken(rule: LogRule) -> Store {
    let sound = Store::sound();
    let change_log = Log {
        inner: Arc::clone(&sound.change_log),
        rule,
        notes: Mutex::default(),
    };
    Store {
        change_log: Arc::new(change_log),
        ..sound
    }
}

/// What a broken log must remember to be wrong.
#[derive(Default)]
struct Notes {
    reads: u32,
    namespace: Option<CacheNamespace>,
    acknowledged: HashMap<(UserId, UserVersion), Incarnation>,
    /// Rows that the log has lost and that are still answered.
    ghosts: Vec<Invalidation>,
}

struct Log {
    inner: Arc<dyn ChangeLog>,
    rule: LogRule,
    notes: Mutex<Notes>,
}

fn key(change: &Invalidation) -> (UserId, UserVersion) {
    (change.id, change.floor)
}

impl Log {
    fn note<T>(&self, work: impl FnOnce(&mut Notes) -> T) -> T {
        work(&mut self.notes.lock().unwrap())
    }

    /// Every row of the log.
    async fn all(&self) -> Result<Vec<Invalidation>, StoreError> {
        Ok(self.everything().await?.changes)
    }

    async fn everything(&self) -> Result<PendingChanges, StoreError> {
        let nobody = Incarnation {
            clock: "nobody".into(),
            history: "nobody".into(),
        };
        self.inner.pending(&nobody, u32::MAX).await
    }

    /// Whether a broken comparison passes over what `by` acknowledged.
    fn misses(&self, by: &Incarnation, asking: &Incarnation) -> bool {
        let (by, asking) = (by.to_string(), asking.to_string());
        match self.rule {
            LogRule::MissesAcknowledgedBySmaller => by < asking,
            LogRule::MissesAcknowledgedByGreater => by > asking,
            LogRule::ComparesClocksOnly => by.split(':').next() == asking.split(':').next(),
            _ => false,
        }
    }

    /// Deletes the rows with the smallest keys, and goes on answering those that it left.
    async fn purge_by_key(&self, limit: u32) -> Result<u64, StoreError> {
        let mut rows = self.all().await?;
        self.inner
            .purge_older_than(Duration::ZERO, u32::MAX)
            .await?;
        Ok(self.note(|notes| {
            rows.append(&mut notes.ghosts);
            rows.sort_by_key(|row| (row.id, row.floor));
            let deleted = rows.len().min(usize::try_from(limit).unwrap());
            notes.ghosts = rows.split_off(deleted);
            u64::try_from(deleted).unwrap()
        }))
    }
}

#[async_trait]
impl ChangeLog for Log {
    async fn namespace(&self) -> Result<CacheNamespace, StoreError> {
        self.inner.namespace().await
    }

    async fn raise_epoch(&self, from: u128, to: u128) -> Result<CacheNamespace, StoreError> {
        let before = self.inner.namespace().await?;
        match self.rule {
            LogRule::RaisesFromAny => self.inner.raise_epoch(before.epoch, to).await,
            LogRule::LoserAnswersWhatItRead => {
                tokio::task::yield_now().await;
                let after = self.inner.raise_epoch(from, to).await?;
                Ok(if after.epoch == to { after } else { before })
            }
            _ => self.inner.raise_epoch(from, to).await,
        }
    }

    async fn pending(
        &self,
        incarnation: &Incarnation,
        limit: u32,
    ) -> Result<PendingChanges, StoreError> {
        let mut answer = self.inner.pending(incarnation, u32::MAX).await?;
        if self.rule == LogRule::OldestOfAll {
            answer.oldest = self.everything().await?.oldest;
        }
        self.note(|notes| {
            notes.reads += 1;
            answer.changes.append(&mut notes.ghosts.clone());
            answer.changes.retain(|change| {
                let by = notes.acknowledged.get(&key(change));
                !by.is_some_and(|by| self.misses(by, incarnation))
            });
            let namespace = *notes.namespace.get_or_insert(answer.namespace);
            match self.rule {
                LogRule::NamespaceKept => answer.namespace = namespace,
                LogRule::TimeGoesBack if notes.reads.is_multiple_of(2) => {
                    answer.at = answer.at.minus(Duration::from_hours(1));
                }
                _ => {}
            }
        });
        if self.rule != LogRule::PendingIgnoresLimit {
            answer.changes.truncate(usize::try_from(limit).unwrap());
        }
        if self.rule == LogRule::PendingTakesAway {
            self.inner.acknowledge(incarnation, &answer.changes).await?;
        }
        Ok(answer)
    }

    async fn acknowledge(
        &self,
        incarnation: &Incarnation,
        changes: &[Invalidation],
    ) -> Result<(), StoreError> {
        let mut changes = changes.to_vec();
        let all = self.all().await?;
        self.note(|notes| match self.rule {
            LogRule::AcknowledgesWholeUser => {
                let ids: Vec<_> = changes.iter().map(|change| change.id).collect();
                changes.extend(all.iter().filter(|row| ids.contains(&row.id)));
            }
            LogRule::FirstAcknowledgementStays => {
                changes.retain(|change| !notes.acknowledged.contains_key(&key(change)));
            }
            LogRule::AcknowledgementBringsBack => {
                let gone = changes.iter().filter(|change| !all.contains(change));
                notes.ghosts.extend(gone);
            }
            _ => {}
        });
        self.inner.acknowledge(incarnation, &changes).await?;
        self.note(|notes| {
            let by = changes
                .iter()
                .map(|change| (key(change), incarnation.clone()));
            notes.acknowledged.extend(by);
        });
        Ok(())
    }

    async fn purge_older_than(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let (mut age, mut limit) = (age, limit);
        match self.rule {
            LogRule::PurgesInOrderOfKeys if age.is_zero() => return self.purge_by_key(limit).await,
            LogRule::PurgeIgnoresAge => age = Duration::ZERO,
            LogRule::PurgeAgeOverflows if age == Duration::MAX => age = Duration::ZERO,
            LogRule::PurgeIgnoresLimit => limit = u32::MAX,
            _ => {}
        }
        let purged = self.inner.purge_older_than(age, limit).await?;
        if self.rule != LogRule::PurgeSparesAcknowledged {
            return Ok(purged);
        }
        let spared = self.note(|notes| notes.acknowledged.len());
        Ok(purged.saturating_sub(u64::try_from(spared).unwrap()))
    }
}
