use roster_app::DashboardRequest;
use roster_domain::UserVersion;

use super::super::paging;
use crate::extract::{Consistency, FromQuery, NoCache, Query, refused};
use crate::problem::Problem;

/// Which sections, and how much of each.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Parameters {
    /// The sections, separated by commas, each once.
    #[param(value_type = Option<String>, pattern = "^(stats(,(notifications(,activity)?|activity(,notifications)?))?|notifications(,(stats(,activity)?|activity(,stats)?))?|activity(,(stats(,notifications)?|notifications(,stats)?))?)$", default = "stats,notifications,activity", example = "stats,activity")]
    sections: Sections,
    /// How many unread notifications at the most; more than 50 become 50.
    #[param(value_type = Option<u64>, minimum = 1, default = 10)]
    notifications_limit: u16,
    /// How many activities at the most; more than 50 become 50.
    #[param(value_type = Option<u64>, minimum = 1, default = 10)]
    activity_limit: u16,
    /// Whether a section that failed fails the whole.
    #[param(value_type = bool, required = false, default = false)]
    pub(super) strict: bool,
    /// Where the user is read from. The header `Cache-Control: no-cache` means `strong`. `cached` when it is not there.
    #[param(inline, required = false)]
    consistency: Consistency,
    /// Never a version of the user below this one.
    #[param(value_type = Option<u64>, required = false, maximum = 18_446_744_073_709_551_615_u64)]
    min_version: UserVersion,
}

#[derive(Default)]
struct Sections {
    stats: bool,
    notifications: bool,
    activity: bool,
}

impl FromQuery for Parameters {
    fn from_query(query: &mut Query<'_>) -> Result<Self, Problem> {
        let min_version = query.parsed("min_version", "a whole number from 0 up")?;
        Ok(Self {
            sections: Sections::from_query(query)?,
            notifications_limit: section_limit(query, "notifications_limit")?,
            activity_limit: section_limit(query, "activity_limit")?,
            strict: query.flag("strict")?,
            consistency: Consistency::from_query(query)?,
            min_version: min_version.map_or(UserVersion::NONE, UserVersion::new),
        })
    }
}

impl Parameters {
    /// The request of the use case.
    pub(super) fn request(&self, no_cache: NoCache) -> DashboardRequest {
        DashboardRequest {
            stats: self.sections.stats,
            notifications: self
                .sections
                .notifications
                .then_some(self.notifications_limit),
            activity: self.sections.activity.then_some(self.activity_limit),
            freshness: self.consistency.freshness(no_cache, self.min_version),
        }
    }
}

impl Sections {
    fn from_query(query: &mut Query<'_>) -> Result<Self, Problem> {
        let Some(text) = query.take("sections") else {
            return Ok(Self {
                stats: true,
                notifications: true,
                activity: true,
            });
        };
        let mut sections = Self::default();
        for name in text.split(',') {
            let section = match name {
                "stats" => &mut sections.stats,
                "notifications" => &mut sections.notifications,
                "activity" => &mut sections.activity,
                _ => {
                    return Err(refused(
                        "sections",
                        "a list of stats, notifications and activity, separated by commas",
                    ));
                }
            };
            if std::mem::replace(section, true) {
                return Err(refused("sections", "a list that names each section once"));
            }
        }
        Ok(sections)
    }
}

fn section_limit(query: &mut Query<'_>, name: &str) -> Result<u16, Problem> {
    let rows = paging::row_count(query, name)?.unwrap_or(10);
    Ok(u16::try_from(rows.min(50)).unwrap_or(50))
}
