use roster_app::{Dashboard, Section};
use roster_domain::{Activity, Timestamp, UnreadNotifications, UserStats};
use serde::Serialize;

use super::super::feed_bodies::{ActivityBody, NotificationBody};
use super::super::get_stats::StatsBody;
use super::super::user_body::UserBody;
use super::super::values;

/// What a user sees first. A section that was not asked for is not there.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Dashboard)]
pub(in super::super) struct DashboardBody<'a> {
    /// The user.
    user: UserBody<'a>,
    /// The counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stats: Option<StatsSection>,
    /// The newest unread notifications.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    notifications: Option<NotificationsSection<'a>>,
    /// The newest activities.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    activity: Option<ActivitySection<'a>>,
    /// Whether a section failed.
    degraded: bool,
    /// When it was gathered.
    #[serde(serialize_with = "values::text")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T09:30:00.123456Z")]
    generated_at: Timestamp,
}

/// The octets that say something: all before `generated_at`, which is last and of one length.
pub(super) fn without_moment(body: &[u8]) -> &[u8] {
    const MOMENT: &str = r#","generated_at":"2026-01-31T09:30:00.123456Z"}"#;
    body.len()
        .checked_sub(MOMENT.len())
        .map_or(body, |end| &body[..end])
}

/// Whether a section could be read. What it holds is there when it is ready.
#[derive(Clone, Copy, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum SectionStatus {
    /// It could.
    Ready,
    /// It could not, or not in time.
    Failed,
}

#[derive(Serialize, utoipa::ToSchema)]
struct StatsSection {
    status: SectionStatus,
    /// The counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    data: Option<StatsBody>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct NotificationsSection<'a> {
    status: SectionStatus,
    /// How many are unread, exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    unread: Option<u64>,
    /// The newest of them, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    items: Option<Vec<NotificationBody<'a>>>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct ActivitySection<'a> {
    status: SectionStatus,
    /// The newest, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    items: Option<Vec<ActivityBody<'a>>>,
}

impl<'a> From<&'a Dashboard> for DashboardBody<'a> {
    fn from(dashboard: &'a Dashboard) -> Self {
        let (_, failed) = dashboard.sections();
        Self {
            user: UserBody::from(&*dashboard.user.user),
            stats: dashboard.stats.as_ref().map(StatsSection::from),
            notifications: dashboard
                .notifications
                .as_ref()
                .map(NotificationsSection::from),
            activity: dashboard.activity.as_ref().map(ActivitySection::from),
            degraded: failed > 0,
            generated_at: dashboard.generated_at,
        }
    }
}

impl<T> From<&Section<T>> for SectionStatus {
    fn from(section: &Section<T>) -> Self {
        if section.outcome.is_ok() {
            Self::Ready
        } else {
            Self::Failed
        }
    }
}

impl From<&Section<UserStats>> for StatsSection {
    fn from(section: &Section<UserStats>) -> Self {
        let data = section.outcome.as_ref().ok();
        Self {
            status: section.into(),
            data: data.map(|stats| StatsBody::from(*stats)),
        }
    }
}

impl<'a> From<&'a Section<UnreadNotifications>> for NotificationsSection<'a> {
    fn from(section: &'a Section<UnreadNotifications>) -> Self {
        let data = section.outcome.as_ref().ok();
        Self {
            status: section.into(),
            unread: data.map(|data| data.unread),
            items: data.map(|data| data.items.iter().map(NotificationBody::from).collect()),
        }
    }
}

impl<'a> From<&'a Section<Vec<Activity>>> for ActivitySection<'a> {
    fn from(section: &'a Section<Vec<Activity>>) -> Self {
        let data = section.outcome.as_ref().ok();
        Self {
            status: section.into(),
            items: data.map(|items| items.iter().map(ActivityBody::from).collect()),
        }
    }
}
