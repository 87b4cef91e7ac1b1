use std::sync::Arc;

use roster_domain::pagination::{FilterHash, Page, PageRequest};
use roster_domain::ports::{ActivityRepository, Once, Outcome, Performed, UserWrites, Write};
use roster_domain::{
    Activity, ActivityFilter, ActivityId, DedupeKey, FeedKind, JsonObject, NewActivity, Timestamp,
    UserId,
};

use crate::once::{perform, repeated};
use crate::{Answered, FeedError, Runtime};

/// Everything that can be done with a user's activity.
pub struct ActivityService {
    activities: Arc<dyn ActivityRepository>,
    writes: Arc<dyn UserWrites>,
    runtime: Runtime,
}

/// An activity as a caller describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityDraft {
    /// What was done.
    pub kind: FeedKind,
    /// When it happened; now when there is no time.
    pub occurred_at: Option<Timestamp>,
    /// What programs read.
    pub data: JsonObject,
    /// The caller's name of the event; one activity is stored for it.
    pub dedupe_key: Option<DedupeKey>,
}

/// One appended activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its id.
    pub id: ActivityId,
    /// False when its dedupe key was there before.
    pub created: bool,
}

impl ActivityService {
    /// A service over a store.
    pub fn new(
        activities: Arc<dyn ActivityRepository>,
        writes: Arc<dyn UserWrites>,
        runtime: Runtime,
    ) -> Self {
        Self {
            activities,
            writes,
            runtime,
        }
    }

    /// One page, newest first unless the request says otherwise.
    pub async fn list(
        &self,
        user: UserId,
        filter: &ActivityFilter,
        request: &PageRequest,
    ) -> Result<Page<Activity>, FeedError> {
        let slice = self
            .activities
            .list(user, filter, request)
            .await?
            .ok_or(FeedError::UserNotFound)?;
        Ok(Page::new(request, FilterHash::from(filter), slice))
    }

    /// Appends up to 100, all or none.
    pub async fn append(
        &self,
        user: UserId,
        drafts: Vec<ActivityDraft>,
    ) -> Result<Vec<Appended>, FeedError> {
        let activities = self.new_activities(user, drafts);
        let created = self
            .activities
            .append(user, &activities)
            .await?
            .ok_or(FeedError::UserNotFound)?;
        let ids = activities.iter().map(|activity| activity.id);
        let appended = ids.zip(created);
        Ok(appended
            .map(|(id, created)| Appended { id, created })
            .collect())
    }

    /// Appends up to 100, all or none, once under a key.
    pub async fn append_once(
        &self,
        user: UserId,
        drafts: Vec<ActivityDraft>,
        once: Once,
    ) -> Result<Answered<Vec<Appended>>, FeedError> {
        let activities = self.new_activities(user, drafts);
        let write = Write::Append { user, activities };
        match perform(&self.writes, &self.runtime, write, once).await? {
            Performed::Done(Outcome::Appended(created)) => {
                let appended = created.into_iter();
                let appended = appended.map(|(id, created)| Appended { id, created });
                Ok(Answered::Now(appended.collect()))
            }
            other => repeated(other, FeedError::UserNotFound),
        }
    }

    fn new_activities(&self, user: UserId, drafts: Vec<ActivityDraft>) -> Vec<NewActivity> {
        let now = self.runtime.clock.now();
        drafts
            .into_iter()
            .map(|draft| NewActivity {
                id: match &draft.dedupe_key {
                    Some(key) => ActivityId::of_dedupe_key(user, key),
                    None => ActivityId::new(self.runtime.ids.next_id()),
                },
                kind: draft.kind,
                occurred_at: draft.occurred_at.unwrap_or(now),
                data: draft.data,
            })
            .collect()
    }
}
