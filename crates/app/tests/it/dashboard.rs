//! Sections are read at the same time, and each is ready or failed by itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use roster_adapters_memory::{MemoryStore, MemoryUsers};
use roster_app::{
    DashboardPolicy, DashboardRequest, DashboardService, Freshness, SectionFailure, UserError,
};
use roster_domain::pagination::{PageRequest, Slice};
use roster_domain::ports::{
    ActivityRepository, Clock, CreatedNotification, NewestOf, NotificationRepository,
    StatsRepository, StoreError,
};
use roster_domain::{
    Activity, ActivityFilter, MarkRead, Marked, NewActivity, NewNotification, Notification,
    NotificationId, NotificationPatch, NotificationState, Timestamp, UnreadNotifications, UserId,
    UserStats,
};

use crate::support::{PausedClock, draft, embedded, id, runtime, unavailable};

/// What a section's store does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Fails,
    /// Answers after so many milliseconds.
    Slow(u64),
}

impl Fault {
    const ALL: [Self; 4] = [Self::None, Self::Fails, Self::Slow(300), Self::Slow(5_000)];
    const DEADLINE_MS: u64 = 800;

    async fn strike(self) -> Result<(), StoreError> {
        match self {
            Self::None => Ok(()),
            Self::Fails => Err(unavailable()),
            Self::Slow(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(())
            }
        }
    }

    /// How long its section takes.
    fn takes(self) -> Duration {
        match self {
            Self::None | Self::Fails => Duration::ZERO,
            Self::Slow(ms) => Duration::from_millis(ms.min(Self::DEADLINE_MS)),
        }
    }

    fn outcome(self) -> Result<(), SectionFailure> {
        match self {
            Self::Fails => Err(SectionFailure::Failed),
            Self::Slow(ms) if ms > Self::DEADLINE_MS => Err(SectionFailure::TimedOut),
            Self::None | Self::Slow(_) => Ok(()),
        }
    }
}

struct Section(Fault);

#[async_trait]
impl StatsRepository for Section {
    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Option<UserStats>>, StoreError> {
        self.0.strike().await?;
        let stats = UserStats {
            activities: 3,
            ..UserStats::default()
        };
        Ok(vec![Some(stats); users.len()])
    }
}

#[async_trait]
impl NotificationRepository for Section {
    async fn newest_unread_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<UnreadNotifications>>, StoreError> {
        self.0.strike().await?;
        let unread = UnreadNotifications {
            unread: 2,
            items: Vec::new(),
        };
        Ok(vec![Some(unread); asked.len()])
    }

    async fn list(
        &self,
        _: UserId,
        _: NotificationState,
        _: &PageRequest,
    ) -> Result<Option<Slice<Notification>>, StoreError> {
        Err(unavailable())
    }

    async fn unread(&self, _: UserId) -> Result<Option<u64>, StoreError> {
        Err(unavailable())
    }

    async fn create(
        &self,
        _: UserId,
        _: &NewNotification,
    ) -> Result<Option<CreatedNotification>, StoreError> {
        Err(unavailable())
    }

    async fn patch(
        &self,
        _: UserId,
        _: NotificationId,
        _: NotificationPatch,
        _: Timestamp,
    ) -> Result<Option<(Notification, Marked)>, StoreError> {
        Err(unavailable())
    }

    async fn mark_read(
        &self,
        _: UserId,
        _: &MarkRead,
        _: Timestamp,
    ) -> Result<Option<Marked>, StoreError> {
        Err(unavailable())
    }
}

#[async_trait]
impl ActivityRepository for Section {
    async fn newest_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<Vec<Activity>>>, StoreError> {
        self.0.strike().await?;
        Ok(vec![Some(Vec::new()); asked.len()])
    }

    async fn list(
        &self,
        _: UserId,
        _: &ActivityFilter,
        _: &PageRequest,
    ) -> Result<Option<Slice<Activity>>, StoreError> {
        Err(unavailable())
    }

    async fn append(&self, _: UserId, _: &[NewActivity]) -> Result<Option<Vec<bool>>, StoreError> {
        Err(unavailable())
    }
}

async fn dashboard(stats: Fault, notifications: Fault, activity: Fault) -> DashboardService {
    let (users, _) = embedded(Arc::new(MemoryUsers::new(MemoryStore::default())));
    users.create(draft(1)).await.unwrap();
    DashboardService::new(
        Arc::new(users),
        Arc::new(Section(stats)),
        Arc::new(Section(notifications)),
        Arc::new(Section(activity)),
        DashboardPolicy {
            section_deadline: Duration::from_millis(Fault::DEADLINE_MS),
            section_lanes: 1,
            ..DashboardPolicy::default()
        },
        runtime(),
    )
}

const EVERYTHING: DashboardRequest = DashboardRequest {
    stats: true,
    notifications: Some(10),
    activity: Some(10),
    freshness: Freshness::CACHED,
};

#[tokio::test(start_paused = true)]
async fn in_every_combination_it_takes_as_long_as_the_slowest_section() {
    for stats in Fault::ALL {
        for notifications in Fault::ALL {
            for activity in Fault::ALL {
                let service = dashboard(stats, notifications, activity).await;
                let board = service.get(id(1), EVERYTHING).await.unwrap();

                let faults = [stats, notifications, activity];
                let slowest = faults.iter().map(|fault| fault.takes()).max().unwrap();
                let spare = Duration::from_millis(2);
                assert!(
                    board.took >= slowest && board.took <= slowest + spare,
                    "{faults:?}: {:?}",
                    board.took
                );
                assert_eq!(
                    board.stats.as_ref().unwrap().outcome.map(drop),
                    stats.outcome(),
                    "{faults:?}"
                );
                let section = board.notifications.as_ref().unwrap();
                assert_eq!(
                    section.outcome.as_ref().map(drop).map_err(|e| *e),
                    notifications.outcome(),
                    "{faults:?}"
                );
                let section = board.activity.as_ref().unwrap();
                assert_eq!(
                    section.outcome.as_ref().map(drop).map_err(|e| *e),
                    activity.outcome(),
                    "{faults:?}"
                );
                let failed = faults
                    .iter()
                    .filter(|fault| fault.outcome().is_err())
                    .count();
                assert_eq!(board.sections(), (3, failed));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_section_that_was_not_asked_for_is_not_read() {
    let service = dashboard(Fault::None, Fault::Fails, Fault::Slow(5_000)).await;
    let request = DashboardRequest {
        notifications: None,
        activity: None,
        ..EVERYTHING
    };

    let board = service.get(id(1), request).await.unwrap();

    assert!(board.notifications.is_none() && board.activity.is_none());
    assert_eq!(board.sections(), (1, 0));
    assert!(board.took <= Duration::from_millis(2), "{:?}", board.took);
}

#[tokio::test(start_paused = true)]
async fn an_absent_user_is_said_at_once() {
    let service = dashboard(Fault::Slow(500), Fault::Slow(500), Fault::Slow(500)).await;
    let started = PausedClock::new();

    let refusal = service.get(id(2), EVERYTHING).await.unwrap_err();

    assert!(matches!(refusal, UserError::NotFound), "{refusal:?}");
    assert!(
        started.monotonic() <= Duration::from_millis(2),
        "{:?}",
        started.monotonic()
    );
}
