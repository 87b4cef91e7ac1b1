use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::{
    ActivityRepository, NewestOf, NotificationRepository, StatsRepository, StoreError,
};
use roster_domain::{Activity, Timestamp, UnreadNotifications, UserId, UserStats};

use crate::batching::{Batched, MOST_IN_A_BATCH, NewestActivities, NewestUnread, Stats};
use crate::{Answer, Freshness, Runtime, UserError, UserService};

/// Gathers what a user sees first: the sections are read at the same time, each with a
/// deadline of its own, and each is there or failed by itself. A section of many dashboards is
/// one question to its store, when more are asked for than it has lanes.
pub struct DashboardService {
    users: Arc<UserService>,
    stats: Batched<Stats>,
    notifications: Batched<NewestUnread>,
    activities: Batched<NewestActivities>,
    policy: DashboardPolicy,
    runtime: Runtime,
}

/// How long a section may take, and how many of them at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DashboardPolicy {
    /// After this long a section has failed.
    pub section_deadline: Duration,
    /// How many batches of one section may be under way in the store at once; what is asked
    /// meanwhile goes out with the next.
    pub section_lanes: usize,
    /// How many questions go together at the most.
    pub section_batch: usize,
}

impl Default for DashboardPolicy {
    fn default() -> Self {
        Self {
            section_deadline: Duration::from_millis(800),
            section_lanes: 2,
            section_batch: MOST_IN_A_BATCH,
        }
    }
}

/// Which sections are read, and how much of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DashboardRequest {
    /// Whether the counters are read.
    pub stats: bool,
    /// How many unread notifications are read; `None` leaves the section out.
    pub notifications: Option<u16>,
    /// How many activities are read; `None` leaves the section out.
    pub activity: Option<u16>,
    /// How fresh the user must be.
    pub freshness: Freshness,
}

/// What a user sees first. A section that was not asked for is `None`.
#[derive(Clone, Debug)]
pub struct Dashboard {
    /// The user.
    pub user: Answer,
    /// The counters.
    pub stats: Option<Section<UserStats>>,
    /// The newest unread notifications and how many there are.
    pub notifications: Option<Section<UnreadNotifications>>,
    /// The newest activities.
    pub activity: Option<Section<Vec<Activity>>>,
    /// When the sections were gathered.
    pub generated_at: Timestamp,
    /// How long it took from the first read to the last.
    pub took: Duration,
}

/// One section and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section<T> {
    /// What was read, or why not.
    pub outcome: Result<T, SectionFailure>,
    /// How long it took.
    pub took: Duration,
}

/// Why a section is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SectionFailure {
    /// It took longer than its deadline.
    #[error("the section took longer than its deadline")]
    TimedOut,
    /// Its read failed.
    #[error("the section could not be read")]
    Failed,
}

impl Dashboard {
    /// How many sections were asked for, and how many of them failed.
    pub fn sections(&self) -> (usize, usize) {
        let failed = [
            self.stats.as_ref().map(|section| section.outcome.is_err()),
            self.notifications
                .as_ref()
                .map(|section| section.outcome.is_err()),
            self.activity
                .as_ref()
                .map(|section| section.outcome.is_err()),
        ];
        let asked = failed.iter().flatten().count();
        (
            asked,
            failed.iter().flatten().filter(|failed| **failed).count(),
        )
    }
}

impl DashboardService {
    /// A service over the user service and the stores of the sections.
    pub fn new(
        users: Arc<UserService>,
        stats: Arc<dyn StatsRepository>,
        notifications: Arc<dyn NotificationRepository>,
        activities: Arc<dyn ActivityRepository>,
        policy: DashboardPolicy,
        runtime: Runtime,
    ) -> Self {
        let (lanes, most) = (policy.section_lanes, policy.section_batch);
        Self {
            users,
            stats: Batched::new(Stats(stats), lanes, most, runtime.clone()),
            notifications: Batched::new(NewestUnread(notifications), lanes, most, runtime.clone()),
            activities: Batched::new(NewestActivities(activities), lanes, most, runtime.clone()),
            policy,
            runtime,
        }
    }

    /// Reads the user and every section at the same time: it takes as long as the slowest.
    pub async fn get(&self, id: UserId, request: DashboardRequest) -> Result<Dashboard, UserError> {
        let started = self.runtime.clock.monotonic();
        let newest = |limit| NewestOf { user: id, limit };
        let stats = request.stats.then(|| self.stats.ask(id));
        let notifications = request.notifications.map(newest);
        let notifications = notifications.map(|newest| self.notifications.ask(newest));
        let activity = request.activity.map(newest);
        let activity = activity.map(|newest| self.activities.ask(newest));
        let stats = self.section("stats", stats);
        let notifications = self.section("notifications", notifications);
        let activity = self.section("activity", activity);
        let sections = async { Ok(futures::join!(stats, notifications, activity)) };
        let user = self.users.get(id, request.freshness);
        // An absent user ends the sections too.
        let (user, (stats, notifications, activity)) = futures::try_join!(user, sections)?;
        Ok(Dashboard {
            user,
            stats,
            notifications,
            activity,
            generated_at: self.runtime.clock.now(),
            took: self.runtime.clock.monotonic().saturating_sub(started),
        })
    }

    /// `None` inside the read means that the user went away meanwhile: an empty section.
    async fn section<T: Default>(
        &self,
        name: &'static str,
        read: Option<impl Future<Output = Result<Option<T>, StoreError>>>,
    ) -> Option<Section<T>> {
        let read = read?;
        let started = self.runtime.clock.monotonic();
        let outcome = match self
            .runtime
            .within(self.policy.section_deadline, read)
            .await
        {
            Some(Ok(found)) => Ok(found.unwrap_or_default()),
            Some(Err(error)) => {
                tracing::warn!(
                    section = name,
                    error = &error as &dyn std::error::Error,
                    "a dashboard section failed"
                );
                Err(SectionFailure::Failed)
            }
            None => {
                tracing::warn!(
                    section = name,
                    "a dashboard section took longer than its deadline"
                );
                Err(SectionFailure::TimedOut)
            }
        };
        let took = self.runtime.clock.monotonic().saturating_sub(started);
        Some(Section { outcome, took })
    }
}
