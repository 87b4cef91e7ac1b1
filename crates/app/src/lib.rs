//! Use cases: the cache-aside user service, the feeds and the dashboard.
//!
//! Everything here works on the ports of the domain: what stores the users, what caches them
//! and what tells the time is decided where the service is wired.

mod access;

mod answer;
mod users;

mod activity;
mod dashboard;
mod notifications;
mod stats;

mod once;
mod search;

mod batching;
mod caching;

mod cache_event;
mod rendition;
mod runtime;
mod shared_error;
mod sync;

pub use access::{
    Action, Forbidden, Principal, PrincipalKey, Scope, Scopes, Standing, Subject, UserChange,
};
pub use activity::{ActivityDraft, ActivityService, Appended};
pub use answer::{
    Answer, AtHand, ForwardReason, Found, Freshness, ReadTrace, StalenessBound, TierStatus,
};
pub use cache_event::{CacheEvent, CacheObserver, Tier};
pub use caching::{
    CacheOverview, CachePolicy, CacheUpkeep, CachedKey, Caches, ChangeLogKeeper, Held, L1Overview,
    SharedCache, SharedOverview,
};
pub use dashboard::{
    Dashboard, DashboardPolicy, DashboardRequest, DashboardService, Section, SectionFailure,
};
pub use notifications::{NotificationDraft, NotificationService};
pub use once::{AnswerKeeper, Answered, KeyedRequest, KeysInUse};
pub use rendition::Rendition;
pub use runtime::Runtime;
pub use search::{FoundUsers, SearchIndexer, SearchService};
pub use stats::StatsService;
pub use users::{FeedError, ListedUsers, UserDraft, UserError, UserService};
