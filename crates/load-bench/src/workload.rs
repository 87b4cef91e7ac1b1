//! The workloads: what is asked of which system, and in what state its caches are then.

mod groups;

use std::time::Duration;

use uuid::Uuid;

use crate::Result;
use crate::depth::Cursors;
use crate::held::{LongUsers, Tags};
use crate::multiply::MADE;
use crate::requests::{Request, different, mixed, uniform, zipf};
use crate::sampling::Expected;
use crate::stand::Stand;
use crate::system::{Kind, System};
pub(crate) use groups::GROUPS;

/// One of the eight, in one of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    /// `W1` to `W8`.
    pub(crate) name: &'static str,
    /// Its form, for those that have several.
    pub(crate) variant: &'static str,
    /// 0 stands for the number that the run is told.
    pub(crate) connections: u32,
    pub(crate) state: State,
    kind: Ask,
}

/// What has to be so before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The caches have what is asked for.
    Warm,
    /// The caches have nothing.
    Empty,
    /// It does not matter.
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Hot,
    /// As `Hot`, over so many users.
    HotOf(usize),
    Uniform,
    Miss,
    Mixed,
    /// The first page, or many different ones from so many percent of the list on.
    Page(u32),
    /// One page at so many percent of the list.
    OnePage(u32),
    Offset(u32),
    Dashboard,
    Below(&'static str),
    NotModified,
    /// The first page, by clients that have it.
    HeldPage,
    /// Users with so many octets of metadata.
    Long(usize),
    /// As `Long`, by clients that have them.
    LongNotModified(usize),
}

/// What is known of a system before it is asked.
pub(crate) struct Known<'a> {
    /// The body of a floor.
    pub(crate) constant: &'a str,
    pub(crate) cursors: &'a Cursors,
    pub(crate) long: &'a LongUsers,
    pub(crate) tags: &'a Tags,
}

/// What is sent, and what has to come back.
pub(crate) struct List {
    pub(crate) requests: Vec<Request>,
    pub(crate) expected: Expected,
    /// What the caches must have for it.
    pub(crate) warmed: Vec<Uuid>,
}

impl Workload {
    /// The same over so many connections.
    const fn over(self, connections: u32) -> Self {
        Self {
            connections,
            ..self
        }
    }

    /// Those that a closed loop measures.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        GROUPS.iter().copied().flatten()
    }

    /// So many users are popular.
    pub(crate) const HOT: usize = 10_000;
    /// So many are in Redis.
    pub(crate) const IN_REDIS: usize = 100_000;
    const LENGTH: usize = 100_000;
    /// More than most cells ask for; one that comes to the end of them ends there, because what
    /// was read once is no miss.
    const MISSES: usize = 400_000;
    const PAGE: usize = 50;
    /// Octets of the cache that a user is given where all have to fit.
    const ROOM: u64 = 1_536;

    /// Whether a system can do it.
    pub(crate) const fn suits(&self, kind: Kind) -> bool {
        match kind {
            Kind::Constant => matches!(self.kind, Ask::Hot | Ask::NotModified),
            Kind::RedisGet => matches!(self.kind, Ask::Hot | Ask::Uniform),
            Kind::Peer => !matches!(
                self.kind,
                Ask::NotModified
                    | Ask::HeldPage
                    | Ask::Long(_)
                    | Ask::LongNotModified(_)
                    | Ask::Below(_)
                    | Ask::HotOf(_)
            ),
            // Nobody can empty its caches.
            Kind::External => !self.empties() && self.suits(Kind::Peer),
            Kind::Service => !matches!(self.kind, Ask::Offset(_)),
            Kind::Forgetful => matches!(self.kind, Ask::Uniform),
            Kind::Unbatched => matches!(self.kind, Ask::Miss | Ask::Dashboard),
        }
    }

    /// Whether it begins with empty caches, and so asks for nothing twice.
    pub(crate) const fn empties(&self) -> bool {
        matches!(self.state, State::Empty)
    }

    /// Whether it changes users.
    pub(crate) const fn writes(&self) -> bool {
        matches!(self.kind, Ask::Mixed)
    }

    /// Whether there are so many users, with what is asked of them, and room for them in the
    /// memory of the service.
    pub(crate) const fn has_room(&self, users: u64, memory: u64) -> bool {
        match self.kind {
            Ask::HotOf(count) => {
                let count = count as u64;
                users >= count && memory >= count * Self::ROOM
            }
            // Copies of users have no feeds.
            Ask::Dashboard | Ask::Below(_) => users <= MADE,
            _ => true,
        }
    }

    /// Whether so many users are read that a quick look has no time for it.
    pub(crate) const fn is_long(&self) -> bool {
        matches!(self.kind, Ask::HotOf(_))
    }

    /// How long a system does it before it is measured: connections, statements and branches are
    /// warm then. Of a million users memory has those of the last minute, once it is over.
    pub(crate) const fn ahead(&self) -> Duration {
        match self.kind {
            Ask::HotOf(1_000_000..) => Duration::from_secs(75),
            _ => Duration::from_secs(1),
        }
    }

    /// Whether it needs the cursors of a system's pages.
    pub(crate) const fn walks(&self) -> bool {
        matches!(self.kind, Ask::Page(1..) | Ask::OnePage(_))
    }

    /// The users whose tags a client has, where it needs those of users or of pages.
    pub(crate) fn held(&self, stand: &Stand, long: &LongUsers) -> Option<Vec<Uuid>> {
        match self.kind {
            Ask::NotModified => Some(Self::hot(stand, Self::HOT)),
            Ask::LongNotModified(octets) => Some(long.of(octets)),
            Ask::HeldPage => Some(Vec::new()),
            _ => None,
        }
    }

    /// Octets of metadata, where it needs users with more than usual.
    pub(crate) const fn long(&self) -> Option<usize> {
        match self.kind {
            Ask::Long(octets) => Some(octets),
            _ => None,
        }
    }

    /// The path of the first page.
    pub(crate) fn first_page() -> String {
        format!("/v1/users?limit={}", Self::PAGE)
    }

    /// The popular users: spread over the whole table.
    pub(crate) fn hot(stand: &Stand, count: usize) -> Vec<Uuid> {
        let step = (stand.ids.len() / count).max(1);
        stand
            .ids
            .iter()
            .step_by(step)
            .take(count)
            .copied()
            .collect()
    }

    /// What is sent in one round. Every system gets the same in the same round, but for the names
    /// that updates give.
    pub(crate) fn list(
        &self,
        stand: &Stand,
        system: &System,
        round: u64,
        known: &Known<'_>,
    ) -> Result<List> {
        let Known {
            constant,
            cursors,
            long,
            tags,
        } = *known;
        let ids = &stand.ids;
        let hot = || Self::hot(stand, Self::HOT);
        let users = |ids: Vec<Uuid>| ids.into_iter().map(Request::user).collect::<Vec<_>>();
        let mut warmed = Vec::new();
        let (requests, expected) = match self.kind {
            Ask::Hot => {
                warmed = hot();
                (users(zipf(&warmed, Self::LENGTH, round)?), Expected::User)
            }
            Ask::HotOf(count) => {
                warmed = Self::hot(stand, count);
                let drawn = zipf(&warmed, 4 * Self::LENGTH, round)?;
                (users(drawn), Expected::User)
            }
            Ask::NotModified => {
                warmed = hot();
                let drawn = zipf(&warmed, Self::LENGTH, round)?;
                let requests = drawn.into_iter().map(|id| tags.user(id)).collect();
                (requests, Expected::NotModified)
            }
            Ask::HeldPage => (vec![tags.first_page()], Expected::NotModified),
            Ask::Long(octets) => (users(long.of(octets)), Expected::User),
            Ask::LongNotModified(octets) => {
                let held = long.of(octets).into_iter().map(|id| tags.user(id));
                (held.collect(), Expected::NotModified)
            }
            Ask::Uniform => {
                warmed = Self::hot(stand, Self::IN_REDIS);
                let drawn = uniform(&warmed, 2 * Self::LENGTH, round);
                (users(drawn), Expected::User)
            }
            Ask::Mixed => {
                warmed = hot();
                let requests = mixed(&warmed, 4 * Self::LENGTH, round)?;
                (requests, Expected::ChangingUser)
            }
            Ask::Miss => (users(different(ids, Self::MISSES, round)), Expected::User),
            Ask::Page(percent) => pages(ids, cursors.pages(percent, Self::PAGE)?),
            Ask::OnePage(percent) => {
                let mut found = cursors.pages(percent, Self::PAGE)?;
                found.truncate(1);
                pages(ids, found)
            }
            Ask::Offset(percent) => {
                let at = ids.len() / 100 * percent as usize;
                let path = format!("/v1/users?limit={}&offset={at}", Self::PAGE);
                pages(ids, vec![(path, at)])
            }
            Ask::Dashboard => (below(ids, "dashboard", round), Expected::Dashboard),
            Ask::Below(what) => (below(ids, what, round), Expected::Ready),
        };
        let expected = match system.kind {
            Kind::Constant | Kind::RedisGet if expected != Expected::NotModified => {
                Expected::Constant(constant.to_owned())
            }
            _ => expected,
        };
        Ok(List {
            requests,
            expected,
            warmed,
        })
    }
}

/// These pages, by the paths and the rows that they begin with.
fn pages(ids: &[Uuid], pages: Vec<(String, usize)>) -> (Vec<Request>, Expected) {
    let rows = |at| ids.iter().skip(at).take(Workload::PAGE).copied().collect();
    let expected = pages.iter().map(|(path, at)| (path.clone(), rows(*at)));
    let expected = Expected::Page(expected.collect());
    let requests = pages.into_iter().map(|(path, _)| Request::get(path));
    (requests.collect(), expected)
}

fn below(ids: &[Uuid], what: &str, round: u64) -> Vec<Request> {
    different(ids, Workload::MISSES, round)
        .into_iter()
        .map(|id| Request::get(format!("/v1/users/{id}/{what}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_not_run() {
        let sets: Vec<_> = Workload::all()
            .filter(|workload| workload.name == "W1" && workload.has_room(1_000_000, 512 << 20))
            .map(|workload| workload.variant)
            .collect();
        assert_eq!(sets, ["hot", "hot, 100,000 users"]);
        let largest = Workload::all()
            .find(|workload| workload.variant == "hot, 1,000,000 users")
            .unwrap();
        assert!(largest.has_room(1_000_000, 2 << 30) && !largest.has_room(100_000, 2 << 30));
        let dashboard = Workload::all()
            .find(|workload| workload.name == "W6")
            .unwrap();
        assert!(dashboard.has_room(MADE, 0) && !dashboard.has_room(10 * MADE, 0));
        assert!(!largest.suits(Kind::Peer) && largest.suits(Kind::Service));
    }

    #[test]
    fn a_server_whose_caches_nobody_empties_is_not_asked_for_misses() {
        let names: Vec<_> = Workload::all()
            .filter(|workload| workload.suits(Kind::External))
            .map(|workload| workload.name)
            .collect();
        assert!(names.contains(&"W1") && names.contains(&"W5"));
        assert!(!names.contains(&"W3") && !names.contains(&"W6"));
    }
}
