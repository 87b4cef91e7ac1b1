//! What the routes work on, whatever it was wired from.

mod dependency;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use roster_app::{
    ActivityService, DashboardService, NotificationService, Runtime, SearchService, StatsService,
    UserService,
};
use roster_domain::ports::UserTransfer;

pub use dependency::Dependency;

use crate::authentication::Authentication;
use crate::metrics::Metrics;

/// The use cases, and what the routes of the operator ask.
pub struct Services {
    /// Users.
    pub users: Arc<UserService>,
    /// Notifications.
    pub notifications: NotificationService,
    /// Activity.
    pub activity: ActivityService,
    /// Finding users by names and addresses.
    pub search: SearchService,
    /// Counters.
    pub stats: StatsService,
    /// Dashboards.
    pub dashboard: DashboardService,
    /// Who is let in.
    pub authentication: Authentication,
    /// All users at once; what an import changes leaves the caches.
    pub transfer: Arc<dyn UserTransfer>,
    /// What readiness depends on.
    pub dependencies: Vec<Dependency>,
    /// Set once the process has begun to stop.
    pub draining: Draining,
    /// Counters and histograms.
    pub metrics: Arc<Metrics>,
    /// Time, ids and tasks.
    pub runtime: Runtime,
}

/// Whether the process has begun to stop.
#[derive(Clone, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// From now on `/readyz` answers 503.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
